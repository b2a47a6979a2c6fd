"""Hides columns and values of CSV, in a stream; every other field and line end stays as it is."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from redrive.core.formats.csv_dialect import dialect_of
from redrive.core.masking.rules import HIDDEN, Mask, Unreadable

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_LONGEST: Final = 4 << 20


class CsvMasker:
    """Columns are known by the header. Without one, fields cannot be told: then all is withheld if the rules
    name any.
    """

    def __init__(self, mask: Mask, media_type: str) -> None:
        self._mask = mask
        self._dialect, self._headed = dialect_of(media_type)
        self._rest = b""
        self._hidden: frozenset[int] | None = None if self._headed else frozenset()
        self._broken = False

    def feed(self, data: bytes) -> bytes:
        return self._run(data, ended=False)

    def close(self) -> bytes:
        return self._run(b"", ended=True)

    def _run(self, data: bytes, *, ended: bool) -> bytes:
        if self._broken:
            return b""
        out: list[bytes] = []
        try:
            if not self._headed and self._mask.by_field:
                raise Unreadable
            self._rest = self._walk(self._rest + data, out, ended=ended)
            if len(self._rest) > _LONGEST or (self._rest and ended):
                raise Unreadable
        except Unreadable:
            self._broken = True
            self._rest = b""
            out.append(HIDDEN.encode())
        return b"".join(out)

    def _walk(self, buffer: bytes, out: list[bytes], *, ended: bool) -> bytes:
        """What is not complete yet at the end of the buffer."""
        at = 0
        while at < len(buffer):
            found = self._dialect.row.match(buffer, at)
            end = found.end() if found is not None else at
            line_end = _LINE_END.match(buffer, end)
            # A carriage return at the end of a piece may have its line feed in the next one.
            whole = line_end is not None and (line_end.end() < len(buffer) or ended)
            if not whole and not (ended and end == len(buffer)):
                break  # the row goes on, or a quoted field in it never ends
            row = buffer[at:end]
            out.append(self._row(row) if self._hidden is not None else self._header(row))
            at = end
            if line_end is not None:
                out.append(line_end.group())
                at = line_end.end()
        return buffer[at:]

    def _header(self, row: bytes) -> bytes:
        text = row.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
        if not text.strip():
            return row
        delimiter = self._dialect.delimiter
        if len(delimiter) > 1:
            bare = re.sub(r'"(?:[^"]|"")*"', "", text) if self._dialect.quote else text
            self._dialect = msgspec.structs.replace(self._dialect, delimiter=max(delimiter, key=bare.count))
        try:
            names = self._dialect.fields(text)
        except ValueError:
            raise Unreadable from None
        self._hidden = frozenset(
            number for number, name in enumerate(names) if self._mask.hides(name.strip().split("."))
        )
        return row

    def _row(self, row: bytes) -> bytes:
        if not self._hidden and not self._mask.by_pattern:
            return row
        try:
            parts = self._dialect.parts(row.decode("utf-8", "surrogateescape"))
        except ValueError:
            raise Unreadable from None
        put = [self._field(number, part) for number, part in enumerate(parts)]
        return self._dialect.delimiter.join(put).encode("utf-8", "surrogateescape")

    def _field(self, number: int, part: str) -> str:
        if number in (self._hidden or ()):
            return HIDDEN
        value = self._dialect.value(part)
        hidden = self._mask.text(value)
        return part if hidden == value else HIDDEN
