"""Which part of an output stands in the content that it comes from already, and where.

What is found is told in ranges of a content that holds its own bytes: a reference to a reference is
followed to its end here, when it is written, so that reading takes one step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from redrive.core import ranges
from redrive.core.ranges import Layout, Part, Parts
from redrive.engine.locating import Locating
from redrive.errors import RedriveError
from redrive.store.contents import OWN, RANGE, RECIPE, SEGMENTS

if TYPE_CHECKING:
    from redrive.engine.contents import StoredContent


class Sharing(Locating):
    """One output (or several, one after the other) beside the content that its items come from."""

    def __init__(self, base: StoredContent, position: int = 0) -> None:
        super().__init__(base, position)
        self._base = base
        self._layouts: dict[int, Layout] = {}

    @property
    def root(self) -> StoredContent:
        """What the parts refer to, from `shift` on."""
        base = self._base
        return base if base.form in OWN or base.base is None else base.base

    @property
    def shift(self) -> int:
        return self._base.offset

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
