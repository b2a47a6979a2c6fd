"""Items of documents in each format: read as their own bytes, put together again."""

from __future__ import annotations

from redrive.core.formats.base import BYTES, CSV, JSON, NDJSON, TEXT, XML, ItemReader, ItemsInvalid, is_json
from redrive.core.formats.json_items import JsonItems
from redrive.core.formats.whole import WholeDocument


def item_reader(media_type: str, items_path: str = "") -> ItemReader:
    """The reader for documents of this media type; `items_path` counts for JSON only.

    Errors: `ItemsInvalid` if the items path is not understood.
    """
    if is_json(media_type):
        return JsonItems(items_path)
    return WholeDocument()


__all__ = [
    "BYTES",
    "CSV",
    "JSON",
    "NDJSON",
    "TEXT",
    "XML",
    "ItemReader",
    "ItemsInvalid",
    "is_json",
    "item_reader",
]
