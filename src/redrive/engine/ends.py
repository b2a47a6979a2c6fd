"""Waiting for the end of runs, inside the process that executes them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Ends:
    """One per process. Whoever waits looks into the store when its event is set: it may have been told
    of the end of a run that was stopped before it began, or of none at all.
    """

    def __init__(self) -> None:
        self._events: dict[int, list[asyncio.Event]] = {}

    @property
    def awaited(self) -> frozenset[int]:
        return frozenset(self._events)

    @contextmanager
    def of(self, run_id: int) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        self._events.setdefault(run_id, []).append(event)
        try:
            yield event
        finally:
            held = self._events[run_id]
            held.remove(event)
            if not held:
                del self._events[run_id]

    def tell(self, run_id: int) -> None:
        """The run has ended, or may have."""
        for event in self._events.get(run_id, ()):
            event.set()
