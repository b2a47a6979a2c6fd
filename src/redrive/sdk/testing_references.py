"""Lookups, data pools and caches in memory, for `redrive.sdk.testing`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from redrive.core.matching import number_of, pick
from redrive.core.pools import Sieve, judge
from redrive.errors import PayloadError
from redrive.sdk.context import RunInfo
from redrive.sdk.references import MAX_KEY_BYTES, CachedPayload, Direction, Match, PoolKey


class MemoryLookup:
    """A table from a mapping. `reads` counts how often it was asked."""

    def __init__(self, name: str, rows: Mapping[str, str]) -> None:
        self.name = name
        self.reads = 0
        self._ways = {
            "forward": _indexed(rows.items()),
            "backward": _indexed((target, source) for source, target in rows.items()),
        }

    async def find(
        self, values: Iterable[str], *, direction: Direction = "forward", match: Match = "exact"
    ) -> Mapping[str, str]:
        self.reads += 1
        found = {value: pick(value, match, self._ways[direction]) for value in values}
        return {value: given for value, given in found.items() if given is not None}


def _indexed(pairs: Iterable[tuple[str, str]]) -> dict[int, list[tuple[str, str]]]:
    rows: dict[int, list[tuple[str, str]]] = {}
    for compared, given in pairs:
        rows.setdefault(number_of(compared), []).append((compared, given))
    return rows


class _Entry(NamedTuple):
    at: int
    root_run: int | None


class _Held(NamedTuple):
    run_id: int
    position: int
    payload: int
    item: int


class PoolBusy(Exception):
    """Another run holds a key: a run of the product would wait here for its end."""


class MemoryPool:
    """A data pool in memory. `entries` are its keys; `end` says how a run ended."""

    def __init__(self, name: str = "pool", keys: Iterable[str] = ()) -> None:
        self.name = name
        self.now = 0
        self._entries: dict[str, _Entry] = {key: _Entry(0, None) for key in keys}
        self._claims: dict[str, list[_Held]] = {}
        self._runs: dict[str, int] = {}
        self._steps: dict[str, int] = {}

    @property
    def entries(self) -> set[str]:
        return set(self._entries)

    @property
    def provisional(self) -> set[str]:
        return set(self._claims)

    def end(self, run: RunInfo, *, success: bool) -> None:
        """The run has ended: what it tracked becomes entries, or is let go."""
        number = self._number(run.id)
        for key, held in list(self._claims.items()):
            mine = [claim for claim in held if claim.run_id == number]
            rest = [claim for claim in held if claim.run_id != number]
            if mine and success:
                self._entries[key] = _Entry(self.now, self._root(run))
            if rest:
                self._claims[key] = rest
            else:
                del self._claims[key]

    def _number(self, run_id: str) -> int:
        return self._runs.setdefault(run_id, len(self._runs) + 1)

    def _root(self, run: RunInfo) -> int:
        return self._number(run.source_run or run.id)

    def of_run(self, run: RunInfo, step: str) -> MemoryPoolOfRun:
        return MemoryPoolOfRun(self, run, self._steps.setdefault(step, len(self._steps)))

    def sift(
        self,
        run: RunInfo,
        position: int,
        keys: Sequence[PoolKey],
        *,
        leave_out: bool,
        track: bool,
        forget_after_s: float | None,
    ) -> list[bool]:
        """As `Pool.sift`, for a step of a run. A key that another run holds raises `PoolBusy`."""
        sieve = Sieve(
            run_id=self._number(run.id),
            root=self._root(run),
            position=position,
            leave_out=leave_out,
            now=self.now,
            forget_after=None if forget_after_s is None else int(forget_after_s * 1_000_000),
        )
        goes_on = []
        for one in keys:
            if len(one.key.encode()) > MAX_KEY_BYTES:
                raise PayloadError(f"the key has more than {MAX_KEY_BYTES} bytes", code="key.too_long")
            held = self._claims.get(one.key, [])
            verdict, _ = judge(sieve, one.payload, one.item, self._entries.get(one.key), held)
            if verdict == "busy":
                raise PoolBusy(one.key)
            goes_on.append(verdict == "pass")
            if track and goes_on[-1] and all(claim.run_id != sieve.run_id for claim in held):
                claim = _Held(sieve.run_id, position, one.payload, one.item)
                self._claims.setdefault(one.key, []).append(claim)
        return goes_on


@dataclass(frozen=True)
class MemoryPoolOfRun:
    """The pool as a step of a run has it."""

    pool: MemoryPool
    run: RunInfo
    position: int

    @property
    def name(self) -> str:
        return self.pool.name

    async def sift(
        self,
        keys: Sequence[PoolKey],
        *,
        leave_out: bool = True,
        track: bool = True,
        forget_after_s: float | None = None,
    ) -> list[bool]:
        return self.pool.sift(
            self.run, self.position, keys, leave_out=leave_out, track=track, forget_after_s=forget_after_s
        )


@dataclass
class MemoryCache:
    """A cache in memory; `entries` are its pages by name."""

    name: str
    entries: dict[str, list[CachedPayload]] = field(default_factory=dict)
    ttls: dict[str, float | None] = field(default_factory=dict)
    _items: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    async def get(self, entry: str) -> Sequence[CachedPayload]:
        return list(self.entries.get(entry, ()))

    async def add(
        self,
        entry: str,
        page: CachedPayload,
        *,
        item: tuple[int, int],
        append: bool = False,
        ttl_s: float | None = None,
    ) -> None:
        if len(entry.encode()) > MAX_KEY_BYTES:
            raise PayloadError(f"the entry's name has more than {MAX_KEY_BYTES} bytes", code="key.too_long")
        items = self._items.setdefault(entry, [])
        if not append and not items:
            self.entries.pop(entry, None)
        pages = self.entries.setdefault(entry, [])
        if item in items:
            pages[len(pages) - len(items) + items.index(item)] = page
        else:
            items.append(item)
            pages.append(page)
        self.ttls[entry] = ttl_s
