"""What the shape `convert` reads and writes documents with: the formats of core, for plug-ins."""

from redrive.core.formats import (
    CSV,
    NDJSON,
    TEXT,
    XML,
    ItemsInvalid,
    is_csv,
    is_ndjson,
    is_text,
    is_xml,
    parameter,
)
from redrive.core.formats.charset import is_single_byte, keeps_ascii, known_encoding, marked, to_utf8
from redrive.core.formats.csv_dialect import DELIMITERS, Dialect, Quoting, dialect_of
from redrive.core.formats.csv_rows import CsvRows
from redrive.core.formats.csv_values import MAX_COLUMNS, CsvReader, CsvWriter, Nested, column_names
from redrive.core.formats.json_items import JsonItems
from redrive.core.formats.json_lines import JsonLines
from redrive.core.formats.scalars import Type, Types
from redrive.core.formats.text_lines import TextLines
from redrive.core.formats.xml_items import element_path
from redrive.core.formats.xml_values import XmlValues
from redrive.core.formats.xml_write import XmlWriter, check_name

__all__ = [
    "CSV",
    "DELIMITERS",
    "MAX_COLUMNS",
    "NDJSON",
    "TEXT",
    "XML",
    "CsvReader",
    "CsvRows",
    "CsvWriter",
    "Dialect",
    "ItemsInvalid",
    "JsonItems",
    "JsonLines",
    "Nested",
    "Quoting",
    "TextLines",
    "Type",
    "Types",
    "XmlValues",
    "XmlWriter",
    "check_name",
    "column_names",
    "dialect_of",
    "element_path",
    "is_csv",
    "is_ndjson",
    "is_single_byte",
    "is_text",
    "is_xml",
    "keeps_ascii",
    "known_encoding",
    "marked",
    "parameter",
    "to_utf8",
]
