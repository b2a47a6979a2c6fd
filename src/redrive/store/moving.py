"""Copies everything from one record store to another, and proves it before it counts.

All of it is one transaction of the target: a copy that is broken off leaves nothing. The source is
only read, under its writers' lock, so that nothing is written to it meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec
from blake3 import blake3
from sqlalchemy import Boolean, LargeBinary, Table, func, select, tuple_

from redrive.errors import StateConflict, StoreCorrupt
from redrive.store.blobs.base import Blobs
from redrive.store.database import Connection, Database, Rows
from redrive.store.statements import Insert
from redrive.store.tables import metadata

AT_ONCE: Final = 200
"""Rows in memory; a row holds at most some hundred KB of content."""
CHUNK_BYTES: Final = 4 << 20

Told = Callable[[str, int], None]
"""Told of each table, or `objects`, how many of it are copied."""

_pack = msgspec.msgpack.Encoder().encode


class Copied(msgspec.Struct, frozen=True):
    """How many rows a table has, or objects there are; `digest` is that of all of them in order."""

    name: str
    count: int
    digest: str


def copy_records(source: Database, target: Database, told: Told) -> list[Copied]:
    """Errors: `store.not_empty` where the target holds records, `store.corrupt` where what it took
    is not what it was given. Nothing is changed then.
    """
    giving = source.connect_writer()
    try:
        giving.execute(source.begin_write)
        taking = target.connect_writer()
        try:
            taking.execute(target.begin_write)
            copied = _copy(Rows(giving, source.dialect), taking, target, told)
            target.commit(taking)
            return copied
        except target.errors as error:
            raise target.error(error) from error
        finally:
            target.rollback(taking)
            taking.close()
    except source.errors as error:
        raise source.error(error) from error
    finally:
        source.rollback(giving)
        giving.close()


def require_empty(rows: Rows, target: Database) -> None:
    """Errors: `store.not_empty` where any table holds a row."""
    for table in metadata.sorted_tables:
        if rows.query(select(func.count()).select_from(select(table).limit(1).subquery())) != [(0,)]:
            raise StateConflict(
                f"the store {target} is not empty: it has {table.name.replace('_', ' ')}",
                code="store.not_empty",
                hint="Name a new, empty one; an old file of a home can be renamed first.",
            )


def _copy(given: Rows, taking: Connection, target: Database, told: Told) -> list[Copied]:
    taken = Rows(taking, target.dialect)
    tables = metadata.sorted_tables
    require_empty(taken, target)
    copied = [_copy_table(table, given, taking, target, told) for table in tables]
    for table, one in zip(tables, copied, strict=True):
        found = _described(table, _rows(table, taken))
        if found != one:
            raise StoreCorrupt(
                f"the table {table.name} of {target} does not hold what was copied: {found.count} rows of "
                f"{one.count}, or others",
                hint="Nothing was changed. Look at the server's log, and try again.",
            )
    return copied


def _copy_table(table: Table, given: Rows, taking: Connection, target: Database, told: Told) -> Copied:
    insert = Insert(table, whole=True).on(target.dialect).text

    def passed_on() -> Iterator[list[tuple[Any, ...]]]:
        done = 0
        for rows in _rows(table, given):
            taking.executemany(insert, rows)
            done += len(rows)
            told(table.name, done)
            yield rows

    return _described(table, passed_on())


def _described(table: Table, pages: Iterable[list[tuple[Any, ...]]]) -> Copied:
    hasher, count = blake3(), 0
    for rows in pages:
        for row in rows:
            hasher.update(_pack(row))
        count += len(rows)
    return Copied(table.name, count, hasher.hexdigest())


def _rows(table: Table, rows: Rows) -> Iterator[list[tuple[Any, ...]]]:
    """All rows in the order of their keys, in pages; values as they are on every database."""
    keys = list(table.primary_key.columns)
    places = [table.columns.keys().index(key.name) for key in keys]
    plain = [_plain(column.type) for column in table.columns]
    query = select(table).order_by(*keys).limit(AT_ONCE)
    page = rows.query(query)
    while page:
        last = tuple(page[-1][place] for place in places)
        yield [tuple([convert(value) for convert, value in zip(plain, row, strict=True)]) for row in page]
        page = rows.query(query.where(tuple_(*keys) > tuple_(*last))) if len(page) == AT_ONCE else []


def _plain(kind: Any) -> Callable[[Any], Any]:
    if isinstance(kind, Boolean):
        return lambda value: None if value is None else bool(value)
    if isinstance(kind, LargeBinary):
        return lambda value: None if value is None else bytes(value)
    return lambda value: value


def copy_objects(source: Blobs, target: Blobs, told: Told) -> Copied:
    """Every object, read whole and checked on both sides. Those that are there already stay.

    Errors: `store.corrupt` for one that is damaged; what was copied before stays, and is not copied
    again.
    """
    count, every = 0, 0
    for found in source.iterate():
        every ^= int.from_bytes(found.digest, "big")
        if not target.exists(found.digest):
            _copy_object(found.digest, source, target)
        count += 1
        told("objects", count)
    return Copied("objects", count, f"{every:064x}")


def _copy_object(digest: bytes, source: Blobs, target: Blobs) -> None:
    reader, writer = source.open(digest), target.writer()
    try:
        for start in range(0, reader.size_bytes, CHUNK_BYTES):
            writer.write(reader.read(start, min(start + CHUNK_BYTES, reader.size_bytes)))
        made = writer.finish()
    finally:
        writer.abort()
    if made.digest != digest:
        target.delete(made.digest)
        raise StoreCorrupt(
            f"the object {digest.hex()[:12]} of the old store is damaged",
            hint="`redrive doctor` names all that are; a backup may have it whole.",
        )
