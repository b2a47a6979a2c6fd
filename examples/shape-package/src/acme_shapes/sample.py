"""Keep every n-th item."""

from __future__ import annotations

from collections.abc import AsyncIterator

from redrive.sdk import Example, Field, Item, Out, Payload, Shape, StepContext


class Sample(Shape, kind="sample", version=1, group="items"):
    """Keep every n-th item of a payload, beginning with the first.

    In: a payload of items.  Out: the same payload with the items that stay, in order.
    """

    every: int = Field(10, ge=1, unit="items", help="How far apart the items are that stay.")

    examples = (
        Example("every second", {"every": 2}, given=[[1, 2, 3]], gives=[[1, 3]]),
        Example("the first alone", {}, given=[[1, 2, 3]], gives=[[1]]),
        Example("all of them", {"every": 1}, given=[[1, 2], [3]], gives=[[1, 2], [3]]),
    )

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        yield Out(self._kept(payload), like=payload)

    async def _kept(self, payload: Payload) -> AsyncIterator[list[Item]]:
        async for items in payload.chunks():
            yield [item for item in items if item.number % self.every == 0]
