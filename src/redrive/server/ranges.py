"""Ranges that callers ask for: bytes of a content (RFC 9110), items of a payload."""

from __future__ import annotations

import re
from typing import Final

from redrive.errors import UserError

NO_END: Final = 2**53
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.IGNORECASE)
_ITEMS = re.compile(r"(-?\d{1,15})?:(-?\d{1,15})?")


class Unsatisfiable(Exception):
    """The range holds no byte of the content."""


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last; None for the whole: no range, several, or one not understood."""
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None or found.group() == "bytes=-":
        return None
    first, last = found.groups()
    if not first:
        length = int(last)
        if length == 0 or size == 0:
            raise Unsatisfiable
        return max(0, size - length), size
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        raise Unsatisfiable
    return start, min(int(last) + 1, size) if last else size


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
