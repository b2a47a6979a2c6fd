"""The port of the search index: which documents may hold a value.

A document stands for some payloads of one run, or for a window of a large one, and is known by
the tokens of all values in them (`core.searching`). What it gives are candidates: whoever asks
compares the bytes. An index is derived from the records: it lies in files or tables of its own, may
be deleted at any time, and says by its generation and mark what it holds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec

from redrive.core.searching import Query

ORIGIN: Final = 1 << 27
"""Documents of new runs are numbered upwards from here, those of older runs downwards: the numbers
sort by the age of the runs, roughly, and are short."""
NEWEST: Final = 1 << 40
EVERYTHING: Final = (1 << 63) - 1


class Payloads(msgspec.Struct, frozen=True, array_like=True, tag="p"):
    """Whole payloads: positions in a bucket, half-open."""

    bucket: int
    first: int
    stop: int


class Window(msgspec.Struct, frozen=True, array_like=True, tag="w"):
    """Items of a large payload: the number of the first, and their bytes in its content."""

    bucket: int
    position: int
    item: int
    start: int
    stop: int

    @property
    def bare(self) -> bool:
        """A piece of a document that is not cut into items."""
        return self.item < 0


Part: TypeAlias = Payloads | Window
Parts: TypeAlias = tuple[Part, ...]

_decoder = msgspec.msgpack.Decoder(Parts)


def packed(parts: Iterable[Part]) -> bytes:
    return msgspec.msgpack.encode(tuple(parts))


def unpacked(data: bytes) -> Parts:
    return _decoder.decode(data)


class Entry(NamedTuple):
    """A document to be added. `old`: of a run that was there before the index."""

    run_id: int
    parts: Parts
    tokens: Collection[int]
    old: bool


class Document(NamedTuple):
    id: int
    run_id: int
    parts: Parts


class Changes(msgspec.Struct):
    """One piece of work; applied as a whole or not at all."""

    dropped: list[int] = msgspec.field(default_factory=list)
    """Runs whose documents go, before the entries are added."""
    erased: list[int] = msgspec.field(default_factory=list)
    """Those of them of which nothing may be left in the files."""
    entries: list[Entry] = msgspec.field(default_factory=list)
    progress: dict[int, bytes | None] = msgspec.field(default_factory=dict)
    """How far a run is in that has not ended; None: all of it is in."""
    before: int | None = None
    """Of the older runs, those from here on are in."""


class IndexState(NamedTuple):
    """`generation` 0: there is nothing yet. Runs older than `before` are not in yet (0: all are)."""

    generation: int = 0
    mark: int = 0
    before: int = 0
    documents: int = 0
    rewriting: int = 0
    """Runs that are taken up anew because a part of the index was thrown away."""


class SearchIndex(ABC):
    """One thread writes, after `claim`; any may ask."""

    @abstractmethod
    def claim(self) -> bool:
        """Become the one process that writes it, until `close`. Holds nothing where it says False."""

    @abstractmethod
    def release(self) -> None:
        """Let another process write it."""

    @abstractmethod
    def state(self) -> IndexState:
        """What it holds. A missing or damaged one is empty."""

    @abstractmethod
    def begin(self, generation: int, before: int) -> None:
        """Throw all away and begin anew; runs older than `before` are to be taken up too."""

    @abstractmethod
    def clear(self) -> None:
        """Throw all away."""

    @abstractmethod
    def taken(self, run_id: int) -> bool:
        """Whether all of a run is in (and there was something in it)."""

    @abstractmethod
    def progress(self, run_id: int) -> bytes | None: ...

    @abstractmethod
    def apply(self, changes: Changes) -> int:
        """Make changes durable; the new mark."""

    @abstractmethod
    def rewrites(self, at_most: int) -> list[int]:
        """Runs that are to be taken up anew; they leave this list by `Changes.progress`."""

    @abstractmethod
    def compact(self) -> bool:
        """Throw away a part that is mostly dead, or that holds what was erased; its living runs are in
        `rewrites` from then on. False where there is none.
        """

    @abstractmethod
    def find(self, query: Query, before: int, at_most: int) -> Sequence[Document]:
        """Documents with a lower number than `before` that may hold it, the newest first."""

    @abstractmethod
    def size_bytes(self) -> int: ...

    @abstractmethod
    def close(self) -> None: ...
