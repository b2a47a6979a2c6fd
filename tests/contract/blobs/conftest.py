"""Every implementation of the blob port, each with a way to damage and to age what it stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from redrive.store.blobs.base import Blobs
from redrive.store.blobs.disk import DiskBlobs
from redrive.store.blobs.memory import MemoryBlobs


class Clock:
    """A clock that stands still until it is told to move."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Room:
    """A store under test. `stored` gives an object's bytes as stored, `put_stored` replaces them."""

    blobs: Blobs
    clock: Clock
    stored: Callable[[bytes], bytes]
    put_stored: Callable[[bytes, bytes], None]
    hits: list[str]

    def put(self, data: bytes) -> bytes:
        writer = self.blobs.writer()
        writer.write(data)
        return writer.finish().digest

    def damage(self, digest: bytes, at: int) -> None:
        stored = bytearray(self.stored(digest))
        stored[at] ^= 0x40
        self.put_stored(digest, bytes(stored))


@pytest.fixture(params=["disk", "memory"])
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Room:
    clock = Clock()
    hits: list[str] = []

    def hit(name: str) -> None:
        hits.append(name)

    if request.param == "memory":
        memory = MemoryBlobs(now=clock, failpoint=hit)
        return Room(memory, clock, memory.stored, memory.keep, hits)

    disk = DiskBlobs(tmp_path / "blobs", now=clock, failpoint=hit)

    def put_stored(digest: bytes, data: bytes) -> None:
        path = disk.path_of(digest)
        path.unlink(missing_ok=True)
        path.write_bytes(data)
        disk._indexes.clear()  # as a later process sees it

    return Room(disk, clock, lambda digest: disk.path_of(digest).read_bytes(), put_stored, hits)
