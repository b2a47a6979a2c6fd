"""The port for the bytes of large contents, which every store of objects implements.

All functions are synchronous and may take long: call them from threads, not from an event loop.
A store may be used by many threads at once; a writer by several, but by one at a time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

# Where a test may stop a writer: nothing of the object is durable before the last of these.
WRITTEN: Final = "blob.written"
FSYNCED: Final = "blob.fsynced"
RENAMED: Final = "blob.renamed"
FOLDER_SYNCED: Final = "blob.folder_synced"
FAILPOINTS: Final = (WRITTEN, FSYNCED, RENAMED, FOLDER_SYNCED)

Failpoint = Callable[[str], None]


def no_failpoint(name: str) -> None:
    """What stands at every failpoint outside of tests."""


@dataclass(frozen=True, slots=True)
class Blob:
    """One object: the BLAKE3 hash and size of its plain bytes, and the bytes it takes in the store."""

    digest: bytes
    size_bytes: int
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """An object as `iterate` finds it; `age_s` counts from when it was last written or given again."""

    digest: bytes
    stored_bytes: int
    age_s: float


class BlobWriter(ABC):
    """Takes the bytes of one new object, in order. End it with `finish` or `abort`."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Errors: `StoreFull`, `Fault` (`store.io`); the writer is then of no further use."""

    @abstractmethod
    def finish(self) -> Blob:
        """Make the object durable and visible; before this returns it may be gone after a crash.

        Bytes that the store has already are kept once. Errors: as `write`.
        """

    @abstractmethod
    def abort(self) -> None:
        """Forget the bytes. Does nothing after `finish` or a former `abort`."""


class BlobReader(ABC):
    """Reads one object. Holds nothing open between two calls."""

    digest: bytes
    size_bytes: int

    @abstractmethod
    def read(self, start: int = 0, stop: int | None = None) -> bytes:
        """The plain bytes from `start` to before `stop` (default: the end); checked against damage.

        Errors: `PayloadGone` if it is no longer there, `StoreCorrupt` if a part that is needed
        for these bytes is damaged, `Fault` (`store.io`).
        """


class Blobs(ABC):
    """Objects by the hash of their plain bytes. `parallel`: how many threads are worth using on it."""

    parallel = 2

    @abstractmethod
    def writer(self) -> BlobWriter:
        """Begin an object. Errors: as `BlobWriter.write`."""

    @abstractmethod
    def finish_many(self, writers: Sequence[BlobWriter]) -> list[Blob]:
        """Finish writers of this store together, with fewer waits for the disk than one by one.

        Either all are durable afterwards, or it raises: then those that are not yet visible are
        aborted, and those that are stay as objects that nobody names.
        """

    @abstractmethod
    def open(self, digest: bytes) -> BlobReader:
        """Errors: `PayloadGone` if there is no such object, `StoreCorrupt`, `Fault` (`store.io`)."""

    @abstractmethod
    def exists(self, digest: bytes) -> bool:
        """Whether the object is there; not whether it is sound."""

    @abstractmethod
    def delete(self, digest: bytes, older_than_s: float = 0.0) -> bool:
        """Remove the object unless it is younger; False if it stays or was not there.

        A writer that is given the same bytes makes an object young again: what was chosen for
        removal by its age is safe to remove with that age here, also while writers finish.
        """

    @abstractmethod
    def iterate(self) -> Iterator[StoredBlob]:
        """Every visible object, in no order; those that come or go meanwhile may be missing."""

    @abstractmethod
    def sweep_temp(self, older_than_s: float) -> int:
        """Remove what writers of dead processes left; how many. Spares the writers of this store."""
