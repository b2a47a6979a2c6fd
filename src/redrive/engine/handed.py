"""Buckets that a start of this process is storing, for the run that begins with them.

A run reads what it begins with from the store; one whose call came a moment ago finds it here instead.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from redrive.engine.buckets import YoungBucket

MAX_BYTES: Final = 8 << 20
KEPT_S: Final = 30.0


class Handed:
    """Bounded; what finds no room is read from the store. Of the event loop's thread."""

    def __init__(self) -> None:
        self._held: OrderedDict[int, tuple[float, YoungBucket]] = OrderedDict()
        self._bytes = 0

    def keep(self, bucket: int, young: YoungBucket) -> None:
        """The oldest stay: their runs begin first. If its commit fails it has to be taken away again."""
        now = time.monotonic()
        while self._held and now - next(iter(self._held.values()))[0] > KEPT_S:
            self._bytes -= self._held.popitem(last=False)[1][1].bytes
        if self._bytes + young.bytes <= MAX_BYTES:
            self._held[bucket] = now, young
            self._bytes += young.bytes

    def take(self, bucket: int) -> YoungBucket | None:
        found = self._held.pop(bucket, None)
        if found is None:
            return None
        self._bytes -= found[1].bytes
        return found[1]

    def clear(self) -> None:
        """Something was deleted or erased, maybe of these."""
        self._held.clear()
        self._bytes = 0
