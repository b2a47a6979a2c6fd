"""Opens sessions of scripts; holds the worker processes, none before the first script."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, Self

from redrive.sandbox.cpython import CPython, refused, why_not
from redrive.sandbox.interpreter import Interpreter
from redrive.sandbox.monty import Monty, Workers
from redrive.sandbox.printed import Printed
from redrive.sandbox.script import Script
from redrive.sandbox.session import Session

# Without a script for so long, the workers are let go.
IDLE_S: Final = 60.0


class _Started:
    """Worker processes, and a thread for each to wait in."""

    def __init__(self, processes: int) -> None:
        self.workers = Workers(processes)
        self.threads = ThreadPoolExecutor(processes, thread_name_prefix="script")

    def close(self) -> None:
        self.workers.close()
        self.threads.shutdown()


class Sandbox:
    """One per process that executes. Closed by `close`, or used as an async context manager."""

    def __init__(
        self, *, processes: int | None = None, probe: Callable[[], Awaitable[str | None]] = why_not
    ) -> None:
        self._probe = probe
        self._locks: tuple[str | None] | None = None
        self._processes = processes or max(2, os.cpu_count() or 2)
        self._places = asyncio.Semaphore(self._processes)
        self._started: _Started | None = None
        self._lock = asyncio.Lock()
        self._open = 0
        self._idle: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def open(
        self,
        script: Script,
        *,
        now: datetime,
        meta: Mapping[str, str] | None = None,
        variables: Mapping[str, Any] | None = None,
        printed: Callable[[str], None] = lambda _: None,
        failed: Callable[[str], None] = lambda _: None,
    ) -> AsyncIterator[Session]:
        """A session with nothing of an earlier one. `now` is what the script's clock shows.

        `printed` is told each line of `print`, `failed` the text of an exception.
        Errors: `script.failed`, `script.refused` (`full`, and the kernel cannot).
        """
        out = Printed(script.limits)
        self._open += 1
        self._cancel_idle()
        try:
            async with self._places, self._interpreter(script, now, out) as interpreter:
                session = Session(interpreter, script, out, printed=printed, failed=failed)
                try:
                    await session.begin(meta or {}, variables or {})
                    yield session
                finally:
                    session.close()
        finally:
            self._open -= 1
            if not self._open and self._started is not None:
                self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._let_go)

    @asynccontextmanager
    async def _interpreter(self, script: Script, now: datetime, out: Printed) -> AsyncIterator[Interpreter]:
        if script.full:
            if why := await self._why_not():
                raise refused(why)
            async with CPython(script.limits, now, out).opened() as cpython:
                yield cpython
            return
        started = await self._start()
        async with Monty(started.workers, started.threads, script.limits, now, out).opened() as monty:
            yield monty

    async def _why_not(self) -> str | None:
        """What keeps `full` scripts from running here; found out once, with the first of them."""
        async with self._lock:
            if self._locks is None:
                self._locks = (await self._probe(),)
            return self._locks[0]

    async def _start(self) -> _Started:
        async with self._lock:
            if self._started is None:
                self._started = await asyncio.to_thread(_Started, self._processes)
            return self._started

    def _cancel_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _let_go(self) -> None:
        self._idle = None
        self._closing = asyncio.get_running_loop().create_task(self._stop(idle=True))

    async def _stop(self, *, idle: bool = False) -> None:
        async with self._lock:
            if idle and self._open:
                return
            started, self._started = self._started, None
            if started is not None:
                await asyncio.to_thread(started.close)

    async def close(self) -> None:
        """Ends the worker processes."""
        self._cancel_idle()
        await self._stop()
