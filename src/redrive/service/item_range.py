"""A range of items as people write it: `a:b`."""

from __future__ import annotations

import re
from typing import Final

from redrive.errors import UserError

NO_END: Final = 2**53
_ITEMS = re.compile(r"(-?\d{1,15})?:(-?\d{1,15})?")


def item_range(text: str, total: int | None) -> tuple[int, int]:
    """`a:b` as in Python: half-open, either end may be left out, negative counts from the end."""
    found = _ITEMS.fullmatch(text.strip())
    if found is None:
        raise UserError(
            f"{text!r} is not a range of items", code="items.invalid", hint="Write a:b; items start at 0."
        )
    first, last = (None if part is None else int(part) for part in found.groups())
    if total is not None:
        start, stop, _ = slice(first, last).indices(total)
        return start, max(start, stop)
    if (first or 0) < 0 or (last or 0) < 0:
        raise UserError(
            "The number of items is not known, so a range cannot count from the end",
            code="items.invalid",
            hint="Write a:b with a and b not negative.",
        )
    start = first or 0
    return start, max(start, NO_END if last is None else last)
