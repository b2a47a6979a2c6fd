"""Reading buckets: from memory while they are young and small, else in pages from the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from functools import partial

from redrive.core.ids import to_text
from redrive.core.jsonvalue import decode
from redrive.core.run import PayloadRow
from redrive.engine.contents import ContentStore, StoredContent
from redrive.sdk.payload import Payload
from redrive.store import runs as store
from redrive.store.database import Reader, Rows

PAGE = 500
AHEAD_BYTES = 4 << 20
MAX_YOUNG_PAYLOADS = 1000
MAX_YOUNG_BYTES = 4 << 20


class YoungBucket:
    """The payloads of a bucket that may not be committed yet."""

    __slots__ = ("bounded", "bytes", "payloads")

    def __init__(self, *, bounded: bool = True) -> None:
        self.bounded = bounded
        self.payloads: list[tuple[PayloadRow, StoredContent]] = []
        self.bytes = 0

    def add(self, payload: PayloadRow, content: StoredContent) -> None:
        self.payloads.append((payload, content))
        self.bytes += len(content.data or b"") + 300

    @property
    def full(self) -> bool:
        return self.bounded and (len(self.payloads) > MAX_YOUNG_PAYLOADS or self.bytes > MAX_YOUNG_BYTES)


class Buckets:
    """The buckets that one run reads. `young` ones have not been flushed for certain."""

    def __init__(self, reader: Reader, contents: ContentStore) -> None:
        self._reader = reader
        self._contents = contents
        self.young: dict[int, YoungBucket] = {}
        self._held: Counter[int] = Counter()

    def hold(self, buckets: Iterable[int]) -> None:
        """Somebody is going to read these: young ones stay in memory until as many `release` them."""
        self._held.update(buckets)

    def release(self, buckets: Iterable[int]) -> None:
        for bucket in buckets:
            self._held[bucket] -= 1
            if self._held[bucket] <= 0:
                del self._held[bucket]
                self.young.pop(bucket, None)

    async def count(self, inputs: list[int]) -> int:
        total = 0
        for bucket in inputs:
            young = self.young.get(bucket)
            if young is not None:
                total += len(young.payloads)
            else:
                total += await self._reader.run(partial(store.bucket_count, bucket=bucket))
        return total

    async def totals(self, inputs: list[int]) -> tuple[int, int, int]:
        """Payloads, items and bytes in the buckets. A payload of unknown form is one item."""
        payloads = items = size = 0
        for bucket in inputs:
            young = self.young.get(bucket)
            if young is not None:
                payloads += len(young.payloads)
                items += sum(1 if row.items is None else row.items for row, _ in young.payloads)
                size += sum(row.size_bytes for row, _ in young.payloads)
            else:
                found = await self._reader.run(partial(store.totals, bucket=bucket))
                payloads, items, size = payloads + found[0], items + found[1], size + found[2]
        return payloads, items, size

    async def rows(
        self, inputs: list[int], start: int = 0
    ) -> AsyncIterator[tuple[int, PayloadRow, StoredContent]]:
        """Payloads of the buckets one after the other, from number `start` on, numbered through."""
        offset = 0
        for bucket in inputs:
            young = self.young.get(bucket)
            if young is not None:
                # A copy: what follows may flush and forget the bucket while we are in it.
                for payload, content in list(young.payloads):
                    if offset + payload.position >= start:
                        yield offset + payload.position, payload, content
                offset += len(young.payloads)
                continue
            at = max(0, start - offset)
            while True:
                page, ahead = await self._reader.run(partial(self._page, bucket, at))
                for payload in page:
                    content = self._contents.known(
                        payload.digest, payload.size_bytes, ahead.pop(payload.id, None)
                    )
                    yield offset + payload.position, payload, content
                if len(page) < PAGE:
                    break
                at = page[-1].position + 1
            offset += await self.count([bucket])

    def _page(self, bucket: int, start: int, rows: Rows) -> tuple[list[PayloadRow], dict[int, bytes]]:
        """Payloads, and the bytes of the first small ones of them."""
        page = store.payloads_from(rows, bucket, start, PAGE)
        ahead: dict[int, bytes] = {}
        room = AHEAD_BYTES
        for payload in page:
            room -= payload.size_bytes
            if room < 0:
                break
            data = self._contents.look_ahead(rows, payload.digest)
            if data is not None:
                ahead[payload.id] = data
        return page, ahead

    async def payloads(self, inputs: list[int], start: int = 0) -> AsyncIterator[Payload]:
        async for number, row, content in self.rows(inputs, start):
            yield as_payload(number, row, content)


def as_payload(number: int, row: PayloadRow, content: StoredContent) -> Payload:
    """A record and its content as a shape sees them."""
    return Payload(
        content,
        media_type=row.media_type,
        items_path=row.items_path,
        meta=decode(row.meta) if row.meta else {},
        position=number,
        id=to_text("p", row.id),
    )
