"""The one clock and the one source of ids: tests replace them here."""

from __future__ import annotations

import random
import threading
import time
from datetime import UTC, datetime, timedelta

from redrive.core.ids import IdMaker

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """Wall-clock time. `micros` is UTC since 1970; it may jump, nothing may break when it does."""

    def micros(self) -> int:
        return time.time_ns() // 1000

    def waits(self, seconds: float) -> float:
        """How long a wait of so many seconds really takes: no time at all where time is played."""
        return seconds


def instant(micros: int) -> datetime:
    """Microseconds since 1970 as an aware UTC instant."""
    return _EPOCH + timedelta(microseconds=micros)


def micros_of(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


class Ids:
    """Ids for all threads of the process: the committer's thread makes some too. `after`: the highest
    that the store has, which a clock that was set back must not fall behind.
    """

    def __init__(self, clock: Clock, after: int | None = None) -> None:
        # Ids are no secrets, and asking the system for each costs more than all else of it.
        chance = random.Random()  # noqa: S311
        self._maker = IdMaker(lambda: clock.micros() // 1000, chance.getrandbits, after)
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            return self._maker.next()

    def block(self, count: int) -> range:
        """So many ids in a row; none made later stands among them."""
        with self._lock:
            return self._maker.block(count)
