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
    is_text,
    is_xml,
    parameter,
)
from redrive.core.formats.documents import item_reader, media_type_of, parses, render_range
from redrive.core.formats.resuming import mark_of, resumed
from redrive.core.formats.xml_items import root_of

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
    "is_text",
    "is_xml",
    "item_reader",
    "mark_of",
    "media_type_of",
    "parameter",
    "parses",
    "render_range",
    "resumed",
    "root_of",
]
