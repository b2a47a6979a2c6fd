"""Small contents packed into bytes and back, with the dictionary of their family where there is one.

A family is what looks alike: the contents that one step of one flow puts out or receives.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

import zstandard
from blake3 import blake3

from redrive.core import ranges
from redrive.store import contents as store
from redrive.store.contents import PLAIN, RANGE, ZSTD, ContentRow, Source, damaged

MOST_PLAIN_BYTES: Final = 64 << 10
"""Larger contents repeat themselves enough: a dictionary gains little there."""
LEAST_PLAIN_BYTES: Final = 64
_KEPT_COMPRESSORS: Final = 16
_KEPT_DICTIONARIES: Final = 256


class Dictionary:
    """One that contents are packed with: its number in the store, and what it was worth at first."""

    __slots__ = ("number", "ratio", "zstd")

    def __init__(self, number: int, ratio: int, data: bytes, level: int) -> None:
        self.number = number
        self.ratio = ratio
        self.zstd = zstandard.ZstdCompressionDict(data)
        # Made once for all threads; without it each compressor would digest the dictionary again.
        self.zstd.precompute_compress(level=level)


class Packing:
    """Compressors and decompressors, and the dictionaries that have been used of late."""

    def __init__(self, level: int) -> None:
        self.level = level
        self._local = threading.local()
        self._lock = threading.Lock()
        self._dictionaries: OrderedDict[int, Dictionary] = OrderedDict()

    def pack(self, data: bytes, dictionary: Dictionary | None = None) -> tuple[int, bytes, int | None]:
        """Form, bytes, and the number of the dictionary that was used."""
        if len(data) <= LEAST_PLAIN_BYTES:
            return PLAIN, data, None
        if len(data) > MOST_PLAIN_BYTES:
            dictionary = None
        packed = self._compressor(dictionary).compress(data)
        if len(packed) >= len(data):
            return PLAIN, data, None
        return ZSTD, packed, dictionary.number if dictionary is not None else None

    def load(self, source: Source, row: ContentRow) -> None:
        """Get the dictionary that a content was packed with. Errors: `StoreCorrupt`."""
        number = row.dictionary
        if number is None or number in self._dictionaries:
            return
        found = store.dictionary(source, number)
        if found is None:
            raise damaged(row.digest, f"its dictionary {number} is not there")
        data, digest = found
        if blake3(data).digest() != digest:
            raise damaged(row.digest, f"its dictionary {number} does not match its hash")
        self.keep(Dictionary(number, 0, data, self.level))

    def keep(self, dictionary: Dictionary) -> None:
        """Have a dictionary at hand."""
        with self._lock:
            self._dictionaries[dictionary.number] = dictionary
            while len(self._dictionaries) > _KEPT_DICTIONARIES:
                self._dictionaries.popitem(last=False)

    def unpack(self, row: ContentRow) -> bytes:
        """The plain bytes of a row of its own; checked. What it was packed with has been loaded.

        Errors: `StoreCorrupt`.
        """
        packed = row.data or b""
        if row.form == PLAIN:
            data = packed
        else:
            try:
                data = self._decompressor(row).decompress(packed, max_output_size=row.size_bytes)
            except zstandard.ZstdError as error:
                raise damaged(row.digest, str(error)) from None
        if blake3(data).digest() != row.digest:
            raise damaged(row.digest)
        return data

    def _compressor(self, dictionary: Dictionary | None) -> zstandard.ZstdCompressor:
        # One for each thread: a shared one crashes the process.
        known: OrderedDict[int, zstandard.ZstdCompressor] | None = getattr(self._local, "compressors", None)
        if known is None:
            known = self._local.compressors = OrderedDict()
        number = dictionary.number if dictionary is not None else 0
        found = known.get(number)
        if found is None:
            found = known[number] = zstandard.ZstdCompressor(
                level=self.level,
                dict_data=dictionary.zstd if dictionary is not None else None,
                # The row says both, and a few bytes are much of a small content.
                write_content_size=dictionary is None,
                write_dict_id=False,
                write_checksum=False,
            )
            while len(known) > _KEPT_COMPRESSORS:
                known.popitem(last=False)
        return found

    def _decompressor(self, row: ContentRow) -> zstandard.ZstdDecompressor:
        if row.dictionary is None:
            plain: zstandard.ZstdDecompressor | None = getattr(self._local, "decompressor", None)
            if plain is None:
                plain = self._local.decompressor = zstandard.ZstdDecompressor()
            return plain
        dictionary = self._dictionaries.get(row.dictionary)
        if dictionary is None:
            raise damaged(row.digest, f"its dictionary {row.dictionary} is not there")
        return zstandard.ZstdDecompressor(dict_data=dictionary.zstd)


def made_from(row: ContentRow, whole: bytes) -> bytes:
    """What is made from a content that is all there. Errors: `StoreCorrupt`."""
    at = row.base_offset or 0
    try:
        if row.form == RANGE:
            data = whole[at : at + row.size_bytes]
        else:
            data = ranges.cooked(row.data or b"", whole[at:])
    except ValueError:
        data = b""
    if blake3(data).digest() != row.digest:
        raise damaged(row.digest)
    return data
