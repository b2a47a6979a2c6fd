"""The product under measurement: a home of its own, opened as `redrive up` opens it, in this process."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.timing import Round, timed
from benchmarks.work import FLOW, Shape
from redrive.server.process import settle
from redrive.service.app import open_service
from redrive.service.views import StartRequest
from redrive.settings import load
from redrive.store.opening import DATABASE

__all__ = ["DATABASE", "Product"]


class Product:
    """A run is started and waited for as a caller of the service does: the latency has both in it."""

    def __init__(self, folder: Path, url: str, shape: Shape) -> None:
        self._folder = folder
        self._documents = shape.documents(url)
        self._stack = AsyncExitStack()
        self._opened = False
        self._last = ""

    async def open(self) -> None:
        service = open_service(self._folder, load(), serve=True)
        self._service = await self._stack.enter_async_context(service)
        await self._service.flows.import_documents(self._documents, deploy=True)
        settle()
        self._opened = True

    async def round(self, runs: int, at_once: int) -> Round:
        if not self._opened:
            await self.open()
        done = await timed(runs, at_once, self._run)
        if runs == 1:
            run = await self._service.runs.get(self._last)
            done.steps_s = {step.step: step.duration_s or 0.0 for step in run.steps}
        return done

    async def _run(self) -> None:
        runs = self._service.runs
        row = await runs.start(FLOW, StartRequest())
        self._last = row.id
        row = await runs.wait(row.id)
        if row.status != "success":
            raise RuntimeError(f"run {row.id} ended as {row.status}: {row.summary}")

    async def close(self) -> None:
        await self._stack.aclose()
