"""Single items of a payload replaced by other texts, the others as they stand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import jsonpatch
import msgspec

from redrive.core.formats import is_csv, is_json, is_ndjson, is_xml, parses
from redrive.core.formats.json_items import parse_items_path
from redrive.core.items import Item
from redrive.errors import PayloadError, UsageError
from redrive.sdk.payload import Payload

MAX_PATCH_BYTES = 256 << 10


class Replacing:
    """`texts`: by the item's number, as it stands in a request. `force` takes what does not parse."""

    def __init__(self, payload: str, media_type: str, texts: Mapping[str, str], *, force: bool) -> None:
        self._payload = payload
        self._texts: dict[int, bytes] = {}
        self._changes: list[tuple[int, bytes, bytes]] = []
        for name, text in texts.items():
            if not (name.isascii() and name.isdecimal() and len(name) <= 15):
                raise UsageError(f"{name!r} is no item number", code="items.invalid", at=payload)
            new = text.encode("utf-8", "surrogatepass").strip(b" \t\r\n")
            if not force and (why := _fault(media_type, new)):
                raise PayloadError(
                    f"the edited item {name} of payload {payload} no longer parses: {why}",
                    code="edit.invalid",
                    at=f"{payload}#{name}",
                    hint="Mend the edit, or take it as it is with --force.",
                )
            self._texts[int(name)] = new

    async def items(self, payload: Payload) -> AsyncIterator[list[Item]]:
        """All items of the payload in order. Errors: `payload.invalid`."""
        async for items in payload.chunks():
            yield [self._replaced(item) for item in items]

    def _replaced(self, item: Item) -> Item:
        new = self._texts.get(item.number)
        if new is None:
            return item
        self._changes.append((item.number, item.raw, new))
        return item.of(new)

    def require_all(self) -> None:
        """Errors: `items.none` where the payload has ended without one of the items."""
        missing = self._texts.keys() - {number for number, _, _ in self._changes}
        if missing:
            raise UsageError(
                f"payload {self._payload} has no item {min(missing)}",
                code="items.none",
                at=self._payload,
                hint="Items are numbered from 0.",
            )

    def patch(self, items_path: str) -> bytes | None:
        """The JSON Patch of the changes; None where they are no JSON, or large."""
        if sum(len(old) + len(new) for _, old, new in self._changes) > MAX_PATCH_BYTES:
            return None
        found: list[dict[str, Any]] = []
        try:
            place = "".join("/" + _escaped(str(part)) for part in parse_items_path(items_path))
            for number, old, new in self._changes:
                made = jsonpatch.make_patch(msgspec.json.decode(old), msgspec.json.decode(new))
                found += [_moved(one, f"{place}/{number}") for one in made.patch]
            return msgspec.json.encode(found)
        except (ValueError, RecursionError):
            return None


def _moved(change: dict[str, Any], place: str) -> dict[str, Any]:
    return {name: place + value if name in {"path", "from"} else value for name, value in change.items()}


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


def _fault(media_type: str, text: bytes) -> str | None:
    if is_json(media_type):
        return parses(media_type, b"[" + text + b"]") if text else "it is empty"
    if is_ndjson(media_type):
        return "an item of NDJSON is one line" if b"\n" in text else parses(media_type, text)
    if is_xml(media_type):
        return parses(media_type, text)
    if is_csv(media_type):
        return None if text else "a row without a character is none"
    return None
