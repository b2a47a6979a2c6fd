"""What is kept and what goes: limits by age, count and bytes, for each flow and each state. Pure.

A run loses its payloads first (its logs stay and say `payload expired`), and is deleted later.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

FOREVER: Final = math.inf

Verdict = Literal["keep", "expire", "delete"]
State = Literal["success", "failure"]

SIZE_EXPECTED: Final = "bytes, or a size such as 500MB, 2GB or 10GiB"
SIZE_PATTERN: Final = r"^[0-9]+([KMGT]i?B)$"
_SIZE = re.compile(r"([0-9]{1,15})([KMGT])(i?)B")
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}
_MOST_BYTES = 1 << 60


def size_of(value: Any) -> int:
    """Bytes, from a whole number or a text such as `2GB` (thousands) or `2GiB` (1,024s).

    Raises `ValueError` on anything else.
    """
    if isinstance(value, bool) or not isinstance(value, (int, Decimal, str)):
        raise ValueError("not a size")
    if isinstance(value, str):
        found = _SIZE.fullmatch(value)
        if found is None:
            raise ValueError("not a size")
        thousand: int = 1024 if found[3] else 1000
        number = int(found[1])
        for _ in range(_POWERS[found[2]]):
            number *= thousand
    else:
        number = int(value)
        if number != value:
            raise ValueError("not a size")
    if not 0 <= number <= _MOST_BYTES:
        raise ValueError("a size is at least 0 bytes and at most 1,000,000 TB")
    return number


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """Whatever is reached first. None: nothing is said; `math.inf`: said to have no bound."""

    age_s: float | None = None
    count: float | None = None
    size_bytes: float | None = None

    def over(self, other: Limit) -> Limit:
        """This one, and the other where this says nothing."""
        return Limit(
            age_s=other.age_s if self.age_s is None else self.age_s,
            count=other.count if self.count is None else self.count,
            size_bytes=other.size_bytes if self.size_bytes is None else self.size_bytes,
        )


class ByState(msgspec.Struct, frozen=True, kw_only=True):
    """`failure` is for all that ended otherwise: partial success and stopped too."""

    success: Limit = Limit()
    failure: Limit = Limit()

    def over(self, other: ByState) -> ByState:
        return ByState(success=self.success.over(other.success), failure=self.failure.over(other.failure))

    def of(self, state: State) -> Limit:
        return self.success if state == "success" else self.failure


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """How long the payloads of a flow's runs are kept, and how long the runs with their logs."""

    payloads: ByState = ByState()
    runs: ByState = ByState()

    def over(self, other: Keep) -> Keep:
        """What a flow says, and the home's where it says nothing."""
        return Keep(payloads=self.payloads.over(other.payloads), runs=self.runs.over(other.runs))

    @property
    def weighs(self) -> bool:
        """Whether bytes matter, so that they have to be added up."""
        return any(
            limit.size_bytes is not None and limit.size_bytes != FOREVER
            for limit in (self.payloads.success, self.payloads.failure)
        )


class _Tally(msgspec.Struct):
    runs: int = 0
    size_bytes: int = 0


class Walk:
    """The verdicts on the ended runs of one flow, asked from the newest to the oldest.

    Runs that are pinned are kept and count for nothing. The newest run of each state keeps its
    payloads however large they are.
    """

    def __init__(self, keep: Keep, now: int) -> None:
        self._keep = keep
        self._now = now
        self._tallies = {"success": _Tally(), "failure": _Tally()}

    def verdict(self, status: str, finished_at: int, size_bytes: int = 0) -> Verdict:
        """Instants in microseconds; `size_bytes` counts where the rules weigh."""
        state: State = "success" if status == "success" else "failure"
        tally = self._tallies[state]
        tally.runs += 1
        tally.size_bytes += size_bytes
        age_s = (self._now - finished_at) / 1_000_000
        runs, payloads = self._keep.runs.of(state), self._keep.payloads.of(state)
        if _exceeds(age_s, runs.age_s) or _exceeds(tally.runs, runs.count):
            return "delete"
        if _exceeds(age_s, payloads.age_s) or _exceeds(tally.runs, payloads.count):
            return "expire"
        if tally.runs > 1 and _exceeds(tally.size_bytes, payloads.size_bytes):
            return "expire"
        return "keep"


def _exceeds(value: float, bound: float | None) -> bool:
    return bound is not None and value > bound
