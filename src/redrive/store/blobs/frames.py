"""The form of a stored object: compressed frames that are read alone, an index, a trailer.

    frames    zstd frames, each of `frame_bytes` plain bytes (the last of fewer)
    index     for each frame: length (4 bytes), the first 8 bytes of the BLAKE3 of its plain bytes
    trailer   64 bytes: plain size (8), frame_bytes (4), number of frames (4), BLAKE3 of all plain
              bytes (32), first 8 bytes of the BLAKE3 of index and trailer so far, version (2), magic (6)

All numbers are little-endian. The end of the file says where everything is, so an object is
written in one pass.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Final

import zstandard
from blake3 import blake3

from redrive.errors import Fault, StoreCorrupt
from redrive.store.blobs.base import Blob

FRAME_BYTES: Final = 1 << 20
MAGIC: Final = b"RDBLOB"
VERSION: Final = 1
_MAX_FRAME_BYTES = 64 << 20

_ENTRY = struct.Struct("<I8s")
_HEAD = struct.Struct("<QII32s")
_END = struct.Struct("<8sH6s")
TRAILER_BYTES: Final = _HEAD.size + _END.size

_local = threading.local()

ReadAt = Callable[[int, int], bytes]


def _compressor(level: int) -> zstandard.ZstdCompressor:
    """This thread's own: one that two threads use crashes the process."""
    known: dict[int, zstandard.ZstdCompressor] | None = getattr(_local, "compressors", None)
    if known is None:
        known = _local.compressors = {}
    if level not in known:
        known[level] = zstandard.ZstdCompressor(level=level, write_checksum=False, write_content_size=True)
    return known[level]


def _decompressor() -> zstandard.ZstdDecompressor:
    known: zstandard.ZstdDecompressor | None = getattr(_local, "decompressor", None)
    if known is None:
        known = _local.decompressor = zstandard.ZstdDecompressor()
    return known


def _check(data: bytes | bytearray) -> bytes:
    return blake3(data).digest(length=8)


class FramePacker:
    """Plain bytes in, the bytes of the stored object out; holds one frame at most."""

    def __init__(self, level: int = 1, frame_bytes: int = FRAME_BYTES) -> None:
        self._level = level
        self._frame_bytes = frame_bytes
        self._held = bytearray()
        self._hash = blake3()
        self._index = bytearray()
        self._size = 0
        self._stored = 0
        self._frames = 0

    def add(self, data: bytes) -> Iterator[bytes]:
        """The frames that these bytes complete."""
        self._hash.update(data)
        self._size += len(data)
        with memoryview(data) as view:
            at = 0
            while at < len(view):
                room = self._frame_bytes - len(self._held)
                self._held += view[at : at + room]
                at += room
                if len(self._held) == self._frame_bytes:
                    yield self._frame()

    def finish(self) -> tuple[bytes, Blob]:
        """The rest of the stored object, and what it is."""
        rest = self._frame() if self._held else b""
        digest = self._hash.digest()
        known = bytes(self._index) + _HEAD.pack(self._size, self._frame_bytes, self._frames, digest)
        rest += known + _END.pack(_check(known), VERSION, MAGIC)
        stored = self._stored + len(known) + _END.size
        return rest, Blob(digest, self._size, stored)

    def _frame(self) -> bytes:
        frame = _compressor(self._level).compress(self._held)
        self._index += _ENTRY.pack(len(frame), _check(self._held))
        self._held = bytearray()
        self._stored += len(frame)
        self._frames += 1
        return frame


class FrameIndex:
    """Where the frames of one stored object are; read once, then ranges are read through it.

    Errors: `StoreCorrupt` if index or trailer are damaged, or are not those of `digest`.
    """

    __slots__ = ("_checks", "_frame_bytes", "_offsets", "digest", "size_bytes", "stored_bytes")

    def __init__(self, digest: bytes, stored_bytes: int, read_at: ReadAt) -> None:
        self.digest = digest
        self.stored_bytes = stored_bytes
        if stored_bytes < TRAILER_BYTES:
            raise _damaged(digest, "it is cut off")
        trailer = read_at(stored_bytes - TRAILER_BYTES, TRAILER_BYTES)
        if len(trailer) != TRAILER_BYTES:
            raise _damaged(digest, "it is cut off")
        self.size_bytes, self._frame_bytes, frames, written = _HEAD.unpack_from(trailer)
        check, version, magic = _END.unpack_from(trailer, _HEAD.size)
        if magic != MAGIC:
            raise _damaged(digest, "its end is not that of an object")
        if version > VERSION:
            raise Fault(
                f"the object {digest.hex()[:12]} was written by a newer release of Redrive",
                code="store.newer",
                hint="Use the release that wrote it, or a later one.",
            )
        begin = stored_bytes - TRAILER_BYTES - frames * _ENTRY.size
        index = read_at(begin, frames * _ENTRY.size) if begin >= 0 else b""
        if _check(index + trailer[: _HEAD.size]) != check:
            raise _damaged(digest, "its index does not match its checksum")
        if written != digest:
            raise _damaged(digest, f"it is the object {written.hex()[:12]}")
        entries = list(_ENTRY.iter_unpack(index))
        self._offsets = list(accumulate((length for length, _ in entries), initial=0))
        self._checks = [value for _, value in entries]
        full = -(-self.size_bytes // self._frame_bytes) if self._frame_bytes else -1
        if full != frames or self._offsets[-1] != begin or self._frame_bytes > _MAX_FRAME_BYTES:
            raise _damaged(digest, "its index does not fit its size")

    def read(self, start: int, stop: int | None, read_at: ReadAt) -> bytes:
        """Plain bytes of a range; only the frames that it touches are read and checked."""
        start = max(start, 0)
        stop = self.size_bytes if stop is None else min(stop, self.size_bytes)
        if start >= stop:
            return b""
        size = self._frame_bytes
        parts = []
        for number in range(start // size, (stop - 1) // size + 1):
            frame = self._frame(number, read_at)
            begin = number * size
            parts.append(frame[max(start - begin, 0) : min(stop - begin, size)])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _frame(self, number: int, read_at: ReadAt) -> bytes:
        begin = number * self._frame_bytes
        plain_bytes = min(self._frame_bytes, self.size_bytes - begin)
        where = f"bytes {begin} to {begin + plain_bytes} do not match their checksum"
        packed = read_at(self._offsets[number], self._offsets[number + 1] - self._offsets[number])
        try:
            # A damaged header may promise any size: nothing is decompressed that promises another.
            if zstandard.frame_content_size(packed) != plain_bytes:
                raise _damaged(self.digest, where)
            plain = _decompressor().decompress(packed, max_output_size=plain_bytes)
        except zstandard.ZstdError:
            raise _damaged(self.digest, where) from None
        if len(plain) != plain_bytes or _check(plain) != self._checks[number]:
            raise _damaged(self.digest, where)
        return plain


def _damaged(digest: bytes, why: str) -> StoreCorrupt:
    return StoreCorrupt(
        f"the object {digest.hex()} is damaged: {why}",
        hint="Run `redrive doctor`, and restore a backup if it cannot be mended.",
    )
