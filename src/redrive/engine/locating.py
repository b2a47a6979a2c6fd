"""Where the items of an output stand in the content that they come from. Used in helper processes too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple, Protocol

from redrive.core import ranges
from redrive.core.ranges import Finder, Part, Parts
from redrive.sdk.content import Content

CHUNK_BYTES: Final = 1 << 20
AHEAD_BYTES: Final = 4 << 20
"""How far an item is looked for. Whoever drops more than this in one piece keeps little."""
MISSES: Final = 8
"""Items in a row that are not found, before the others are not looked for."""
LEAST_RECIPE_BYTES: Final = 512
CHECK_BYTES: Final = 8
"""Of the hash of a segment."""


class Base(Protocol):
    """A content that items come from. `data`: all of it, where it is in memory."""

    @property
    def size_bytes(self) -> int: ...
    @property
    def data(self) -> bytes | None: ...

    async def read(self, start: int = 0, stop: int | None = None) -> bytes: ...


class Locating:
    """One output (or several, one after the other) beside the content that its items come from."""

    def __init__(self, base: Base, position: int = 0) -> None:
        self._from = base
        self._finder = Finder(position)
        self._misses = 0

    @property
    def position(self) -> int:
        """Where the last item that was found ends."""
        return self._finder.position

    @property
    def gave_up(self) -> bool:
        return self._misses >= MISSES

    async def parts(self, data: bytes, items: Sequence[bytes], *, strict: bool = False) -> Parts | None:
        """How these bytes, in which the items stand in order, are put together.

        None: not from the base (`strict`: not all of the items).
        """
        finder, parts = self._finder, Parts()
        at = 0
        for item in items:
            begin = ranges.find(data, item, at) if item else -1
            if begin < 0 or self.gave_up:
                break
            found = await self._find(item)
            if found < 0:
                self._misses += 1
                if strict:
                    return None
                parts.literal(data[at : begin + len(item)])
            else:
                self._misses = 0
                finder.take(parts, data[at:begin], found, len(item))
            at = begin + len(item)
        finder.rest(parts, data[at:])
        return parts if parts.shared else None

    async def _find(self, item: bytes) -> int:
        finder, base = self._finder, self._from
        searched: int | None = None
        while (found := finder.find(item, searched)) < 0:
            end = finder.end
            if end >= base.size_bytes or end - finder.position > AHEAD_BYTES + len(item):
                return -1
            searched = max(end - len(item) + 1, finder.position)
            if base.data is not None:
                finder.feed(base.data[end:])
            else:
                stop = (end // CHUNK_BYTES + 1) * CHUNK_BYTES
                finder.feed(await base.read(end, stop))
        return found


class Found(NamedTuple):
    """A segment of an output: its parts of the base, their bytes, and the begin of the hash of these."""

    parts: Sequence[Part]
    size_bytes: int
    check: bytes


async def joined(base: Content, parts: Sequence[Part]) -> bytes:
    """The bytes of parts."""
    held = [(start, await base.read(start, stop)) for start, stop in ranges.windows(parts)]
    return ranges.joined(parts, held)


async def all_joined(base: Content, found: AsyncIterator[Found]) -> AsyncIterator[bytes]:
    """The bytes of segments, one after the other."""
    async for segment in found:
        yield await joined(base, segment.parts)


def worth(parts: Parts | None, size_bytes: int) -> bool:
    """Whether the first segment of a large output shares enough for the rest to be looked up too."""
    return parts is not None and parts.shared * 2 >= size_bytes
