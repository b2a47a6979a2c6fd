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


class Progress:
    """The items that need no further request, and what was refused among them.

    `whole`: the payload as a whole needs none.
    """

    def __init__(self, state: Mapping[str, Any] | None) -> None:
        state = state or {}
        self.whole: bool = bool(state.get("whole"))
        self.rejected: int = int(state.get("rejected", 0))
        self.reason: str | None = state.get("reason")
        self._done = {n for first, count in state.get("items", ()) for n in range(first, first + count)}

    def __contains__(self, number: int) -> bool:
        return number in self._done

    def add(self, numbers: Iterable[int]) -> None:
        self._done.update(numbers)

    def reject(self, numbers: Iterable[int], reason: str) -> None:
        """These were refused for good; `reason` is kept for the error at the end."""
        before = len(self._done)
        self._done.update(numbers)
        self.rejected += max(len(self._done) - before, 1)
        self.reason = self.reason or reason

    def checkpoint(self) -> dict[str, Any]:
        state: dict[str, Any] = {"whole": self.whole, "items": ranges(sorted(self._done))}
        if self.rejected:
            state |= {"rejected": self.rejected, "reason": self.reason}
        return state
