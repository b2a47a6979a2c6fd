"""Which runs of this process wait for the end of others: so that no two wait for each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Waits:
    """One per process."""

    def __init__(self) -> None:
        self._waits: dict[int, list[frozenset[int]]] = {}

    def in_circle(self, run_id: int, others: frozenset[int]) -> bool:
        """Whether one of the others waits, at any remove, for this run."""
        seen: set[int] = set()
        ahead = set(others)
        while ahead:
            if run_id in ahead:
                return True
            seen |= ahead
            ahead = {run for one in ahead for held in self._waits.get(one, ()) for run in held} - seen
        return False

    def all(self) -> dict[int, frozenset[int]]:
        """Each run that waits, with all that it waits for."""
        return {run: frozenset().union(*held) for run, held in self._waits.items()}

    @contextmanager
    def waiting(self, run_id: int, others: frozenset[int]) -> Iterator[None]:
        held = self._waits.setdefault(run_id, [])
        held.append(others)
        try:
            yield
        finally:
            held.remove(others)
            if not held:
                self._waits.pop(run_id, None)
