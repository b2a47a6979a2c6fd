"""Everything goes from one store to the other and back, and is the same there."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import BigInteger, Boolean, Integer, LargeBinary, Table, func, select

from redrive.errors import StateConflict, StoreCorrupt
from redrive.store import moving
from redrive.store.blobs.disk import DiskBlobs
from redrive.store.blobs.memory import MemoryBlobs
from redrive.store.database import Database, Rows
from redrive.store.moving import AT_ONCE, copy_objects, copy_records
from redrive.store.opening import open_database
from redrive.store.statements import Insert
from redrive.store.tables import metadata
from tests.postgres import PostgresServer

TEXTS = ["", "a", "Z", "ä", "a\u0308", "NUL \0", "\x01\x02", "😀", "%s", "x" * 900, "\\u0000"]
WAYS = [("sqlite", "postgres"), ("postgres", "sqlite")]


@pytest.fixture
def stores(
    request: pytest.FixtureRequest, tmp_path: Path, postgres: PostgresServer
) -> Iterator[tuple[Database, Database]]:
    address = postgres.migrated()
    made = {"sqlite": open_database(tmp_path, None), "postgres": open_database(tmp_path, address)}
    for one in made.values():
        one.migrate()
    source, target = request.param
    yield made[source], made[target]
    postgres.give_back(address)


def indexed(column: Any) -> bool:
    table = column.table
    return column.primary_key or any(
        column.name in index.columns for index in table.indexes | table.constraints
    )


def value(column: Any, number: int, chance: random.Random) -> Any:
    """Something for a column; different for each number, so that keys are."""
    if column.nullable and chance.random() < 0.3:
        return None
    if isinstance(column.type, Boolean):
        return chance.random() < 0.5
    if isinstance(column.type, LargeBinary):
        longest = 40 if indexed(column) else 30_000
        return number.to_bytes(8, "big") + chance.randbytes(chance.choice([0, 1, longest]))
    if isinstance(column.type, BigInteger):
        return number * (1 << 40)
    if isinstance(column.type, Integer):
        return number
    return f"{chance.choice(TEXTS)}{number}"


def fill(database: Database, rows: int) -> None:
    chance = random.Random(7)
    connection = database.connect_writer()
    connection.execute(database.begin_write)
    for table in metadata.sorted_tables:
        insert = Insert(table, whole=True).on(database.dialect).text
        made = [tuple(value(one, n, chance) for one in table.columns) for n in range(1, rows + 1)]
        connection.executemany(insert, made)
    database.commit(connection)
    connection.close()


def held(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    connection = database.connect_reader()
    rows = Rows(connection, database.dialect)
    found = {
        table.name: [one for page in moving._rows(table, rows) for one in page]
        for table in metadata.sorted_tables
    }
    connection.close()
    return found


def count(database: Database, table: Table) -> int:
    connection = database.connect_reader()
    found = Rows(connection, database.dialect).query(select(func.count()).select_from(table))
    connection.close()
    return int(found[0][0])


@pytest.mark.parametrize("stores", WAYS, indirect=True, ids=lambda way: f"to-{way[1]}")
def test_every_row_of_every_table(stores: tuple[Database, Database]) -> None:
    source, target = stores
    rows = AT_ONCE + 3
    fill(source, rows)
    before = held(source)
    told: dict[str, int] = {}
    copied = copy_records(source, target, told.__setitem__)
    assert {one.name: one.count for one in copied} == dict.fromkeys(metadata.tables, rows) == told
    assert held(target) == before == held(source)
    # Equal rows have equal digests, whatever table they stand in, and other rows other ones.
    assert len({one.digest for one in copied}) == len({repr(found) for found in before.values()})


@pytest.mark.parametrize("stores", WAYS, indirect=True, ids=lambda way: f"to-{way[1]}")
def test_an_empty_store_gives_an_empty_store(stores: tuple[Database, Database]) -> None:
    source, target = stores
    assert {one.count for one in copy_records(source, target, lambda *_: None)} == {0}


@pytest.mark.parametrize("stores", WAYS, indirect=True, ids=lambda way: f"to-{way[1]}")
def test_a_store_with_records_is_left_alone(stores: tuple[Database, Database]) -> None:
    source, target = stores
    fill(source, 2)
    fill(target, 1)
    before = held(target)
    with pytest.raises(StateConflict) as caught:
        copy_records(source, target, lambda *_: None)
    assert caught.value.code == "store.not_empty"
    assert held(target) == before


@pytest.mark.parametrize("stores", WAYS, indirect=True, ids=lambda way: f"to-{way[1]}")
def test_what_is_broken_off_or_differs_leaves_nothing(
    stores: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = stores
    fill(source, 5)
    last = metadata.sorted_tables[-1].name

    def broken_off(name: str, _count: int) -> None:
        if name == last:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_records(source, target, broken_off)
    # A row that arrives in another form than it was sent.
    convert = moving._plain
    seen = []

    def drifting(kind: Any) -> Any:
        seen.append(kind)
        plain = convert(kind)
        taken = len(seen) > sum(len(table.columns) for table in metadata.sorted_tables)
        return lambda one: b"?" if taken and isinstance(one, bytes) else plain(one)

    monkeypatch.setattr(moving, "_plain", drifting)
    with pytest.raises(StoreCorrupt, match=r"does not hold what was copied"):
        copy_records(source, target, lambda *_: None)
    monkeypatch.undo()
    assert {count(target, table) for table in metadata.sorted_tables} == {0}
    assert {count(source, table) for table in metadata.sorted_tables} == {5}
    copy_records(source, target, lambda *_: None)


def test_objects_are_copied_once_and_checked(tmp_path: Path) -> None:
    source, target = DiskBlobs(tmp_path), MemoryBlobs()
    contents = [bytes([n]) * (n * 1_000_000) for n in range(1, 7)]
    for data in contents:
        writer = source.writer()
        writer.write(data)
        writer.finish()
    copied = copy_objects(source, target, lambda *_: None)
    assert copied.count == 6
    for found in source.iterate():
        reader = target.open(found.digest)
        assert reader.read() in contents
        assert reader.digest == found.digest
    writes: list[bytes] = []
    target.writer = lambda: writes.append(b"") or pytest.fail("copied twice")
    assert copy_objects(source, target, lambda *_: None) == copied


def test_a_damaged_object_is_not_passed_on(tmp_path: Path) -> None:
    source, target = DiskBlobs(tmp_path), MemoryBlobs()
    writer = source.writer()
    writer.write(random.Random(1).randbytes(50_000))
    digest = writer.finish().digest
    path = source.path_of(digest)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x40
    path.unlink()
    path.write_bytes(data)
    with pytest.raises(StoreCorrupt):
        copy_objects(DiskBlobs(tmp_path), target, lambda *_: None)
    assert not target.exists(digest)
