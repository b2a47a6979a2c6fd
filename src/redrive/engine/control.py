"""What the outside wants of a run under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager


class Stopped(Exception):
    """The run was asked to stop, or the worker to let go of it."""


class Control:
    """What the outside wants of a run under way: stop it, or let go of it; and whether the run does
    anything at all.

    A run all of whose steps under way only wait (for a time, for a called run) holds no place among the
    running ones, and asks for one again before it goes on. `moved` is told of both; without it places
    are not counted.
    """

    def __init__(self, moved: Callable[[], None] | None = None) -> None:
        self._event = asyncio.Event()
        self.stop = 0
        self.suspended = False
        self.timed_out = False
        self._moved = moved
        self._working = 0
        self._waiting = 0
        self._place: asyncio.Event | None = None

    # ---- places

    @property
    def parked(self) -> bool:
        """Whether the run holds no place."""
        placed = self._place is not None and self._place.is_set()
        return 0 < self._working == self._waiting and not placed

    @property
    def wants_place(self) -> bool:
        return self._place is not None and not self._place.is_set()

    def give_place(self) -> None:
        if self._place is not None:
            self._place.set()

    @contextmanager
    def working(self) -> Iterator[None]:
        """A step is being executed."""
        self._working += 1
        try:
            yield
        finally:
            self._working -= 1

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """A step only waits. Afterwards it goes on when there is a place. Errors: `Stopped`."""
        self._waiting += 1
        if self._moved is not None:
            self._moved()
        try:
            yield
            if self.parked and self._moved is not None:
                self._place = self._place or asyncio.Event()
                self._moved()
                await self.wait(self._place)
        finally:
            self._waiting -= 1
            self._place = None

    def request_stop(self, level: int) -> None:
        self.stop = max(self.stop, level)
        self._event.set()

    def time_out(self) -> None:
        """The time of the whole run is over: as a stop, but the run has failed."""
        self.timed_out = True
        self.request_stop(1)

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
