"""What of lookups, data pools and caches may be seen: flows share them, so the rules of all flows hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from redrive.core.flow import Flow
from redrive.documents.flow_document import parse_flow
from redrive.documents.load import load_one
from redrive.errors import Forbidden, RedriveError
from redrive.registry import Registry
from redrive.service.kernel import Kernel
from redrive.service.veil import Veil, veil
from redrive.service.versions import text_of
from redrive.store import flows as flow_store
from redrive.store.flows import Source

MOST: Final = 100_000
_DEDUPE: Final = ("dedupe",)
_CACHING: Final = ("add_to_cache", "load_from_cache")
_NAMED: Final = re.compile(r"[\w@-]+(?:[.\[][\w@*-]+\]?)*")


async def of_tables(kernel: Kernel) -> Veil:
    return await veil(kernel, None)


async def require_keys(kernel: Kernel, pool: str) -> Veil:
    """What of the keys of a data pool may be seen. Whose values they are the steps tell that fill it.

    Errors: `payload.masked`.
    """
    return await _require(kernel, "the keys of the data pool", pool, _DEDUPE, "pool", "on")


async def require_entries(kernel: Kernel, cache: str) -> Veil:
    """As `require_keys`, of the names of a cache's entries. Errors: `payload.masked`."""
    return await _require(kernel, "the entries of the cache", cache, _CACHING, "cache", "entry")


async def _require(
    kernel: Kernel, what: str, name: str, shapes: tuple[str, ...], table: str, setting: str
) -> Veil:
    over = await of_tables(kernel)
    if over.mask is None or not over.mask.by_field:
        return over
    told = await kernel.deps.reader.run(
        partial(_settings, registry=kernel.registry, shapes=shapes, table=table, name=name, setting=setting)
    )
    hidden = next((text for text in told if _tells_hidden(over, text)), None)
    if hidden is not None:
        raise Forbidden(
            f"{what} {name!r} need the right `reveal`: flows take them from {hidden}, "
            "which masking rules hide",
            code="payload.masked",
            hint="Counts and times can be seen; an administrator may give the right to reveal.",
        )
    return over


def _settings(
    rows: Source, registry: Registry, shapes: tuple[str, ...], table: str, name: str, setting: str
) -> list[str]:
    """What the steps of all flows that name the table say there."""
    found = [
        str(node.settings.get(setting) or "")
        for flow in _flows(rows, registry, name.encode())
        for node in flow.walk()
        if node.shape in shapes and node.settings.get(table) == name
    ]
    return list(dict.fromkeys(found))


def _flows(rows: Source, registry: Registry, name: bytes) -> Iterator[Flow]:
    """Drafts and all versions whose text has the name: what they once wrote is there."""
    for flow_name in flow_store.names(rows):
        flow = flow_store.get_flow(rows, flow_name)
        if flow is None:
            continue
        numbers = [one.number for one in flow_store.versions(rows, flow.id, before=None, at_most=MOST)]
        asked: list[Any] = [("draft",)] if flow.draft is not None else []
        for which in [*asked, *(("version", number) for number in numbers)]:
            try:
                text, file = text_of(rows, flow, which)
                if name in text:
                    yield parse_flow(load_one(text.decode(), file), registry)
            except RedriveError:  # a draft that is not finished has not written anything
                continue


def _tells_hidden(over: Veil, text: str) -> bool:
    """Whether a path, or one within a template, goes through a hidden field."""
    for path in _NAMED.findall(text):
        names = [part.strip("[]\"'@") for part in re.split(r"[.\[]", path)]
        if any(over.mask is not None and over.mask.hides(names[: end + 1]) for end in range(len(names))):
            return True
    return False
