"""The items of an NDJSON document: one JSON value on each line that is not blank."""

from __future__ import annotations

import msgspec

from redrive.core.formats.base import BOM, WINDOW_BYTES, ItemReader, ItemsInvalid
from redrive.core.formats.json_items import check_value

_VALUE = msgspec.json.Decoder(msgspec.Raw)
_SPACE = b" \t\r\n"


class JsonLines(ItemReader):
    """Values keep their bytes; blank lines and blanks around a value are dropped."""

    separator = b"\n"

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._base = 0
        self._line = 1

    @property
    def mark(self) -> int:
        """The byte behind the last line whose value has been given."""
        return self._base

    def feed(self, data: bytes) -> list[bytes]:
        self._buffer += data
        if len(self._buffer) < WINDOW_BYTES:
            return []
        end = self._buffer.rfind(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._buffer)
            return []
        return self._cut(end + 1)

    def close(self) -> list[bytes]:
        items = self._cut(len(self._buffer))
        self.stop = self._base
        return items

    def _cut(self, stop: int) -> list[bytes]:
        window = bytes(self._buffer[:stop])
        begin = len(BOM) if not self._base and window.startswith(BOM) else 0
        lines = [line.strip(_SPACE) for line in window[begin:].split(b"\n")]
        items = list(filter(None, lines))
        try:
            sound = list(map(bytes, _VALUE.decode_lines(window[begin:]))) == items
        except (msgspec.DecodeError, RecursionError):
            sound = False
        if not sound:
            # Either a fault, or escapes that only the patient check lets pass.
            self._check_each(window, begin)
        del self._buffer[:stop]
        self._searched = 0
        self._base += stop
        self._line += window.count(b"\n")
        return items

    def _check_each(self, window: bytes, begin: int) -> None:
        at = begin
        for number, line in enumerate(window[begin:].split(b"\n"), self._line):
            value = line.strip(_SPACE)
            if value:
                indent = len(line) - len(line.lstrip(_SPACE))
                try:
                    check_value(value, self._base + at + indent)
                except ItemsInvalid as error:
                    raise ItemsInvalid(
                        f"line {number}: {error}", hint="In NDJSON each line is one whole JSON value."
                    ) from None
            at += len(line) + 1
