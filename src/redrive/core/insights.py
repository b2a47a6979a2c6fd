"""How long runs take, as counts in slots that grow by half: enough for a median, and of one size for ever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

SLOTS: Final = 48
GROWTH: Final = 1.5
FIRST_US: Final = 1000
"""Runs of up to a millisecond are in slot 0; the last holds all of more than two days."""

BOUNDS_US: Final = tuple(int(FIRST_US * GROWTH**slot) for slot in range(SLOTS - 1))
"""The longest of each slot but the last."""

HOUR_US: Final = 3_600_000_000


def slot_of(duration_us: int) -> int:
    """The slot of a run of this length."""
    low, high = 0, SLOTS - 1
    while low < high:
        middle = (low + high) // 2
        if duration_us <= BOUNDS_US[middle]:
            high = middle
        else:
            low = middle + 1
    return low


def quantile_s(counts: Sequence[int], share: float) -> float | None:
    """The length that `share` of the counted runs do not exceed, in seconds; None where none are counted.

    It stands between the bounds of its slot, so it is off by half at most.
    """
    total = sum(counts)
    if total == 0:
        return None
    wanted = share * total
    seen = 0
    for slot, many in enumerate(counts):
        if many and seen + many >= wanted:
            low = BOUNDS_US[slot - 1] if slot else 0
            high = BOUNDS_US[slot] if slot < SLOTS - 1 else int(BOUNDS_US[-1] * GROWTH)
            return (low + (high - low) * (wanted - seen) / many) / 1e6
        seen += many
    raise AssertionError("the share of a whole is within it")
