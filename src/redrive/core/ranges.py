"""A content written down as ranges of another one: what a filter keeps, what a batch takes.

A recipe is a list of parts: `[start, length]` of the base, or literal bytes in between. It is made
by looking the items up in the base, so it holds whatever step made them.

A large content has a recipe for each of its segments (about a megabyte), and after them an index, so
that any range of it is put together, and checked, alone:

    segments  the parts of each
    index     for each segment: length of its parts (4 bytes), its plain bytes (4), the first 8 bytes of the
              BLAKE3 hash of those
    trailer   24 bytes: plain size (8), number of segments (4), version (2), magic (10)
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple, TypeAlias

import msgspec

# Parts cost a few bytes each; a recipe that is not much smaller than the content is not worth it.
LEAST_GAIN: Final = 8
# Ranges are read as one where what lies between them is at most this, or twice the next range.
_NEAR_BYTES: Final = 512

Part: TypeAlias = tuple[int, int] | bytes
"""Start and length of a range, or the bytes themselves."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Part])


def encode(parts: Sequence[Part]) -> bytes:
    return _encoder.encode(parts)


_HEAD_BYTES: Final = 40
_LOOKS: Final = 16


def decode(written: bytes) -> list[Part]:
    """Raises `ValueError` if it is not a list of parts."""
    return _decoder.decode(written)


class Parts:
    """A list of parts in the making: neighbours become one. `shared` counts the bytes of ranges."""

    __slots__ = ("shared", "to")

    def __init__(self) -> None:
        self.to: list[Part] = []
        self.shared = 0

    def literal(self, data: bytes) -> None:
        if data:
            last = self.to[-1] if self.to else None
            if isinstance(last, bytes):
                self.to[-1] = last + data
            else:
                self.to.append(data)

    def range(self, start: int, length: int) -> None:
        self.shared += length
        last = self.to[-1] if self.to else None
        if isinstance(last, tuple) and last[0] + last[1] == start:
            self.to[-1] = (last[0], last[1] + length)
        elif length:
            self.to.append((start, length))


def find(data: bytes, item: bytes, start: int) -> int:
    """As `data.find`, which for a long item takes far more time to begin than to compare: most often it
    stands right behind a separator, or where its first bytes do.
    """
    for near in (start, start + 1):
        if data.startswith(item, near):
            return near
    head = item[:_HEAD_BYTES]
    at = start
    for _ in range(_LOOKS):
        at = data.find(head, at)
        if at < 0 or data.startswith(item, at):
            return at
        at += 1
    return data.find(item, at)


class Finder:
    """Looks items up, one after the other, in bytes that are given as far as they are needed."""

    __slots__ = ("_begin", "_window", "position")

    def __init__(self, position: int = 0) -> None:
        self._window = b""
        self._begin = position
        self.position = position

    @property
    def end(self) -> int:
        """Where the bytes begin that are to be given next."""
        return self._begin + len(self._window)

    def feed(self, data: bytes) -> None:
        self._window = self._window[self.position - self._begin :] + data
        self._begin = self.position

    def find(self, item: bytes, start: int | None = None) -> int:
        """Where an item begins, at `start` (default: the position) or later; -1: not in what was given."""
        at = (self.position if start is None else start) - self._begin
        found = find(self._window, item, at)
        return found + self._begin if found >= 0 else -1

    def holds(self, data: bytes, at: int) -> bool:
        """Whether these bytes stand there."""
        return at >= self._begin and self._window.startswith(data, at - self._begin)

    def take(self, parts: Parts, glue: bytes, found: int, length: int) -> None:
        """An item that was found, and the bytes before it in the output: from the base where they are like
        those after the last item there, or before this one.
        """
        if self.holds(glue, self.position):
            parts.range(self.position, len(glue))
        elif self.position <= found - len(glue) and self.holds(glue, found - len(glue)):
            parts.range(found - len(glue), len(glue))
        else:
            parts.literal(glue)
        parts.range(found, length)
        self.position = found + length

    def rest(self, parts: Parts, data: bytes) -> None:
        """What comes after the last item."""
        if data and self.holds(data, self.position):
            parts.range(self.position, len(data))
        else:
            parts.literal(data)


def recipe(whole: bytes, items: Sequence[bytes], base: bytes) -> bytes | None:
    """How `whole`, in which `items` stand in order, is put together from `base`.

    None where an item does not stand in the base (in the same order), or nothing would be saved.
    """
    finder, parts = Finder(), Parts()
    finder.feed(base)
    at = 0
    for item in items:
        begin = whole.find(item, at)
        found = finder.find(item)
        if begin < 0 or found < 0 or not item:
            return None
        finder.take(parts, whole[at:begin], found, len(item))
        at = begin + len(item)
    finder.rest(parts, whole[at:])
    written = encode(parts.to)
    if len(written) * LEAST_GAIN > len(whole) or cooked(written, base) != whole:
        return None
    return written


def cooked(written: bytes, base: bytes) -> bytes:
    """The content that a recipe describes. Raises `ValueError` if it is not a recipe."""
    return joined(decode(written), [(0, base)])


def windows(parts: Sequence[Part]) -> list[tuple[int, int]]:
    """What to read of the base (start, stop), in the order of the parts: few reads, little in vain."""
    found: list[tuple[int, int]] = []
    for part in parts:
        if isinstance(part, bytes):
            continue
        start, stop = part[0], part[0] + part[1]
        if found and found[-1][0] <= start <= found[-1][1] + _NEAR_BYTES + 2 * part[1]:
            found[-1] = (found[-1][0], max(found[-1][1], stop))
        else:
            found.append((start, stop))
    return found


def joined(parts: Sequence[Part], held: Sequence[tuple[int, bytes]]) -> bytes:
    """The bytes of parts. `held`: start and bytes of their `windows`."""
    pieces: list[bytes] = []
    number = 0
    for part in parts:
        if isinstance(part, bytes):
            pieces.append(part)
            continue
        start, length = part
        while number < len(held) and not held[number][0] <= start <= start + length <= _stop(held[number]):
            number += 1
        if number == len(held):
            raise ValueError("a range lies outside of its base")
        begin = start - held[number][0]
        pieces.append(held[number][1][begin : begin + length])
    return b"".join(pieces)


def _stop(held: tuple[int, bytes]) -> int:
    return held[0] + len(held[1])


class Layout:
    """Where the bytes that parts describe come from, for any range of them."""

    __slots__ = ("_offsets", "_parts")

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        sizes = (len(part) if isinstance(part, bytes) else part[1] for part in parts)
        self._offsets = list(accumulate(sizes, initial=0))

    def cut(self, start: int, stop: int) -> Iterator[Part]:
        """The parts of a range. Raises `ValueError` where it ends beyond them."""
        if stop > self._offsets[-1]:
            raise ValueError("a range lies outside of its base")
        number = max(bisect_right(self._offsets, start) - 1, 0)
        while start < stop:
            part = self._parts[number]
            begin = start - self._offsets[number]
            end = min(stop, self._offsets[number + 1]) - self._offsets[number]
            if begin < end:
                yield part[begin:end] if isinstance(part, bytes) else (part[0] + begin, end - begin)
            start = max(start, self._offsets[number + 1])
            number += 1


# ---- recipes of large contents

_ENTRY = struct.Struct("<II8s")
_TRAILER = struct.Struct("<QIH10s")
MAGIC: Final = b"RDSEGMENTS"
VERSION: Final = 1


class SegmentWriter:
    """Segments in, the bytes of the recipe out."""

    def __init__(self) -> None:
        self._index = bytearray()
        self._size = self._count = 0

    def add(self, parts: Sequence[Part], size: int, check: bytes) -> bytes:
        written = encode(parts)
        self._index += _ENTRY.pack(len(written), size, check)
        self._size += size
        self._count += 1
        return written

    def finish(self) -> bytes:
        return bytes(self._index) + _TRAILER.pack(self._size, self._count, VERSION, MAGIC)


class Segment(NamedTuple):
    """Where the parts of a segment stand in the recipe, where its bytes stand in the content."""

    begin: int
    end: int
    start: int
    stop: int
    check: bytes


class SegmentIndex:
    """The end of a recipe of segments. Raises `ValueError` if it is not one."""

    TRAILER_BYTES: Final = _TRAILER.size

    @staticmethod
    def length(trailer: bytes) -> int:
        """The bytes of index and trailer, told by the trailer."""
        if len(trailer) != _TRAILER.size:
            raise ValueError("it is cut off")
        _, count, version, magic = _TRAILER.unpack(trailer)
        if magic != MAGIC or version > VERSION:
            raise ValueError("it is no recipe that this release knows")
        return int(count) * _ENTRY.size + _TRAILER.size

    def __init__(self, end: bytes, recipe_bytes: int) -> None:
        self.size_bytes, count, _, _ = _TRAILER.unpack_from(end, len(end) - _TRAILER.size)
        entries = list(_ENTRY.iter_unpack(end[: -_TRAILER.size]))
        self._begins = list(accumulate((entry[0] for entry in entries), initial=0))
        self._starts = list(accumulate((entry[1] for entry in entries), initial=0))
        self._checks = [entry[2] for entry in entries]
        right = self._begins[-1] + len(end) == recipe_bytes and self._starts[-1] == self.size_bytes
        if len(entries) != count or not right:
            raise ValueError("its index does not fit its size")

    def segments(self, start: int, stop: int) -> Iterator[Segment]:
        """Those that a range of the content touches."""
        number = max(bisect_right(self._starts, start) - 1, 0)
        while number < len(self._checks) and self._starts[number] < stop:
            yield Segment(
                self._begins[number],
                self._begins[number + 1],
                self._starts[number],
                self._starts[number + 1],
                self._checks[number],
            )
            number += 1
