"""An item of any format as JSON, for whoever asks what its fields hold."""

from __future__ import annotations

from collections.abc import Callable

from redrive.core.formats.base import is_csv, is_xml
from redrive.core.formats.csv_dialect import dialect_of
from redrive.core.formats.csv_rows import CsvRows
from redrive.core.formats.csv_values import CsvReader, column_names
from redrive.core.formats.scalars import Types
from redrive.core.formats.xml_values import XmlValues
from redrive.core.members import members

ItemValue = Callable[[bytes], bytes]


def item_value(media_type: str, prefix: bytes, first: bytes) -> ItemValue:
    """Makes JSON of an item's bytes: of a CSV row the texts by column, of an XML element its members.

    prefix: what stands before the items; first: the first of them. Errors, also of the result: `ValueError`.
    """
    if is_csv(media_type):
        return _row_value(media_type, prefix, first)
    if is_xml(media_type):
        return _element_value
    return bytes


def _row_value(media_type: str, prefix: bytes, first: bytes) -> ItemValue:
    dialect, header = dialect_of(media_type)
    rows = CsvRows(dialect, header=header)  # finds out the delimiter
    rows.feed(prefix + first)
    rows.close()
    names = None
    if header:
        names = column_names(rows.dialect.fields(prefix.removeprefix(b"\xef\xbb\xbf").decode().strip("\r\n")))
    return CsvReader(rows.dialect, names, types=Types({}), uneven="fill").value


def _element_value(item: bytes) -> bytes:
    (document,) = XmlValues().feed(item, last=True)
    (value,) = (members(document) or {}).values()  # the element itself
    return bytes(value)
