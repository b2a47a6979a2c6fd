"""When a notice is sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from redrive.core.notices import (
    FIRST_RETRY_S,
    TRIES,
    Group,
    QuietHours,
    after_quiet,
    due_at,
    next_try,
    told,
    wanted,
)

NIGHT = QuietHours("22:00", "07:00", "Europe/London")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "now", "due"),
    [
        (NIGHT, "2026-01-15T21:59", "2026-01-15T21:59"),
        (NIGHT, "2026-01-15T22:00", "2026-01-16T07:00"),
        (NIGHT, "2026-01-16T03:00", "2026-01-16T07:00"),
        (NIGHT, "2026-01-16T07:00", "2026-01-16T07:00"),
        (NIGHT, "2026-07-15T21:30", "2026-07-16T06:00"),  # summer time
        (NIGHT, "2026-03-28T23:00", "2026-03-29T06:00"),  # the clocks go forward in between
        (QuietHours("12:00", "13:00"), "2026-01-15T12:30", "2026-01-15T13:00"),
        (QuietHours("12:00", "13:00"), "2026-01-15T13:00", "2026-01-15T13:00"),
        (None, "2026-01-15T23:00", "2026-01-15T23:00"),
    ],
)
def test_quiet_hours(hours: QuietHours | None, now: str, due: str) -> None:
    assert after_quiet(hours, at(now)) == at(due)


def test_the_first_is_sent_at_once_and_the_next_when_the_quiet_period_is_over() -> None:
    group, now = Group(quiet_period_s=600), at("2026-01-15T12:00")
    assert due_at(group, now, None) == now
    assert due_at(group, now, now - timedelta(minutes=4)) == now + timedelta(minutes=6)
    assert due_at(group, now, now - timedelta(hours=1)) == now
    night = Group(quiet_period_s=600, quiet_hours=QuietHours("12:05", "13:00"))
    assert due_at(night, now, now - timedelta(minutes=4)) == at("2026-01-15T13:00")


def test_tries_are_bounded_and_further_and_further_apart() -> None:
    now = at("2026-01-15T12:00")
    pauses = [next_try(tried, now) for tried in range(1, TRIES + 1)]
    assert pauses[0] == now + timedelta(seconds=FIRST_RETRY_S)
    assert pauses[-1] is None
    known = [one for one in pauses if one is not None]
    assert known == sorted(known)
    assert known[-1] - now <= timedelta(hours=1)


def test_levels_and_counts() -> None:
    assert [wanted(Group(level="warning"), level) for level in ("info", "warning", "error")] == [
        False,
        True,
        True,
    ]
    assert told("it failed", 1, at("2026-01-15T12:00")) == "it failed"
    assert told("it failed", 3, at("2026-01-15T12:00")) == "it failed\n(3 times since 2026-01-15 12:00 UTC)"
