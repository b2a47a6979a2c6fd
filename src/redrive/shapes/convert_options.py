"""The settings of `convert`: how a document is read, and how another is written."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from redrive.sdk import Field, PathText
from redrive.sdk.conversion import (
    Dialect,
    ItemsInvalid,
    Nested,
    Quoting,
    Type,
    check_name,
    element_path,
    known_encoding,
)

Format = Literal["json", "ndjson", "csv", "xml", "text"]


def _character(value: str) -> str:
    value = {"tab": "\t", "\\t": "\t", "space": " "}.get(value, value)
    if len(value) != 1 or not value.isascii() or value.isalnum() or value in '.-+_\r\n"\0':
        raise ValueError(
            "expected one ASCII character such as , ; | or tab; no letter, digit, quote, . - + or _"
        )
    return value


def _quote(value: str) -> str:
    if value and (len(value) != 1 or not value.isascii() or value.isalnum() or value.isspace()):
        raise ValueError('expected one character such as " or \', or "" for none')
    return value


def _items_path(value: str) -> str:
    try:
        element_path(value)
    except ItemsInvalid as error:
        raise ValueError(f"{error}; write the names that lead to the items: orders.order") from None
    return value


def _prefixes(value: Any) -> Any:
    if isinstance(value, dict):
        for prefix in value:
            if prefix and not re.fullmatch(r"[^\W\d][\w.\-]*", prefix):
                raise ValueError(f"{prefix[:80]!r} is not a prefix; expected one such as soap")
    return value


Encoding = Annotated[str, AfterValidator(known_encoding)]
Delimiter = Annotated[str, AfterValidator(_character)]
Quote = Annotated[str, AfterValidator(_quote)]
ItemsPath = Annotated[str, AfterValidator(_items_path)]
Namespaces = Annotated[dict[str, str], AfterValidator(_prefixes)]

_BY_FORMAT: Final = {
    "read": {
        "json": {"encoding", "items"},
        "ndjson": {"encoding"},
        "csv": {
            "encoding", "delimiter", "quote", "escape", "header", "types", "infer", "null_as", "trim",
            "uneven", "unfold",
        },
        "xml": {"encoding", "items", "types", "infer", "lists", "namespaces", "trim"},
        "text": {"encoding", "lines", "field"},
    },
    "write": {
        "json": {"wrap"},
        "ndjson": set(),
        "csv": {
            "encoding", "bom", "delimiter", "quote", "escape", "header", "columns", "line_end", "quoting",
            "nested", "null_as", "guard_formulas", "unencodable",
        },
        "xml": {"encoding", "root", "item", "namespaces"},
        "text": {"encoding", "bom", "field", "line_end", "unencodable"},
    },
}  # fmt: skip


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    def check(self, where: str, format: str) -> None:
        """Errors: `ValueError` for an option that this format does not have."""
        formats = _BY_FORMAT[where]
        for name in sorted(self.model_fields_set - formats[format]):
            having = [one for one, names in formats.items() if name in names]
            raise ValueError(f"{where}.{name} belongs to {' and '.join(having)}, not to {format}")


class ReadOptions(_Options):
    """How the document that comes in is read."""

    encoding: Encoding | None = Field(
        None,
        help="Character encoding. Unless set: by byte order mark, the charset of the media type, the "
        "declaration of XML; else UTF-8.",
    )
    items: ItemsPath | None = Field(
        None,
        help="JSON, XML: names that lead to the items (XML: from the root, orders.order). Unless set: "
        "the items of the payload.",
    )
    delimiter: Delimiter | None = Field(
        None, help="CSV: unless set, whichever of , ; tab | stands most often in the first row."
    )
    quote: Quote = Field('"', help='CSV: the quote of fields; "" for none.')
    escape: Quote = Field("", help="CSV: the character behind which another stands for itself.")
    header: bool | list[str] = Field(
        True,
        help="CSV: whether the first row names the columns. A list names them where no row does; false "
        "numbers them: column_1.",
    )
    types: dict[str, Type] = Field(
        default_factory=dict,
        help="CSV: type of a column; XML: type of a path from the item (lines.line.qty, @id).",
    )
    infer: bool = Field(
        False, help="CSV, XML: texts that spell a JSON number, true or false become that; 007 stays a text."
    )
    null_as: str | None = Field(None, help="CSV: a field without quotes that is this text is null.")
    trim: bool = Field(False, help="CSV, XML: take white space off the ends of texts.")
    uneven: Literal["error", "fill"] = Field(
        "error", help="CSV: what to do with a row that has more or fewer fields than the header."
    )
    unfold: bool = Field(False, help="CSV: a column a.b becomes the member b of an object a.")
    lists: list[str] = Field(
        default_factory=list,
        help="XML: paths of elements (from the item: lines.line) that are a list even where there is one.",
    )
    namespaces: Literal["keep", "strip"] | Namespaces = Field(
        "keep",
        help="XML: keep prefixes as written, strip them, or a map of the prefixes to use by namespace "
        "({soap: http://…}); other namespaces then have none.",
    )
    lines: bool = Field(True, help="Text: whether each line is an item; else the whole text is one.")
    field: str | None = Field(None, help="Text: put each text into an object under this name.")

    @property
    def dialect(self) -> Dialect | None:
        """That of the options where any of them is set."""
        if self.model_fields_set & {"delimiter", "quote", "escape"}:
            return Dialect(self.delimiter or ",;\t|", self.quote, self.escape)
        return None


class WriteOptions(_Options):
    """How the document that goes out is written."""

    encoding: Encoding = Field("utf-8", help="CSV, XML, text: character encoding. JSON is always UTF-8.")
    bom: bool = Field(False, help="CSV, text: begin with a byte order mark (UTF-16 and UTF-32 always do).")
    unencodable: Literal["error", "replace"] = Field(
        "error",
        help="CSV, text: what to do with a character that the encoding lacks: fail, or put a question mark. "
        "XML writes a reference.",
    )
    wrap: str | None = Field(
        None,
        pattern=r"^[^.\[\]*$\"'\s]+(\.[^.\[\]*$\"'\s]+)*$",
        help='JSON: put the list into an object under this name: orders gives {"orders": […]}.',
    )
    delimiter: Delimiter = Field(",", help="CSV: what stands between two fields.")
    quote: Quote = Field('"', help='CSV: the quote of fields; "" for none.')
    escape: Quote = Field(
        "", help="CSV: written before a quote in a field; unless set, the quote is doubled."
    )
    header: bool = Field(True, help="CSV: whether the first row names the columns.")
    columns: list[str] | None = Field(
        None,
        min_length=1,
        help="CSV: the columns, in order; other fields are left out. Unless set: all fields, in the order in "
        "which they first appear (the payload is then read twice).",
    )
    line_end: Literal["lf", "crlf"] = Field("lf", help="CSV, text: the end of a line.")
    quoting: Quoting = Field("minimal", help="CSV: which fields stand in quotes: those that must, all, none.")
    nested: Nested = Field(
        "flatten",
        help="CSV: an object in a field becomes columns a.b (a list its JSON text), JSON text, or an error.",
    )
    null_as: str | None = Field(
        None, help="CSV: how null is written; a text that is the same is then quoted. Unless set: empty."
    )
    guard_formulas: bool = Field(
        False, help="CSV: put ' before texts that a spreadsheet would carry out (= + - @ tab)."
    )
    root: Annotated[str, AfterValidator(check_name)] | None = Field(
        None, help="XML: the name of the root. Unless set: items, or the one member of a document."
    )
    item: Annotated[str, AfterValidator(check_name)] = Field("item", help="XML: the name of each item.")
    namespaces: Namespaces = Field(
        default_factory=dict, help='XML: namespaces that the root declares, by prefix; "" is the default one.'
    )
    field: PathText | None = Field(
        None, help="Text: path of the text in each item. Unless set: texts as they are, all else as JSON."
    )

    @property
    def dialect(self) -> Dialect:
        return Dialect(self.delimiter, self.quote, self.escape)
