"""Lookups: cross-reference tables made by import or entry by entry, searched and exported."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from functools import partial
from typing import Any, Final

from redrive.core.matching import candidates, number_of, pick
from redrive.core.nearest import nearest
from redrive.engine.clock import instant
from redrive.errors import FlowInvalid, Forbidden, NotFound, Problem, UsageError
from redrive.sdk.fields import NAME_PATTERN
from redrive.sdk.references import Direction, Match
from redrive.service.csv_table import CsvTable, Form, as_csv, batches, spooled
from redrive.service.cursors import cursor_of, page, page_size, place_of, storable
from redrive.service.interface import Duplicates
from redrive.service.kernel import Kernel
from redrive.service.reference_views import LookupAnswer, LookupEntry, LookupView, Removed, TableImported
from redrive.service.veil import Veil
from redrive.service.veiled_tables import of_tables
from redrive.service.views import Page
from redrive.store import lookups as store
from redrive.store.committer import Transaction
from redrive.store.database import Rows

ROWS_AT_ONCE: Final = 2_000
TWINS_AT_ONCE: Final = 200
MAX_TEXT: Final = 10_000
_name = re.compile(NAME_PATTERN)


def checked_name(noun: str, name: str) -> str:
    """The name of a table, pool or cache to be made. Errors: `name.invalid`."""
    if len(name) > 100 or _name.match(name) is None:
        raise UsageError(
            f"{name!r} is no name for a {noun}",
            code="name.invalid",
            at="name",
            hint="Letters, digits, dots, hyphens and underscores, a letter or digit first, at most 100.",
        )
    return name


class Lookups:
    """Implements `redrive.service.interface.Lookups`."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    # ---- reading

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[LookupView]:
        """By name. Errors: `cursor.invalid`."""
        size, after = page_size(limit), place_of(cursor, str)

        def read(rows: Rows) -> Page[LookupView]:
            found = store.lookups_page(rows, after[0] if after else None, size + 1)
            return page(found, size, _view, lambda row: cursor_of(row.name))

        return await self._kernel.deps.reader.run(read)

    async def get(self, name: str) -> LookupView:
        """Errors: `lookup.unknown`."""
        return _view(await self._row(name))

    async def entries(
        self, name: str, *, text: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[LookupEntry]:
        """In the order of the table; with `text` those that hold it. Errors: `lookup.unknown`."""
        size, after = page_size(limit), place_of(cursor, int)

        def read(rows: Rows) -> Page[LookupEntry]:
            row = _known(rows, name)
            if not storable(text):
                return Page(items=[])
            found = store.entries_page(rows, row.generation, text, after[0] if after else None, size + 1)
            if over.mask is None:
                return page(found, size, _entry, lambda one: cursor_of(one.number))
            # Those that hold the text where it is hidden are not found: no guess is confirmed.
            shown = [(one.number, *_cells(row, one.source, one.target, over)) for one in found]
            return Page(
                items=[
                    LookupEntry.model_validate({"from": source, "to": target})
                    for _, source, target in shown[:size]
                    if text is None or any(text.lower() in cell.lower() for cell in (source, target))
                ],
                next=cursor_of(shown[size - 1][0]) if len(shown) > size else None,
            )

        over = await of_tables(self._kernel)
        return await self._kernel.deps.reader.run(read)

    async def find(
        self, name: str, value: str, *, direction: Direction = "forward", match: Match = "exact"
    ) -> LookupAnswer:
        """What a step would find. Errors: `lookup.unknown`, `payload.masked`."""
        over = await of_tables(self._kernel)

        def read(rows: Rows) -> str | None:
            row = _known(rows, name)
            columns = (row.source_name, row.target_name)
            asked, told = columns if direction == "forward" else columns[::-1]
            if over.hides(asked) or over.text(value) != value:
                raise Forbidden(
                    f"to look up by {asked!r} needs the right `reveal`: masking rules hide it",
                    code="payload.masked",
                    at=name,
                )
            numbers = list(dict.fromkeys(number_of(text) for text in candidates(value, match)))
            backward = direction == "backward"
            found = store.rows_of(rows, row.generation, row.revision, numbers, backward=backward)
            to = pick(value, match, found)
            return to if to is None else over.field(told, to)

        found = await self._kernel.deps.reader.run(read)
        return LookupAnswer(value=value, found=found is not None, to=found)

    async def export(self, name: str) -> AsyncGenerator[bytes]:
        """All entries as CSV with a header. Errors: `lookup.unknown`."""
        row = await self._row(name)
        over = await of_tables(self._kernel)
        yield as_csv([(row.source_name, row.target_name)])
        after = -1
        while True:
            found = await self._kernel.deps.reader.run(
                partial(_entries_from, generation=row.generation, after=after)
            )
            if found:
                yield as_csv([_cells(row, source, target, over) for _, source, target in found])
            if len(found) < ROWS_AT_ONCE:
                return
            after = found[-1][0]

    async def _row(self, name: str) -> store.LookupRow:
        return await self._kernel.deps.reader.run(lambda rows: _known(rows, name))

    # ---- single entries

    async def set(self, name: str, source: str, target: str) -> LookupView:
        """Add an entry, or change the one with this first column; the lookup is made where there is
        none. Errors: `name.invalid`, `text.invalid`.
        """
        checked_name("lookup", name)
        for text in (source, target):
            if len(text) > MAX_TEXT or "\x00" in text or not storable(text):
                raise UsageError(
                    f"a cell is text of at most {MAX_TEXT} characters", code="text.invalid", at="entry"
                )
        made, generation = self._kernel.deps.ids.next(), self._kernel.deps.ids.next()
        now = self._kernel.deps.clock.micros()

        def work(transaction: Transaction) -> None:
            row = store.get(transaction, name)
            if row is None:
                row = store.LookupRow(made, name, "from", "to", generation, 0, 0, now, now)
                transaction.insert(store.INSERT_GENERATION, (generation, made, now, None))
                transaction.insert(store.INSERT, (made, name, "from", "to", generation, 0, 0, now, now))
            revision = max(now, row.revision + 1)
            ended = _end(transaction, row, source, revision)
            last = transaction.one(store.LAST_NUMBER, generation=row.generation)
            number = 1 if last is None or last[0] is None else int(last[0]) + 1
            transaction.insert(
                store.INSERT_ENTRY, store.entry_row(row.generation, number, source, target, revision)
            )
            self._changed(transaction, row, revision, row.entries + 1 - ended)
            self._kernel.audit(transaction, "lookup.set", name)

        await self._kernel.write(work)
        return await self.get(name)

    async def remove(self, name: str, source: str) -> Removed:
        """Take away the entry with this first column. Errors: `lookup.unknown`, `entry.unknown`."""
        now = self._kernel.deps.clock.micros()

        def work(transaction: Transaction) -> None:
            row = _known(transaction, name)
            revision = max(now, row.revision + 1)
            if not _end(transaction, row, source, revision):
                raise NotFound(
                    f"the lookup {name!r} has no such entry",
                    code="entry.unknown",
                    at=name,
                    hint=f"`redrive lookups search {name} TEXT` finds entries by a part of them.",
                )
            self._changed(transaction, row, revision, row.entries - 1)
            self._kernel.audit(transaction, "lookup.remove", name)

        await self._kernel.write(work)
        return Removed(removed=1)

    def _changed(self, transaction: Transaction, row: store.LookupRow, revision: int, entries: int) -> None:
        before = self._kernel.deps.clock.micros() - store.KEPT_S * 1_000_000
        transaction.run(store.DROP_ENDED, generation=row.generation, before=before)
        transaction.run(
            store.CHANGE,
            lookup_id=row.id,
            b_source_name=row.source_name,
            b_target_name=row.target_name,
            b_generation=row.generation,
            b_revision=revision,
            b_entries=entries,
            b_updated_at=self._kernel.deps.clock.micros(),
        )

    # ---- whole tables

    async def import_(
        self,
        name: str,
        chunks: AsyncIterator[bytes],
        *,
        form: Form | None = None,
        duplicates: Duplicates = "refuse",
    ) -> TableImported:
        """Replace a lookup by the rows of a CSV, or make it. Steps that are reading it go on with what
        they began with. Nothing changes where something is wrong with the CSV.

        Errors: `document.invalid` with problems by line; `name.invalid`, `encoding.unknown`, `csv.columns`.
        """
        checked_name("lookup", name)
        form = (form or Form()).checked()
        if form.columns and len(form.columns) != 2:
            raise UsageError(
                f"A lookup has two columns; {len(form.columns)} are named",
                code="csv.columns",
                at="columns",
                hint="Name the one to look up, then the one that it gives.",
            )
        deps = self._kernel.deps
        old = await deps.reader.run(lambda rows: store.get(rows, name))
        generation, made, now = deps.ids.next(), deps.ids.next(), deps.clock.micros()
        lookup_id = old.id if old is not None else made
        await self._kernel.write(
            lambda transaction: transaction.insert(
                store.INSERT_GENERATION, (generation, lookup_id, now, None)
            )
        )
        file = await spooled(chunks)
        try:
            names = (old.source_name, old.target_name) if old is not None else ()
            table = CsvTable(file, form, width=2, names=names)
            count = await self._fill(generation, table)
            left_out = await self._twins(generation, duplicates, form.filename)
            columns = list(form.columns) or table.header or list(names) or ["from", "to"]
            await self._kernel.write(
                lambda transaction: self._flip(
                    transaction, name, lookup_id, generation, columns, count - left_out
                )
            )
        except BaseException:
            await asyncio.shield(self._drop(generation))
            raise
        finally:
            file.close()
        await self._sweep()
        return TableImported(
            name=name,
            entries=count - left_out,
            duplicates=left_out,
            header=table.header is not None,
            delimiter=table.delimiter,
        )

    async def _fill(self, generation: int, table: CsvTable) -> int:
        count = 0
        async for batch in batches(table.rows(), ROWS_AT_ONCE):
            rows = [store.entry_row(generation, line, *cells, 0) for line, cells in batch]  # type: ignore[call-arg,arg-type]
            await self._kernel.write(partial(_insert, rows=rows))
            count += len(batch)
        return count

    async def _twins(self, generation: int, duplicates: Duplicates, filename: str) -> int:
        """Deal with rows that have the same first column; how many are left out."""
        problems: list[Problem] = []
        removed, after = 0, None
        while True:
            groups, after = await self._kernel.deps.reader.run(
                partial(store.twins, generation=generation, after=after, at_most=TWINS_AT_ONCE)
            )
            if duplicates == "refuse":
                problems += [
                    Problem(
                        "csv.duplicate",
                        f"the first column is that of line {group[0].number} again",
                        filename,
                        row.number,
                        expected="each value once; or keep the first or the last of them",
                    )
                    for group in groups
                    for row in group[1:]
                ]
            else:
                doubled = [
                    row for group in groups for row in (group[1:] if duplicates == "first" else group[:-1])
                ]
                await self._kernel.write(partial(_drop, generation=generation, rows=doubled))
                removed += len(doubled)
            if after is None or len(problems) >= 100:
                break
        if problems:
            raise FlowInvalid(sorted(problems, key=lambda problem: problem.line or 0)[:100])
        return removed

    def _flip(
        self,
        transaction: Transaction,
        name: str,
        lookup_id: int,
        generation: int,
        columns: Sequence[str],
        entries: int,
    ) -> None:
        now = self._kernel.deps.clock.micros()
        row = store.get(transaction, name)
        source_name, target_name = columns[0], columns[1]
        if row is None:
            transaction.insert(
                store.INSERT, (lookup_id, name, source_name, target_name, generation, now, entries, now, now)
            )
        else:
            transaction.run(
                store.CHANGE,
                lookup_id=row.id,
                b_source_name=source_name,
                b_target_name=target_name,
                b_generation=generation,
                b_revision=max(now, row.revision + 1),
                b_entries=entries,
                b_updated_at=now,
            )
            transaction.run(store.REPLACE_GENERATION, generation=row.generation, b_at=now)
        self._kernel.audit(transaction, "lookup.import", name, entries=entries)

    async def clear(self, name: str) -> Removed:
        """Take all entries away; the lookup stays. Errors: `lookup.unknown`."""
        row = await self._row(name)
        generation, now = self._kernel.deps.ids.next(), self._kernel.deps.clock.micros()

        def work(transaction: Transaction) -> None:
            transaction.insert(store.INSERT_GENERATION, (generation, row.id, now, None))
            self._flip(transaction, name, row.id, generation, [row.source_name, row.target_name], 0)

        await self._kernel.write(work)
        await self._sweep()
        return Removed(removed=row.entries)

    async def delete(self, name: str) -> Removed:
        """Take the lookup away with all its entries. Errors: `lookup.unknown`."""
        row = await self._row(name)
        now = self._kernel.deps.clock.micros()

        def work(transaction: Transaction) -> None:
            transaction.run(store.DELETE, lookup_id=row.id)
            transaction.run(store.REPLACE_GENERATION, generation=row.generation, b_at=now)
            self._kernel.audit(transaction, "lookup.delete", name, entries=row.entries)

        await self._kernel.write(work)
        await self._drop(row.generation)
        return Removed(removed=row.entries)

    async def _drop(self, generation: int) -> None:
        """In pieces: other writers come in between."""
        while await self._kernel.write(
            lambda transaction: store.drop_some(transaction, generation, ROWS_AT_ONCE)
        ):
            pass

    async def _sweep(self) -> None:
        """Entries that were replaced so long ago that no step reads them any more."""
        before = self._kernel.deps.clock.micros() - store.KEPT_S * 1_000_000
        for generation in await self._kernel.deps.reader.run(
            lambda rows: store.old_generations(rows, before)
        ):
            await self._drop(generation)


def _entries_from(rows: Rows, generation: int, after: int) -> list[tuple[Any, ...]]:
    return rows.all(store.ENTRIES_FROM, generation=generation, after=after, at_most=ROWS_AT_ONCE)


def _insert(transaction: Transaction, rows: Sequence[tuple[Any, ...]]) -> None:
    transaction.insert_many(store.INSERT_ENTRY, rows)


def _drop(transaction: Transaction, generation: int, rows: Sequence[store.EntryRow]) -> None:
    for row in rows:
        transaction.run(store.DROP_ENTRY, generation=generation, number=row.number)


def _end(transaction: Transaction, row: store.LookupRow, source: str, revision: int) -> int:
    """End the entry with this first column; how many there were."""
    there = transaction.all(store.OF_SOURCE, generation=row.generation, source_key=number_of(source))
    numbers = [number for number, text, _ in there if text == source]
    for number in numbers:
        transaction.run(store.END_ENTRY, generation=row.generation, number=number, b_until=revision)
    return len(numbers)


def _known(source: Rows | Transaction, name: str) -> store.LookupRow:
    row = store.get(source, name) if storable(name) else None
    if row is None:
        raise NotFound(
            f"there is no lookup {name!r}",
            code="lookup.unknown",
            at=name,
            hint="`redrive lookups list` lists them.",
        )
    return row


def missing_lookups(rows: Rows, wanted: Sequence[str]) -> list[str]:
    """Those of the names that no lookup has."""
    return [name for name in wanted if store.get(rows, name) is None]


def require_lookups(rows: Rows, wanted: Sequence[str]) -> None:
    """Errors: `lookup.unknown` with the nearest name: a flow that names it cannot run."""
    for name in missing_lookups(rows, wanted):
        near = nearest(name, [row.name for row in store.lookups_page(rows, None, 500)])
        raise NotFound(
            f"the flow uses the lookup {name!r}, and there is none of that name",
            code="lookup.unknown",
            at=name,
            hint=f"Did you mean {near!r}?" if near else f"`redrive lookups import {name} FILE` makes it.",
        )


def _view(row: store.LookupRow) -> LookupView:
    return LookupView(
        name=row.name,
        columns=[row.source_name, row.target_name],
        entries=row.entries,
        created_at=instant(row.created_at),
        updated_at=instant(row.updated_at),
    )


def _cells(row: store.LookupRow, source: str, target: str, over: Veil) -> tuple[str, str]:
    return over.field(row.source_name, source), over.field(row.target_name, target)


def _entry(row: store.EntryRow) -> LookupEntry:
    return LookupEntry.model_validate({"from": row.source, "to": row.target})
