"""Time limits of attempts. Hardly one is ever reached, so a timer is set only for one whose end is near."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

LOOK_S: Final = 1.0
"""How often the ends are looked at, while there are limits at all."""


class Limits:
    """Those of one event loop."""

    def __init__(self) -> None:
        self._far: set[Limit] = set()
        self._timer: asyncio.TimerHandle | None = None

    def of(self, seconds: float) -> Limit:
        """For one attempt: `async with` it."""
        return Limit(self, seconds)

    def watch(self, limit: Limit) -> None:
        self._far.add(limit)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def forget(self, limit: Limit) -> None:
        self._far.discard(limit)

    def _look(self) -> None:
        for limit in [one for one in self._far if one.is_near]:
            self._far.discard(limit)
            limit.arm()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(LOOK_S, self._look) if self._far else None


class Limit:
    """As `asyncio.timeout`; `pause` stops its clock."""

    __slots__ = ("_ends_at", "_left_s", "_limits", "_loop", "_timeout")

    def __init__(self, limits: Limits, seconds: float) -> None:
        self._limits = limits
        self._left_s = seconds
        self._ends_at = 0.0
        self._loop = asyncio.get_running_loop()
        self._timeout = asyncio.timeout(None)

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        self.go_on()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._limits.forget(self)
        await self._timeout.__aexit__(kind, error, trace)

    def expired(self) -> bool:
        return self._timeout.expired()

    @property
    def is_near(self) -> bool:
        """Whether the next look may come too late."""
        return self._ends_at - self._loop.time() < 2 * LOOK_S

    def arm(self) -> None:
        self._timeout.reschedule(self._ends_at)

    def pause(self) -> None:
        self._left_s = self._ends_at - self._loop.time()
        self._limits.forget(self)
        self._timeout.reschedule(None)

    def go_on(self) -> None:
        self._ends_at = self._loop.time() + self._left_s
        if self._left_s < 2 * LOOK_S:
            self.arm()
        else:
            self._limits.watch(self)
