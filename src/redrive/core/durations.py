"""Lengths of time as documents write them: seconds, or `30m`, `2h`, `1h30m`."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

EXPECTED = "seconds, or a time such as 90s, 30m, 2h, 1h30m or 7d"
PATTERN = r"^(?=[0-9])([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$"

_pattern = re.compile(PATTERN, re.ASCII)
_UNITS_S = (86_400, 3_600, 60, 1)
_MAX_S = 10 * 366 * 86_400


def duration_s(value: Any) -> float:
    """Seconds, from a positive number or a text such as `1h30m`; at most ten years.

    Raises `ValueError` on anything else.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, str)):
        raise ValueError("not a length of time")
    if isinstance(value, str):
        found = _pattern.fullmatch(value)
        if found is None or len(value) > 40:
            raise ValueError("not a length of time")
        seconds = float(
            sum(int(part[:-1]) * unit for part, unit in zip(found.groups(), _UNITS_S, strict=True) if part)
        )
    else:
        # A number that is none, and one beyond all bounds, compare as too long.
        seconds = float(min(value, _MAX_S + 1)) if value == value else 0.0  # noqa: PLR0124
    if not 0 < seconds <= _MAX_S:
        raise ValueError("a length of time is more than 0 and at most ten years")
    return seconds
