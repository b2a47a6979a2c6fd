"""Folds the runs of hours that are over into counts, in the background: no run is written any slower."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from redrive.core.ids import lowest_at, made_at_ms
from redrive.core.insights import SLOTS, slot_of
from redrive.core.run import ENDED
from redrive.engine.deps import Deps
from redrive.errors import RedriveError
from redrive.log import get_logger
from redrive.store import insights as store
from redrive.store import loose
from redrive.store.committer import Transaction
from redrive.store.database import Rows

T = TypeVar("T")

HOUR_MS: Final = 3_600_000
LATE_MS: Final = 60_000
"""An hour is folded so long after its end: ids are made a moment before their runs are written."""
PAGE: Final = 5_000
EVERY_S: Final = 300.0
MOST_OPEN: Final = 500
"""Hours that are looked at again because runs of them had not ended; of more, the oldest stay as they are."""

NEXT: Final = "insights.next"
_OPEN: Final = "insights.open"

Counts = dict[str, list[int]]
"""Of each flow: how many ended how, then how many took how long."""

_log = get_logger(__name__)


def add(counts: Counts, found: Iterable[tuple[Any, ...]]) -> int:
    """Count runs; gives how many of them have not ended."""
    unended = 0
    places = {status: place for place, status in enumerate(store.OUTCOMES)}
    for _, flow, status, started_at, finished_at in found:
        if status not in ENDED:
            unended += 1
            continue
        row = counts.setdefault(flow, [0] * (len(store.OUTCOMES) + SLOTS))
        row[places[status]] += 1
        if started_at is not None and finished_at is not None:
            row[len(store.OUTCOMES) + slot_of(finished_at - started_at)] += 1
    return unended


def bounds(hour: int) -> tuple[int, int]:
    """The ids that can have been made within an hour."""
    return lowest_at(hour * HOUR_MS), lowest_at((hour + 1) * HOUR_MS)


class Insights:
    """The folding of one home; one process at a time does it, that which serves the home."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def main(self) -> None:
        """Fold, and again every few minutes."""
        while True:
            try:
                await self.fold()
            except RedriveError as error:
                _log.error("insights.failed", code=error.code, detail=error.detail)
            await asyncio.sleep(EVERY_S)

    async def fold(self) -> None:
        """Fold all hours that are over, and those again whose runs had not all ended."""
        again = sorted(await self._open())
        still = [hour for hour in again if await self._fold(hour)]
        last = (self._deps.clock.micros() // 1000 - LATE_MS) // HOUR_MS
        kept = await self._read(partial(loose.fact, name=NEXT))
        hour = int(kept) if kept else 0
        while True:
            first = await self._read(partial(store.first_run, low=bounds(hour)[0]))
            hour = last if first is None else max(hour, made_at_ms(first) // HOUR_MS)
            if hour >= last:
                break
            if await self._fold(hour):
                still.append(hour)
            hour += 1
            await self._mark(hour, still)
        await self._mark(last, still)

    async def _fold(self, hour: int) -> bool:
        """Write one hour anew; whether runs of it have not ended."""
        counts: Counts = {}
        low, high = bounds(hour)
        unended = 0
        while True:
            found = await self._read(partial(store.runs, low=low, high=high, at_most=PAGE))
            unended += add(counts, found)
            if len(found) < PAGE:
                break
            low = found[-1][0] + 1

        def work(transaction: Transaction) -> None:
            for flow, row in counts.items():
                store.put(transaction, hour, flow, row)

        if counts:
            await self._deps.committer.submit(work)
        return unended > 0

    async def _open(self) -> list[int]:
        kept = await self._read(partial(loose.fact, name=_OPEN))
        return msgspec.json.decode(kept, type=list[int]) if kept else []

    async def _mark(self, hour: int, still: list[int]) -> None:
        """What is folded, and which hours are looked at again. Nothing is written where nothing is new."""
        kept = msgspec.json.encode(sorted(set(still))[-MOST_OPEN:])

        def work(transaction: Transaction) -> None:
            loose.put_fact(transaction, NEXT, b"%d" % hour)
            loose.put_fact(transaction, _OPEN, kept)

        def is_new(rows: Rows) -> bool:
            return loose.fact(rows, NEXT) != b"%d" % hour or loose.fact(rows, _OPEN) != kept

        if await self._read(is_new):
            await self._deps.committer.submit(work)

    async def _read(self, work: Callable[[Rows], T]) -> T:
        return await self._deps.reader.run(work)
