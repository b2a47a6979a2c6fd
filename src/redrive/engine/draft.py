"""A run made from another one, before it is started: kept steps, buckets to begin with, edits.

A draft changes nothing. `write` adds all of it to one transaction (a start); a preview executes
it with a journal that writes nothing (a plan). Both look at the very same buckets.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

import jsonpatch
import msgspec

from redrive.core.admission import turn_of
from redrive.core.formats import parses
from redrive.core.formats.item_values import ItemValue, item_value
from redrive.core.ids import from_text, to_text
from redrive.core.items import Item
from redrive.core.jsonvalue import decode
from redrive.core.lineage import LineageBuilder
from redrive.core.run import PayloadRow, Plan, Run, StepRun
from redrive.core.selection import Selection
from redrive.engine.buckets import Buckets, YoungBucket, as_payload
from redrive.engine.contents import StoredContent
from redrive.engine.deps import Deps
from redrive.engine.overlap import Overlapping
from redrive.engine.replacing import Replacing
from redrive.engine.tracing import failed_items
from redrive.errors import NotFound, PayloadError, PayloadGone, StateConflict, UsageError
from redrive.sdk.payload import Payload
from redrive.sdk.shape import Out
from redrive.sdk.writing import Writing
from redrive.store import payloads as payload_store
from redrive.store import retention
from redrive.store import runs as store
from redrive.store.committer import Transaction
from redrive.store.contents import INSERT_CONTENT, pin
from redrive.store.database import Rows
from redrive.store.search_queue import ENQUEUE, NEW
from redrive.store.statements import row

MAX_PATCH_BYTES = 256 << 10
FAILED_PAGE = 1000
DATA = -1
"""Position of a bucket that was handed to a run."""


class Edit(msgspec.Struct):
    """A payload that replaces another one: why, and what changed."""

    payload_id: int
    original_id: int
    patch: bytes | None
    reason: str | None


class Draft(msgspec.Struct):
    run: Run
    plan: Plan
    records: list[StepRun] = msgspec.field(default_factory=list)
    """Of steps that are kept, and of those around a place where the run begins."""
    buckets: dict[int, YoungBucket] = msgspec.field(default_factory=dict)
    edits: list[Edit] = msgspec.field(default_factory=list)
    warnings: list[str] = msgspec.field(default_factory=list)
    confirm: str | None = None
    overlapping: Overlapping | None = None
    """What it does if its flow runs already."""

    def write(self, transaction: Transaction, actor: str, at: int) -> None:
        """The run, queued, with everything that belongs to it; skipped, where its flow runs already and
        it is not to run then.
        """
        self.run.plan = msgspec.json.encode(self.plan)
        self.run.turn = turn_of(self.run.queued_at, self.run.priority)
        if self.overlapping is not None:
            self.overlapping.enter(transaction, self.run, at)
        for bucket in self.plan.buckets:
            if bucket not in self.buckets:
                retention.require_whole(transaction, bucket)
        transaction.insert(store.INSERT_RUN, row(self.run))
        transaction.insert(ENQUEUE, (self.run.id, NEW))
        for bucket, held in self.buckets.items():
            transaction.insert(store.INSERT_BUCKET, (bucket, self.run.id, DATA))
            for payload, content in held.payloads:
                if payload.size_bytes:
                    pin(transaction, content.pins if content.rows else (content.digest,))
                for values in content.rows:
                    transaction.insert(INSERT_CONTENT, values)
                transaction.insert(store.INSERT_PAYLOAD, row(payload))
        for step in self.records:
            transaction.insert(store.PUT_STEP_RUN, row(step))
        for edit in self.edits:
            transaction.insert(
                store.INSERT_EDIT,
                (edit.payload_id, edit.original_id, edit.patch, edit.reason, actor, at),
            )


class Drafting:
    """Builds the bucket of a draft out of stored payloads."""

    def __init__(self, deps: Deps, draft: Draft, source: Run | None) -> None:
        self._deps = deps
        self._draft = draft
        self._source = source
        self._origins: dict[int, int] = {}
        """Of a payload that was placed: the stored one that it was made from."""
        self._buckets = Buckets(deps.reader, deps.contents)

    def use(self, inputs: list[int]) -> None:
        """Read buckets of this draft from memory: they are in no store yet."""
        for bucket in inputs:
            if bucket in self._draft.buckets:
                self._buckets.young[bucket] = self._draft.buckets[bucket]

    def forget_all_but(self, inputs: list[int]) -> None:
        """Drop the buckets on the way from the stored one to the one that is used."""
        for bucket in [b for b in self._draft.buckets if b not in inputs]:
            del self._draft.buckets[bucket]
        kept = {payload.id for held in self._draft.buckets.values() for payload, _ in held.payloads}
        self._draft.edits = [edit for edit in self._draft.edits if edit.payload_id in kept]

    # ---- whole buckets

    def _bucket(self) -> tuple[int, YoungBucket]:
        bucket = self._deps.ids.next()
        held = self._draft.buckets[bucket] = YoungBucket(bounded=False)
        return bucket, held

    def _place(
        self,
        bucket: int,
        held: YoungBucket,
        like: PayloadRow,
        content: StoredContent,
        **changes: Any,
    ) -> PayloadRow:
        fields = {
            "media_type": like.media_type,
            "items_path": like.items_path,
            "meta": like.meta,
            "items": like.items,
            "lineage": None,
            "edited_from": self._origins.get(like.id, like.id),
            **changes,
        }
        payload = PayloadRow(
            id=self._deps.ids.next(),
            bucket=bucket,
            position=len(held.payloads),
            digest=content.digest,
            size_bytes=content.size_bytes,
            **fields,
        )
        held.add(payload, content)
        self._origins[payload.id] = self._origins.get(like.id, like.id)
        for edit in self._draft.edits:  # what is chosen of an edited payload is still an edit
            if edit.payload_id == like.id:
                edit.payload_id = payload.id
        return payload

    async def of_payloads(
        self, payload_ids: Sequence[str], like: Callable[[], Any] | None = None
    ) -> list[int]:
        """A bucket of stored payloads (or uploads), in the order given. An upload takes media
        type, items path and meta from `like()`, the first payload of the bucket it replaces.
        """
        bucket, held = self._bucket()
        for text in payload_ids:
            stored, is_upload = await self.payload(text)
            changes: dict[str, Any] = {}
            if is_upload and like is not None and (first := await like()) is not None:
                changes = await self._taken_from(first, stored)
            content = self._deps.contents.known(stored.digest, stored.size_bytes)
            await content.read(0, 1)  # gone is said now, not in the middle of the run
            self._place(bucket, held, stored, content, **changes)
        return [bucket]

    async def _taken_from(self, first: PayloadRow, upload: PayloadRow) -> dict[str, Any]:
        content = self._deps.contents.known(upload.digest, upload.size_bytes)
        changes: dict[str, Any] = {
            "media_type": first.media_type,
            "items_path": first.items_path,
            "meta": first.meta,
        }
        payload = Payload(content, media_type=first.media_type, items_path=first.items_path)
        changes["items"] = await count_items(payload)
        return changes

    async def payload(self, text: str) -> tuple[PayloadRow, bool]:
        """A stored payload by its id, and whether it is an upload. Errors: `payload.unknown`."""
        number = from_text("p", text)

        def read(rows: Rows) -> tuple[PayloadRow, bool] | None:
            found = rows.one(store.GET_PAYLOAD, payload_id=number)
            if found is None:
                return None
            payload = store.payload_record(found)
            owner = rows.one(store.GET_BUCKET, bucket=payload.bucket)
            return payload, owner is not None and owner[0] == 0

        found = None if number is None else await self._deps.reader.run(read)
        if found is None:
            raise NotFound(
                f"there is no payload {text}",
                code="payload.unknown",
                hint="`redrive show RUN --step STEP` lists the payloads of a step.",
            )
        return found

    async def require_kept(self, inputs: Sequence[int]) -> None:
        """What the run begins with is still there, whole: gone is said now, not in the middle of it.

        Errors: `payload.expired`.
        """

        def gone(rows: Rows) -> int | None:
            for bucket in inputs:
                held = self._draft.buckets.get(bucket)
                if held is None:
                    found = rows.one(payload_store.GONE, bucket=bucket)
                    if found is not None:
                        return int(found[0])
                    continue
                for payload, content in held.payloads:
                    known = content.rows or not payload.size_bytes
                    if not known and rows.one(payload_store.KEPT, digest=payload.digest) is None:
                        return payload.edited_from or payload.id
            return None

        payload_id = await self._deps.reader.run(gone)
        if payload_id is not None:
            raise PayloadGone(
                f"payload {to_text('p', payload_id)}, which the run would begin with, "
                "has expired or was erased",
                at=to_text("p", payload_id),
                hint="Logs outlive payloads; give the data with --payload, or start from the beginning.",
            )

    # ---- what is left of a failed step

    async def unfinished(
        self,
        step: StepRun,
        inputs: list[int] | None,
        before: dict[str, Any],
        *,
        only_failed: bool = False,
        inside: bool = True,
    ) -> tuple[list[int] | None, dict[str, Any]]:
        """The payloads of a step that failed or (unless `only_failed`) were not reached, as a bucket,
        and the checkpoints inside them. `before`: the checkpoints that the step itself went on from;
        `inside` is false for a step that has none.
        """
        points = await self._points(step)
        if not inside:
            points = dict.fromkeys(points)
        begun = decode(step.checkpoint) if step.checkpoint and inside else before.get(str(step.done))
        if inputs is None:
            point = begun if begun is not None else next((decode(p) for p in points.values() if p), None)
            return None, {"0": point} if point is not None else {}
        if not step.done:
            return inputs, {**before, "0": begun} if begun is not None else dict(before)
        if len(points) >= step.payloads_in:
            return inputs, {str(number): decode(point) for number, point in points.items() if point}
        checkpoints: dict[str, Any] = {}
        bucket, held = self._bucket()
        async for number, payload, content in self._buckets.rows(inputs):
            if (number >= step.done and not only_failed) or number in points:
                place = self._place(bucket, held, payload, content)
                if points.get(number):
                    checkpoints[str(place.position)] = decode(points[number] or b"null")
                elif number == step.done and begun is not None:
                    checkpoints[str(place.position)] = begun
                elif number > step.done and str(number) in before:
                    checkpoints[str(place.position)] = before[str(number)]
        return [bucket], checkpoints

    async def _points(self, step: StepRun) -> dict[int, bytes | None]:
        """The failed payloads of a step, by number, each with its checkpoint if it has one."""
        points: dict[int, bytes | None] = {}
        start = 0

        def read(rows: Rows) -> list[tuple[Any, ...]]:
            return rows.all(
                store.FAILED_OF_STEP,
                run_id=step.run_id,
                position=step.position,
                start=start,
                at_most=FAILED_PAGE,
            )

        while True:
            page = await self._deps.reader.run(read)
            points.update({number: point for number, _, _, _, point in page})
            if len(page) < FAILED_PAGE:
                return points
            start = page[-1][0] + 1

    # ---- edits

    async def edited(
        self, inputs: list[int], edits: dict[str, str], reason: str | None, *, force: bool
    ) -> list[int]:
        """The bucket with some payloads replaced; the others stay. Errors: `edit.invalid` where
        the result no longer parses, `payload.unknown` where an id is not of this bucket.
        """
        wanted = {from_text("p", text): text for text in edits}
        bucket, held = self._bucket()
        async for _, payload, content in self._buckets.rows(inputs):
            text = self._meant(payload, wanted)
            if text is None:
                self._place(bucket, held, payload, content)
                continue
            upload, _ = await self.payload(edits[text])
            new = self._deps.contents.known(upload.digest, upload.size_bytes)
            if not force and (why := await self._why_not(new, payload)):
                raise PayloadError(
                    f"the edited payload {text} no longer parses: {why}",
                    code="edit.invalid",
                    at=text,
                    hint="Mend the edit, or take it as it is with --force.",
                )
            edited = Payload(new, media_type=payload.media_type, items_path=payload.items_path)
            place = self._place(bucket, held, payload, new, items=await count_items(edited))
            patch = await self._patch(content, new)
            self._draft.edits.append(Edit(place.id, place.edited_from or payload.id, patch, reason))
        if wanted:
            raise self._not_there(wanted.values())
        return [bucket]

    async def with_items(
        self, inputs: list[int], edits: dict[str, dict[str, str]], reason: str | None, *, force: bool
    ) -> list[int]:
        """The bucket with single items replaced by other texts; `edits`: by payload, by item number.

        Errors: `edit.invalid` where an item no longer parses, `payload.unknown` where an id is not of
        this bucket, `items.none` where a payload has no item of that number.
        """
        wanted = {from_text("p", text): text for text in edits}
        bucket, held = self._bucket()
        async for number, payload, content in self._buckets.rows(inputs):
            text = self._meant(payload, wanted)
            if text is None:
                self._place(bucket, held, payload, content)
                continue
            view = as_payload(number, payload, content)
            replacing = Replacing(text, payload.media_type, edits[text], force=force)
            writing = await Writing.begin(Out(items=replacing.items(view), like=view))
            if writing is None:
                raise PayloadError(f"payload {text} has no items", code="items.none", at=text)
            lineage = LineageBuilder()
            if writing.whole is not None:
                lineage.add_items([Item(b"", 0, item.number) for item in writing.items])
                raws = [item.raw for item in writing.items]
                new = await self._deps.contents.put_like(writing.whole, raws, content)
            else:
                new = await self._deps.contents.put_pieces(_pieces(writing, lineage), content)
            replacing.require_all()
            place = self._place(bucket, held, payload, new, items=writing.count, lineage=lineage.encode())
            patch = replacing.patch(payload.items_path)
            self._draft.edits.append(Edit(place.id, place.edited_from or payload.id, patch, reason))
        if wanted:
            raise self._not_there(wanted.values())
        return [bucket]

    def _meant(self, payload: PayloadRow, wanted: dict[int | None, str]) -> str | None:
        """The name by which an edit means a payload: its own, or one that it was made from."""
        origin = self._origins.get(payload.id)
        for known in (payload.id, origin, payload.edited_from):
            if known is not None and (text := wanted.pop(known, None)) is not None:
                return text
        return None

    @staticmethod
    def _not_there(texts: Iterable[str]) -> NotFound:
        return NotFound(
            f"the bucket at the start point holds no payload {', '.join(map(str, texts))}",
            code="payload.unknown",
            hint="`redrive show RUN --step STEP` lists the payloads that can be edited there.",
        )

    async def _why_not(self, content: StoredContent, like: PayloadRow) -> str | None:
        if content.size_bytes > MAX_PATCH_BYTES * 16:
            payload = Payload(content, media_type=like.media_type, items_path=like.items_path)
            try:
                async for _ in payload.chunks():
                    pass
            except PayloadError as error:
                return error.detail
            return None
        return parses(like.media_type, await content.read())

    async def _patch(self, old: StoredContent, new: StoredContent) -> bytes | None:
        if max(old.size_bytes, new.size_bytes) > MAX_PATCH_BYTES:
            return None
        try:
            before = msgspec.json.decode(await old.read())
            after = msgspec.json.decode(await new.read())
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return msgspec.json.encode(jsonpatch.make_patch(before, after).patch)

    # ---- items

    async def selected(
        self, inputs: list[int], selection: Selection, start_step: str, *, after: bool
    ) -> list[int]:
        """The bucket with only the chosen items, each payload in its own envelope.

        Errors: `items.none` if nothing fits: a start with nothing would look like a success.
        """
        failed: dict[int, set[int]] | None = None
        if selection.failed:
            if self._source is None:
                raise UsageError("`failed` needs a source run")
            failed = await failed_items(self._deps, self._source, start_step, after=after)
        fits = selection.matcher()
        bucket, held = self._bucket()
        async for number, payload, content in self._buckets.rows(inputs):
            view = as_payload(number, payload, content)
            origin = self._origins.get(payload.id, payload.id)
            allowed = None if failed is None else failed.get(origin, set())
            out = Out(items=fitting(view, selection, fits, allowed), like=view)
            writing = await Writing.begin(out)
            if writing is None:
                continue
            lineage = LineageBuilder()
            if writing.whole is not None:
                lineage.add_items([Item(b"", 0, item.number) for item in writing.items])
                raws = [item.raw for item in writing.items]
                new = await self._deps.contents.put_like(writing.whole, raws, content)
            else:
                new = await self._deps.contents.put_pieces(_pieces(writing, lineage), content)
            if writing.count == payload.items:
                new = content  # all of it: the stored bytes as they are
            self._place(bucket, held, payload, new, items=writing.count, lineage=lineage.encode())
        if not held.payloads:
            raise UsageError(
                "no item fits the selection",
                code="items.none",
                hint="Compare the field and the values with an item of the payload.",
            )
        return [bucket]


async def fitting(
    payload: Payload,
    selection: Selection,
    fits: Callable[[bytes], bool],
    allowed: set[int] | None,
) -> AsyncIterator[list[Item]]:
    """The items of a payload that a selection takes, at most those `allowed`.

    Errors: `payload.invalid`.
    """
    value: ItemValue | None = None
    async for items in payload.chunks():
        try:
            if value is None and items:
                value = item_value(payload.media_type, (await payload.opening()).prefix, items[0].raw)
            chosen = [
                item
                for item in items
                if selection.numbered(item.number)
                and (allowed is None or item.number in allowed)
                and (value is None or fits(value(item.raw)))
            ]
        except ValueError as error:
            raise PayloadError(f"payload {payload.position}: {error}") from None
        if chosen:
            yield chosen


async def _pieces(writing: Writing, lineage: LineageBuilder) -> AsyncIterator[tuple[bytes, Sequence[bytes]]]:
    async for piece in writing.pieces():
        lineage.add_items([Item(b"", 0, item.number) for item in piece.items])
        yield piece.data, [item.raw for item in piece.items]


async def count_items(payload: Payload) -> int | None:
    """How many items a payload has; None where it cannot be read as its media type says."""
    count = 0
    try:
        async for items in payload.chunks():
            count += len(items)
    except PayloadError:
        return None
    return count


def require_ended(run: Run) -> None:
    """Errors: `run.unfinished`."""
    if run.finished_at is None:
        raise StateConflict(
            f"run {to_text('r', run.id)} is {run.status}: it has not ended",
            code="run.unfinished",
            hint="Wait for its end, or stop it first.",
        )
