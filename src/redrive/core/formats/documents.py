"""Which reader a media type has; whether a document parses; how a range of items is written."""

from __future__ import annotations

from collections.abc import Sequence

from redrive.core.formats.base import (
    CSV,
    JSON,
    NDJSON,
    XML,
    ItemReader,
    ItemsInvalid,
    is_csv,
    is_json,
    is_ndjson,
    is_xml,
    parameter,
)
from redrive.core.formats.charset import keeps_ascii
from redrive.core.formats.csv_dialect import dialect_of
from redrive.core.formats.csv_rows import CsvRows
from redrive.core.formats.json_items import JsonItems
from redrive.core.formats.json_lines import JsonLines
from redrive.core.formats.whole import WholeDocument
from redrive.core.formats.xml_items import XmlItems, root_of
from redrive.core.formats.xml_parser import XmlParser


def item_reader(media_type: str, items_path: str = "") -> ItemReader:
    """The reader for documents of this media type; `items_path` counts for JSON and XML.

    Lines in an encoding in which a line end is not its own byte are one item, the document.
    Errors: `ItemsInvalid` if the items path is not understood.
    """
    if is_json(media_type):
        return JsonItems(items_path)
    if is_xml(media_type):
        return XmlItems(items_path) if items_path else WholeDocument()
    if is_ndjson(media_type) or is_csv(media_type):
        charset = parameter(media_type, "charset")
        if charset is not None and not keeps_ascii(charset):
            return WholeDocument()
        if is_ndjson(media_type):
            return JsonLines()
        dialect, header = dialect_of(media_type)
        return CsvRows(dialect, header=header)
    return WholeDocument()


def parses(media_type: str, data: bytes, items_path: str = "") -> str | None:
    """Why the document is not what its media type says; None if it is.

    JSON, NDJSON and CSV must be UTF-8 (CSV: what its charset says) and have their items; XML be
    well-formed and declare no entities. Other types hold anything.
    """
    if is_xml(media_type):
        return _xml_fault(data, items_path)
    if not (is_json(media_type) or is_ndjson(media_type) or is_csv(media_type)):
        return None
    charset = parameter(media_type, "charset") or "utf-8"
    try:
        data.decode(charset)
        reader = item_reader(media_type, items_path)
        reader.feed(data)
        reader.close()
    except UnicodeDecodeError as error:
        return f"not {charset.upper()} at byte {error.start}"
    except LookupError:
        return f"there is no charset {charset!r}"
    except ItemsInvalid as error:
        return str(error)
    return None


def _xml_fault(data: bytes, items_path: str) -> str | None:
    try:
        if items_path:
            reader = XmlItems(items_path)
            reader.feed(data)
            reader.close()
        else:
            XmlParser(_nothing, _nothing).feed(data, last=True)
    except ItemsInvalid as error:
        return str(error)
    return None


def _nothing(*_: object) -> None:
    pass


def render_range(items: Sequence[bytes], media_type: str, prefix: bytes = b"") -> bytes:
    """Some items of a document, written so that they can be read again as that media type.

    JSON: an array of the items' own bytes. CSV: `prefix` (the header as its reader gave it) and
    the rows. XML: the elements within those that were open at the end of `prefix`. NDJSON: one
    line each. Anything else: the bytes one after another.
    """
    if is_json(media_type):
        return b"[" + b",".join(items) + b"]"
    if is_csv(media_type):
        line_end = b"\r\n" if prefix.endswith(b"\r\n") else b"\n"
        return prefix + b"".join(item + line_end for item in items)
    if is_ndjson(media_type):
        return b"".join(item + b"\n" for item in items)
    if is_xml(media_type) and prefix:
        opening, closing = root_of(prefix)
        return opening + b"".join(items) + closing
    return b"".join(items)


def media_type_of(name: str) -> str | None:
    """The media type that a file's extension stands for, of those whose items can be read."""
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    return {"json": JSON, "ndjson": NDJSON, "jsonl": NDJSON, "csv": CSV, "xml": XML, "txt": "text/plain"}.get(
        extension
    )
