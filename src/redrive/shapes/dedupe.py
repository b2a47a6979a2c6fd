"""Leave out items that were seen before: their keys stand in a data pool that flows share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

from redrive.errors import PayloadError
from redrive.sdk import (
    Duration,
    Example,
    Field,
    Item,
    Out,
    PathText,
    Payload,
    PlainName,
    PoolKey,
    Shape,
    StepContext,
    TextFields,
    counted,
)


class Dedupe(Shape, kind="dedupe", version=1, group="items"):
    """Leave out items whose key is in a data pool, put the keys of the others there, or both.

    A key counts as text, as it is spelt in the item. What a run puts into the pool is provisional
    until the run ends: it stays when the run ends in success, and for items that were delivered.
    The keys of all others are let go, so an item that was not delivered is never left out by a later
    run. A redrive or retry lets the items of its own lineage go on. While another run that is still
    going on holds a key, the step waits for its end. Within a run the first item with a key goes on.

    Actions: `filter` leaves out what the pool holds and puts nothing there; `track` lets everything go
    on and puts the keys there; `filter_and_track` does both, in one step that no other run can come
    between.

    In: a payload of JSON items (JSON or NDJSON).
    Out: the same payload with the remaining items, in order and with their own bytes; none where no
    item is left. Where no item is left out the content passes on as it is.
    Errors: `key.missing` where `on` finds nothing, null or ""; `key.invalid` where it finds an object or
    several values; `key.too_long` above 2,000 bytes; `payload.invalid`; none is retried.
    """

    on: PathText = Field(help="Path of the key, relative to the item.")
    pool: PlainName = Field(help="Name of the data pool; it is made when it is first used.")
    action: Literal["filter", "track", "filter_and_track"] = Field(
        "filter_and_track", help="Leave out what is in the pool, put keys there, or both."
    )
    forget_after: Duration | None = Field(
        None, unit="seconds", help="An entry older than this counts as none: seconds, or 12h, 30d."
    )
    scope: Literal["company", "flow"] = Field(
        "company", help="Whether flows share the pool of this name, or this flow has its own."
    )

    examples = (
        Example(
            "only what the pool does not hold yet",
            {"on": "id", "pool": "orders"},
            given=[[{"id": 1041}, {"id": 1042}, {"id": 1043}]],
            pools={"orders": ["1042"]},
            gives=[[{"id": 1041}, {"id": 1043}]],
        ),
        Example(
            "within one run the first one goes on",
            {"on": "sku", "pool": "products"},
            given=[
                [{"sku": "A", "n": 1}, {"sku": "B", "n": 2}],
                [{"sku": "A", "n": 3}, {"sku": "C", "n": 4}],
            ],
            gives=[[{"sku": "A", "n": 1}, {"sku": "B", "n": 2}], [{"sku": "C", "n": 4}]],
        ),
        Example(
            "only look, put nothing there",
            {"on": "id", "pool": "orders", "action": "filter"},
            given=[[{"id": 7}, {"id": 7}, {"id": 8}]],
            pools={"orders": ["8"]},
            gives=[[{"id": 7}, {"id": 7}]],
        ),
        Example(
            "put there at the end of a flow, let everything go on",
            {"on": "id", "pool": "orders", "action": "track"},
            given=[[{"id": 7}, {"id": 8}]],
            pools={"orders": ["8"]},
            gives=[[{"id": 7}, {"id": 8}]],
        ),
        Example(
            "nothing left, nothing put out",
            {"on": "id", "pool": "orders"},
            given=[[{"id": 7}]],
            pools={"orders": ["7"]},
            gives=[],
        ),
        Example(
            "an item without the key",
            {"on": "id", "pool": "orders"},
            given=[[{"name": "x"}]],
            fails="key.missing",
        ),
    )

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        chunks = payload.json_chunks()
        first = await anext(chunks, None)
        if first is None:
            return
        sieve = _Sieve(self, ctx)
        kept = await sieve.of(first)
        second = await anext(chunks, None)
        if second is not None:
            yield Out(_rest(sieve, kept, second, chunks), like=payload)
        elif len(kept) == len(first):
            yield Out(content=payload.content, like=payload)
        else:
            yield Out(kept, like=payload)
        if sieve.left_out:
            ctx.log.info(f"{counted(sieve.left_out, 'item')} left out, by keys in the pool {self.pool}")


class _Sieve:
    def __init__(self, settings: Dedupe, ctx: StepContext) -> None:
        self._settings = settings
        self._reader = TextFields([settings.on])
        self._pool = ctx.pool(settings.pool, shared=settings.scope == "company")
        self.left_out = 0

    async def of(self, items: list[Item]) -> list[Item]:
        """The items that go on."""
        settings = self._settings
        keys = [PoolKey(self._key(item), item.payload, item.number) for item in items]
        goes_on = await self._pool.sift(
            keys,
            leave_out=settings.action != "track",
            track=settings.action != "filter",
            forget_after_s=settings.forget_after,
        )
        kept = [item for item, stays in zip(items, goes_on, strict=True) if stays]
        self.left_out += len(items) - len(kept)
        return kept

    def _key(self, item: Item) -> str:
        (found,) = self._reader.of(item)
        where = f"payload {item.payload}, item {item.number}"
        if not found or found == [""]:
            raise PayloadError(
                f"{where}: the key {self._settings.on} finds nothing, null or an empty text",
                code="key.missing",
                at=f"/{item.number}",
                hint="Edit the item, or filter such items out before this step.",
            )
        if len(found) > 1 or found[0] is None:
            kind = "an object" if len(found) == 1 else f"{len(found)} values"
            raise PayloadError(
                f"{where}: the key {self._settings.on} finds {kind}",
                code="key.invalid",
                at=f"/{item.number}",
                hint="Name a path that gives one text or number.",
            )
        return found[0]


async def _rest(
    sieve: _Sieve, kept: list[Item], chunk: list[Item], chunks: AsyncIterator[list[Item]]
) -> AsyncIterator[list[Item]]:
    yield kept
    yield await sieve.of(chunk)
    async for items in chunks:
        yield await sieve.of(items)
