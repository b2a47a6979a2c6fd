"""When a notice is sent: quiet periods, quiet hours, further tries. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Final, Literal

import msgspec

from redrive.core.dates import zone

Level = Literal["info", "warning", "error"]
RANK: Final[dict[str, int]] = {"info": 0, "warning": 1, "error": 2}

TRIES: Final = 8
FIRST_RETRY_S: Final = 30
MAX_RETRY_S: Final = 3600


class QuietHours(msgspec.Struct, frozen=True):
    """From one time of the day to another one, which may be of the next day."""

    start: str
    """HH:MM"""
    end: str
    timezone: str = "UTC"


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Whom notices reach. Where its URLs are is kept apart."""

    level: Level = "info"
    """Notices below it are not sent."""
    quiet_period_s: float = 600.0
    """Equal notices within it become one."""
    quiet_hours: QuietHours | None = None


def wanted(group: Group, level: str) -> bool:
    return RANK[level] >= RANK[group.level]


def due_at(group: Group, now: datetime, last_due: datetime | None) -> datetime:
    """When a notice is sent, whose last equal one was due at `last_due`: at once, when the quiet period is
    over, or when the quiet hours are.
    """
    due = now
    if last_due is not None:
        due = max(due, last_due + timedelta(seconds=group.quiet_period_s))
    return after_quiet(group.quiet_hours, due)


def after_quiet(hours: QuietHours | None, at: datetime) -> datetime:
    """The same instant, or where it lies in the quiet hours, their end."""
    if hours is None:
        return at
    where = zone(hours.timezone)
    start, end = time.fromisoformat(hours.start), time.fromisoformat(hours.end)
    local = at.astimezone(where)
    clock = local.time()
    if start <= end:
        quiet, days = start <= clock < end, 0
    else:
        quiet, days = clock >= start or clock < end, int(clock >= start)
    if not quiet:
        return at
    ends = datetime.combine(local.date() + timedelta(days=days), end, where).astimezone(UTC)
    return max(ends, at)


def next_try(tried: int, now: datetime) -> datetime | None:
    """When to try again after so many tries; None: never."""
    if tried >= TRIES:
        return None
    return now + timedelta(seconds=min(MAX_RETRY_S, FIRST_RETRY_S * 2 ** (tried - 1)))


def told(message: str, count: int, first: datetime) -> str:
    """The text of a notice that stands for several."""
    if count == 1:
        return message
    return f"{message}\n({count} times since {first:%Y-%m-%d %H:%M} UTC)"
