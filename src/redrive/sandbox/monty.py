"""Monty, a Python interpreter in Rust without files, network, processes or environment, as interpreter."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from datetime import datetime
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from redrive.errors import StepError
from redrive.sandbox.failures import Kind, Raised
from redrive.sandbox.printed import Printed
from redrive.sandbox.script import Limits

if TYPE_CHECKING:
    import pydantic_monty

T = TypeVar("T")

# Beside what the interpreter counts itself: its own code and what it allocates uncounted.
SPARE_BYTES: Final = 512 << 20
# Sessions that one worker process serves before another takes its place.
MOST_SESSIONS: Final = 200

# Looking for the worker's program is not safe in several threads at once.
_starting = threading.Lock()


def library() -> ModuleType:
    """The library; its import costs 0.15 s, for those who have scripts."""
    import pydantic_monty  # noqa: PLC0415

    return pydantic_monty


class Workers:
    """A started pool of worker processes: none before the first session.

    Its synchronous form, in threads of ours: the asynchronous one may abort the whole process when
    Python ends (its threads reach for an interpreter that is going).
    """

    def __init__(self, processes: int, *, request_timeout_s: float | None = None) -> None:
        with _starting:
            self.library = library()
            self._pool: pydantic_monty.Monty = self.library.Monty(
                min_processes=0,
                max_processes=processes,
                max_checkouts_per_worker=MOST_SESSIONS,
                request_timeout=request_timeout_s,
            )
            self._pool.__enter__()
        self.checkout = self._pool.checkout

    def close(self) -> None:
        self._pool.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Monty:
    """A session of one worker, as interpreter."""

    rewinds = True

    def __init__(
        self, workers: Workers, threads: Executor, limits: Limits, now: datetime, out: Printed
    ) -> None:
        self._workers = workers
        self._threads = threads
        self._limits = limits
        self._now = now
        self._out = out
        self._stack = contextlib.ExitStack()
        self._session: pydantic_monty.MontySession
        self._pid: int | None = None
        self._fed = 0
        self._file = ""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Monty]:
        """Errors: `script.refused` where no worker starts."""
        try:
            try:
                await self._call(self._check_out)
            except (OSError, RuntimeError) as error:
                raise StepError(
                    f"the sandbox of scripts does not start on this machine ({error})",
                    code="script.refused",
                    hint="Is pydantic-monty installed whole, with its worker program for this platform?",
                ) from None
            yield self
        finally:
            await asyncio.shield(self._call(self._stack.close))

    def _check_out(self) -> None:
        limits = self._limits
        self._session = self._stack.enter_context(
            self._workers.checkout(
                script_name="script.py",
                limits={
                    "max_feed_duration_secs": limits.time_s,
                    "max_memory": limits.memory_mib << 20,
                    "max_total_sleep_secs": 0,
                },
                # The run's clock; a script that sleeps would hold a worker for nothing.
                os_policy={"datetime": self._now, "sleep": "call_host"},
                assert_message_annotations=False,
            )
        )
        self._pid = self._session.worker_pid
        confine(self._pid, limits)

    async def feed(self, code: str, inputs: Mapping[str, Any] | None = None, *, file: bool = False) -> Any:
        if file:
            self._file = f"<python-input-{self._fed}>"
        self._fed += 1
        try:
            return await self._call(
                lambda: self._session.feed_run(
                    code, inputs=dict(inputs or {}), print_callback=lambda _, text: self._out.write(text)
                )
            )
        except self._workers.library.MontyError as error:
            raise raised_by(error, self._file) from None
        except RuntimeError:
            # The library says so of a session whose worker has gone before.
            raise Raised("died", "", "") from None

    async def mark(self) -> bytes:
        return await self._call(self._session.dump)

    async def rewind(self, state: bytes) -> None:
        def again() -> None:
            self._stack.close()
            self._check_out()
            self._session.load_session(state)

        await self._call(again)

    async def _call(self, work: Callable[[], T]) -> T:
        """In a thread; whoever is cancelled meanwhile takes the worker along."""
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if self._pid is not None and not future.done():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._pid, signal.SIGKILL)
            await asyncio.wait([future])
            future.exception()
            raise


def raised_by(error: Any, file: str) -> Raised:
    """A report from an error of the library; `file` is the name it gives the user's script."""
    kind = type(error).__name__
    if kind == "MontyCrashedError":
        return Raised("time" if error.timed_out or "time" in str(error) else "died", kind, "")
    type_name, _, message = (
        error.display("type-msg").partition(": ") if hasattr(error, "traceback") else (kind, "", "")
    )
    frames = error.traceback() if hasattr(error, "traceback") else []
    mine = [frame for frame in frames if frame.filename == file]
    line = mine[-1].line if mine else None
    # Only the script's own last line can have authored the message, not code below it.
    source = (mine[-1].source_line or "") if mine and frames[-1].filename == file else ""
    what: Kind = "raised"
    if kind == "MontySyntaxError" or (type_name == "NotImplementedError" and "parser" in message):
        what = "syntax"
    elif type_name == "TimeoutError" and message.startswith("feed time limit"):
        what = "time"
    elif type_name == "MemoryError" and "memory limit" in message:
        what = "memory"
    elif type_name == "RecursionError":
        what = "recursion"
    return Raised(what, type_name, message, line=line, source_line=source)


def confine(pid: int | None, limits: Limits) -> None:
    """Bounds of the kernel around a worker, for what its interpreter might not count. Linux only."""
    if pid is None or sys.platform != "linux":
        return
    import resource  # noqa: PLC0415 - not there on every platform

    room = (limits.memory_mib << 20) + SPARE_BYTES
    with contextlib.suppress(ProcessLookupError, PermissionError, ValueError):
        # The soft limit alone: the same worker may serve a script with more room later.
        _, hard = resource.prlimit(pid, resource.RLIMIT_AS)
        resource.prlimit(pid, resource.RLIMIT_AS, (room, hard))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))
