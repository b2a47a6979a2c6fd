"""Rate limit and concurrency of one connection, shared by all runs that use it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redrive.connectors.rest.parts import RateLimit
from redrive.sdk import Allowance, StepContext

# A longer wait that the system asks for is left to each payload's own next attempt.
LONGEST_PAUSE_S = 60.0


class Pace:
    """Gives each request its instant, so that no span of `per_s` seconds holds more than `requests`.

    Times are seconds of any one monotonic clock.
    """

    def __init__(self, limit: RateLimit | None) -> None:
        self._limit = limit
        self._given: deque[float] = deque(maxlen=limit.requests if limit else 1)
        self._paused_until = 0.0

    def reserve(self, now: float) -> float:
        """Seconds until the request may leave. The place is taken, whether it is used or not."""
        at = max(now, self._paused_until)
        if self._limit is not None:
            if len(self._given) == self._limit.requests:
                at = max(at, self._given[0] + self._limit.per_s)
            self._given.append(at)
        return at - now

    def pause(self, now: float, seconds: float) -> None:
        """The system asked for this wait: it holds for every run that uses the connection."""
        self._paused_until = max(self._paused_until, now + min(seconds, LONGEST_PAUSE_S))


class Gate:
    """Lets requests through one by one: first the concurrency, then the pace. Where other processes use the
    connection too, `allowance` keeps both for all of them.
    """

    def __init__(self, limit: RateLimit | None, concurrency: int, allowance: Allowance | None = None) -> None:
        self._limit = limit
        self._concurrency = concurrency
        self._allowance = allowance
        self._pace = Pace(limit)
        self._places = asyncio.Semaphore(concurrency)

    @asynccontextmanager
    async def place(self, ctx: StepContext) -> AsyncIterator[None]:
        """Waits for a place and keeps it. Ends early, with the error of `ctx.sleep`, on a stop."""
        async with self._places:
            if self._allowance is None or not self._allowance.shared:
                await self.again(ctx)
                yield
                return
            async with self._allowance.place(self._concurrency, ctx.sleep):
                await self.again(ctx)
                yield

    async def again(self, ctx: StepContext) -> None:
        """Waits for the pace of one more request within a place."""
        wait = self._pace.reserve(_now())
        if self._allowance is not None and self._allowance.shared:
            requests, per_s = (self._limit.requests, self._limit.per_s) if self._limit else (1, 0.0)
            wait = max(wait, await self._allowance.reserve(requests, per_s))
        if wait > 0:
            await ctx.sleep(wait)

    def pause(self, seconds: float) -> None:
        self._pace.pause(_now(), seconds)
        if self._allowance is not None and self._allowance.shared:
            self._allowance.pause(min(seconds, LONGEST_PAUSE_S))


def _now() -> float:
    return asyncio.get_running_loop().time()
