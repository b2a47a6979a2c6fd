"""Documents that are not lists: one item, every byte of the document."""

from __future__ import annotations

from redrive.core.formats.base import ItemReader


class WholeDocument(ItemReader):
    """One item, untouched; none if there is not a byte."""

    single = True

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        self._data += data
        return []

    def close(self) -> list[bytes]:
        item = bytes(self._data)
        self._data = bytearray()
        self.stop = len(item)
        return [item] if item else []
