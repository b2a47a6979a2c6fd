"""Going on to read a document in its middle: from a byte that stands between two items."""

from __future__ import annotations

from redrive.core.formats.base import ItemReader, is_json, is_ndjson
from redrive.core.formats.json_items import JsonItems
from redrive.core.formats.json_lines import JsonLines


class _Rest(JsonItems):
    """The rest of a list: what follows the list was looked at when it was read from its beginning."""

    def _check_outside(self) -> None:
        pass


def mark_of(reader: ItemReader) -> int | None:
    """The byte behind the items that a reader has given, from which `resumed` goes on; None: it cannot."""
    if isinstance(reader, JsonItems):
        return reader.mark
    return reader.mark if isinstance(reader, JsonLines) else None


def resumed(media_type: str) -> ItemReader:
    """A reader for the bytes from such a mark on. The places that it knows are not the document's."""
    if is_ndjson(media_type):
        return JsonLines()
    if not is_json(media_type):
        raise ValueError(f"{media_type} is not resumed")
    rest = _Rest()
    rest.feed(b"[")
    return rest
