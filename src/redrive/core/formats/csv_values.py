"""Rows of CSV as JSON objects, and JSON values as rows."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

from redrive.core.formats.csv_dialect import Dialect, Quoting
from redrive.core.formats.scalars import Types
from redrive.core.jsonvalue import decode, encode
from redrive.core.members import elements, members

MAX_COLUMNS: Final = 10_000
Nested = Literal["flatten", "json", "error"]

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def column_names(header: Sequence[str]) -> list[str]:
    """The names of the columns; one that is empty is numbered. Errors: `ValueError` for one twice."""
    names = [name or f"column_{number}" for number, name in enumerate(header, 1)]
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"two columns are named {name[:80]!r}")
        seen.add(name)
    return names


class CsvReader:
    """Makes an object of a row: column -> text, or the value that its type says.

    uneven: what to do with a row of another length than the header: `error`, or `fill`: what it
        lacks is null, what it has beyond the header is `column_7`.
    null_as: fields without quotes that are this text are null.
    unfold: a column `a.b` is the member b of an object a.
    """

    def __init__(
        self,
        dialect: Dialect,
        names: Sequence[str] | None,
        *,
        types: Types,
        uneven: Literal["error", "fill"] = "error",
        null_as: str | None = None,
        trim: bool = False,
        unfold: bool = False,
    ) -> None:
        self._dialect = dialect
        self._uneven = uneven
        self._null_as = null_as
        self._trim = trim
        self._types = types
        self._unfold = unfold
        self._names: list[str] | None = None if names is None else list(names)
        self._reads: list[tuple[int, Any]] = []
        self._paths: list[list[str]] = []
        if self._names is not None:
            self._set(self._names)

    def _set(self, names: list[str]) -> None:
        self._names = names
        self._reads = [
            (at, read) for at, name in enumerate(names) if (read := self._types.of(name)) is not None
        ]
        self._paths = [name.split(".") for name in names] if self._unfold else []

    def values(self, rows: Sequence[bytes]) -> list[bytes] | None:
        """The objects of many rows at once; None where they have to be looked at one by one."""
        names = self._names
        if names is None or self._null_as is not None or self._trim or self._unfold:
            return None
        try:
            records = self._dialect.records([row.decode() for row in rows])
            found = []
            for fields in records:
                value: dict[str, Any] = dict(zip(names, fields, strict=True))
                for at, read in self._reads:
                    value[names[at]] = read(fields[at])
                found.append(encode(value))
        except (ValueError, csv.Error):
            return None
        return found if len(found) == len(rows) else None

    def value(self, row: bytes) -> bytes:
        """Errors: `ValueError` (not UTF-8, a quoted field without end, uneven, not of its type)."""
        try:
            text = row.decode()
        except UnicodeDecodeError as error:
            raise ValueError(
                f"not UTF-8 at byte {error.start} of the row; name its encoding in read.encoding"
            ) from None
        fields: list[Any] = self._fields(text)
        names = self._names
        if names is None:
            names = [f"column_{number}" for number in range(1, len(fields) + 1)]
            self._set(names)
        if len(fields) != len(names):
            names, fields = self._evened(names, fields)
        for at, read in self._reads:
            field = fields[at]
            if field is not None:
                try:
                    fields[at] = read(field)
                except ValueError as error:
                    raise ValueError(f"the column {names[at][:80]} holds {error}") from None
        if not self._unfold:
            return encode(dict(zip(names, fields, strict=True)))
        return encode(self._unfolded(names, fields))

    def _fields(self, text: str) -> list[Any]:
        fields: list[Any]
        if self._null_as is None:
            fields = self._dialect.fields(text)
            return [field.strip() for field in fields] if self._trim else fields
        value, null_as = self._dialect.value, self._null_as
        fields = self._dialect.parts(text)
        if self._trim:
            fields = [field.strip() for field in fields]
        return [None if field == null_as else value(field) for field in fields]

    def _evened(self, names: list[str], fields: list[Any]) -> tuple[list[str], list[Any]]:
        if self._uneven == "error":
            raise ValueError(
                f"the row has {len(fields)} fields and the header {len(names)}; mend the delimiter or the "
                "row, or set read.uneven to fill"
            )
        missing = len(names) - len(fields)
        if missing > 0:
            return names, fields + [None] * missing
        return [*names, *(f"column_{number}" for number in range(len(names) + 1, len(fields) + 1))], fields

    def _unfolded(self, names: Sequence[str], fields: Sequence[Any]) -> dict[str, Any]:
        value: dict[str, Any] = {}
        paths = self._paths if len(self._paths) == len(names) else [name.split(".") for name in names]
        for path, field in zip(paths, fields, strict=True):
            at = value
            for name in path[:-1]:
                at = at.setdefault(name, {})
                if not isinstance(at, dict):
                    raise ValueError(f"the columns {name} and {'.'.join(path)} exclude each other")
            if path[-1] in at:
                raise ValueError(f"the column {'.'.join(path)} and another one exclude each other")
            at[path[-1]] = field
        return value


class CsvWriter:
    """Makes rows of JSON values: an object's members are columns, a list's elements too.

    nested: an object within an item becomes columns `a.b` (`flatten`; a list its JSON text), the
        JSON text (`json`), or is refused (`error`).
    """

    def __init__(
        self,
        dialect: Dialect,
        *,
        quoting: Quoting = "minimal",
        nested: Nested = "flatten",
        null_as: str | None = None,
        guard_formulas: bool = False,
    ) -> None:
        self._dialect = dialect
        self._quoting: Quoting = quoting
        self._nested = nested
        self._null_as = null_as
        self._guard = guard_formulas
        self._plain = quoting == "minimal" and dialect.quote != "" and null_as is None and not guard_formulas
        self._special = dialect.special.search

    def flat(self, raw: bytes) -> dict[str, bytes]:
        """The raw scalar (or list) of each column. Errors: `ValueError`."""
        named = members(raw)
        if named is None:
            parts = elements(raw)
            if parts is None:
                return {"value": raw}
            return {f"column_{number}": bytes(one) for number, one in enumerate(parts, 1)}
        flat: dict[str, bytes] = {}
        for name, value in named.items():
            data = bytes(value)
            if data[:1] == b"{" and self._nested == "flatten":
                self._flatten(flat, name, data, 1)
            elif name in flat:
                raise _twice(name)
            else:
                flat[name] = data
        return flat

    def _flatten(self, flat: dict[str, bytes], above: str, raw: bytes, depth: int) -> None:
        named = members(raw)
        if not named or depth > 64:
            if above in flat:
                raise _twice(above)
            flat[above] = raw
            return
        for name, value in named.items():
            path = f"{above}.{name}"
            data = bytes(value)
            if data[:1] == b"{":
                self._flatten(flat, path, data, depth + 1)
            elif path in flat:
                raise _twice(path)
            else:
                flat[path] = data

    def header(self, columns: Sequence[str]) -> str:
        """Errors: `ValueError` where quoting is not possible."""
        return self.joined([self._dialect.written(self._safe(name), self._quoting) for name in columns])

    def row(self, flat: dict[str, bytes], columns: Iterable[str]) -> str:
        """Errors: `ValueError`."""
        return self.joined([self._field(name, flat.get(name)) for name in columns])

    def joined(self, fields: list[str]) -> str:
        if len(fields) == 1 and not fields[0]:
            # An empty line is no row.
            return self._dialect.written("", "minimal", force=True)
        return self._dialect.delimiter.join(fields)

    def _field(self, name: str, raw: bytes | None) -> str:
        if raw is None or raw == b"null":
            return self._null_as or ""
        first = raw[:1]
        force = False
        if first == b'"':
            text: str = decode(raw) if b"\\" in raw else raw[1:-1].decode()
            if self._plain and self._special(text) is None:
                return text
            force = text == self._null_as
            if self._guard:
                text = self._safe(text)
        elif first in b"{[":
            if self._nested == "error":
                raise ValueError(
                    f"{name[:80]} is a list or an object; map it to single values, or set write.nested"
                )
            text = raw.replace(b"\r", b" ").replace(b"\n", b" ").decode()
        else:
            return raw.decode() if self._quoting != "all" else self._dialect.written(raw.decode(), "all")
        try:
            return self._dialect.written(text, self._quoting, force=force)
        except ValueError as error:
            raise ValueError(f"{name[:80]} {error}") from None

    def _safe(self, text: str) -> str:
        """With an apostrophe before what a spreadsheet would carry out."""
        return "'" + text if self._guard and text.startswith(_FORMULA) else text


def _twice(name: str) -> ValueError:
    return ValueError(
        f"two fields would both be the column {name[:80]!r}; rename one, or set write.nested to json"
    )
