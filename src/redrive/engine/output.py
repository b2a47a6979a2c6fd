"""What a step puts out, on its way into its bucket: contents, lineage, records."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from redrive.core.items import Item
from redrive.core.jsonvalue import encode
from redrive.core.lineage import LineageBuilder
from redrive.core.run import PayloadRow, StepRun
from redrive.engine.buckets import YoungBucket
from redrive.engine.clock import Ids
from redrive.engine.contents import ContentStore, StoredContent
from redrive.engine.failpoints import failpoints
from redrive.engine.journal import Journal
from redrive.sdk.payload import Payload
from redrive.sdk.shape import Out
from redrive.sdk.writing import Writing
from redrive.store import runs as store
from redrive.store.committer import Transaction

# The items that a content was made from, when the shape does not say: (payload, first, count).
Origins = Sequence[tuple[int, int, int]]


class Output:
    """The bucket that one step execution writes.

    Payloads stay only once `keep` is called after them (a checkpoint, or their input payload is
    finished); `drop` takes the others back, also those that are in the store already.
    """

    def __init__(
        self,
        *,
        step: StepRun,
        journal: Journal,
        contents: ContentStore,
        ids: Ids,
        young: YoungBucket | None,
    ) -> None:
        self._step = step
        self._journal = journal
        self._contents = contents
        self._ids = ids
        self.young = young
        self._begun = step.bucket is not None
        self.position = step.out
        self._kept_totals = (step.items_out, step.bytes_out)

    async def put(self, out: Out, default_origins: Origins) -> bool:
        """Write one payload. False where it has no item and is not put out."""
        writing = await Writing.begin(out)
        if writing is None:
            return False
        lineage = LineageBuilder()
        if writing.content is not None:
            content = await self._contents.adopt(writing.content)
            if writing.unchanged is None:
                async for _ in writing.pieces():
                    pass
        elif writing.whole is not None:
            content = await self._put_whole(writing.whole, writing.items, out.like)
            lineage.add_items(writing.items)
        else:
            base = out.like.content if out.like is not None else None
            content = await self._contents.put_pieces(self._streamed(writing, lineage, out.like), base)
        count = writing.count
        if writing.unchanged is not None:
            count = await _items_of(writing, default_origins)
            lineage.add_range(writing.unchanged.position, 0, count or 0)
        elif out.content is not None:
            origins = writing.origins if writing.origins is not None else default_origins
            lineage.add_all(origins, count or 0)
        failpoints.hit("payload.written")
        self._record(writing, content, count, lineage.encode())
        failpoints.hit("payload.recorded")
        return True

    async def _put_whole(self, whole: bytes, items: Sequence[Item], like: Payload | None) -> StoredContent:
        if like is None or not items or any(item.payload != like.position for item in items):
            return await self._contents.put(whole)
        return await self._contents.put_like(whole, [item.raw for item in items], like.content)

    async def _streamed(
        self, writing: Writing, lineage: LineageBuilder, like: Payload | None
    ) -> AsyncIterator[tuple[bytes, Sequence[bytes]]]:
        async for piece in writing.pieces():
            lineage.add_items(piece.items)
            alike = like is not None and all(item.payload == like.position for item in piece.items)
            yield piece.data, [item.raw for item in piece.items] if alike else ()

    def _record(
        self, writing: Writing, content: StoredContent, count: int | None, lineage: bytes | None
    ) -> None:
        step = self._step
        if not self._begun:
            step.bucket = self._ids.next()
            self._begun = True
            self._journal.add(store.INSERT_BUCKET, (step.bucket, step.run_id, step.position))
        assert step.bucket is not None
        record = PayloadRow(
            id=self._ids.next(),
            bucket=step.bucket,
            position=self.position,
            digest=content.digest,
            size_bytes=content.size_bytes,
            items=count,
            media_type=writing.media_type,
            items_path=writing.items_path,
            meta=encode(dict(writing.meta)) if writing.meta else None,
            lineage=lineage,
        )
        self.position += 1
        step.items_out += count or 0
        step.bytes_out += content.size_bytes
        self._journal.payload(record, content)
        if self.young is not None:
            self.young.add(record, content)
            if self.young.full:
                self.young = None

    def keep(self) -> None:
        """All payloads put out so far stay, whatever happens next."""
        self._step.out = self._step.payloads_out = self.position
        self._kept_totals = (self._step.items_out, self._step.bytes_out)

    def drop(self) -> None:
        """Take back what was put out since the last `keep`."""
        step = self._step
        if self.position == step.out:
            return
        self.position = step.out
        step.items_out, step.bytes_out = self._kept_totals
        if self.young is not None:
            for _, content in self.young.payloads[step.out :]:
                self.young.bytes -= len(content.data or b"") + 300
            del self.young.payloads[step.out :]
        self.clear_store()

    def clear_store(self) -> None:
        """Remove records beyond what stays: of a broken attempt, or of a killed process."""
        bucket, keep = self._step.bucket, self._step.out
        if bucket is None:
            return

        def work(transaction: Transaction) -> None:
            transaction.run(store.DROP_PAYLOADS, bucket=bucket, keep=keep)

        self._journal.work(work)


async def _items_of(writing: Writing, origins: Origins) -> int | None:
    payload = writing.unchanged
    for position, _first, count in origins:
        if payload is not None and position == payload.position:
            return count
    async for _ in writing.pieces():
        pass
    return writing.count
