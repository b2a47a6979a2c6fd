"""Reading, spelling, rounding and shifting dates."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from redrive.core.dates import (
    as_offset,
    is_day,
    parse_instant,
    parse_iso,
    rounded,
    shifted,
    spell_instant,
    spell_pattern,
    strftime_pattern,
)

TEN = datetime(2026, 5, 4, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-05-04", datetime(2026, 5, 4, tzinfo=UTC)),
        ("20260504", datetime(2026, 5, 4, tzinfo=UTC)),
        ("2026-05-04T10:00:00Z", TEN),
        ("2026-05-04T10:00:00z", TEN),
        ("2026-05-04t10:00:00", TEN),
        (" 2026-05-04 10:00 ", TEN),
        ("2026-05-04T10", TEN),
        ("2026-05-04T12:00:00+02:00", TEN),
        ("2026-05-04T12:00:00+0200", TEN),
        ("2026-05-04 12:00:00 +02:00", TEN),
        ("20260504T100000Z", TEN),
        ("2026-05-04T10:00:00.123456789Z", TEN + timedelta(microseconds=123456)),
        ("2026-05-04T10:00:00,5Z", TEN + timedelta(microseconds=500000)),
        ("2026-W19-1", datetime(2026, 5, 4, tzinfo=UTC)),
    ],
)
def test_iso_dates_are_read(text: str, instant: datetime) -> None:
    assert parse_iso(text) == instant
    assert parse_iso(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "2026", "2026-05", "2026-13-01", "2026-02-30", "04/05/2026", "2026-05-04T25:00", "10:00",
     "2026-05-04T10:00:00Zx", "0001-01-01T00:00:00+05:00", "\uff12026-05-04"],
)  # fmt: skip
def test_other_texts_are_no_iso_dates(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_iso(text)


def test_a_day_is_told_from_an_instant() -> None:
    assert is_day("2026-05-04")
    assert not is_day("2026-05-04T00:00")
    assert not is_day("soon")


@pytest.mark.parametrize(
    ("value", "form", "instant"),
    [
        ("2026-05-04T10:00:00Z", None, TEN),
        ("Mon, 04 May 2026 10:00:00 GMT", None, TEN),
        ("Mon, 04 May 2026 12:00:00 +0200", "rfc2822", TEN),
        (datetime(2026, 5, 4, 12, tzinfo=timezone(timedelta(hours=2))), None, TEN),
        (date(2026, 5, 4), None, datetime(2026, 5, 4, tzinfo=UTC)),
        (1777888800, "epoch", TEN),
        ("1777888800.5", "epoch", TEN + timedelta(microseconds=500000)),
        (Decimal(1777888800000), "epoch_ms", TEN),
        (-1, "epoch", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("04.05.2026 10:00", "DD.MM.YYYY HH:mm", TEN),
        ("04/05/26", "%d/%m/%y", datetime(2026, 5, 4, tzinfo=UTC)),
        ("2026-05-04 12:00 +02:00", "YYYY-MM-DD HH:mm Z", TEN),
        ("2026-05-04", "date", datetime(2026, 5, 4, tzinfo=UTC)),
    ],
)
def test_what_systems_send_is_read(value: Any, form: str | None, instant: datetime) -> None:
    assert parse_instant(value, form) == instant


@pytest.mark.parametrize(
    ("value", "form", "message"),
    [
        (1777888800, None, "numbers are read as dates only by the format epoch"),
        (True, "epoch", "not a number of seconds"),
        ("abc", "epoch", "not a number of seconds"),
        (10**30, "epoch", "not a number of seconds"),
        (Decimal("1E+999999999"), "epoch", "not a number of seconds"),
        ("NaN", "epoch", "not a number of seconds"),
        (10**14, "epoch", "not a number of seconds"),
        ("04-05-2026", "DD.MM.YYYY", "not a date in the format DD.MM.YYYY"),
        ("soon", None, "not an ISO 8601 date"),
        ("04.05.2026", "%Q", "unknown %Q"),
    ],
)
def test_what_is_no_date_is_refused(value: Any, form: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_instant(value, form)


@pytest.mark.parametrize(
    ("pattern", "timezone", "text"),
    [
        ("iso", "UTC", "2026-05-04T10:00:00Z"),
        ("iso", "Europe/London", "2026-05-04T11:00:00+01:00"),
        ("date", "UTC", "2026-05-04"),
        ("time", "America/New_York", "06:00:00"),
        ("rfc2822", "UTC", "Mon, 04 May 2026 10:00:00 +0000"),
        ("epoch", "UTC", "1777888800"),
        ("epoch_ms", "UTC", "1777888800000"),
        ("DD/MM/YYYY HH:mm:ss", "UTC", "04/05/2026 10:00:00"),
        ("dddd, DD MMMM YY hh A", "UTC", "Monday, 04 May 26 10 AM"),
        ("ddd MMM [at] HH Z ZZ", "Europe/Paris", "Mon May at 12 +02:00 +0200"),
        ("YYYY-MM-DD[T]HH:mm:ss.SSSSSS", "UTC", "2026-05-04T10:00:00.000000"),
        ("%Y%m%d 100%%", "UTC", "20260504 100%"),
    ],
)
def test_dates_are_spelt_by_patterns(pattern: str, timezone: str, text: str) -> None:
    assert spell_pattern(TEN, pattern, timezone) == text


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("", "empty"), ("%Q", "unknown %Q"), ("100%", "unknown %"), ("foo", "no part of a date")],
)
def test_wrong_patterns_are_refused(pattern: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        strftime_pattern(pattern)


def test_an_unknown_time_zone_is_refused() -> None:
    for name in ("Mars/Base", "../etc/passwd", ""):
        with pytest.raises(ValueError, match="no time zone"):
            spell_pattern(TEN, "iso", name)


def test_microseconds_are_spelt_where_there_are_any() -> None:
    assert spell_instant(TEN.replace(microsecond=5000)) == "2026-05-04T10:00:00.005000Z"
    assert spell_instant(datetime(26, 5, 4)) == "0026-05-04T00:00:00Z"  # noqa: DTZ001 - naive is UTC


@pytest.mark.parametrize(
    ("value", "offset"),
    [
        ({"days": 2, "hours": -1}, timedelta(days=2, hours=-1)),
        ({"week": 1}, timedelta(days=7)),
        ({"seconds": Decimal("0.5")}, timedelta(milliseconds=500)),
        ({"minutes": 1.5}, timedelta(seconds=90)),
    ],
)
def test_offsets_add_up(value: Any, offset: timedelta) -> None:
    assert as_offset(value) == offset


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "an object such as"),
        (5, "an object such as"),
        ({"day": "2"}, "must be a number"),
        ({"days": True}, "must be a number"),
        ({"monhts": 1}, "unknown unit 'monhts'"),
        ({"hour s": 1}, "did you mean 'hours'"),
        ({"days": 10**12}, "more than 2,000 years"),
        ({"days": Decimal("1E+9999999")}, "more than 2,000 years"),
        ({"days": Decimal("NaN")}, "more than 2,000 years"),
    ],
)
def test_wrong_offsets_are_refused(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_offset(value)


def test_a_shift_out_of_the_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="outside the years 1 to 9999"):
        shifted(TEN, timedelta(days=365 * 8000))


@pytest.mark.parametrize(
    ("text", "to", "direction", "timezone", "result"),
    [
        ("2026-05-06T10:20:30.5Z", "second", "down", "UTC", "2026-05-06T10:20:30Z"),
        ("2026-05-06T10:20:30.5Z", "second", "nearest", "UTC", "2026-05-06T10:20:31Z"),
        ("2026-05-06T10:20:30Z", "minute", "up", "UTC", "2026-05-06T10:21:00Z"),
        ("2026-05-06T10:20:30Z", "hour", "nearest", "UTC", "2026-05-06T10:00:00Z"),
        ("2026-05-06T10:20:30Z", "day", "down", "UTC", "2026-05-06T00:00:00Z"),
        ("2026-05-06T00:00:00Z", "day", "up", "UTC", "2026-05-06T00:00:00Z"),
        ("2026-05-06T10:20:30Z", "week", "down", "UTC", "2026-05-04T00:00:00Z"),
        ("2026-05-06T10:20:30Z", "week", "up", "UTC", "2026-05-11T00:00:00Z"),
        ("2026-12-06T10:20:30Z", "month", "up", "UTC", "2027-01-01T00:00:00Z"),
        ("2026-07-06T10:20:30Z", "year", "nearest", "UTC", "2027-01-01T00:00:00Z"),
        ("2026-03-29T12:00:00Z", "day", "down", "Europe/London", "2026-03-29T00:00:00Z"),
        ("2026-03-29T12:00:00Z", "day", "up", "Europe/London", "2026-03-29T23:00:00Z"),
        ("2026-10-25T01:30:00Z", "hour", "down", "Europe/London", "2026-10-25T01:00:00Z"),
        ("2026-10-25T01:30:00Z", "hour", "up", "Europe/London", "2026-10-25T02:00:00Z"),
        ("2026-10-25T00:30:00Z", "hour", "up", "Europe/London", "2026-10-25T01:00:00Z"),
    ],
)
def test_dates_are_rounded_in_local_time(
    text: str, to: str, direction: str, timezone: str, result: str
) -> None:
    assert spell_instant(rounded(parse_iso(text), to, direction, timezone)) == result


def test_rounding_at_the_end_of_the_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="outside the years"):
        rounded(datetime(9999, 12, 31, 12, tzinfo=UTC), "year", "up")
    with pytest.raises(ValueError, match="cannot round a date to 'decade'"):
        rounded(TEN, "decade")
