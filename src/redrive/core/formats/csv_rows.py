"""The items of a CSV document: its rows as they stand, without their line ends.

The first row is the header and no item. A quote counts at the beginning of a field only, as in
Python's csv module and most spreadsheets; in a quoted field line ends belong to the field. The
delimiter is whichever of , ; tab | stands most often in the header.
"""

from __future__ import annotations

import re
from functools import lru_cache

from redrive.core.formats.base import BOM, WINDOW_BYTES, ItemReader, ItemsInvalid

_DELIMITERS = b",;\t|"
_QUOTED = re.compile(rb'"(?:[^"]++|"")*+"')
_LINE_END = re.compile(rb"\r\n|\n|\r")


@lru_cache(maxsize=len(_DELIMITERS) + 1)
def _row(delimiters: bytes) -> re.Pattern[bytes]:
    """One row up to its line end; where a quoted field does not end, it stops before that field."""
    delimiter = b"[" + re.escape(delimiters) + b"]"
    plain = b"[^\r\n" + re.escape(delimiters) + b"]*+"
    field = rb'(?:"(?:[^"]++|"")*+"' + plain + rb'|(?!")' + plain + rb")"
    return re.compile(field + b"(?:" + delimiter + field + b")*+")


class CsvRows(ItemReader):
    """`prefix` is the header with its line end, `suffix` the line end behind the last row."""

    separator = b"\n"

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._base = 0
        self._try_at = WINDOW_BYTES
        self._row = _row(_DELIMITERS)
        self._has_header = False

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
        if not self._has_header:
            pos = self._take_header(ended=ended)
            if not self._has_header:
                return [], 0
        items: list[bytes] = []
        last = buffer.rfind(b"\n") + 1
        if last > pos and buffer.find(b'"', pos, last) < 0:
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
                    hint='Close the field with ", and write a quote inside a quoted field twice.',
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
                bare = _QUOTED.sub(b"", row)
                delimiter = max(_DELIMITERS, key=bare.count)
                self._row = _row(bytes([delimiter]))
                self.separator = bytes(buffer[pos + len(row) : after]) or self.separator
                self.prefix = bytes(buffer[: pos + len(row)]) + self.separator
                self.start = self.stop = after
                self._has_header = True
                return after
            pos = after
        return 0

    def _note(self, stop: int, line_end: bytes) -> None:
        self.stop = self._base + stop
        self.suffix = line_end
