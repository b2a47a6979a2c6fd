"""How far a send has got within one payload, in a form that a checkpoint holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def ranges(numbers: Iterable[int]) -> list[list[int]]:
    """Ascending numbers as [first, count] pairs."""
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][0] + found[-1][1] == number:
            found[-1][1] += 1
        else:
            found.append([number, 1])
    return found


class Progress:
    """The items that need no further request, and what was refused among them.

    `whole`: the payload as a whole needs none. `run`: the run that asks. A refusal holds for the run that
    met it; a retry goes on from the same checkpoint and asks again.
    """

    def __init__(self, state: Mapping[str, Any] | None, run: str) -> None:
        state = state or {}
        refused = state.get("refused") or {}
        mine = refused.get("run") == run
        self._run = run
        self.whole: bool = bool(state.get("whole")) and (mine or not refused)
        self.rejected: int = int(refused["count"]) if mine else 0
        self.reason: str | None = refused["reason"] if mine else None
        self._done = _numbers(state.get("items", ()))
        self._refused = _numbers(refused.get("items", ())) if mine else set()

    def __contains__(self, number: int) -> bool:
        return number in self._done or number in self._refused

    def add(self, numbers: Iterable[int]) -> None:
        self._done.update(numbers)

    def reject(self, numbers: Iterable[int], reason: str) -> None:
        """These were refused for good; `reason` is kept for the error at the end."""
        before = len(self._refused)
        self._refused.update(numbers)
        self.rejected += max(len(self._refused) - before, 1)
        self.reason = self.reason or reason

    def checkpoint(self) -> dict[str, Any]:
        state: dict[str, Any] = {"whole": self.whole, "items": ranges(sorted(self._done))}
        if self.rejected:
            state["refused"] = {
                "run": self._run,
                "items": ranges(sorted(self._refused)),
                "count": self.rejected,
                "reason": self.reason,
            }
        return state


def _numbers(pairs: Iterable[Sequence[int]]) -> set[int]:
    return {number for first, count in pairs for number in range(first, first + count)}
