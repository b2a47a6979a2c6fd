"""Functions of dates. They put out texts (ISO 8601 unless a format is given), never Python dates."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from redrive.core.dates import (
    FORMS,
    ROUNDABLE,
    epoch,
    parse_instant,
    rounded,
    shifted,
    spell_instant,
    spell_pattern,
)
from redrive.core.functions.describe import Argument, Example, Function


def _format(value: Any, to: str, read: str | None, timezone: str) -> str | int:
    instant = parse_instant(value, read)
    if to in ("epoch", "epoch_ms"):
        return epoch(instant, 1 if to == "epoch" else 1000)
    return spell_pattern(instant, to, timezone)


def _round(value: Any, to: str, direction: str, timezone: str) -> str:
    return spell_instant(rounded(parse_instant(value), to, direction, timezone))


def _shift(value: Any, by: timedelta) -> str:
    return spell_instant(shifted(parse_instant(value), by))


def _relative(value: Any, by: timedelta, now: datetime | None) -> str:  # noqa: ARG001 - replaces the value
    if now is None:
        raise ValueError("it counts from the run's clock, and there is none here")
    return spell_instant(shifted(now, by))


_ZONE = Argument("timezone", "timezone", "The time zone to count in.", "UTC")

FUNCTIONS: Final = (
    Function(
        "date_format",
        "date",
        "Writes a date in another format. Reads ISO 8601 and RFC 2822 unless `read` says another; "
        "a date without offset is UTC.",
        _format,
        (
            Argument(
                "to",
                "form",
                f"{', '.join(FORMS)}, or a pattern: tokens (DD/MM/YYYY HH:mm:ss) or %d/%m/%Y.",
                "iso",
            ),
            Argument("read", "form", "epoch, epoch_ms, or the pattern that the value is in.", None),
            _ZONE,
        ),
        (
            Example({"date_format": "DD/MM/YYYY"}, "2026-05-04T10:00:00Z", "04/05/2026"),
            Example(
                {"date_format": {"to": "%H:%M", "timezone": "Europe/London"}}, "2026-05-04T10:00:00Z", "11:00"
            ),
            Example({"date_format": {"read": "DD.MM.YYYY"}}, "04.05.2026", "2026-05-04T00:00:00Z"),
            Example({"date_format": {"read": "epoch"}}, 1777888800, "2026-05-04T10:00:00Z"),
            Example({"date_format": "epoch"}, "2026-05-04T10:00:00Z", 1777888800),
            Example("date_format", "Mon, 04 May 2026 12:00:00 +0200", "2026-05-04T10:00:00Z"),
            Example("date_format", "soon", fails="not an ISO 8601 date"),
        ),
    ),
    Function(
        "date_round",
        "date",
        "Rounds a date to the start of a unit; weeks begin on Monday.",
        _round,
        (
            Argument("to", "choice", "The unit.", choices=ROUNDABLE),
            Argument("direction", "choice", "Which start.", "down", choices=("down", "up", "nearest")),
            _ZONE,
        ),
        (
            Example({"date_round": "day"}, "2026-05-04T10:00:00Z", "2026-05-04T00:00:00Z"),
            Example({"date_round": {"to": "month", "direction": "up"}}, "2026-12-04", "2027-01-01T00:00:00Z"),
            Example(
                {"date_round": {"to": "day", "timezone": "Europe/London"}},
                "2026-05-04T10:00:00Z",
                "2026-05-03T23:00:00Z",
            ),
        ),
    ),
    Function(
        "date_shift",
        "date",
        "Moves a date by an offset; negative numbers move it back.",
        _shift,
        (Argument("by", "offset", "seconds, minutes, hours, days and weeks; several add up."),),
        (Example({"date_shift": {"days": 2, "hours": -1}}, "2026-05-04T10:00:00Z", "2026-05-06T09:00:00Z"),),
        whole=True,
    ),
    Function(
        "date_relative",
        "date",
        "Puts a date in place of the value, counted from the run's clock.",
        _relative,
        (Argument("by", "relative", "{ago: {days: 2}} or {in: {hours: 3}}."),),
        (
            Example({"date_relative": {"ago": {"days": 2}}}, None, "2026-05-02T10:00:00Z"),
            Example({"date_relative": {"in": {"hours": 3}}}, "any", "2026-05-04T13:00:00Z"),
        ),
        whole=True,
        nulls=True,
        clock=True,
    ),
)
