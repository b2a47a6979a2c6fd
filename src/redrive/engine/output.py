"""What a step puts out, on its way into its bucket: contents, lineage, records."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Protocol

import msgspec

from redrive.core.items import Item
from redrive.core.jsonvalue import encode
from redrive.core.lineage import LineageBuilder
from redrive.core.run import PayloadRow, StepRun
from redrive.engine.apart.session import Making
from redrive.engine.buckets import YoungBucket
from redrive.engine.clock import Ids
from redrive.engine.contents import ContentStore, StoredContent
from redrive.engine.failpoints import failpoints
from redrive.engine.found import put_found
from redrive.engine.journal import Journal
from redrive.engine.stored import Inputs, as_text, buckets_of, routed_so_far
from redrive.sdk.payload import Payload
from redrive.sdk.shape import Out
from redrive.sdk.writing import Writing
from redrive.store import runs as store
from redrive.store.committer import Transaction
from redrive.store.statements import Insert

# The items that a content was made from, when the shape does not say: (payload, first, count).
Origins = Sequence[tuple[int, int, int]]


class _Records(Protocol):
    """What an output needs of a journal."""

    @property
    def add(self) -> Callable[[Insert, tuple[Any, ...]], None]: ...
    @property
    def payload(self) -> Callable[[PayloadRow, StoredContent], None]: ...
    @property
    def work(self) -> Callable[[Callable[[Transaction], None]], None]: ...

    def step(self, step: StepRun, /) -> None: ...


class Output:
    """The bucket that one step execution writes.

    Payloads stay only once `keep` is called after them (a checkpoint, or their input payload is
    finished); `drop` takes the others back, also those that are in the store already.
    """

    def __init__(
        self,
        *,
        step: StepRun,
        journal: _Records,
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
        # With what is put out and may still be dropped; the step record counts only what stays.
        self._items, self._bytes = step.items_out, step.bytes_out
        self._taken: Inputs = []
        self._taken_payloads = 0

    def take(self, buckets: Inputs, totals: tuple[int, int, int]) -> None:
        """Hand buckets on as they are; `totals` are their payloads, items and bytes."""
        self._taken = None if buckets is None else [*(self._taken or ()), *buckets]
        payloads, items, size = totals
        self._taken_payloads += payloads
        self._items += items
        self._bytes += size

    async def put(self, out: Out | Making, default_origins: Origins) -> bool:
        """Write one payload. False where it has no item and is not put out."""
        if isinstance(out, Making):
            await self._put_made(out, default_origins)
            return True
        writing = await Writing.begin(out)
        if writing is None:
            return False
        lineage = LineageBuilder()
        if writing.content is not None:
            content = await self._contents.adopt(writing.content)
            if writing.unchanged is None and not writing.counted:
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

    async def _put_made(self, made: Making, default_origins: Origins) -> None:
        if made.located:
            assert made.like is not None
            content = await put_found(
                self._contents, made.found(), made.like.content, made.told, whole=made.whole is not None
            )
        else:
            content = await self._contents.put(made.pieces() if made.whole is None else made.whole)
        end = made.end
        assert end is not None
        lineage = end.lineage
        if end.from_content:
            builder = LineageBuilder()
            builder.add_all(default_origins if end.origins is None else end.origins, end.count or 0)
            lineage = builder.encode()
        failpoints.hit("payload.written")
        self._record(made, content, end.count, lineage)
        failpoints.hit("payload.recorded")

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
        self, writing: Writing | Making, content: StoredContent, count: int | None, lineage: bytes | None
    ) -> None:
        step = self._step
        if not self._begun:
            step.bucket = self._ids.next()
            self._begun = True
            self._journal.add(store.INSERT_BUCKET, (step.bucket, step.run_id, step.position))
            self._journal.step(step)  # whoever flushes next: nobody's payloads are in no bucket of a step
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
        self._items += count or 0
        self._bytes += content.size_bytes
        self._journal.payload(record, content)
        if self.young is not None:
            self.young.add(record, content)
            if self.young.full:
                self.young = None

    def keep(self) -> None:
        """All payloads put out so far stay, whatever happens next."""
        step = self._step
        step.payloads_out += self.position - step.out + self._taken_payloads
        step.out = self.position
        step.items_out, step.bytes_out = self._items, self._bytes
        if self._taken is None:
            step.taken = as_text(None)
        elif self._taken:
            step.taken = as_text([*(buckets_of(step.taken) or []), *self._taken])
        self._taken, self._taken_payloads = [], 0

    def drop(self) -> None:
        """Take back what was put out since the last `keep`."""
        step = self._step
        self._taken, self._taken_payloads = [], 0
        self._items, self._bytes = step.items_out, step.bytes_out
        if self.position == step.out:
            return
        self.position = step.out
        if self.young is not None:
            for _, content in self.young.payloads[step.out :]:
                self.young.bytes -= len(content.data or b"") + 300
            del self.young.payloads[step.out :]
        self.clear_store()

    def young_buckets(self) -> dict[int, YoungBucket]:
        """What was put out, where it is small and whole in memory."""
        bucket = self._step.bucket
        return {bucket: self.young} if bucket is not None and self.young is not None else {}

    @property
    def in_memory(self) -> bool:
        """Whether what follows need not read the store."""
        return self._step.bucket is None or self.young is not None

    def end_payload(self) -> None:
        """An input payload is done: nothing inside it is to be gone on from."""
        self._step.checkpoint = None

    def clear_store(self) -> None:
        """Remove records beyond what stays: of a broken attempt, or of a killed process."""
        bucket, keep = self._step.bucket, self._step.out
        if bucket is None:
            return

        def work(transaction: Transaction) -> None:
            transaction.run(store.DROP_PAYLOADS, bucket=bucket, keep=keep)

        self._journal.work(work)


class RoutedOutput:
    """The buckets that a route writes, one for each path, by the interface of `Output`.

    How far each has come is the checkpoint of the step, between two of its input payloads; so the
    step goes on after a crash as any other.
    """

    def __init__(
        self,
        *,
        step: StepRun,
        paths: Sequence[str],
        journal: Journal,
        contents: ContentStore,
        ids: Ids,
        resumed: bool,
        bounded: bool,
    ) -> None:
        self._step = step
        self._journal = journal
        reached = routed_so_far(step)
        self.unrouted = self._unrouted = reached.unrouted
        self._parts: dict[str, StepRun] = {}
        self._outputs: dict[str, Output] = {}
        for path in paths:
            part = self._parts[path] = msgspec.structs.replace(
                step, bucket=None, out=0, items_out=0, bytes_out=0, payloads_out=0
            )
            if path in reached.paths:
                part.bucket, part.out, part.items_out, part.bytes_out = reached.paths[path]
                part.payloads_out = part.out
            whole = not (resumed and part.bucket is not None)
            self._outputs[path] = Output(
                step=part,
                journal=_OfPath(journal, self._began),
                contents=contents,
                ids=ids,
                young=YoungBucket(bounded=bounded) if whole else None,
            )
        self.keep()

    async def put(self, out: Out | Making, default_origins: Origins) -> bool:
        if out.path is not None:
            return await self._outputs[out.path].put(out, default_origins)
        if isinstance(out, Making):
            await out.drain()
            self.unrouted += (out.end.count if out.end is not None else 0) or 0
            return False
        writing = await Writing.begin(out)
        if writing is not None:
            async for _ in writing.pieces():
                pass
            self.unrouted += writing.count or 0
        return False

    def keep(self) -> None:
        for output in self._outputs.values():
            output.keep()
        self._unrouted = self.unrouted
        step, parts = self._step, self._parts.values()
        step.payloads_out = sum(part.out for part in parts)
        step.items_out = sum(part.items_out for part in parts)
        step.bytes_out = sum(part.bytes_out for part in parts)
        self._save()

    def end_payload(self) -> None:
        self._save()

    def _began(self) -> None:
        """A path has got its bucket."""
        self._save()
        self._journal.step(self._step)

    def _save(self) -> None:
        """Put how far the paths have come into the step record."""
        paths = {
            path: (part.bucket, part.out, part.items_out, part.bytes_out)
            for path, part in self._parts.items()
            if part.bucket is not None
        }
        self._step.checkpoint = encode({"routed": paths, "unrouted": self._unrouted})

    def drop(self) -> None:
        self.unrouted = self._unrouted
        for output in self._outputs.values():
            output.drop()

    def clear_store(self) -> None:
        for output in self._outputs.values():
            output.clear_store()

    def young_buckets(self) -> dict[int, YoungBucket]:
        return {
            bucket: young
            for output in self._outputs.values()
            for bucket, young in output.young_buckets().items()
        }

    @property
    def in_memory(self) -> bool:
        return all(output.in_memory for output in self._outputs.values())


class _OfPath:
    """The journal for one of the buckets of a step: the record to write is that of the whole step."""

    def __init__(self, journal: Journal, began: Callable[[], None]) -> None:
        self.add = journal.add
        self.payload = journal.payload
        self.work = journal.work
        self._began = began

    def step(self, _part: StepRun) -> None:
        self._began()


async def _items_of(writing: Writing, origins: Origins) -> int | None:
    payload = writing.unchanged
    for position, _first, count in origins:
        if payload is not None and position == payload.position:
            return count
    async for _ in writing.pieces():
        pass
    return writing.count
