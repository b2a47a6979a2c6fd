"""How far a send has got within one payload, in a form that a checkpoint holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


def numbers_of(pairs: Iterable[Iterable[int]]) -> set[int]:
    return {number for first, count in pairs for number in range(first, first + count)}


class Progress:
    """The items that need no further request in this run, and what was refused among them.

    `whole`: the payload as a whole needs none. `run`: what another run was refused, this one sends: a
    retry goes on from the checkpoint of its source, and a refusal never suppresses a send.
    """

    def __init__(self, state: Mapping[str, Any] | None, run: str) -> None:
        state = state or {}
        own = state.get("run") == run
        self._run = run
        self.whole: bool = bool(state.get("whole"))
        self.rejected: int = int(state.get("rejected", 0)) if own else 0
        self.reason: str | None = state.get("reason") if own else None
        self._refused = numbers_of(state.get("refused", ())) if own else set()
        self._done = numbers_of(state.get("items", ()))

    def __contains__(self, number: int) -> bool:
        return number in self._done or number in self._refused

    def add(self, numbers: Iterable[int]) -> None:
        self._done.update(numbers)

    def reject(self, numbers: Iterable[int], reason: str) -> None:
        """These were refused for good; `reason` is kept for the error at the end."""
        new = {number for number in numbers if number not in self}
        self._refused |= new
        self.rejected += max(len(new), 1)
        self.reason = self.reason or reason

    def checkpoint(self) -> dict[str, Any]:
        state: dict[str, Any] = {"whole": self.whole, "items": ranges(sorted(self._done))}
        if self.rejected:
            refused = ranges(sorted(self._refused))
            state |= {"run": self._run, "refused": refused}
            state |= {"rejected": self.rejected, "reason": self.reason}
        return state
