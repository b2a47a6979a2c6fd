"""Slows down those who guess: so many failures in a while, then nothing is tried until it is over."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

MOST_KEYS: Final = 10_000
"""The oldest are forgotten: a flood of names does not fill the memory."""


class Throttle:
    """Counts failures by key. `most` of them within `window_s` close the door for the rest of that time."""

    def __init__(self, most: int, window_s: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._window_s = window_s
        self._clock = clock
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def wait_s(self, key: str) -> int:
        """Whole seconds until the key may try again; 0: now."""
        recent = self._recent(key)
        if len(recent) < self._most:
            return 0
        return max(1, math.ceil(recent[-self._most] + self._window_s - self._clock()))

    def failed(self, key: str) -> None:
        recent = self._recent(key)
        recent.append(self._clock())
        self._failures[key] = recent[-self._most :]
        self._failures.move_to_end(key)
        while len(self._failures) > MOST_KEYS:
            self._failures.popitem(last=False)

    def forget(self, key: str) -> None:
        """The key has proved itself."""
        self._failures.pop(key, None)

    def _recent(self, key: str) -> list[float]:
        since = self._clock() - self._window_s
        return [at for at in self._failures.get(key, ()) if at > since]
