"""Every implementation of the blob port, each with a way to damage and to age what it stores."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from redrive.store.blobs.base import Blobs
from redrive.store.blobs.disk import DiskBlobs
from redrive.store.blobs.memory import MemoryBlobs
from redrive.store.blobs.opening import object_store
from redrive.store.blobs.remote import RemoteBlobs
from tests.s3_server import KEY, SECRET


class Clock:
    """A clock that stands still until it is told to move; `live`: it goes on as well, because the
    ages of objects are told by a server.
    """

    def __init__(self, *, live: bool = False) -> None:
        self._live = live
        self.moved = 0.0

    @property
    def now(self) -> float:
        return (time.time() if self._live else 1_800_000_000.0) + self.moved

    @now.setter
    def now(self, value: float) -> None:
        self.moved += value - self.now

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


class Dated:
    """A library's store whose objects are as young as the test's clock says they are."""

    def __init__(self, store: Any, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._later: dict[str, timedelta] = {}

    def put(self, key: str, *args: Any, **options: Any) -> None:
        self._later[key] = timedelta(seconds=self._clock.moved)
        self._store.put(key, *args, **options)

    def list(self, *args: Any, **options: Any) -> Iterator[list[dict[str, Any]]]:
        for page in self._store.list(*args, **options):
            yield [
                {**found, "last_modified": found["last_modified"] + self._later[found["path"]]}
                for found in page
            ]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.fixture(params=["disk", "memory", "s3"])
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Room:
    clock = Clock(live=request.param == "s3")
    hits: list[str] = []

    def hit(name: str) -> None:
        hits.append(name)

    if request.param == "memory":
        memory = MemoryBlobs(now=clock, failpoint=hit)
        return Room(memory, clock, memory.stored, memory.keep, hits)

    if request.param == "s3":
        address = request.getfixturevalue("s3").address(uuid.uuid4().hex)
        store: Any = Dated(object_store(address, key=KEY, secret=SECRET), clock)
        # Little stays in memory, so that uploads in parts are part of the tests.
        remote = RemoteBlobs(store, address, tmp_path, now=clock, failpoint=hit, in_memory_bytes=100_000)

        def key_of(digest: bytes) -> str:
            (found,) = remote._names(digest)
            return found.key

        def replace(digest: bytes, data: bytes) -> None:
            remote._store.put(key_of(digest), data)
            remote.forget()  # as a later process sees it

        return Room(remote, clock, lambda d: bytes(remote._store.get(key_of(d)).bytes()), replace, hits)

    disk = DiskBlobs(tmp_path / "blobs", now=clock, failpoint=hit)

    def put_stored(digest: bytes, data: bytes) -> None:
        path = disk.path_of(digest)
        path.unlink(missing_ok=True)
        path.write_bytes(data)
        disk._indexes.clear()  # as a later process sees it

    return Room(disk, clock, lambda digest: disk.path_of(digest).read_bytes(), put_stored, hits)
