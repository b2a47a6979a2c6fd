"""The committer of a plan that is only worked out: takes everything, keeps nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from redrive.store.committer import Transaction


class Discard:
    """Takes what a journal hands over; its futures are done at once."""

    def submit(self, function: Callable[[Transaction], Any], *, within_s: float = 0.0) -> asyncio.Future[Any]:
        del function, within_s
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future

    def hasten(self, within_s: float = 0.0) -> None:
        """Nothing waits."""
