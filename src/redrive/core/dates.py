"""Dates: reading, spelling, rounding and shifting instants. Every instant is aware; naive means UTC."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from redrive.core.nearest import nearest

_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
UNITS: Final[Mapping[str, int]] = {
    name: seconds for unit, seconds in _SECONDS.items() for name in (unit, f"{unit}s")
}
"""Name of a unit (singular or plural) -> seconds."""

_ISO = re.compile(
    r"\d{4}-?\d{2}-?\d{2}"
    r"(?:[Tt ](?P<time>\d{2}(?::?\d{2}(?::?\d{2}(?:[.,]\d+)?)?)?) ?(?:[Zz]|[+-]\d{2}(?::?\d{2})?)?)?"
    r"|\d{4}-?W\d{2}-?\d",
    re.ASCII,
)


def parse_iso(text: str) -> datetime:
    """An instant from ISO 8601: a date, or a date and time with or without offset (then UTC).

    A fraction of a second beyond microseconds is cut. Errors: `ValueError`.
    """
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise ValueError("not an ISO 8601 date such as 2026-05-04 or 2026-05-04T10:00:00Z")
    try:
        found = datetime.fromisoformat(match.group().upper().replace(" ", "T", 1).replace(" ", ""))
        return aware(found)
    except (ValueError, OverflowError):
        raise ValueError("not a date of the calendar") from None


def is_day(text: str) -> bool:
    """Whether an ISO text names a day and no time of it."""
    match = _ISO.fullmatch(text.strip())
    return match is not None and match["time"] is None


def parse_instant(value: Any, form: str | None = None) -> datetime:
    """An instant from what systems send.

    form: None (or `iso`, `date`, `rfc2822`) reads ISO 8601 and RFC 2822 texts (`Mon, 04 May 2026
    10:00:00 GMT`) and takes dates as they are; `epoch` and `epoch_ms` read seconds or milliseconds
    since 1970; anything else is a pattern as in `spell_pattern`. Errors: `ValueError`.
    """
    if isinstance(value, datetime):
        return aware(value)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if form in ("epoch", "epoch_ms"):
        return _from_epoch(value, 1 if form == "epoch" else 1000)
    if not isinstance(value, str):
        raise ValueError("a date is a text; numbers are read as dates only by the format epoch or epoch_ms")
    if form not in (None, "iso", "date", "rfc2822"):
        pattern = strftime_pattern(_NAMED.get(form, form))
        try:
            return aware(datetime.strptime(value.strip(), pattern.replace("%:z", "%z")))  # noqa: DTZ007
        except ValueError:
            raise ValueError(f"the text is not a date in the format {form}") from None
    try:
        return parse_iso(value)
    except ValueError as error:
        try:
            return aware(parsedate_to_datetime(value))
        except (ValueError, TypeError, IndexError, OverflowError):
            raise error from None


def aware(value: datetime) -> datetime:
    """The same instant in UTC; a naive one is taken as UTC."""
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value if value.tzinfo is UTC else value.astimezone(UTC)


def _from_epoch(value: Any, per_second: int) -> datetime:
    try:
        if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
            raise ValueError
        microseconds = int(Decimal(value) * 1_000_000 / per_second) if abs(Decimal(value)) < 10**15 else None
        if microseconds is None:
            raise ValueError
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    except (ValueError, ArithmeticError):
        raise ValueError("not a number of seconds since 1970 within the years 1 to 9999") from None


def spell_instant(value: datetime) -> str:
    """`2026-05-04T10:00:00Z`, with microseconds only where there are any."""
    instant = aware(value).replace(tzinfo=None)
    return f"{instant.isoformat()}Z"


# --- patterns ------------------------------------------------------------------------------------

_TOKENS: Final = {
    "YYYY": "%Y", "YY": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "DD": "%d",
    "dddd": "%A", "ddd": "%a", "HH": "%H", "hh": "%I", "mm": "%M", "ss": "%S",
    "SSSSSS": "%f", "A": "%p", "Z": "%:z", "ZZ": "%z",
}  # fmt: skip
_TOKEN = re.compile("|".join(sorted(_TOKENS, key=len, reverse=True)) + r"|\[([^\]]*)\]")
_DIRECTIVE = re.compile(r"%(:z|.)", re.DOTALL)
_DIRECTIVES: Final = frozenset("aAbBdHIjmMpSfyYzGuV%") | {":z"}


def strftime_pattern(pattern: str) -> str:
    """A pattern in tokens (`DD/MM/YYYY HH:mm`) as one in directives; one with `%` stays.

    Tokens: YYYY YY MMMM MMM MM DD dddd ddd HH hh mm ss SSSSSS A Z (+02:00) ZZ (+0200); text in
    [brackets] stands for itself. Errors: `ValueError`.
    """
    if not pattern.strip():
        raise ValueError("the date format is empty")
    if "%" in pattern:
        for directive in _DIRECTIVE.finditer(pattern + " "):
            if directive[1] not in _DIRECTIVES:
                raise ValueError(f"the date format uses the unknown %{directive[1]}")
        return pattern
    found = _TOKEN.sub(lambda match: match[1] if match[1] is not None else _TOKENS[match[0]], pattern)
    if found == pattern and "[" not in pattern:
        raise ValueError(f"the date format {pattern!r} holds no part of a date, such as YYYY or %Y")
    return found


def spell_pattern(value: datetime, pattern: str, timezone: str = "UTC") -> str:
    """An instant by a pattern, in a time zone (`Europe/London`).

    `iso` gives `2026-05-04T10:00:00Z` (with an offset in other zones), `date` and `time` its two
    halves, `rfc2822` mail's form, `epoch` and `epoch_ms` the number since 1970 as a text.
    Names of days and months are English. Errors: `ValueError`.
    """
    instant = aware(value)
    if pattern in ("epoch", "epoch_ms"):
        return str(epoch(instant, 1 if pattern == "epoch" else 1000))
    local = instant.astimezone(zone(timezone))
    if pattern == "iso":
        return spell_instant(instant) if timezone == "UTC" else local.isoformat()
    if pattern in _NAMED:
        pattern = _NAMED[pattern]
    return "".join(_expand(local, part) for part in re.split(r"(%:z|%.)", strftime_pattern(pattern)))


_NAMED: Final = {"date": "%Y-%m-%d", "time": "%H:%M:%S", "rfc2822": "%a, %d %b %Y %H:%M:%S %z"}
FORMS: Final = ("iso", "date", "time", "rfc2822", "epoch", "epoch_ms")
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def _expand(local: datetime, part: str) -> str:
    # The machine's locale and C library must not change what a flow puts out.
    if part == "%Y":
        return f"{local.year:04d}"
    if part in ("%A", "%a"):
        name = _DAYS[local.weekday()]
        return name if part == "%A" else name[:3]
    if part in ("%B", "%b"):
        name = _MONTHS[local.month - 1]
        return name if part == "%B" else name[:3]
    if part == "%p":
        return "AM" if local.hour < 12 else "PM"
    if part == "%:z":
        offset = local.strftime("%z")
        return f"{offset[:3]}:{offset[3:5]}"
    return local.strftime(part) if part.startswith("%") else part


def epoch(value: datetime, per_second: int = 1) -> int:
    """Whole seconds (or, by `per_second`, parts of it) since 1970, rounded down."""
    return (aware(value) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        microseconds=1_000_000 // per_second
    )


def zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name. Errors: `ValueError`."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}; expected a name such as Europe/London") from None


# --- offsets and rounding ------------------------------------------------------------------------

_FARTHEST_S: Final = 2000 * 366 * 86_400
_TOO_FAR: Final = "the offset is more than 2,000 years"


def as_offset(value: Any) -> timedelta:
    """An offset from `{days: 2, hours: 12}`; its parts add up. Errors: `ValueError`."""
    if not isinstance(value, Mapping) or not value:
        raise ValueError("an offset is an object such as {days: 2}")
    seconds = Decimal(0)
    for name, count in value.items():
        if name not in UNITS:
            near = nearest(str(name), UNITS)
            raise ValueError(
                f"unknown unit {name!r}; expected seconds, minutes, hours, days or weeks"
                + (f"; did you mean {near!r}?" if near else "")
            )
        if isinstance(count, bool) or not isinstance(count, int | float | Decimal):
            raise ValueError(f"the number of {name} must be a number")
        number = Decimal(str(count))
        # Bounded first: a huge exponent must not be multiplied, let alone written out.
        if not (number.is_finite() and -_FARTHEST_S < number < _FARTHEST_S):
            raise ValueError(_TOO_FAR)
        seconds += number * UNITS[name]
    if abs(seconds) > _FARTHEST_S:
        raise ValueError(_TOO_FAR)
    return timedelta(microseconds=int(seconds * 1_000_000))


def shifted(value: datetime, offset: timedelta) -> datetime:
    """`value + offset`. Errors: `ValueError` outside the years 1 to 9999."""
    try:
        return value + offset
    except OverflowError:
        raise ValueError("the date lies outside the years 1 to 9999") from None


ROUNDABLE: Final = ("second", "minute", "hour", "day", "week", "month", "year")


def rounded(value: datetime, to: str, direction: str = "down", timezone: str = "UTC") -> datetime:
    """An instant rounded to the start of a unit of local time.

    to: one of `ROUNDABLE`; weeks begin on Monday. direction: `down` the start of the unit,
    `up` the start of the next one (an instant that is a start stays), `nearest` the nearer of
    the two, the later if it lies in the middle. Errors: `ValueError`.
    """
    local = aware(value).astimezone(zone(timezone))
    start = _start(local, to)
    if direction == "down" or aware(start) == aware(value):
        return aware(start)
    following = _next(start, to)
    if direction == "up":
        return aware(following)
    before, after = aware(value) - aware(start), aware(following) - aware(value)
    return aware(following if after <= before else start)


def _start(local: datetime, to: str) -> datetime:
    if to == "second":
        return local.replace(microsecond=0)
    if to == "minute":
        return local.replace(second=0, microsecond=0)
    if to == "hour":
        return local.replace(minute=0, second=0, microsecond=0)
    day = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if to == "day":
        return day
    if to == "week":
        return shifted(day, timedelta(days=-day.weekday()))
    if to == "month":
        return day.replace(day=1)
    if to == "year":
        return day.replace(month=1, day=1)
    raise ValueError(f"cannot round a date to {to!r}; expected one of {', '.join(ROUNDABLE)}")


def _next(start: datetime, to: str) -> datetime:
    if to in ("second", "minute", "hour"):
        # Counted on the instant: in local time an hour may be missing or come twice.
        return shifted(aware(start), timedelta(seconds=UNITS[to]))
    if to in ("day", "week"):
        return shifted(start, timedelta(seconds=UNITS[to]))
    months = 1 if to == "month" else 12
    year, month = divmod(start.month - 1 + months, 12)
    try:
        return start.replace(year=start.year + year, month=month + 1)
    except ValueError:
        raise ValueError("the date lies outside the years 1 to 9999") from None
