"""What a connection may use of its limits where several processes share them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

Sleep = Callable[[float], Awaitable[None]]


class Allowance(Protocol):
    """The limits of one connection. Those of a process that executes alone are its own, in memory."""

    @property
    def shared(self) -> bool:
        """Whether other processes may use the connection too: then each request asks here."""

    async def reserve(self, requests: int, per_s: float) -> float:
        """Seconds until one more request may leave. The place is taken, whether it is used or not."""

    def place(self, places: int, sleep: Sleep) -> AbstractAsyncContextManager[None]:
        """One of so many places among the requests under way, kept while the context lasts."""

    def pause(self, seconds: float) -> None:
        """The system asked for this wait: it holds for every process."""
