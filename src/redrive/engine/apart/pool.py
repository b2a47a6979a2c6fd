"""Helper processes: none before the first large payload, none some time after the last."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from redrive.engine.apart import wire
from redrive.errors import HelperLost
from redrive.log import get_logger
from redrive.sdk.shape import ShapeBase

IDLE_S: Final = 30.0
# A step with less is done before a helper has started.
LEAST_STEP_BYTES: Final = 8 << 20
# Of smaller payloads the way there and back would cost more than the work.
LEAST_PAYLOAD_BYTES: Final = 128 << 10

_log = get_logger(__name__)


class Unable(Exception):
    """A helper cannot do this: it does not start, or has not got the shape."""


class Helper:
    """One process, for one job at a time. A job that is broken off takes it along."""

    def __init__(self) -> None:
        """Errors: `OSError`."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "redrive.engine.apart.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        for end in (self._process.stdin, self._process.stdout):
            wire.widen(cast("Any", end).fileno())
        self._pipe = wire.Pipe(cast("Any", self._process.stdout), cast("Any", self._process.stdin))
        # One to wait for messages, one to send what it asks for meanwhile.
        self._threads = ThreadPoolExecutor(2, "redrive-helper")

    @property
    def pid(self) -> int:
        return self._process.pid

    async def send(self, head: Any, body: bytes = b"") -> None:
        """Errors: `HelperLost`."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._pipe.send, head, body)
        except (OSError, ValueError):
            raise self._lost() from None

    async def receive(self) -> tuple[Any, bytes]:
        """Errors: `HelperLost`."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._pipe.receive)
        except (EOFError, OSError, ValueError):
            raise self._lost() from None

    def _lost(self) -> HelperLost:
        return HelperLost(
            "the helper process that worked on the payload ended in the middle of it",
            hint="If the system ended it for want of memory, make payloads smaller or add memory.",
        )

    def end(self, *, at_once: bool) -> None:
        """Blocks until it is gone. Without `at_once` it must have no job."""
        if at_once:
            self._process.kill()
        else:
            cast("Any", self._process.stdin).close()
        self._process.wait()
        self._threads.shutdown()
        self._pipe.close()


class Apart:
    """The helper processes of one engine: at most `processes`. Closed by `close`."""

    def __init__(self, processes: int | None = None, *, idle_s: float = IDLE_S) -> None:
        # As many as cores, though this process needs one: it mostly waits for them, and they are nicer.
        self.processes = min(os.cpu_count() or 1, 4) if processes is None else processes
        self._idle_s = idle_s
        self._places = asyncio.Semaphore(max(1, self.processes))
        self._free: list[Helper] = []
        self._all: set[Helper] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Future[None]] = set()
        self._unable: set[type] = set()

    def suits(self, shape: ShapeBase, size_bytes: int, payloads: int) -> bool:
        """Whether a step of this shape over so much is better done apart."""
        return (
            self.processes > 0
            and size_bytes >= LEAST_STEP_BYTES
            and size_bytes >= payloads * LEAST_PAYLOAD_BYTES
            and type(shape) not in self._unable
            and shape.separable
        )

    def refuse(self, shape: type, reason: str) -> None:
        """Do not try this shape again: helpers cannot run it."""
        self._unable.add(shape)
        _log.warning("helper.unable", shape=shape.__name__, reason=reason)

    @asynccontextmanager
    async def helper(self) -> AsyncIterator[Helper]:
        """A free one, or a new one; waits while all are at work. Errors: `Unable`."""
        async with self._places:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            helper = self._free.pop() if self._free else await self._start()
            try:
                yield helper
            except BaseException:
                self._let_go(helper, at_once=True)
                raise
            self._free.append(helper)
            if len(self._free) == len(self._all):
                self._timer = asyncio.get_running_loop().call_later(self._idle_s, self._let_all_go)

    async def _start(self) -> Helper:
        starting = asyncio.get_running_loop().run_in_executor(None, Helper)
        try:
            helper = await asyncio.shield(starting)
        except OSError as error:
            raise Unable(f"no helper process starts: {error.strerror}") from None
        except asyncio.CancelledError:
            starting.add_done_callback(_unwanted)
            raise
        self._all.add(helper)
        return helper

    def _let_all_go(self) -> None:
        self._timer = None
        free, self._free = self._free, []
        for helper in free:
            self._let_go(helper, at_once=False)

    def _let_go(self, helper: Helper, *, at_once: bool) -> None:
        self._all.discard(helper)
        ending = asyncio.get_running_loop().run_in_executor(None, lambda: helper.end(at_once=at_once))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """All jobs have ended. Returns when no process is left."""
        if self._timer is not None:
            self._timer.cancel()
        self._let_all_go()
        with contextlib.suppress(OSError):
            await asyncio.gather(*self._ending)


def _unwanted(starting: asyncio.Future[Helper]) -> None:
    if not starting.cancelled() and starting.exception() is None:
        starting.result().end(at_once=True)
