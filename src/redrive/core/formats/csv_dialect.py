"""How the fields of a CSV document are told apart, read from a row, and written into one."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from typing import Literal

import msgspec

from redrive.core.formats.base import parameter

Quoting = Literal["minimal", "all", "none"]


@lru_cache(maxsize=64)
def _patterns(delimiters: str, quote: str, escape: str) -> tuple[re.Pattern[bytes], re.Pattern[str]]:
    """For a row, up to its line end; and for a field with the delimiter behind it."""
    stops = re.escape(delimiters)
    escaped = rf"|{re.escape(escape)}." if escape else ""
    out = re.escape(escape)
    plain = rf"(?:[^\r\n{stops}{out}]++{escaped})*+" if escape else rf"[^\r\n{stops}]*+"
    field = plain
    if quote:
        q = re.escape(quote)
        inside = rf"{q}(?:[^{q}{out}]++|{q}{q}{escaped})*+{q}"
        field = rf"(?:{inside}{plain}|(?!{q}){plain})"
    row = re.compile(rf"{field}(?:[{stops}]{field})*+".encode(), re.DOTALL)
    return row, re.compile(rf"({field})(?:[{stops}]|\Z)", re.DOTALL)


class Dialect(msgspec.Struct, frozen=True, dict=True):
    """Each a single ASCII character; `quote` or `escape` empty: there is none.

    A quote counts at the beginning of a field only. Within quotes it is written twice, or behind the
    escape where there is one. `delimiter` may be several while it is not known.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""

    @cached_property
    def row(self) -> re.Pattern[bytes]:
        """Matches one row up to its line end, or up to a quoted field that does not end."""
        return _patterns(self.delimiter, self.quote, self.escape)[0]

    def fields(self, row: str) -> list[str]:
        """The values of a row. Errors: `ValueError` for a quoted field that does not end."""
        if self.escape:
            return [self.value(field) for field in self.parts(row)]
        if not self.quote or self.quote not in row:
            return row.split(self.delimiter)
        try:
            (fields,) = csv.reader((row,), delimiter=self.delimiter, quotechar=self.quote, strict=False)
        except (csv.Error, ValueError):  # a field of more than 128 KB, or one that does not end
            return [self.value(field) for field in self.parts(row)]
        return fields

    def records(self, rows: Sequence[str]) -> Iterable[list[str]]:
        """The values of many rows, at once where Python's reader can. Errors: `ValueError`, `csv.Error`."""
        if self.escape or not self.quote:
            return map(self.fields, rows)
        # Each row is a whole record, so the reader gives one for each.
        return csv.reader(rows, delimiter=self.delimiter, quotechar=self.quote, strict=False)

    def parts(self, row: str) -> list[str]:
        """The fields of a row as they are written, quotes included. Errors: as `fields`."""
        pattern = _patterns(self.delimiter, self.quote, self.escape)[1]
        parts: list[str] = []
        at, end = 0, len(row)
        while True:
            found = pattern.match(row, at)
            if found is None:
                raise ValueError("a quoted field never ends")
            parts.append(found[1])
            if found.end() == found.end(1):
                return parts
            at = found.end()
            if at == end:
                return [*parts, ""]

    def value(self, field: str) -> str:
        """What a field means that is written like this."""
        quote, escape = self.quote, self.escape
        if not quote or not field.startswith(quote):
            return re.sub(re.escape(escape) + "(.)", r"\1", field, flags=re.DOTALL) if escape else field
        text, at = [], 1
        specials = re.compile(f"[{re.escape(quote + escape)}]")
        while (found := specials.search(field, at)) is not None:
            text.append(field[at : found.start()])
            at = found.end()
            if found.group() == escape or field[at : at + 1] == quote:
                text.append(field[at : at + 1])
                at += 1
            else:  # the closing quote; what stands behind it belongs to the field
                break
        return "".join(text) + field[at:]

    def written(self, value: str, quoting: Quoting, *, force: bool = False) -> str:
        """A field that reads as this value. Errors: `ValueError` where `none` is not possible."""
        quote, escape = self.quote, self.escape
        if quoting == "none" or not quote:
            if not escape:
                if any(one in value for one in (self.delimiter, "\r", "\n")) or (
                    quote and value.startswith(quote)
                ):
                    raise ValueError("holds a delimiter, a line end or a quote, and quoting is none")
                return value
            return re.sub(f"[\r\n{re.escape(self.delimiter + quote + escape)}]", _behind(escape), value)
        if quoting == "all" or force or self.special.search(value) is not None:
            if escape:
                value = value.replace(escape, escape * 2).replace(quote, escape + quote)
            else:
                value = value.replace(quote, quote * 2)
            return f"{quote}{value}{quote}"
        return value

    @cached_property
    def special(self) -> re.Pattern[str]:
        """Finds the first character for which a field has to stand in quotes."""
        return re.compile(f"[\r\n{re.escape(self.delimiter + self.quote + self.escape)}]")


def _behind(escape: str) -> str:
    return (escape * 2 if escape == "\\" else escape) + r"\g<0>"


def dialect_of(media_type: str) -> tuple[Dialect, bool]:
    """What the parameters of a CSV media type say, and whether it has a header row.

    `header=absent` is that of RFC 4180. `delimiter`, `quote` and `escape` are ours: `convert` writes
    them where they are not the usual ones.
    """
    delimiter = parameter(media_type, "delimiter") or DELIMITERS
    quote = parameter(media_type, "quote")
    return (
        Dialect(delimiter, '"' if quote is None else quote, parameter(media_type, "escape") or ""),
        parameter(media_type, "header") != "absent",
    )


DELIMITERS = ",;\t|"
