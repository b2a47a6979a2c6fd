"""Bytes that were used of late, up to a bound."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Recent(Generic[K]):
    """The oldest go first. What is larger than an eighth of the room is not kept."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._held: OrderedDict[K, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, key: K) -> bytes | None:
        return self._held.get(key)

    def keep(self, key: K, data: bytes) -> None:
        if len(data) > self._room // 8 or key in self._held:
            return
        self._held[key] = data
        self._bytes += len(data)
        while self._bytes > self._room:
            _, old = self._held.popitem(last=False)
            self._bytes -= len(old)

    def forget_if(self, chosen: Callable[[K], bool]) -> None:
        for key in [key for key in self._held if chosen(key)]:
            self._bytes -= len(self._held.pop(key))
