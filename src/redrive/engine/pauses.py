"""A step that only waits: its time limit stands still, its run gives up its place, its record says why."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from redrive.core.run import StepRun
from redrive.engine.control import Control
from redrive.engine.journal import Journal
from redrive.engine.stored import as_text

SHOWN_S = 0.05
"""How long what a step waits for may itself wait for company in a commit."""


class Pauses:
    """Of one step execution. `limit` is the time limit of the attempt that runs."""

    def __init__(self, control: Control, journal: Journal, step: StepRun) -> None:
        self.control = control
        self.limit: asyncio.Timeout | None = None
        self._journal = journal
        self._step = step

    @asynccontextmanager
    async def waiting(self, what: Mapping[str, str]) -> AsyncIterator[None]:
        """Errors: `Stopped`."""
        loop = asyncio.get_running_loop()
        limit, left = self.limit, 0.0
        if limit is not None and (ends_at := limit.when()) is not None:
            left = ends_at - loop.time()
            limit.reschedule(None)
        else:
            limit = None
        self._show(as_text(what))
        try:
            async with self.control.waiting():
                yield
        finally:
            self._show(None)
            if limit is not None:
                limit.reschedule(loop.time() + left)

    def _show(self, what: str | None) -> None:
        self._step.waits = what
        self._journal.step(self._step)
        self._journal.soon(SHOWN_S)
