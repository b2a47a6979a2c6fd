"""A step that only waits: its time limit stands still, its run gives up its place, its record says why."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from redrive.core.run import StepRun
from redrive.engine.control import Control
from redrive.engine.journal import Journal
from redrive.engine.limits import Limit
from redrive.engine.stored import as_text

SHOWN_S = 0.05
"""How long what a step waits for may itself wait for company in a commit."""


class Pauses:
    """Of one step execution. `limit` is the time limit of the attempt that runs."""

    def __init__(self, control: Control, journal: Journal, step: StepRun) -> None:
        self.control = control
        self.limit: Limit | None = None
        self._journal = journal
        self._step = step

    @asynccontextmanager
    async def waiting(self, what: Mapping[str, str]) -> AsyncIterator[None]:
        """Errors: `Stopped`."""
        # Of two things that are waited for at once the first stops the clock.
        limit, self.limit = self.limit, None
        if limit is not None:
            limit.pause()
        self._show(as_text(what))
        try:
            async with self.control.waiting():
                yield
        finally:
            self._show(None)
            if limit is not None:
                limit.go_on()
                self.limit = limit

    def _show(self, what: str | None) -> None:
        self._step.waits = what
        self._journal.step(self._step)
        self._journal.soon(SHOWN_S)
