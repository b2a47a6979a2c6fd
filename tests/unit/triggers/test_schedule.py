from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from redrive.documents.trigger_grammar import ScheduleForm
from redrive.triggers.schedule import Schedule


def schedule(**settings) -> Schedule:
    return Schedule(ScheduleForm.model_validate(settings).model_dump())


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def shown(times) -> list[str]:
    return [one.strftime("%m-%dT%H:%M") for one in times]


# In London clocks go from 01:00 to 02:00 on 2026-03-29, and from 02:00 to 01:00 on 2026-10-25.
@pytest.mark.parametrize(
    ("cron", "after", "times"),
    [
        # A fixed time in the gap comes right behind it, once.
        ("30 1 * * *", "2026-03-28T12:00", ["03-29T01:00", "03-30T00:30"]),
        # A fixed time that exists twice comes the first time.
        ("30 1 * * *", "2026-10-24T12:00", ["10-25T00:30", "10-26T01:30"]),
        # Steps go by real time.
        ("*/30 * * * *", "2026-03-29T00:15", ["03-29T00:30", "03-29T01:00", "03-29T01:30"]),
        ("*/30 * * * *", "2026-10-25T00:15", ["10-25T00:30", "10-25T01:00", "10-25T01:30", "10-25T02:00"]),
        ("0 9 * * *", "2026-03-28T08:00", ["03-28T09:00", "03-29T08:00"]),
    ],
)
def test_where_clocks_change(cron, after, times):
    found = schedule(cron=cron, timezone="Europe/London").next_times(at(after), len(times))
    assert shown(found) == times


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
@pytest.mark.parametrize("cron", ["30 1 * * *", "*/7 * * * *", "15 */2 * * *", "0 0 * * 0"])
def test_times_do_not_depend_on_when_one_asks(cron, day):
    """However often a restart begins anew in the middle of a change: none is lost, none comes twice."""
    rule = schedule(cron=cron, timezone="Europe/London")
    begin = at(f"{day}T00:00") - timedelta(hours=3)
    whole = [one for one in rule.next_times(begin, 300) if one <= begin + timedelta(hours=12)]
    pieces = []
    for minute in range(12 * 60):
        since = begin + timedelta(minutes=minute)
        until = since + timedelta(minutes=1)
        times = rule.after(since)
        while (found := next(times)) <= until:
            pieces.append(found)
    assert pieces == whole


def test_every_is_counted_from_one_fixed_instant():
    rule = schedule(every="15m")
    assert shown(rule.next_times(at("2026-03-29T00:50"), 3)) == ["03-29T01:00", "03-29T01:15", "03-29T01:30"]
    assert rule.rule == schedule(every=900).rule == "every 900 s"


@pytest.mark.parametrize(
    ("missed", "now", "due"),
    [
        ("once", "12:00:20", ["12:00"]),  # due now, nothing was missed
        ("once", "12:30:00", ["12:00"]),  # one hour of it was missed
        ("once", "15:30:00", ["15:00"]),
        ("once", "15:00:30", ["15:00"]),  # what is due now makes up for what was missed
        ("all", "15:30:00", ["12:00", "13:00", "14:00", "15:00"]),
        ("skip", "15:30:00", []),
        ("skip", "15:00:59", ["15:00"]),
        ("once", "11:59:59", []),
    ],
)
def test_what_is_made_up_for(missed, now, due):
    rule = schedule(cron="0 * * * *", missed=missed)
    found = rule.due(at("2026-05-01T11:30"), at(f"2026-05-01T{now}"))
    assert [one.strftime("%H:%M") for one in found] == due


def test_what_was_missed_too_long_ago_is_not_made_up_for():
    rule = schedule(cron="0 0 * * *", missed="all", missed_within="2d")
    found = rule.due(at("2026-05-01T00:00"), at("2026-05-08T12:00"))
    assert shown(found) == ["05-07T00:00", "05-08T00:00"]
    assert rule.due(at("2026-05-09T00:00"), at("2026-05-08T12:00")) == []


def test_very_many_missed_times_are_bounded():
    rule = schedule(every=10, missed="all", missed_within="30d")
    found = rule.due(at("2026-04-01T00:00"), at("2026-05-01T00:00"))
    assert len(found) == 1000
    assert found[-1] == at("2026-05-01T00:00")
