"""How conditions compare values: what counts as equal, as a number, as a date, as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from redrive.core.dates import aware, parse_iso, spell_instant

_NUMBER = re.compile(r"[+-]?\d{1,1000}(?:\.\d{1,1000})?(?:[eE][+-]?\d{1,9})?")


def as_number(value: Any) -> int | Decimal | None:
    """An exact number from a number, or from a text that spells one as JSON does; else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return value
    if isinstance(value, str):
        text = value.strip()
        return Decimal(text) if _NUMBER.fullmatch(text) else None
    if isinstance(value, float):
        return Decimal(repr(value))
    return None


def as_date(value: Any) -> datetime | None:
    """An instant from a date or from an ISO 8601 text; else None. A number is no date."""
    if isinstance(value, str):
        # Most texts are no dates: a look at four characters is cheaper than an exception.
        if not value.lstrip()[:4].isdigit():
            return None
        try:
            return parse_iso(value)
        except ValueError:
            return None
    return aware(value) if isinstance(value, datetime) else None


def as_text(value: Any) -> str | None:
    """A text, or how a number, true, false or date is spelt; None for all else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, float):
        return str(Decimal(repr(value)))
    return spell_instant(value) if isinstance(value, datetime) else None


def same(left: Any, right: Any) -> bool:
    """Equal as `is` sees it.

    Numbers by value (1 is 1.0), texts by character, lists and objects member by member. A text
    and a number, or a text and true or false, are equal if the text is how the other is spelt:
    "5" is 5, "5.0" and "005" are not. A date and a text are equal if the text is that instant.
    """
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    if isinstance(left, datetime) or isinstance(right, datetime):
        instant = as_date(left)
        return instant is not None and instant == as_date(right)
    if isinstance(left, str) or isinstance(right, str):
        text = as_text(left)
        return text is not None and text == as_text(right)
    return identical(left, right)


def identical(left: Any, right: Any) -> bool:
    """Equal as JSON values: numbers by value, true is not 1, a text is never a number."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(identical(left[name], right[name]) for name in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(identical, left, right))
    if isinstance(left, float):
        left = as_number(left)
    if isinstance(right, float):
        right = as_number(right)
    return bool(left == right)


def one_of(values: Iterable[Any]) -> Callable[[Any], bool]:
    """A test whether a value is the `same` as one of many; quick however many they are."""
    texts: set[str] = set()
    spelt: set[str] = set()
    numbers: set[int | Decimal] = set()
    others: list[Any] = []
    for value in values:
        if isinstance(value, str):
            texts.add(value)
        elif isinstance(value, bool):
            others.append(value)
            spelt.add("true" if value else "false")
        elif isinstance(value, int | Decimal | float):
            number = as_number(value)
            assert number is not None
            numbers.add(number)
            spelt.add(str(number))
        else:
            others.append(value)

    def test(value: Any) -> bool:
        if isinstance(value, str):
            return value in texts or value in spelt or any(same(value, other) for other in others)
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return value in numbers or str(value) in texts
        text = as_text(value)
        if text is not None and text in texts:
            return True
        return any(same(value, other) for other in others) or (
            isinstance(value, datetime) and any(same(value, one) for one in texts)
        )

    return test
