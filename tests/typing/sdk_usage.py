"""How plug-ins use `redrive.sdk`, checked by the type checker and never run."""

from __future__ import annotations

from collections.abc import AsyncIterator

from redrive.sdk import Bucket, Example, Field, GatherShape, Out, Payload, Shape, StepContext, batched
from redrive.sdk import Item as ItemOfSdk


class Reverse(Shape, kind="reverse", version=1, group="items"):
    """Put the items of each payload out in reverse order."""

    examples = (Example("three", {}, given=[[1, 2, 3]], gives=[[3, 2, 1]]),)

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        items = [item async for chunk in payload.chunks() for item in chunk]
        yield Out(items=items[::-1], like=payload)


class Batches(GatherShape, kind="batches", version=1, group="items"):
    """Put the items of the bucket out again in payloads of at most `size` items."""

    size: int = Field(100, ge=1, unit="items", help="Most items in one payload.")

    async def run(self, bucket: Bucket, ctx: StepContext) -> AsyncIterator[Out]:
        async for batch in batched(_items(bucket), self.size):
            yield Out(items=batch)


async def _items(bucket: Bucket) -> AsyncIterator[list[ItemOfSdk]]:
    async for _, items in bucket.chunks():
        yield items


def settings_are_typed() -> int:
    return Batches(size=5).size
