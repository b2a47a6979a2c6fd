"""Data pools as people see them: what is in them, since when; imported, exported, cleared."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from redrive.core.ids import RUN, to_text
from redrive.engine.clock import instant, micros_of
from redrive.engine.references import check_key
from redrive.errors import NotFound, PayloadError, UsageError
from redrive.service.csv_table import CsvTable, Form, Row, as_csv, batches, spooled
from redrive.service.cursors import cursor_of, page, page_size, place_of, storable
from redrive.service.kernel import Kernel
from redrive.service.lookups import checked_name
from redrive.service.reference_views import PoolEntryView, PoolView, Removed, TableImported
from redrive.service.veiled_tables import require_keys
from redrive.service.views import Page
from redrive.store import pools as store
from redrive.store.committer import Transaction
from redrive.store.database import Rows

ROWS_AT_ONCE: Final = 2_000
MAX_PROVISIONAL: Final = 500


class Pools:
    """Implements `redrive.service.interface.Pools`."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[PoolView]:
        """By name, those that flows share before those of a flow. Errors: `cursor.invalid`."""
        size, place = page_size(limit), place_of(cursor, str, str)
        after = (str(place[0]), str(place[1])) if place else None

        def read(rows: Rows) -> Page[PoolView]:
            found = store.pools_page(rows, after, size + 1)
            return page(found, size, lambda row: _view(rows, row), lambda row: cursor_of(row.name, row.flow))

        return await self._kernel.deps.reader.run(read)

    async def get(self, name: str, *, flow: str | None = None) -> PoolView:
        """Errors: `pool.unknown`."""
        return await self._kernel.deps.reader.run(lambda rows: _view(rows, _known(rows, name, flow)))

    async def entries(
        self,
        name: str,
        *,
        flow: str | None = None,
        text: str | None = None,
        before: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[PoolEntryView]:
        """By key, with `text` those that hold it, with `before` those tracked before then. The first page
        begins with what runs under way hold. Errors: `pool.unknown`, `cursor.invalid`, `payload.masked`.
        """
        size, place = page_size(limit), place_of(cursor, str)
        await self.get(name, flow=flow)
        over = await require_keys(self._kernel, name)

        def read(rows: Rows) -> Page[PoolEntryView]:
            pool = _known(rows, name, flow)
            if not storable(text):
                return Page(items=[])
            found: list[store.PoolEntry] = []
            after = place[0] if place else None
            while len(found) <= size:  # keys that a pattern hides are left out: a cursor would tell them
                some = store.entries_page(
                    rows,
                    pool.id,
                    text=text,
                    before=None if before is None else micros_of(before),
                    after=after,
                    at_most=size + 1,
                )
                found += [one for one in some if over.text(one.key) == one.key]
                if len(some) <= size:
                    break
                after = some[-1].key
            shown = page(found, size, _entry, lambda one: cursor_of(one.key))
            if place is None and before is None:
                held = store.provisional(rows, pool.id, text, MAX_PROVISIONAL)
                held = [one for one in held if over.text(one.key) == one.key]
                shown = Page(items=[*map(_entry, held), *shown.items], next=shown.next)
            return shown

        return await self._kernel.deps.reader.run(read)

    async def add(self, name: str, keys: Sequence[str], *, flow: str | None = None) -> PoolView:
        """Put keys into a pool, which is made where there is none. Errors: `name.invalid`, `key.invalid`."""
        checked_name("data pool", name)
        for key in keys:
            _checked(key)
        now = self._kernel.deps.clock.micros()
        await self._put(name, flow, [(key, now) for key in keys])
        return await self.get(name, flow=flow)

    async def remove(self, name: str, keys: Sequence[str], *, flow: str | None = None) -> Removed:
        """Take keys away: their items go on when they come again. Errors: `pool.unknown`."""

        def work(transaction: Transaction) -> int:
            pool = _known(transaction, name, flow)
            count = sum(
                transaction.run(store.DROP_ENTRY, pool_id=pool.id, key=key) for key in keys if storable(key)
            )
            self._kernel.audit(transaction, "pool.remove", name, flow=flow, entries=count)
            return count

        return Removed(removed=await self._kernel.write(work))

    async def clear(self, name: str, *, flow: str | None = None, before: datetime | None = None) -> Removed:
        """Take all entries away, or those tracked before an instant; not what runs under way hold.

        Errors: `pool.unknown`.
        """
        instant_ = None if before is None else micros_of(before)

        def work(transaction: Transaction) -> int:
            pool = _known(transaction, name, flow)
            if instant_ is None:
                count = transaction.run(store.DROP_ENTRIES, pool_id=pool.id)
            else:
                count = transaction.run(store.DROP_BEFORE, pool_id=pool.id, before=instant_)
            self._kernel.audit(transaction, "pool.clear", name, flow=flow, entries=count)
            return count

        return Removed(removed=await self._kernel.write(work))

    async def delete(self, name: str, *, flow: str | None = None) -> Removed:
        """Take the pool away with its entries; a step that names it makes it anew.

        Errors: `pool.unknown`.
        """

        def work(transaction: Transaction) -> int:
            pool = _known(transaction, name, flow)
            count = transaction.run(store.DROP_ENTRIES, pool_id=pool.id)
            held = transaction.one(store.COUNT_CLAIMS, pool_id=pool.id)
            if not held or not held[0]:  # runs under way still settle theirs
                transaction.run(store.DELETE, pool_id=pool.id)
            self._kernel.audit(transaction, "pool.delete", name, flow=flow, entries=count)
            return count

        return Removed(removed=await self._kernel.write(work))

    async def import_(
        self, name: str, chunks: AsyncIterator[bytes], *, flow: str | None = None, form: Form | None = None
    ) -> TableImported:
        """Put the keys of a CSV into a pool, beside what is there: the first column, or the one that is
        named. Nothing changes where something is wrong with the CSV.

        Errors: `document.invalid` with problems by line; `name.invalid`, `encoding.unknown`.
        """
        checked_name("data pool", name)
        form = (form or Form()).checked()
        now = self._kernel.deps.clock.micros()
        file = await spooled(chunks)
        try:
            table = CsvTable(file, form, width=1, names=("key", "at", "run"))
            # Once to see that all of it is right, and once to take it in.
            async for _ in batches(_readable(table), ROWS_AT_ONCE):
                pass
            file.seek(0)
            table = CsvTable(file, form, width=1, names=("key", "at", "run"))
            count = 0
            async for batch in batches(_readable(table), ROWS_AT_ONCE):
                await self._put(name, flow, [(cells[0], now) for _, cells in batch])
                count += len(batch)
        finally:
            file.close()
        await self._put(name, flow, [])
        return TableImported(
            name=name, entries=count, header=table.header is not None, delimiter=table.delimiter
        )

    async def _put(self, name: str, flow: str | None, keys: Sequence[tuple[str, int]]) -> None:
        made = self._kernel.deps.ids.next()
        created_at = keys[0][1] if keys else self._kernel.deps.clock.micros()

        def work(transaction: Transaction) -> None:
            pool_id = store.find(transaction, name, flow or "")
            if pool_id is None:
                transaction.insert(store.INSERT, (made, name, flow or "", 0, created_at))
                pool_id = made
            transaction.run(store.TAKE_TURN, pool_id=pool_id)
            transaction.insert_many(
                store.PUT_ENTRY, [(pool_id, key, at, None, None) for key, at in dict(keys).items()]
            )
            self._kernel.audit(transaction, "pool.add", name, flow=flow, entries=len(keys))

        await self._kernel.write(work)

    async def export(self, name: str, *, flow: str | None = None) -> AsyncGenerator[bytes]:
        """The keys as CSV with a header. Errors: `pool.unknown`, `payload.masked`."""
        pool = await self._kernel.deps.reader.run(lambda rows: _known(rows, name, flow))
        over = await require_keys(self._kernel, name)
        yield as_csv([("key",)])
        after = ""
        while True:
            found = await self._kernel.deps.reader.run(partial(_entries_from, pool_id=pool.id, after=after))
            if found:
                yield as_csv([(over.text(row[0]),) for row in found])
            if len(found) < ROWS_AT_ONCE:
                return
            after = found[-1][0]


def _entries_from(rows: Rows, pool_id: int, after: str) -> list[tuple[Any, ...]]:
    return rows.all(store.ENTRIES_FROM, pool_id=pool_id, after=after, at_most=ROWS_AT_ONCE)


def _readable(table: CsvTable) -> Iterator[Row]:
    for line, cells in table.rows():
        try:
            _checked(cells[0])
        except UsageError as error:
            table.refuse("key.invalid", error.detail, line)
        yield line, cells


def _checked(key: str) -> None:
    if not key or not storable(key) or "\x00" in key:
        raise UsageError("a key is a text that is not empty", code="key.invalid", at="key")
    try:
        check_key(key, "the key")
    except PayloadError as error:
        raise UsageError(error.detail, code="key.invalid", at="key") from None


def _known(source: Rows | Transaction, name: str, flow: str | None) -> store.PoolRow:
    found = store.find(source, name, flow or "") if storable(name, flow) else None
    if found is None:
        of = f" of flow {flow!r}" if flow else ""
        raise NotFound(
            f"there is no data pool {name!r}{of}",
            code="pool.unknown",
            at=name,
            hint="`redrive pools list` lists them, with the flow of those that are not shared.",
        )
    return store.PoolRow(found, name, flow or "", 0)


def _view(rows: Rows, row: store.PoolRow) -> PoolView:
    created = row.created_at or int((rows.one(store.CREATED_AT, pool_id=row.id) or (0,))[0])
    return PoolView(
        name=row.name, flow=row.flow or None, created_at=instant(created), **store.counts(rows, row.id)
    )


def _entry(row: store.PoolEntry) -> PoolEntryView:
    return PoolEntryView(
        key=row.key,
        at=instant(row.at),
        run=to_text(RUN, row.run_id) if row.run_id else None,
        provisional=row.provisional,
    )
