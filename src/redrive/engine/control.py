"""What the outside wants of a run under way."""

from __future__ import annotations

import asyncio


class Stopped(Exception):
    """The run was asked to stop, or the worker to let go of it."""


class Control:
    """What the outside wants of a run under way: stop it, or let go of it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.stop = 0
        self.suspended = False

    def request_stop(self, level: int) -> None:
        self.stop = max(self.stop, level)
        self._event.set()

    def suspend(self) -> None:
        """The worker ends: leave at the next payload boundary, go on in another life."""
        self.suspended = True
        self._event.set()

    def check(self) -> None:
        if self._event.is_set():
            raise Stopped

    async def wait(self, event: asyncio.Event) -> None:
        """Until the event is set. Errors: `Stopped`."""
        waiting = [asyncio.ensure_future(one.wait()) for one in (event, self._event)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()
        self.check()

    async def sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return
        raise Stopped
