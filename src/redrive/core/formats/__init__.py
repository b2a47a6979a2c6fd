"""Items of documents in each format: read as their own bytes, put together again."""

from __future__ import annotations

from redrive.core.formats.base import (
    BYTES,
    CSV,
    JSON,
    NDJSON,
    TEXT,
    XML,
    ItemReader,
    ItemsInvalid,
    is_csv,
    is_json,
    is_ndjson,
)
from redrive.core.formats.documents import item_reader, media_type_of, parses, render_range

__all__ = [
    "BYTES",
    "CSV",
    "JSON",
    "NDJSON",
    "TEXT",
    "XML",
    "ItemReader",
    "ItemsInvalid",
    "is_csv",
    "is_json",
    "is_ndjson",
    "item_reader",
    "media_type_of",
    "parses",
    "render_range",
]
