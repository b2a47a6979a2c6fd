"""Payloads as people see them: bounded text, items of any range, exact bytes, uploads."""

from __future__ import annotations

import codecs
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Final, cast

import msgspec
from blake3 import blake3

from redrive.core import formats
from redrive.core.ids import to_text
from redrive.core.items import Item
from redrive.core.jsonvalue import decode
from redrive.core.run import PayloadRow, Plan
from redrive.engine.buckets import as_payload
from redrive.errors import UsageError
from redrive.sdk.payload import Payload
from redrive.service import present
from redrive.service.comparing import Comparing
from redrive.service.item_ways import ItemWays
from redrive.service.kernel import number_of, unknown
from redrive.service.masked_items import MaskedItems
from redrive.service.reading import MAX_ITEMS, TRIMMED, require_kept
from redrive.service.reading_views import ItemWay
from redrive.service.uploads import Checked
from redrive.service.veil import Veil
from redrive.service.views import ItemRange, PayloadDetail, UploadView
from redrive.store import payloads as store
from redrive.store import runs as run_store
from redrive.store.committer import Transaction
from redrive.store.contents import INSERT_CONTENT
from redrive.store.database import Rows
from redrive.store.statements import row

_KEY: Final = secrets.token_bytes(32)
MAX_ITEMS_BYTES = 16 << 20
"""Bounds of one range of items; its `stop` says how far it came."""


class Payloads(Comparing):
    """Implements `redrive.service.interface.Payloads`."""

    async def way(self, payload_id: str, item: int) -> ItemWay:
        """Where an item stood before and after. Errors: `payload.unknown`, `items.none`."""
        return await ItemWays(self._kernel).way(payload_id, item)

    # ---- one payload

    async def get(self, payload_id: str, *, text: bool = True) -> PayloadDetail:
        """Where a payload stands and, bounded, its text (unless it is not asked for).

        Errors: `payload.unknown`, `payload.expired`.
        """

        def read(rows: Rows, number: int) -> tuple[Any, ...] | None:
            payload = store.get_payload(rows, number)
            if payload is None:
                return None
            return payload, store.place_of(rows, payload), store.edit_of(rows, payload)

        number = number_of("p", payload_id, "payload")
        found = await self._kernel.deps.reader.run(lambda rows: read(rows, number))
        if found is None:
            raise unknown("payload", payload_id)
        payload, place, edit = found
        require_kept(payload)
        over = await self._veil(payload)
        shown, trimmed = await self._text(payload, over) if text else (None, False)
        if text:
            self._note("payload.view", payload_id, over)
        fields = present.payload_fields(payload)
        return PayloadDetail(
            **fields | {"meta": over.value(fields["meta"])},
            **_standing(place),
            position=payload.position,
            items_path=payload.items_path,
            digest=payload.digest.hex() if over.mask is None else _other_digest(payload.digest),
            masked=over.mask is not None,
            text=shown,
            trimmed=trimmed,
            edited_from=to_text("p", edit.original_id) if edit else None,
            patch=decode(edit.patch) if edit and edit.patch and over.mask is None else None,
            edit_reason=edit.reason if edit else None,
        )

    async def _text(self, payload: PayloadRow, over: Veil) -> tuple[str | None, bool]:
        most = self._kernel.deps.settings.payload_display_bytes
        content = self._kernel.deps.contents.known(payload.digest, payload.size_bytes)
        data = await content.read(0, most)
        trimmed = payload.size_bytes > most
        data = over.content(data, payload.media_type, cut=trimmed)
        try:
            # Not final where it is cut: the bytes of half a character at the end are left out.
            text = codecs.getincrementaldecoder("utf-8")().decode(data, final=not trimmed)
        except UnicodeDecodeError:
            return None, trimmed
        if "\0" in text:
            return None, trimmed
        return (text + TRIMMED if trimmed else text), trimmed

    # ---- its bytes

    async def stream(self, payload_id: str, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """The exact bytes from `start` to before `stop`; of what masking rules leave, where they hold.

        Errors: `payload.unknown`, `payload.expired`, `range.invalid`.
        """
        _check_range(start, stop)
        payload = await self._payload(payload_id)
        over = await self._veil(payload)
        self._note("payload.download", payload_id, over, start=start, stop=stop)
        content = self._kernel.deps.contents.known(payload.digest, payload.size_bytes)
        if over.mask is None:
            async for chunk in content.stream(start, stop):
                yield chunk
            return
        async for chunk in _part(over.stream(content.stream(), payload.media_type), start, stop):
            yield chunk

    async def items(self, payload_id: str, start: int, stop: int) -> ItemRange:
        """Items `start` to before `stop`, each as its own text; bytes that are no text are replaced.

        A range of more than 1,000 items or 16 MiB ends early: `stop` of the answer says where.
        Errors: `payload.unknown`, `payload.expired`, `payload.invalid`, `range.invalid`.
        """
        _check_range(start, stop)
        payload = await self._payload(payload_id)
        over = await self._veil(payload)
        self._note("payload.view", payload_id, over, items=f"{start}:{stop}")
        found: list[str] = []
        size = 0
        view = self._as_payload(payload)
        reading = MaskedItems(over, view)
        async for items in _within(view, payload.items, start, min(stop, start + MAX_ITEMS)):
            await reading.begin()
            for item in items:
                size += len(item.raw)
                if found and size > MAX_ITEMS_BYTES:
                    break
                found.append(reading.of(item.raw).decode("utf-8", "replace"))
            if size > MAX_ITEMS_BYTES:
                break
        return ItemRange(
            payload=to_text("p", payload.id),
            start=start,
            stop=start + len(found),
            total=payload.items,
            items=found,
        )

    async def items_bytes(self, payload_id: str, start: int, stop: int) -> AsyncIterator[bytes]:
        """A range of items as a document of its own: a JSON array of their own bytes, CSV with its
        header, else one after another. A stream: the range may be of any size.

        Errors: as `items`.
        """
        _check_range(start, stop)
        payload = await self._payload(payload_id)
        over = await self._veil(payload)
        self._note("payload.download", payload_id, over, items=f"{start}:{stop}")
        view = self._as_payload(payload)
        reading = MaskedItems(over, view)
        begun = False
        async for items in _within(view, payload.items, start, stop):
            await reading.begin()
            yield await _piece(view, [reading.of(item.raw) for item in items], first=not begun)
            begun = True
        if not begun:
            yield await _piece(view, [], first=True)
        if view.is_json:
            yield b"]"
        elif formats.is_xml(view.media_type) and view.items_path:
            yield formats.root_of((await view.opening()).prefix)[1]

    def _as_payload(self, payload: PayloadRow) -> Payload:
        content = self._kernel.deps.contents.known(payload.digest, payload.size_bytes)
        return as_payload(payload.position, payload, content)

    # ---- new ones

    async def upload(
        self,
        chunks: AsyncIterator[bytes],
        *,
        media_type: str | None = None,
        items_path: str | None = None,
        filename: str | None = None,
        like: str | None = None,
    ) -> UploadView:
        """Store bytes of any size as a payload that stands in no run.

        What they are is told by `media_type`, else by the payload `like`, else by the file name's
        extension, else JSON if they parse as that, else plain bytes. Bytes that were said to be
        JSON, NDJSON or CSV have to parse, except with `like`: an edit may be forced.
        Errors: `payload.invalid`, `payload.unknown` (of `like`), `store.full`.
        """
        deps = self._kernel.deps
        model = await self._payload(like) if like is not None else None
        if media_type is None:
            media_type = model.media_type if model else formats.media_type_of(filename or "")
        if items_path is None:
            items_path = model.items_path if model else ""
        checked = Checked(chunks, media_type, items_path, strict=like is None, name=filename)
        content = await deps.contents.put(checked.chunks())
        payload = PayloadRow(
            id=deps.ids.next(),
            bucket=deps.ids.next(),
            position=0,
            digest=content.digest,
            size_bytes=content.size_bytes,
            items=checked.items,
            media_type=checked.media_type,
            items_path=items_path,
            meta=model.meta if model else None,
        )

        def work(transaction: Transaction) -> None:
            transaction.insert_many(INSERT_CONTENT, content.rows)
            transaction.insert(run_store.INSERT_BUCKET, (payload.bucket, store.UPLOAD, store.HANDED))
            transaction.insert(run_store.INSERT_PAYLOAD, row(payload))
            self._kernel.audit(transaction, "payload.upload", to_text("p", payload.id), like=like)

        await self._kernel.write(work)
        return UploadView(
            id=to_text("p", payload.id),
            size_bytes=payload.size_bytes,
            media_type=payload.media_type,
            items_path=payload.items_path,
            items=payload.items,
        )


async def _part(chunks: AsyncIterator[bytes], start: int, stop: int | None) -> AsyncIterator[bytes]:
    """The bytes from `start` to before `stop` of a stream."""
    at = 0
    async for chunk in chunks:
        piece = chunk[max(0, start - at) : None if stop is None else max(0, stop - at)]
        at += len(chunk)
        if piece:
            yield piece
        if stop is not None and at >= stop:
            return


def _other_digest(digest: bytes) -> str:
    """In place of a hash that would let a short content be guessed."""
    return blake3(digest, key=_KEY).hexdigest()


async def _within(payload: Payload, total: int | None, start: int, stop: int) -> AsyncIterator[list[Item]]:
    """The items of a range, read no further than its end."""
    if total is not None:
        stop = min(stop, total)
    if start >= stop:
        return
    async with aclosing(cast("AsyncGenerator[list[Item]]", payload.chunks())) as chunks:
        async for items in chunks:
            first = items[0].number
            if chosen := items[max(0, start - first) : max(0, stop - first)]:
                yield chosen
            if first + len(items) >= stop:
                return


async def _piece(payload: Payload, items: list[bytes], *, first: bool) -> bytes:
    """Some items of a range as they stand in its document, as `formats.render_range` writes it."""
    if payload.is_json:
        return (b"[" if first else b",") + b",".join(items)
    if formats.is_xml(payload.media_type) and payload.items_path:
        opening = formats.root_of((await payload.opening()).prefix)[0] if first else b""
        return opening + b"".join(items)
    prefix = (await payload.opening()).prefix if formats.is_csv(payload.media_type) else b""
    text = formats.render_range(items, payload.media_type, prefix)
    return text if first else text[len(prefix) :]


def _check_range(start: int, stop: int | None) -> None:
    if start < 0 or (stop is not None and stop < 0):
        raise UsageError(
            "a range does not count from the end",
            code="range.invalid",
            hint="Write a:b with a and b not negative; b is not part of it.",
        )


def _standing(place: store.Place | None) -> dict[str, Any]:
    """Run, step and side of a payload, as far as it stands in a run."""
    if place is None or place.run_id == store.UPLOAD:
        return {"run": None, "step": None, "side": None}
    run = to_text("r", place.run_id)
    if place.position != store.HANDED:
        return {"run": run, "step": place.step, "side": "out"}
    plan = msgspec.json.decode(place.plan, type=Plan) if place.plan else Plan()
    return {"run": run, "step": place.start_step, "side": "out" if plan.start == "after" else "in"}
