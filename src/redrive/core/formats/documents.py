"""Which reader a media type has; whether a document parses; how a range of items is written."""

from __future__ import annotations

from collections.abc import Sequence
from xml.parsers import expat

from redrive.core.formats.base import (
    CSV,
    JSON,
    NDJSON,
    XML,
    ItemReader,
    ItemsInvalid,
    essence,
    is_csv,
    is_json,
    is_ndjson,
)
from redrive.core.formats.csv_rows import CsvRows
from redrive.core.formats.json_items import JsonItems
from redrive.core.formats.json_lines import JsonLines
from redrive.core.formats.whole import WholeDocument


def item_reader(media_type: str, items_path: str = "") -> ItemReader:
    """The reader for documents of this media type; `items_path` counts for JSON only.

    Errors: `ItemsInvalid` if the items path is not understood.
    """
    if is_json(media_type):
        return JsonItems(items_path)
    if is_ndjson(media_type):
        return JsonLines()
    if is_csv(media_type):
        return CsvRows()
    return WholeDocument()


def parses(media_type: str, data: bytes, items_path: str = "") -> str | None:
    """Why the document is not what its media type says; None if it is.

    JSON, NDJSON and CSV must be UTF-8 and have their items; XML be well-formed and declare no
    entities. Other types hold anything.
    """
    if essence(media_type) in {XML, "text/xml"} or essence(media_type).endswith("+xml"):
        return _xml_fault(data)
    if not (is_json(media_type) or is_ndjson(media_type) or is_csv(media_type)):
        return None
    try:
        data.decode()
        reader = item_reader(media_type, items_path)
        reader.feed(data)
        reader.close()
    except UnicodeDecodeError as error:
        return f"not UTF-8 at byte {error.start}"
    except ItemsInvalid as error:
        return str(error)
    return None


def _xml_fault(data: bytes) -> str | None:
    def refuse(*_: object) -> None:
        raise ItemsInvalid("the document declares entities, which are not accepted")

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        return f"not XML: {expat.ErrorString(error.code)} (line {error.lineno}, column {error.offset})"
    except ItemsInvalid as error:
        return str(error)
    return None


def render_range(items: Sequence[bytes], media_type: str, prefix: bytes = b"") -> bytes:
    """Some items of a document, written so that they can be read again as that media type.

    JSON: an array of the items' own bytes. CSV: `prefix` (the header as its reader gave it) and
    the rows. NDJSON: one line each. Anything else: the bytes one after another.
    """
    if is_json(media_type):
        return b"[" + b",".join(items) + b"]"
    if is_csv(media_type):
        line_end = b"\r\n" if prefix.endswith(b"\r\n") else b"\n"
        return prefix + b"".join(item + line_end for item in items)
    if is_ndjson(media_type):
        return b"".join(item + b"\n" for item in items)
    return b"".join(items)


def media_type_of(name: str) -> str | None:
    """The media type that a file's extension stands for, of those whose items can be read."""
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    return {"json": JSON, "ndjson": NDJSON, "jsonl": NDJSON, "csv": CSV, "xml": XML, "txt": "text/plain"}.get(
        extension
    )
