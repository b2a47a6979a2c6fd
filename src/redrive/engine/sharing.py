"""Which part of an output stands in the content that it comes from already, and where.

What is found is told in ranges of a content that holds its own bytes: a reference to a reference is
followed to its end here, when it is written, so that reading takes one step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from redrive.core import ranges
from redrive.core.ranges import Finder, Layout, Part, Parts
from redrive.errors import RedriveError
from redrive.store.contents import OWN, RANGE, RECIPE, SEGMENTS

if TYPE_CHECKING:
    from redrive.engine.contents import StoredContent

CHUNK_BYTES: Final = 1 << 20
AHEAD_BYTES: Final = 4 << 20
"""How far an item is looked for. Whoever drops more than this in one piece keeps little."""
MISSES: Final = 8
"""Items in a row that are not found, before the others are not looked for."""


class Sharing:
    """One output (or several, one after the other) beside the content that its items come from."""

    def __init__(self, base: StoredContent, position: int = 0) -> None:
        self._base = base
        self._finder = Finder(position)
        self._misses = 0
        self._layouts: dict[int, Layout] = {}

    @property
    def position(self) -> int:
        """Where the last item that was found ends."""
        return self._finder.position

    @property
    def gave_up(self) -> bool:
        return self._misses >= MISSES

    @property
    def root(self) -> StoredContent:
        """What the parts refer to, from `shift` on."""
        base = self._base
        return base if base.form in OWN or base.base is None else base.base

    @property
    def shift(self) -> int:
        return self._base.offset

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
        finder, base = self._finder, self._base
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

    async def translated(self, parts: Sequence[Part]) -> list[Part]:
        """Ranges of the base as ranges of what the base itself refers to."""
        form = self._base.form
        if form not in (RECIPE, SEGMENTS):
            return list(parts)
        made = Parts()
        for part in parts:
            if isinstance(part, bytes):
                made.literal(part)
                continue
            for own in await self._cut(part[0], part[0] + part[1]):
                if isinstance(own, bytes):
                    made.literal(own)
                else:
                    made.range(*own)
        return made.to

    async def _cut(self, start: int, stop: int) -> list[Part]:
        base = self._base
        if base.form == RECIPE:
            if not self._layouts:
                self._layouts[0] = Layout(ranges.decode(base.recipe or b""))
            return list(self._layouts[0].cut(start, stop))
        found: list[Part] = []
        index = await base.segments()
        for segment in index.segments(start, stop):
            layout = self._layouts.get(segment.start)
            if layout is None:
                self._layouts = {segment.start: Layout(await base.segment_parts(segment))}
                layout = self._layouts[segment.start]
            found += layout.cut(
                max(start, segment.start) - segment.start, min(stop, segment.stop) - segment.start
            )
        return found


async def sharing_with(base: StoredContent, position: int = 0) -> Sharing | None:
    """None where nothing can be shared with a content."""
    if base.form < 0:
        try:
            await base.settle()
        except RedriveError:
            return None  # whoever reads it says so
    if base.form in OWN or (base.form in (RANGE, RECIPE, SEGMENTS) and base.base is not None):
        return Sharing(base, position)
    return None
