"""What steps know of things outside their payloads: lookups, data pools and caches, as a shape sees them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from redrive.sdk.content import Content

Direction = Literal["forward", "backward"]
Match = Literal["exact", "trimmed", "case_insensitive", "loose", "prefix"]
CacheScope = Literal["run", "flow", "company"]

MAX_KEY_BYTES = 2_000
"""Of a key of a data pool and of the name of a cache entry, in UTF-8."""


class Lookup(Protocol):
    """A cross-reference table. A step sees it as it was when the step first read it."""

    @property
    def name(self) -> str: ...

    async def find(
        self, values: Iterable[str], *, direction: Direction = "forward", match: Match = "exact"
    ) -> Mapping[str, str]:
        """What stands beside each value; a value that is not in the table is left out.

        Ask for many at once: they are read together. Where several rows match, the first one counts.
        """


class PoolKey(msgspec.Struct, frozen=True):
    """The key of one item, and which item of the step's input it is."""

    key: str
    payload: int
    item: int


class Pool(Protocol):
    """A data pool: keys that were seen. What a run tracks is provisional until the run has ended."""

    @property
    def name(self) -> str: ...

    async def sift(
        self,
        keys: Sequence[PoolKey],
        *,
        leave_out: bool = True,
        track: bool = True,
        forget_after_s: float | None = None,
    ) -> list[bool]:
        """For each item whether it goes on; atomic over all runs.

        With `leave_out` an item does not whose key is in the pool, or was handed in before by this
        run for another item. It does where the key came from this very item (a further attempt) or
        from the lineage of this run (a redrive). Waits while another run that is still going on
        holds the key. With `track` the keys of the items that go on are put into the pool.
        `forget_after_s`: an older entry counts as none.
        Errors: `key.too_long`.
        """


class CachedPayload(msgspec.Struct, frozen=True):
    """One page of a cache entry: a payload by reference. `items` None: its form is not known."""

    content: Content
    media_type: str = "application/json"
    items_path: str = ""
    meta: Mapping[str, str] = {}
    items: int | None = None
    at: datetime | None = None


class Cache(Protocol):
    """A cache of one scope: entries, each of one or more pages, in the order they were added."""

    @property
    def name(self) -> str: ...

    async def get(self, entry: str) -> Sequence[CachedPayload]:
        """The pages of an entry, oldest first; none where it is not there or its time is over."""

    async def add(
        self,
        entry: str,
        page: CachedPayload,
        *,
        item: tuple[int, int],
        append: bool = False,
        ttl_s: float | None = None,
    ) -> None:
        """Keep a page, by reference; durable together with the step.

        Without `append`, what other steps and earlier runs had put under this entry goes; what this
        step puts there becomes its pages. `item`: the input payload and item (-1: all of it) that it
        was made from; a further attempt on the same one replaces its page.
        Errors: `key.too_long`, `cache.full`.
        """
