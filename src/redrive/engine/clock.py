"""The one clock and the one source of ids: tests replace them here."""

from __future__ import annotations

import random
import threading
import time
from datetime import UTC, datetime, timedelta

from redrive.core.ids import IdMaker
from redrive.log import get_logger

LEAP_S = 3600.0
HOLD_S = 86_400.0

_log = get_logger(__name__)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEADY: int | None = getattr(time, "CLOCK_BOOTTIME", None)


class Clock:
    """Wall-clock time. `micros` is UTC since 1970; it may jump, nothing may break when it does."""

    def micros(self) -> int:
        return time.time_ns() // 1000

    def steady_s(self) -> float:
        """Seconds that nobody can set; where the system counts them, those that it slept too."""
        return time.clock_gettime(_STEADY) if _STEADY is not None else time.monotonic()

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


class Leaps:
    """Whether the clock is to be trusted with taking things away.

    A clock that leaps ahead by more than an hour makes what is kept look old. What is done by age in the
    background then waits for a day; if the clock is set back meanwhile, as it is when the leap was an
    error, nothing has happened. Otherwise that is the time from then on.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_s = self._apart_s()
        self._since: float | None = None

    def holds(self) -> bool:
        ahead_s = self._apart_s() - self._offset_s
        if ahead_s <= LEAP_S:
            self._offset_s += min(ahead_s, 0.0)  # it was set back
            self._since = None
            return False
        now = self._clock.steady_s()
        if self._since is None:
            self._since = now
            _log.warning("clock.leapt", ahead_s=round(ahead_s), retention_waits_s=round(HOLD_S))
        if now - self._since < HOLD_S:
            return True
        self._offset_s += ahead_s
        self._since = None
        return False

    def _apart_s(self) -> float:
        return self._clock.micros() / 1e6 - self._clock.steady_s()
