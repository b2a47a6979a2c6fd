"""Outcomes of single items, read from one answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redrive.connectors.rest.answer import Reply
from redrive.connectors.rest.manifest import Results
from redrive.sdk import (
    MISSING,
    Fields,
    ItemsInvalid,
    Outcome,
    TemplateMissing,
    item_reader,
    spelt,
)


class ResultsReader:
    """Finds the outcome of each key where an endpoint says `results`."""

    def __init__(self, settings: Results) -> None:
        self._at = str(settings.at)
        self._key = Fields([settings.key])
        self._ok = settings.ok

    async def read(self, reply: Reply, keys: list[str], scope: Mapping[str, Any]) -> dict[str, Outcome]:
        """The outcome of each of these keys. One that the answer does not name stays unknown.

        A key that is named more than once was delivered if each time it was accepted.
        """
        outcomes: dict[str, Outcome] = dict.fromkeys(keys, "unknown")
        if reply.content is None:
            return outcomes
        reader = item_reader("application/json", self._at)
        found: dict[str, Outcome] = {}
        try:
            async for data in reply.content.stream():
                for raw in reader.feed(data):
                    self._take(raw, scope, found)
            for raw in reader.close():
                self._take(raw, scope, found)
        except ItemsInvalid:
            # What was read before the fault counts all the same.
            pass
        return {key: found.get(key, "unknown") for key in keys}

    def _take(self, raw: bytes, scope: Mapping[str, Any], found: dict[str, Outcome]) -> None:
        try:
            (at,) = self._key.read_raw(raw)
            key = None if at is MISSING else spelt(bytes(at))
            accepted = self._ok.test(raw, scope)
        except (ValueError, TemplateMissing):
            return
        if key:
            found[key] = "delivered" if accepted and found.get(key) != "rejected" else "rejected"
