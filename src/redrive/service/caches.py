"""Caches as people see them: which there are, their entries and pages, cleared and deleted."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence

from redrive.core.ids import RUN, from_text, to_text
from redrive.core.jsonvalue import decode
from redrive.engine.clock import instant
from redrive.errors import NotFound, StateConflict
from redrive.service.cursors import cursor_of, page, page_size, place_of, storable
from redrive.service.kernel import Kernel
from redrive.service.reference_views import CacheEntryView, CachePageView, CacheView, Removed
from redrive.service.veil import Veil
from redrive.service.veiled_tables import of_tables, require_entries
from redrive.service.views import Page
from redrive.store import caches as store
from redrive.store.committer import Transaction
from redrive.store.database import Rows

CACHE = "c"


class Caches:
    """Implements `redrive.service.interface.Caches`. A cache is named by its id, or by a name that only
    one has.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def list(
        self,
        *,
        scope: str | None = None,
        name: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[CacheView]:
        """The newest first. Errors: `cursor.invalid`."""
        size, after = page_size(limit), place_of(cursor, int)

        def read(rows: Rows) -> Page[CacheView]:
            if not storable(scope, name):
                return Page(items=[])
            found = store.caches_page(rows, scope, name, after[0] if after else None, size + 1)
            return page(found, size, _view, lambda row: cursor_of(row.id))

        return await self._kernel.deps.reader.run(read)

    async def get(self, cache: str) -> CacheView:
        """Errors: `cache.unknown`, `cache.ambiguous`."""
        return await self._kernel.deps.reader.run(lambda rows: _view(_known(rows, cache)))

    async def entries(
        self, cache: str, *, text: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[CacheEntryView]:
        """By name, without those whose time is over. Errors: as `get`, `cursor.invalid`, `payload.masked`."""
        size, place = page_size(limit), place_of(cursor, str)
        now = self._kernel.deps.clock.micros()
        over = await require_entries(self._kernel, (await self.get(cache)).name)

        def read(rows: Rows) -> Page[CacheEntryView]:
            row = _known(rows, cache)
            if not storable(text):
                return Page(items=[])
            found: list[store.EntryRow] = []
            after = place[0] if place else None
            while len(found) <= size:  # names that a pattern hides are left out: a cursor would tell them
                some = store.entries_page(rows, row.id, text=text, now=now, after=after, at_most=size + 1)
                found += [one for one in some if over.text(one.entry) == one.entry]
                if len(some) <= size:
                    break
                after = some[-1].entry
            return page(found, size, _entry, lambda one: cursor_of(one.entry))

        return await self._kernel.deps.reader.run(read)

    async def pages(self, cache: str, entry: str) -> Page[CachePageView]:
        """The pages of an entry, oldest first. Errors: as `get`, `entry.unknown`."""
        found = await self._pages(cache, entry)
        over = await of_tables(self._kernel)
        return Page(items=[_page(number, row, over) for number, row in enumerate(found)])

    async def content(self, cache: str, entry: str, number: int = -1) -> AsyncGenerator[bytes]:
        """The bytes of one page; -1 is the last. Errors: as `pages`."""
        found = await self._pages(cache, entry)
        if not -len(found) <= number < len(found):
            raise NotFound(
                f"the entry has {len(found)} pages, from 0; there is none with the number {number}",
                code="entry.unknown",
                at=entry,
            )
        row = found[number]
        self._kernel.note("cache.download", cache, {"entry": entry})
        # Flows may share a cache: the rules of all of them hold.
        over = await of_tables(self._kernel)
        chunks = self._kernel.deps.contents.known(row.digest, row.size_bytes).stream()
        async for chunk in over.stream(chunks, row.media_type):
            yield chunk

    async def _pages(self, cache: str, entry: str) -> Sequence[store.PageRow]:
        now = self._kernel.deps.clock.micros()

        def read(rows: Rows) -> Sequence[store.PageRow]:
            row = _known(rows, cache)
            return store.pages(rows, row.id, entry, now) if storable(entry) else []

        found = await self._kernel.deps.reader.run(read)
        if not found:
            raise _no_entry(cache, entry)
        return found

    async def remove(self, cache: str, entry: str) -> Removed:
        """Take an entry away; how many pages it had. Errors: as `get`, `entry.unknown`."""

        def work(transaction: Transaction) -> int:
            row = _known(transaction, cache)
            count = transaction.run(store.DROP_ENTRY, cache_id=row.id, entry=entry) if storable(entry) else 0
            if not count:
                raise _no_entry(cache, entry)
            self._kernel.audit(transaction, "cache.remove", row.name, pages=count)
            return count

        return Removed(removed=await self._kernel.write(work))

    async def clear(self, cache: str, *, expired: bool = False) -> Removed:
        """Take all pages away, or those whose time is over. Errors: as `get`."""
        now = self._kernel.deps.clock.micros()

        def work(transaction: Transaction) -> int:
            row = _known(transaction, cache)
            if expired:
                count = transaction.run(store.DROP_EXPIRED_OF, cache_id=row.id, now=now)
            else:
                count = transaction.run(store.DROP_PAGES, cache_id=row.id)
            self._kernel.audit(transaction, "cache.clear", row.name, pages=count, expired=expired)
            return count

        return Removed(removed=await self._kernel.write(work))

    async def delete(self, cache: str) -> Removed:
        """Take the cache away with its pages. Errors: as `get`."""

        def work(transaction: Transaction) -> int:
            row = _known(transaction, cache)
            count = transaction.run(store.DROP_PAGES, cache_id=row.id)
            transaction.run(store.DELETE, cache_id=row.id)
            self._kernel.audit(transaction, "cache.delete", row.name, pages=count)
            return count

        return Removed(removed=await self._kernel.write(work))


def _known(source: Rows | Transaction, cache: str) -> store.CacheRow:
    found: list[store.CacheRow] = []
    if (number := from_text(CACHE, cache)) is not None:
        found = store.by_id(source, number)
    if not found and storable(cache):
        found = store.by_name(source, cache)
    if not found:
        raise NotFound(
            f"there is no cache {cache!r}",
            code="cache.unknown",
            at=cache,
            hint="`redrive caches list` lists them with their ids.",
        )
    if len(found) > 1:
        raise StateConflict(
            f"{len(found)} caches are called {cache!r}, each of another scope, flow or run",
            code="cache.ambiguous",
            at=cache,
            hint="Name it by its id, as `redrive caches list` shows it.",
        )
    return found[0]


def _no_entry(cache: str, entry: str) -> NotFound:
    return NotFound(
        f"the cache {cache!r} has no entry {entry!r}, or its time is over",
        code="entry.unknown",
        at=entry,
        hint=f"`redrive caches show {cache}` lists its entries.",
    )


def _view(row: store.CacheRow) -> CacheView:
    return CacheView(
        id=to_text(CACHE, row.id),
        name=row.name,
        scope=row.scope,  # type: ignore[arg-type]
        flow=row.flow or None,
        run=to_text(RUN, row.run_id) if row.run_id else None,
        created_at=instant(row.created_at),
    )


def _entry(row: store.EntryRow) -> CacheEntryView:
    return CacheEntryView(
        entry=row.entry,
        pages=row.pages,
        size_bytes=row.size_bytes,
        at=instant(row.at),
        expires_at=None if row.expires_at is None else instant(row.expires_at),
    )


def _page(number: int, row: store.PageRow, over: Veil) -> CachePageView:
    meta: Mapping[str, str] = decode(row.meta) if row.meta else {}
    return CachePageView(
        page=number,
        run=to_text(RUN, row.run_id),
        step=row.step,
        items=row.items,
        size_bytes=row.size_bytes,
        media_type=row.media_type,
        meta=over.value(dict(meta)),
        at=instant(row.at),
        expires_at=None if row.expires_at is None else instant(row.expires_at),
    )
