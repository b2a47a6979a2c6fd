"""Erases what holds a value: items from all payloads and bodies, the value from records, keys of deliveries.

Contents are shared by their hash, so nothing is changed in place: a content without the items is written, the
records that name the old one are moved to it, and the old one is deleted, however young. Each piece is
a short transaction that can be repeated; what is to be erased is on record until all is done, so an erasing
that was cut off goes on, from its beginning: what was done already is not found again.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from redrive.core.erasing import Wanted, masked, masked_key
from redrive.core.ids import made_at_ms
from redrive.engine.deps import Deps
from redrive.engine.failpoints import failpoints
from redrive.engine.retention import Retention
from redrive.engine.retention_rules import Counts
from redrive.engine.rewriting import Rewriter
from redrive.engine.scrubbing import PAGE, scrub, walk
from redrive.engine.tombstones import Rewritten, without_items, without_records
from redrive.errors import PayloadGone, StoreCorrupt
from redrive.store import checks, loose, search_queue, sweep
from redrive.store import contents as content_store
from redrive.store import erasures as store
from redrive.store.committer import Transaction
from redrive.store.contents import INSERT_CONTENT
from redrive.store.database import Rows
from redrive.store.pages import Pages

T = TypeVar("T")

KEPT: Final = 64
"""Rewritten contents that are remembered: the same content stands in many payloads in a row."""
ROUNDS: Final = 3
_COMPACT: Final = "erase.compact"


class Erased(msgspec.Struct, kw_only=True):
    """What was found and replaced, or would be."""

    payloads: int = 0
    items: int = 0
    exchanges: int = 0
    contents: int = 0
    records: int = 0
    """Rows of log lines, tracked values, edits, plans and so on in which the value stood."""
    deliveries: int = 0
    oldest_at: int | None = None
    """When the oldest payload with it was stored: backups made since then hold it."""


class Erasing:
    def __init__(self, deps: Deps, retention: Retention) -> None:
        self._deps = deps
        self._retention = retention

    # ---- the whole

    async def plan(self, value: str, field: str | None) -> Erased:
        """What would be touched. Changes nothing."""
        return await _Pass(self._deps, Wanted(value, field), None, dry=True).run()

    async def resume(self) -> Erased | None:
        """Finish what is on record, if anything is."""
        erasure = await self._deps.reader.run(store.under_way)
        if erasure is None or erasure.value is None:
            if await self._deps.reader.run(partial(loose.fact, name=_COMPACT)):
                await self._compact()
            return None
        wanted = Wanted(bytes(erasure.value).decode(), erasure.field)
        total = Erased()
        for _ in range(ROUNDS):
            # A run that was under way may have written it once more meanwhile.
            found = await _Pass(self._deps, wanted, erasure.id, dry=False).run()
            _add(total, found)
            failpoints.hit("erase.replaced")
            await self._sweep()
            failpoints.hit("erase.swept")
            if not (found.contents or found.records or found.deliveries):
                break
        now = self._deps.clock.micros()
        counts = msgspec.json.encode(total)

        def work(transaction: Transaction) -> None:
            loose.put_fact(transaction, _COMPACT, b"1")
            store.end(transaction, erasure.id, now, counts)

        await self._deps.committer.submit(work)
        await self._compact()
        return total

    async def _sweep(self) -> None:
        """Until nothing is condemned: what was the base of a content goes after it."""
        while True:
            counts = Counts()
            await self._retention.sweep(counts, spared_s=0.0)
            if not counts.contents:
                return

    async def _compact(self) -> None:
        await self._retention.compact()
        await self._deps.committer.submit(lambda tx: loose.put_fact(tx, _COMPACT, b""))


def _add(total: Erased, found: Erased) -> None:
    for name in ("payloads", "items", "exchanges", "contents", "records", "deliveries"):
        setattr(total, name, getattr(total, name) + getattr(found, name))
    if found.oldest_at is not None:
        total.oldest_at = min(found.oldest_at, total.oldest_at or found.oldest_at)


class _Pass:
    """One walk through everything."""

    def __init__(self, deps: Deps, wanted: Wanted, erasure_id: int | None, *, dry: bool) -> None:
        self._deps = deps
        self._wanted = wanted
        self._erasure_id = erasure_id or 0
        self._dry = dry
        self._found = Erased()
        self._hits: set[bytes] = set()
        self._moved: set[bytes] = set()
        self._learnt: set[int] = set()
        self._places: set[tuple[int, int]] = set()
        self._rewritten: OrderedDict[tuple[bytes, str, str], Rewritten | None] = OrderedDict()

    async def run(self) -> Erased:
        async for payload_id, item in self._walk(store.ITEMS):
            self._places.add((payload_id, item))
        await self._look()
        if self._hits:
            await self._move_payloads()
            await self._move_cached()
            for naming in sweep.NAMING:
                if naming.table not in {store.PAYLOADS.table, store.CACHED.table}:
                    await self._move_bodies(naming)
            await self._free()
        await self._unlearn()
        await self._mask_deliveries()
        self._found.records += await scrub(self._deps, self._wanted, self._places, dry=self._dry)
        self._found.contents = len(self._moved)
        return self._found

    # ---- contents

    async def _look(self) -> None:
        """Which contents may hold the value: a search in the bytes of each."""
        after: Any = None
        while page := await self._read(partial(self._look_page, after=after)):
            after = (page[-1][0],)
            for digest, size, seen in page:
                if seen is None:
                    seen = await self._stream(digest, size)  # noqa: PLW2901 - a content that is no row
                if seen:
                    self._hits.add(digest)
                    row = await self._read(partial(content_store.get, digest=digest))
                    if row is not None and row.dictionary is not None:
                        self._learnt.add(row.dictionary)

    def _look_page(self, rows: Rows, after: Any) -> list[tuple[bytes, int, bool | None]]:
        found: list[tuple[bytes, int, bool | None]] = []
        for _, digest, size in store.CONTENTS.page(rows, after, PAGE):
            try:
                data = self._deps.contents.look_ahead(rows, bytes(digest))
            except StoreCorrupt:
                data = b""  # `doctor` tells of it
            found.append((bytes(digest), int(size), None if data is None else self._wanted.may_hold(data)))
        return found

    async def _stream(self, digest: bytes, size: int) -> bool:
        overlap = 12 * len(self._wanted.value.encode()) + 12
        last = b""
        try:
            async for chunk in self._deps.contents.known(digest, size).stream():
                last += chunk
                if self._wanted.may_hold(last):
                    return True
                last = last[-overlap:]
        except (PayloadGone, StoreCorrupt):
            return False
        return False

    async def _without(self, digest: bytes, size: int, media_type: str, path: str) -> Rewritten | None:
        """`media_type` "": a body of which nobody says where its items are."""
        key = (digest, media_type, path)
        if key not in self._rewritten:
            contents = None if self._dry else self._deps.contents
            content = self._deps.contents.known(digest, size)
            try:
                if media_type:
                    found = await without_items(contents, self._wanted, content, media_type, path)
                else:
                    found = await without_records(contents, self._wanted, content)
            except (PayloadGone, StoreCorrupt):
                found = None
            self._rewritten[key] = found
            if len(self._rewritten) > KEPT:
                self._rewritten.popitem(last=False)
            failpoints.hit("erase.content")
        return self._rewritten[key]

    async def _move_payloads(self) -> None:
        async for payload_id, digest, size, media_type, path in self._walk(store.PAYLOADS):
            old = bytes(digest)
            if old not in self._hits:
                continue
            found = await self._without(old, size, media_type, path)
            if found is None:
                continue
            self._found.payloads += 1
            self._found.items += len(found.items)
            made_at = made_at_ms(payload_id) * 1000
            self._found.oldest_at = min(made_at, self._found.oldest_at or made_at)
            self._moved.add(old)
            self._places.update((payload_id, item) for item in found.items)
            await self._write(partial(self._move_payload, payload_id=payload_id, old=old, found=found))
            failpoints.hit("erase.moved")

    def _move_payload(self, transaction: Transaction, payload_id: int, old: bytes, found: Rewritten) -> None:
        self._insert(transaction, found)
        store.put_items(transaction, self._erasure_id, payload_id, found.items)
        store.move_payload(transaction, payload_id, old, found.content.digest, found.content.size_bytes)
        search_queue.changed(transaction, payload_id, erase=True)
        sweep.condemn(transaction, [old])

    def _insert(self, transaction: Transaction, found: Rewritten) -> None:
        transaction.insert_many(INSERT_CONTENT, found.content.rows)

    async def _move_cached(self) -> None:
        """Pages of caches; an entry that is named by the value goes with the records."""
        async for page_id, digest, size, media_type, path in self._walk(store.CACHED):
            old = bytes(digest)
            found = await self._without(old, size, media_type, path) if old in self._hits else None
            if found is None:
                continue
            self._found.records += 1
            self._moved.add(old)
            await self._write(partial(self._move_page, page_id=page_id, old=old, found=found))

    def _move_page(self, transaction: Transaction, page_id: int, old: bytes, found: Rewritten) -> None:
        self._insert(transaction, found)
        store.move_cached(transaction, page_id, old, found.content.digest, found.content.size_bytes)
        sweep.condemn(transaction, [old])

    async def _move_bodies(self, naming: Pages) -> None:
        """Bodies of exchanges."""
        names = [column.name for column in naming.columns]
        texts = store.Texts(naming.table, naming.columns)
        async for row in self._walk(naming, with_key=True):
            key, values = row[: len(naming.key)], row[len(naming.key) :]
            changes: dict[str, Any] = {}
            rewritten: list[Rewritten] = []
            olds: list[bytes] = []
            for name, value in zip(names, values, strict=True):
                if value is None or bytes(value) not in self._hits:
                    continue
                found = await self._without(bytes(value), await self._size(bytes(value)), "", "")
                if found is None:
                    continue
                changes[name] = found.content.digest
                changes[f"{name.removesuffix('_body')}_bytes"] = found.content.size_bytes
                rewritten.append(found)
                olds.append(bytes(value))
            if not changes:
                continue
            self._found.exchanges += 1
            self._moved.update(olds)

            def work(
                transaction: Transaction,
                key: Any = key,
                changes: dict[str, Any] = changes,
                rewritten: list[Rewritten] = rewritten,
                olds: list[bytes] = olds,
            ) -> None:
                for one in rewritten:
                    self._insert(transaction, one)
                texts.put(transaction, key, changes)
                sweep.condemn(transaction, olds)

            await self._write(work)

    async def _size(self, digest: bytes) -> int:
        found = await self._read(partial(store.size_of, digest=digest))
        return found or 0

    async def _free(self) -> None:
        """What was stored as parts of a content that goes, and stays itself, gets bytes of its own."""
        if self._dry:
            return
        rewriter = Rewriter(self._deps.reader, self._deps.contents, self._deps.committer)
        for base in self._moved:
            with contextlib.suppress(StoreCorrupt, PayloadGone):
                await rewriter.free(base)
            self._deps.contents.forget(base)

    async def _unlearn(self) -> None:
        """Dictionaries were made from stored contents: those that may have learnt from what is erased are
        given up, and what is packed with them is packed anew.
        """
        if self._dry:
            return
        contents = self._deps.contents
        known = await self._read(content_store.dictionaries)
        suspect = {family for number, family, _, _ in known if number in self._learnt}
        suspect |= {family for _, family, data, _ in known if self._wanted.may_hold(data)}
        for family in suspect:
            now = self._deps.clock.micros()
            await self._write(partial(content_store.retire_dictionaries, family=family, at=now))
            if contents.families is not None:
                contents.families.forget(family)
        for number in [number for number, family, _, _ in known if family in suspect]:
            while page := await self._read(partial(content_store.packed_with, number=number, at_most=PAGE)):
                for digest in page:
                    await self._repack(digest)
        # What a run is about to commit may be packed with one: then it goes with a later pass.
        if suspect and not await self._read(partial(checks.count_runs, status="running")):
            await self._write(
                partial(content_store.delete_dictionaries, before=self._deps.clock.micros() + 1)
            )

    async def _repack(self, digest: bytes) -> None:
        found = await self._read(partial(content_store.get, digest=digest))
        if found is None:
            return
        data = await self._deps.contents.known(digest, found.size_bytes).read()
        own = await self._deps.contents.put(data)
        await self._write(partial(content_store.replace, row=own.rows[-1]))

    # ---- records

    async def _mask_deliveries(self) -> None:
        secret = await self._read(partial(loose.fact, name=loose.ERASING)) or b"none yet"
        wanted: set[int] = set()
        if self._places:
            async for delivery_id, payload_id, item in self._walk(store.EVENTS):
                if (payload_id, item) in self._places:
                    wanted.add(delivery_id)
        async for delivery_id, key, payload_id, item, digest, delivered in self._walk(store.DELIVERIES):
            if key.startswith("erased:"):
                continue
            if not (key == self._wanted.value or delivery_id in wanted or (payload_id, item) in self._places):
                continue
            self._found.deliveries += 1
            await self._write(
                partial(
                    store.mask_delivery,
                    delivery_id=delivery_id,
                    key=masked_key(key, secret),
                    digest=masked(bytes(digest), secret) if digest else None,
                    delivered=masked(bytes(delivered), secret) if delivered else None,
                )
            )

    # ----

    def _walk(self, pages: Pages, *, with_key: bool = False) -> AsyncIterator[tuple[Any, ...]]:
        return walk(self._deps, pages, with_key=with_key)

    async def _read(self, function: Callable[[Rows], T]) -> T:
        return await self._deps.reader.run(function)

    async def _write(self, work: Callable[[Transaction], Any]) -> None:
        if not self._dry:
            await self._deps.committer.submit(work)
