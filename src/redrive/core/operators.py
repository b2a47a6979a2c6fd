"""The operators of conditions: each makes a test out of the value that it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from redrive.core.compare import as_date, as_number, as_text, one_of, same
from redrive.core.dates import as_offset, is_day, parse_iso, shifted
from redrive.core.invalid import Invalid, kind_of
from redrive.core.patterns import compile_pattern

Test = Callable[[Any], bool]
"""Whether one value that is there satisfies an operator."""


class Operator(msgspec.Struct, frozen=True):
    """`prepare(value, now)` makes the test.

    expects: what the value must be, for messages and the reference page.
    every: where a path finds several values, all must satisfy it (`is_not`, `not_in`), not one.
    """

    name: str
    expects: str
    help: str
    prepare: Callable[[Any, datetime | None], Test]
    every: bool = False


def _never(_actual: Any) -> bool:
    return False


def _is(value: Any, _now: datetime | None) -> Test:
    return lambda actual: same(actual, value)


def _is_not(value: Any, _now: datetime | None) -> Test:
    return lambda actual: not same(actual, value)


def _in(value: Any, _now: datetime | None) -> Test:
    return one_of(_listed(value))


def _not_in(value: Any, _now: datetime | None) -> Test:
    test = one_of(_listed(value))
    return lambda actual: not test(actual)


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if value is None:
        return []
    if isinstance(value, Mapping):
        raise Invalid("an object is no list", expected='a list, or a text such as "1042, 1043"')
    return [value]


def _ordered(holds: Callable[[Any, Any], bool]) -> Callable[[Any, datetime | None], Test]:
    def prepare(value: Any, _now: datetime | None) -> Test:
        if value is None:
            return _never
        read: Callable[[Any], Any]
        limit: Any = as_number(value)
        if limit is not None:
            read = as_number
        elif (limit := as_date(value)) is not None:
            read = as_date
        elif isinstance(value, str):
            limit = value
            read = _only_text
        else:
            raise Invalid(f"{kind_of(value)} has no order", expected="a number, a date or a text")

        def test(actual: Any) -> bool:
            found = read(actual)
            return found is not None and holds(found, limit)

        return test

    return prepare


def _only_text(actual: Any) -> str | None:
    return actual if isinstance(actual, str) else None


def _contains(value: Any, _now: datetime | None) -> Test:
    if isinstance(value, list | tuple):
        raise Invalid("a list is more than one value", expected="one value; put several into all or any")
    part = as_text(value)

    def test(actual: Any) -> bool:
        if isinstance(actual, list | tuple):
            return any(same(element, value) for element in actual)
        text = as_text(actual)
        return text is not None and part is not None and part in text

    return test


def _textual(holds: Callable[[str, str], bool]) -> Callable[[Any, datetime | None], Test]:
    def prepare(value: Any, _now: datetime | None) -> Test:
        if value is None:
            return _never
        part = as_text(value)
        if part is None:
            raise Invalid(f"{kind_of(value)} is not a text", expected="a text")

        def test(actual: Any) -> bool:
            text = as_text(actual)
            return text is not None and holds(text, part)

        return test

    return prepare


def _matches(value: Any, _now: datetime | None) -> Test:
    if value is None:
        return _never
    if not isinstance(value, str):
        raise Invalid(f"{kind_of(value)} is not a pattern", expected="a regular expression")
    try:
        pattern = compile_pattern(value)
    except ValueError as error:
        raise Invalid(str(error), expected="a regular expression such as ^GB[0-9]+$") from None

    def test(actual: Any) -> bool:
        text = as_text(actual)
        return text is not None and pattern.search(text)

    return test


def as_exists(value: Any) -> bool:
    """The value of `exists`."""
    if value is True or value == "true":
        return True
    if value is False or value == "false":
        return False
    raise Invalid(f"{kind_of(value)} is neither true nor false", expected="true or false")


def _exists(value: Any, _now: datetime | None) -> Test:
    wanted = as_exists(value)
    return lambda _actual: wanted


_DATE = "a date such as 2026-05-04, {ago: {days: 2}} or {in: {hours: 3}}"
_WITHIN = "{last: {days: 7}}, {next: {hours: 3}} or {from: 2026-05-01, to: 2026-05-31}"


def instant(value: Any, now: datetime | None) -> datetime:
    """The instant that a date, `{ago: …}` or `{in: …}` names."""
    if isinstance(value, Mapping):
        if set(value) == {"ago"}:
            return shifted(_clock(now), -_offset(value["ago"]))
        if set(value) == {"in"}:
            return shifted(_clock(now), _offset(value["in"]))
        raise Invalid("the object does not name a date", expected=_DATE)
    if isinstance(value, str):
        try:
            return parse_iso(value)
        except ValueError:
            raise Invalid("the text is not a date", expected=_DATE) from None
    if isinstance(value, datetime) and (found := as_date(value)) is not None:
        return found
    raise Invalid(f"{kind_of(value)} is not a date", expected=_DATE)


def is_relative(value: Any) -> bool:
    """Whether a value of before, after or within counts from the run's clock."""
    if not isinstance(value, Mapping):
        return False
    if not value.keys().isdisjoint(("ago", "in", "last", "next")):
        return True
    return any(is_relative(value.get(end)) for end in ("from", "to"))


def _offset(value: Any) -> timedelta:
    if isinstance(value, Mapping):
        # A template gives the count as text: {days: "{{ vars.days }}"}.
        value = {name: as_number(count) if isinstance(count, str) else count for name, count in value.items()}
    try:
        return as_offset(value)
    except ValueError as error:
        raise Invalid(str(error)) from None


def _clock(now: datetime | None) -> datetime:
    if now is None:
        raise ValueError("a relative date needs the run's clock, and there is none here")
    return now


def _before(value: Any, now: datetime | None) -> Test:
    return _dated(value, now, lambda actual, limit: actual < limit)


def _after(value: Any, now: datetime | None) -> Test:
    return _dated(value, now, lambda actual, limit: actual > limit)


def _dated(value: Any, now: datetime | None, holds: Callable[[datetime, datetime], bool]) -> Test:
    if value is None:
        return _never
    limit = instant(value, now)

    def test(actual: Any) -> bool:
        found = as_date(actual)
        return found is not None and holds(found, limit)

    return test


def _within(value: Any, now: datetime | None) -> Test:
    if not isinstance(value, Mapping):
        raise Invalid(f"{kind_of(value)} is not a span of time", expected=_WITHIN)
    names = set(value)
    whole_day = False
    if names == {"last"}:
        end = _clock(now)
        start = shifted(end, -_offset(value["last"]))
    elif names == {"next"}:
        start = _clock(now)
        end = shifted(start, _offset(value["next"]))
    elif names == {"from", "to"}:
        if value["from"] is None or value["to"] is None:
            return _never
        start, end = instant(value["from"], now), instant(value["to"], now)
        if isinstance(value["to"], str) and is_day(value["to"]):
            whole_day = True
            end = shifted(end, timedelta(days=1))
    else:
        raise Invalid("the object does not name a span of time", expected=_WITHIN)

    def test(actual: Any) -> bool:
        found = as_date(actual)
        return found is not None and start <= found and (found < end if whole_day else found <= end)

    return test


_ANY = "any value"
_LIST = 'a list, or a text such as "1042, 1043"'
_ORDER = "a number, a date or a text"

OPERATORS: Final[Mapping[str, Operator]] = {
    operator.name: operator
    for operator in (
        Operator("is", _ANY, "The same value: numbers by value, a text and a number by spelling.", _is),
        Operator("is_not", _ANY, "Another value than this one.", _is_not, every=True),
        Operator("in", _LIST, "One of these values.", _in),
        Operator("not_in", _LIST, "None of these values.", _not_in, every=True),
        Operator(
            "gt",
            _ORDER,
            "Greater than; a number or a text that spells one is compared exactly.",
            _ordered(lambda left, right: left > right),
        ),
        Operator("gte", _ORDER, "Greater than or equal.", _ordered(lambda left, right: left >= right)),
        Operator("lt", _ORDER, "Less than.", _ordered(lambda left, right: left < right)),
        Operator("lte", _ORDER, "Less than or equal.", _ordered(lambda left, right: left <= right)),
        Operator(
            "contains", "one value", "A list that holds the value, or a text that holds the text.", _contains
        ),
        Operator("starts", "a text", "The text begins with this one.", _textual(str.startswith)),
        Operator("ends", "a text", "The text ends with this one.", _textual(str.endswith)),
        Operator("matches", "a regular expression", "The pattern is found anywhere in the text.", _matches),
        Operator("exists", "true or false", "The path finds something, null included; or nothing.", _exists),
        Operator("before", _DATE, "An ISO 8601 date earlier than this instant.", _before),
        Operator("after", _DATE, "An ISO 8601 date later than this instant.", _after),
        Operator("within", _WITHIN, "An ISO 8601 date in this span of time, both ends included.", _within),
    )
}

MEANT: Final[Mapping[str, str]] = {
    "==": "is", "=": "is", "eq": "is", "equals": "is", "equal": "is",
    "!=": "is_not", "ne": "is_not", "neq": "is_not", "not_equals": "is_not", "isnt": "is_not",
    ">": "gt", ">=": "gte", "ge": "gte", "<": "lt", "<=": "lte", "le": "lte",
    "greater_than": "gt", "less_than": "lt", "min": "gte", "max": "lte",
    "includes": "contains", "has": "contains", "like": "matches", "regex": "matches", "pattern": "matches",
    "starts_with": "starts", "begins": "starts", "ends_with": "ends", "one_of": "in", "none_of": "not_in",
    "present": "exists", "between": "within", "since": "after", "until": "before", "path": "field",
    "and": "all", "or": "any", "none": "not",
}  # fmt: skip
"""Names of other systems -> ours, for the hint in an error."""
