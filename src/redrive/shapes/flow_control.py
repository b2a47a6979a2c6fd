"""Put the items of a bucket out again in payloads of another size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from redrive.sdk import (
    JSON,
    Bucket,
    Elements,
    Envelope,
    Example,
    Field,
    GatherShape,
    Item,
    Out,
    PathText,
    Payload,
    StepContext,
)


class FlowControl(GatherShape, kind="flow_control", version=1, group="flow control"):
    """Put the items of the bucket out again in payloads of at most `size` items, order kept.

    A batch may hold items of several payloads; it takes media type, meta and the bytes around the
    items from the payload of its first item. Payloads never share a batch where their media types
    differ, or where they are not JSON and not lists, or begin with other bytes before their first
    item (such as the header of a CSV file).

    In: the whole bucket, N items of any media type; with `level`, JSON.
    Out: ceil(N / size) payloads, the last of which may be shorter; none when N is 0. With `level`
    the items are the elements of the list at that path, each made from the item that it stood
    in; an item without that list contributes none.
    Errors: `payload.invalid` if a payload does not parse or, with `level`, is not JSON or NDJSON; not
    retried, the input is kept.
    """

    size: int = Field(100, ge=1, le=1_000_000, unit="items", help="Most items in one payload.")
    level: PathText | None = Field(
        None,
        help="Path of a list inside each item; its elements are put into payloads, not the items.",
    )
    per_payload: bool = Field(
        False, help="Begin a new batch with each payload, so that none mixes items of two."
    )
    unwrap_single: bool = Field(
        False, help="A batch of exactly one item is put out as the item itself, not as a list."
    )

    examples = (
        Example("three in twos", {"size": 2}, given=[[1, 2, 3]], gives=[[1, 2], [3]]),
        Example("text has no items to batch", {"size": 2}, given=[b"<order/>"], fails="payload.invalid"),
        Example("batches go across payloads", {"size": 2}, given=[[1], [2, 3]], gives=[[1, 2], [3]]),
        Example(
            "each payload by itself",
            {"size": 2, "per_payload": True},
            given=[[1, 2, 3], [4]],
            gives=[[1, 2], [3], [4]],
        ),
        Example(
            "one payload for each item",
            {"size": 1, "unwrap_single": True},
            given=[[{"id": 1}, {"id": 2}]],
            gives=[{"id": 1}, {"id": 2}],
        ),
        Example(
            "the lines of all orders",
            {"size": 2, "level": "lines"},
            given=[[{"lines": ["a", "b"]}, {"lines": ["c"]}, {}]],
            gives=[["a", "b"], ["c"]],
        ),
        Example(
            "the bytes around the items stay",
            {"size": 1},
            items_path="orders",
            given=[{"shop": "uk", "orders": [1, 2]}],
            gives=[{"shop": "uk", "orders": [1]}, {"shop": "uk", "orders": [2]}],
        ),
        Example("nothing in, nothing out", {}, given=[[]], gives=[]),
    )

    @property
    def separable(self) -> bool:
        return True

    async def run(self, bucket: Bucket, ctx: StepContext) -> AsyncIterator[Out]:
        reader = _Reader(self._chunks(bucket), per_payload=self.per_payload)
        while await reader.fill():
            first = reader.payload
            out = Out(reader.batch(self.size), like=first, unwrap_single=self.unwrap_single)
            if self.level is not None:
                out.media_type, out.items_path, out.envelope = JSON, "", Envelope.at("")
            elif first.is_json and not first.items_path:
                # A plain list: its end is known without reading the rest of the payload for it.
                out.envelope = Envelope.at("")
            yield out

    async def _chunks(self, bucket: Bucket) -> AsyncIterator[tuple[Payload, list[Item]]]:
        if self.level is None:
            async for payload, items in bucket.chunks():
                yield payload, items
            return
        elements = Elements(self.level)
        async for payload in bucket.payloads():
            async for items in payload.json_chunks():
                yield payload, [part for item in items for part in elements.of(item)]


class _Reader:
    """Takes batches off a stream of chunks: from the chunk at hand as a list, else as a stream."""

    def __init__(self, chunks: AsyncIterator[tuple[Payload, list[Item]]], *, per_payload: bool) -> None:
        self._chunks = chunks
        self._per_payload = per_payload
        self._items: list[Item] = []
        self._at = 0
        self.payload: Payload

    async def fill(self) -> bool:
        """Make sure that an item is at hand. False at the end of the bucket."""
        while self._at >= len(self._items):
            try:
                self.payload, self._items = await anext(self._chunks)
            except StopAsyncIteration:
                return False
            self._at = 0
        return True

    def batch(self, size: int) -> Sequence[Item] | AsyncIterator[Sequence[Item]]:
        """The next `size` items; read it to its end before the next `fill`."""
        if self._at + size <= len(self._items):
            return self._take(size)
        return self._stream(size)

    def _take(self, most: int) -> list[Item]:
        part = self._items[self._at : self._at + most]
        self._at += len(part)
        return part

    async def _stream(self, size: int) -> AsyncIterator[Sequence[Item]]:
        first = self.payload
        while size and await self.fill():
            if self.payload is not first and not await self._mixes(first, self.payload):
                return
            part = self._take(size)
            size -= len(part)
            yield part

    async def _mixes(self, first: Payload, other: Payload) -> bool:
        if self._per_payload or first.media_type != other.media_type:
            return False
        if first.is_json:
            return True
        one, two = await first.opening(), await other.opening()
        return not (one.single or two.single) and one.prefix == two.prefix
