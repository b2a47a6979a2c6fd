"""What the ledger of a step is about: where it keeps deliveries, what a plan counts, who waits."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from redrive.core.delivery import Policy


class LedgerSignal:
    """Wakes decisions that wait for somebody else's claim to end."""

    def __init__(self) -> None:
        self._event: asyncio.Event | None = None
        self._loop = asyncio.get_running_loop()

    def notify(self) -> None:
        """From any thread. Nobody is woken where nobody has asked since the last time: whoever asks
        later finds what was committed before.
        """
        if self._event is not None:
            self._loop.call_soon_threadsafe(self._pulse)

    def _pulse(self) -> None:
        event, self._event = self._event, None
        if event is not None:
            event.set()

    def waiter(self) -> asyncio.Event:
        """For who is about to look, and waits for the event if there is nothing yet."""
        if self._event is None:
            self._event = asyncio.Event()
        return self._event


class Target(msgspec.Struct, frozen=True):
    """Where the deliveries of a step are kept, and by which policy it sends."""

    ledger: str
    connection: str
    endpoint: str
    policy: Policy
    keyed: bool
    key_field: str | None = None
    """Path of the key in an item."""


class Counted(msgspec.Struct):
    """What a plan shows of one send step."""

    step: str
    to_send: int = 0
    delivered: int = 0
    changed: int = 0
    unknown: int = 0
    newer: int = 0
    details: list[dict[str, Any]] = msgspec.field(default_factory=list)
