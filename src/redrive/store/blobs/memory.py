"""Objects in memory, for tests and notebooks: nothing outlives the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

from redrive.errors import PayloadGone
from redrive.store.blobs.base import (
    FAILPOINTS,
    Blob,
    BlobReader,
    Blobs,
    BlobWriter,
    Failpoint,
    StoredBlob,
    no_failpoint,
)
from redrive.store.blobs.frames import FrameIndex, FramePacker


class MemoryBlobs(Blobs):
    """Keeps objects in the form in which a disk holds them, so that damage shows in the same way."""

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.time,
        failpoint: Failpoint = no_failpoint,
        zstd_level: int = 1,
    ) -> None:
        self._now = now
        self.failpoint = failpoint
        self._level = zstd_level
        self._lock = threading.Lock()
        self._objects: dict[bytes, tuple[bytes, float]] = {}

    def writer(self) -> BlobWriter:
        return _MemoryWriter(self, self._level)

    def finish_many(self, writers: Sequence[BlobWriter]) -> list[Blob]:
        return [writer.finish() for writer in writers]

    def open(self, digest: bytes) -> BlobReader:
        return _MemoryReader(self, digest)

    def exists(self, digest: bytes) -> bool:
        return digest in self._objects

    def delete(self, digest: bytes, older_than_s: float = 0.0) -> bool:
        with self._lock:
            found = self._objects.get(digest)
            if found is None or self._now() - found[1] < older_than_s:
                return False
            del self._objects[digest]
            return True

    def iterate(self) -> Iterator[StoredBlob]:
        now = self._now()
        for digest, (data, at) in list(self._objects.items()):
            yield StoredBlob(digest, len(data), max(now - at, 0.0))

    def sweep_temp(self, older_than_s: float) -> int:
        return 0

    def keep(self, digest: bytes, data: bytes) -> None:
        """Put the stored form of an object in its place."""
        with self._lock:
            self._objects[digest] = (data, self._now())

    def stored(self, digest: bytes) -> bytes:
        """The stored form of an object."""
        found = self._objects.get(digest)
        if found is None:
            raise gone(digest)
        return found[0]


class _MemoryWriter(BlobWriter):
    def __init__(self, store: MemoryBlobs, level: int) -> None:
        self._store = store
        self._packer: FramePacker | None = FramePacker(level)
        self._frames: list[bytes] = []

    def write(self, data: bytes) -> None:
        if self._packer is None:
            raise ValueError("the writer has ended")
        self._frames += self._packer.add(data)

    def finish(self) -> Blob:
        if self._packer is None:
            raise ValueError("the writer has ended")
        rest, blob = self._packer.finish()
        data = b"".join([*self._frames, rest])
        self.abort()
        written, fsynced, *after = FAILPOINTS
        self._store.failpoint(written)
        self._store.failpoint(fsynced)
        self._store.keep(blob.digest, data)
        for name in after:
            self._store.failpoint(name)
        return blob

    def abort(self) -> None:
        self._packer = None
        self._frames = []


class _MemoryReader(BlobReader):
    def __init__(self, store: MemoryBlobs, digest: bytes) -> None:
        self._store = store
        self.digest = digest
        self._index = FrameIndex(digest, len(store.stored(digest)), self._read_at)
        self.size_bytes = self._index.size_bytes

    def read(self, start: int = 0, stop: int | None = None) -> bytes:
        self._store.stored(self.digest)
        return self._index.read(start, stop, self._read_at)

    def _read_at(self, offset: int, length: int) -> bytes:
        return self._store.stored(self.digest)[offset : offset + length]


def gone(digest: bytes) -> PayloadGone:
    """The error for an object that is not there."""
    return PayloadGone(
        f"the content {digest.hex()[:12]} has expired or was erased",
        hint="Logs outlive payloads; give the data with --payload to run with it again.",
    )
