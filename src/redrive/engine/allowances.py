"""The limits of a connection in the store, for processes that do not execute alone.

On one home one process executes, the runner, and keeps its limits in memory: nothing is written. Any other
process that makes requests, and each of several workers, takes its turns and places from the store, one
transaction each, so that all of them together keep the limits.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

from redrive.sdk.allowance import Sleep
from redrive.store import slots as store
from redrive.store.committer import Committer

LEASE_US: Final = 30_000_000
KEEP_EVERY_S: Final = 10.0
LOOK_AGAIN_S: Final = 0.1


def process_name() -> str:
    """A name that no other process has, now or later."""
    return f"{os.getpid()}-{secrets.token_hex(4)}"


def allowances(
    committer: Committer, now: Callable[[], int], alone: Callable[[], bool]
) -> Callable[[str], StoredAllowance]:
    """Gives the limits of a connection. `alone`: whether this process executes, and nobody else."""
    holder = process_name()
    return lambda connection: StoredAllowance(connection, committer, now, holder, alone)


class StoredAllowance:
    """Implements `redrive.sdk.allowance.Allowance`. `holder` names this process."""

    def __init__(
        self,
        connection: str,
        committer: Committer,
        now: Callable[[], int],
        holder: str,
        alone: Callable[[], bool],
    ) -> None:
        self._connection = connection
        self._committer = committer
        self._now = now
        self._holder = holder
        self._alone = alone
        self._taken = 0

    @property
    def shared(self) -> bool:
        return not self._alone()

    async def reserve(self, requests: int, per_s: float) -> float:
        now, span_us = self._now(), int(per_s * 1_000_000)
        at = await self._committer.submit(
            lambda tx: store.reserve(tx, self._connection, requests, span_us, now)
        )
        return max(at - now, 0) / 1_000_000

    @asynccontextmanager
    async def place(self, places: int, sleep: Sleep) -> AsyncIterator[None]:
        self._taken += 1
        holder = f"{self._holder}/{self._taken}"
        while (slot := await self._take(places, holder)) is None:
            await sleep(LOOK_AGAIN_S)
        keeping = asyncio.create_task(self._keep(slot, holder))
        try:
            yield
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping
            self._committer.submit(lambda tx: store.free_place(tx, self._connection, slot, holder))

    async def _take(self, places: int, holder: str) -> int | None:
        now = self._now()
        return await self._committer.submit(
            lambda tx: store.take_place(tx, self._connection, places, holder, now, LEASE_US)
        )

    async def _keep(self, slot: int, holder: str) -> None:
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            await self._committer.submit(
                partial(
                    store.keep_place,
                    connection=self._connection,
                    slot=slot,
                    holder=holder,
                    until=self._now() + LEASE_US,
                )
            )

    def pause(self, seconds: float) -> None:
        until = self._now() + int(seconds * 1_000_000)
        self._committer.submit(lambda tx: store.pause(tx, self._connection, until))
