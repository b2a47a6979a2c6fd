"""The one clock and the one source of ids: tests replace them here."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from redrive.core.ids import IdMaker

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """Wall-clock time. `micros` is UTC since 1970; it may jump, nothing may break when it does."""

    def micros(self) -> int:
        return time.time_ns() // 1000


def instant(micros: int) -> datetime:
    """Microseconds since 1970 as an aware UTC instant."""
    return _EPOCH + timedelta(microseconds=micros)


def micros_of(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def id_maker(clock: Clock) -> IdMaker:
    now_ms: Callable[[], int] = lambda: clock.micros() // 1000  # noqa: E731
    return IdMaker(now_ms, secrets.randbits)
