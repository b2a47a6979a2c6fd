"""The items of a CSV document: its rows as they stand, without their line ends.

The first row is the header and no item, unless there is none. A quote counts at the beginning of a
field only, as in Python's csv module and most spreadsheets; in a quoted field line ends belong to the
field. The delimiter, where it is not given, is whichever of , ; tab | stands most often in the first row.
"""

from __future__ import annotations

import re

from redrive.core.formats.base import BOM, WINDOW_BYTES, ItemReader, ItemsInvalid
from redrive.core.formats.csv_dialect import DELIMITERS, Dialect

_LINE_END = re.compile(rb"\r\n|\n|\r")


class CsvRows(ItemReader):
    """`prefix` is the header with its line end, `suffix` the line end behind the last row.

    `dialect` is known once the first row has been read: then its delimiter is a single one.
    """

    separator = b"\n"

    def __init__(self, dialect: Dialect | None = None, *, header: bool = True) -> None:
        self.dialect = dialect or Dialect(DELIMITERS)
        self._header = header
        self._buffer = bytearray()
        self._base = 0
        self._try_at = WINDOW_BYTES
        self._row = self.dialect.row
        self._specials = [one.encode() for one in (self.dialect.quote, self.dialect.escape) if one]
        self._begun = False

    def feed(self, data: bytes) -> list[bytes]:
        self._buffer += data
        if len(self._buffer) < self._try_at:
            return []
        items, end = self._cut(ended=False)
        # A row that does not end yet is read again when there is twice as much of it.
        self._try_at = WINDOW_BYTES if end else 2 * len(self._buffer)
        return items

    def close(self) -> list[bytes]:
        return self._cut(ended=True)[0]

    def _cut(self, *, ended: bool) -> tuple[list[bytes], int]:
        buffer = self._buffer
        pos = 0
        if not self._begun:
            pos = self._take_header(ended=ended)
            if not self._begun:
                return [], 0
        items: list[bytes] = []
        last = buffer.rfind(b"\n") + 1
        if last > pos and not any(buffer.find(one, pos, last) >= 0 for one in self._specials):
            lines = bytes(buffer[pos:last]).splitlines()
            items += filter(None, lines)
            if items:
                line_end = b"\r\n" if buffer.endswith(b"\r\n", 0, last) else b"\n"
                kept = bytes(buffer[pos:last]).rstrip(b"\r\n")
                self._note(pos + len(kept), line_end)
            pos = last
        while pos < len(buffer):
            row, after = self._next(pos, ended=ended)
            if row is None:
                break
            if row:
                items.append(row)
                self._note(pos + len(row), bytes(buffer[pos + len(row) : after]))
            pos = after
        del buffer[:pos]
        self._base += pos
        return items, pos

    def _next(self, pos: int, *, ended: bool) -> tuple[bytes | None, int]:
        """The row at `pos` and where the next begins; None if it does not end in the buffer."""
        found = self._row.match(self._buffer, pos)
        stop = found.end() if found else pos
        line_end = _LINE_END.match(self._buffer, stop)
        if line_end is None:
            if not ended:
                return None, pos
            if stop < len(self._buffer):
                raise ItemsInvalid(
                    f"not CSV: a quoted field in the row at byte {self._base + pos} never ends",
                    hint=f"Close the field with {self.dialect.quote}, and write a quote inside it twice.",
                )
            return bytes(self._buffer[pos:stop]), stop
        if not ended and line_end.end() == len(self._buffer) and line_end.group() == b"\r":
            return None, pos  # perhaps the first half of \r\n
        return bytes(self._buffer[pos:stop]), line_end.end()

    def _take_header(self, *, ended: bool) -> int:
        buffer = self._buffer
        pos = len(BOM) if buffer.startswith(BOM) else 0
        while pos < len(buffer):
            row, after = self._next(pos, ended=ended)
            if row is None:
                return 0
            if row:
                self._choose_delimiter(row)
                self.separator = bytes(buffer[pos + len(row) : after]) or self.separator
                self.prefix = bytes(buffer[:pos])
                if self._header:
                    self.prefix += row + self.separator
                    pos = after
                self.start = self.stop = pos
                self._begun = True
                return pos
            pos = after
        return 0

    def _choose_delimiter(self, row: bytes) -> None:
        dialect = self.dialect
        if len(dialect.delimiter) > 1:
            quote = re.escape(dialect.quote.encode() or b'"')
            bare = re.sub(quote + b"[^" + quote + b"]*+" + quote, b"", row)
            chosen = max(dialect.delimiter, key=lambda one: bare.count(one.encode()))
            self.dialect = Dialect(chosen, dialect.quote, dialect.escape)
            self._row = self.dialect.row

    def _note(self, stop: int, line_end: bytes) -> None:
        self.stop = self._base + stop
        self.suffix = line_end
