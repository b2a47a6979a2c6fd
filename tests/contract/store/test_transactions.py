"""What a transaction, a snapshot and a value are, on each database."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import bindparam, select, update

from redrive.errors import Fault, StoreBusy
from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Database, Reader, Rows
from redrive.store.statements import Insert, Statement
from tests.contract.store.conftest import Store

_a = tables.start_keys
PUT = Insert(_a)
IGNORE = Insert(_a, conflict="ignore")
REPLACE = Insert(_a, conflict="replace")
ALL = Statement(select(_a.c.key, _a.c.digest, _a.c.run_id, _a.c.at).order_by(_a.c.key))
ONE = Statement(select(_a.c.run_id).where(_a.c.key == bindparam("key")))
_MORE = _a.c.run_id + bindparam("by", type_=_a.c.run_id.type)
RAISE = Statement(update(_a).where(_a.c.key == bindparam("key")).values(run_id=_MORE))


def key(text: str, number: int = 0, digest: bytes = b"") -> tuple[Any, ...]:
    return (text, digest, number, 0)


async def keys(store: Store) -> list[str]:
    return [row[0] for row in await store.all(ALL)]


async def test_a_failing_piece_of_a_group_takes_nobody_with_it(here: Store) -> None:
    held, entered = threading.Event(), threading.Event()

    def gate(_transaction: Transaction) -> None:
        entered.set()
        assert held.wait(10)

    def twice(transaction: Transaction) -> None:
        transaction.insert_many(PUT, [key("c"), key("a")])

    def wrong(transaction: Transaction) -> None:
        transaction.run(RAISE, key="a", by=1)
        raise ValueError("not this one")

    first = here.committer.submit(gate)
    assert await asyncio.to_thread(entered.wait, 10)
    futures = [
        here.committer.submit(work)
        for work in (lambda t: t.insert(PUT, key("a")), twice, wrong, lambda t: t.insert(PUT, key("b")))
    ]
    held.set()
    await first
    ended = await asyncio.gather(*futures, return_exceptions=True)
    assert [isinstance(one, Exception) for one in ended] == [False, True, True, False]
    assert isinstance(ended[1], here.database.errors)
    assert [row[::2] for row in await here.all(ALL)] == [("a", 0), ("b", 0)]
    assert here.committer.failed is None


async def test_an_error_that_a_piece_swallows_does_not_pass_for_a_commit(here: Store) -> None:
    # On PostgreSQL a transaction is void after an error; what was answered has to be durable.
    values = dict(zip(("key", "digest", "run_id", "at"), key("a"), strict=True))

    def careless(transaction: Transaction) -> None:
        transaction.run(PUT, **values)
        with contextlib.suppress(here.database.errors):
            transaction.run(PUT, **values)

    ended = await asyncio.gather(here.write(careless), return_exceptions=True)
    assert (await keys(here) == ["a"]) == (ended == [None])
    assert here.committer.failed is None


async def test_two_processes_that_look_and_then_write_lose_nothing(opened: Callable[..., Store]) -> None:
    one, other = opened(), opened()
    await one.insert(PUT, key("n", 0))

    def step(transaction: Transaction) -> None:
        found = transaction.one(ONE, key="n")
        assert found is not None
        transaction.run(_SET, key="n", b_run=found[0] + 1)

    await asyncio.gather(*(store.write(step) for store in (one, other) for _ in range(40)))
    assert await one.all(ONE, key="n") == [(80,)]


_SET = Statement(update(_a).where(_a.c.key == bindparam("key")).values(run_id=bindparam("b_run")))


async def test_a_key_that_two_processes_claim_is_given_to_one(opened: Callable[..., Store]) -> None:
    one, other = opened(), opened()

    def claim(name: str) -> Callable[[Transaction], bool]:
        def work(transaction: Transaction) -> bool:
            if transaction.one(ONE, key=name) is not None:
                return False
            transaction.insert(PUT, key(name))
            return True

        return work

    won = await asyncio.gather(*(store.write(claim(f"k{n}")) for n in range(20) for store in (one, other)))
    assert won.count(True) == 20
    assert won.count(False) == 20


async def test_a_writer_that_does_not_end_makes_others_busy_not_broken(
    opened: Callable[..., Store], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("redrive.store.sqlite.BUSY_MS", 50)
    monkeypatch.setattr("redrive.store.postgres_session.BUSY_MS", 50)
    one, other = opened(), opened()
    held, entered = threading.Event(), threading.Event()

    def gate(transaction: Transaction) -> None:
        transaction.insert(PUT, key("first"))
        transaction.flush()
        entered.set()
        assert held.wait(10)

    waiting = one.committer.submit(gate)
    assert await asyncio.to_thread(entered.wait, 10)
    with pytest.raises(StoreBusy) as caught:
        await other.insert(PUT, key("second"))
    assert caught.value.hint
    held.set()
    await waiting
    await other.insert(PUT, key("third"))
    assert await keys(one) == ["first", "third"]


async def test_a_read_sees_one_commit_throughout(opened: Callable[..., Store]) -> None:
    one, other = opened(), opened()
    await one.insert(PUT, key("a"))
    loop = asyncio.get_running_loop()

    def read(rows: Rows) -> list[int]:
        before = len(rows.all(ALL))
        asyncio.run_coroutine_threadsafe(other.insert(PUT, key("b")), loop).result(10)
        return [before, len(rows.all(ALL))]

    assert await one.read(read) == [1, 1]
    assert await keys(one) == ["a", "b"]


async def test_a_look_up_in_the_calling_thread_sees_the_newest_commit(opened: Callable[..., Store]) -> None:
    one, other = opened(), opened()
    rows = one.reader.rows()
    assert rows.one(ONE, key="a") is None
    await other.insert(PUT, key("a", 7))
    assert rows.one(ONE, key="a") == (7,)
    assert one.reader.here(lambda rows: rows.one(ONE, key="a")) == (7,)


async def test_a_reader_writes_nothing(here: Store) -> None:
    def write(rows: Rows) -> None:
        rows.query(update(_a).values(run_id=1))

    with pytest.raises(Exception, match="read"):
        await here.read(write)


async def test_the_data_version_tells_of_what_others_commit(opened: Callable[..., Store]) -> None:
    one, other = opened(), opened()
    before = one.reader.data_version()
    await other.insert(PUT, key("a"))
    async with asyncio.timeout(10):
        while one.reader.data_version() == before:
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("insert", "expected"),
    [(IGNORE, [("a", 1), ("b", 3)]), (REPLACE, [("a", 2), ("b", 3)])],
    ids=["ignore", "replace"],
)
async def test_what_a_row_with_a_known_key_does(
    here: Store, insert: Insert, expected: list[tuple[str, int]]
) -> None:
    await here.insert(insert, key("a", 1))
    await here.insert(insert, key("a", 2), key("b", 3))
    assert [row[::2] for row in await here.all(ALL)] == expected


async def test_a_row_that_comes_twice_in_one_group_is_replaced_by_the_later(here: Store) -> None:
    await here.insert(REPLACE, key("a", 1), key("a", 2))
    assert [row[::2] for row in await here.all(ALL)] == [("a", 2)]


ODD = [
    "plain", "", " ", "NUL \0 inside", "\0", "\0\0", "\x01", "\x01\x01", "\x01\x02", "\x00\x01",
    "ä", "a\u0308", "Z", "a", "z", "é", "ß", "\uffff", "\ufdd0", "😀", "\U0010ffff", "\u202e", "%s ?", "100%",
    "back\\slash", "\\u0000", "'\"", "\r\n", "ı", "İ",  # noqa: RUF001
    "~", "_", "-", "10", "9", "x" * 2500,
]  # fmt: skip


async def test_texts_come_back_as_they_were_in_the_order_of_their_code_points(here: Store) -> None:
    await here.insert(PUT, *(key(text, n) for n, text in enumerate(ODD)))
    found = await here.all(ALL)
    assert [row[0] for row in found] == sorted(ODD)
    for n, text in enumerate(ODD):
        assert await here.all(ONE, key=text) == [(n,)]
        assert await here.query(select(_a.c.run_id).where(_a.c.key == text)) == [(n,)]
    after = await here.query(select(_a.c.key).where(_a.c.key > "a").order_by(_a.c.key))
    assert [row[0] for row in after] == sorted(text for text in ODD if text > "a")


async def test_half_of_a_surrogate_pair_is_kept_as_its_escape(here: Store) -> None:
    broken = "before \ud83d behind"
    await here.write(lambda transaction: transaction.insert_many(PUT, [key("a"), key(broken, 1), key("z")]))
    assert await keys(here) == ["a", "before \\ud83d behind", "z"]
    assert await here.all(ONE, key=broken) == [(1,)]
    assert await here.write(lambda transaction: transaction.run(RAISE, key=broken, by=1)) == 1
    assert await here.query(select(_a.c.run_id).where(_a.c.key == broken)) == [(2,)]


@pytest.mark.parametrize("number", [0, -1, 1 << 31, -(1 << 31) - 1, (1 << 63) - 1, -(1 << 63)])
async def test_numbers_of_64_bits(here: Store, number: int) -> None:
    await here.insert(PUT, key("n", number))
    assert await here.all(ONE, key="n") == [(number,)]
    assert await here.query(select(_a.c.key).where(_a.c.run_id == number)) == [("n",)]


async def test_a_number_beyond_64_bits_is_an_error_of_its_author(here: Store) -> None:
    for number in (1 << 63, 10**40):
        with pytest.raises(Exception, match=r"int|range|large"):
            await here.insert(PUT, key("n", number))
    await here.insert(PUT, key("m", 1))
    assert await keys(here) == ["m"]


async def test_a_number_beyond_its_column_is_only_not_found(here: Store) -> None:
    query = select(tables.flow_versions.c.number).where(tables.flow_versions.c.number < 1 << 40)
    assert await here.query(query) == []


async def test_bytes_come_back_as_they_were(here: Store) -> None:
    every = bytes(range(256))
    await here.insert(PUT, key("all", 1, every), key("none", 2, b""), key("large", 3, every * (4 << 10)))
    found = {row[0]: row[1] for row in await here.all(ALL)}
    assert {name: bytes(data) for name, data in found.items()} == {
        "all": every,
        "none": b"",
        "large": every * (4 << 10),
    }
    assert await here.query(select(_a.c.key).where(_a.c.digest == every)) == [("all",)]
    after = await here.query(select(_a.c.key).where(_a.c.digest > b"").order_by(_a.c.digest, _a.c.key))
    assert [row[0] for row in after] == ["all", "large"]


async def test_rows_with_and_without_values_come_in_one_group(here: Store) -> None:
    await here.run(id=1)
    await here.run(id=2, started_at=5, source_run=1, root_run=1, variables=b"{}", overridden=True)
    _r = tables.runs
    found = await here.query(select(_r.c.started_at, _r.c.variables, _r.c.overridden).order_by(_r.c.id))
    assert [(at, bytes(data) if data else None, bool(flag)) for at, data, flag in found] == [
        (None, None, False),
        (5, b"{}", True),
    ]


class Told:
    """A connection that tells when it is closed."""

    def __init__(self, connection: Any, told: list[str]) -> None:
        self._connection, self._told = connection, told

    def execute(self, *words: Any) -> Any:
        return self._connection.execute(*words)

    def close(self) -> None:
        self._told.append("closed")
        self._connection.close()


async def test_a_store_that_is_closed_lets_another_thread_read_to_its_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    connect = database.connect_reader
    monkeypatch.setattr(database, "connect_reader", lambda **more: Told(connect(**more), told))
    reader = Reader(database)
    reading, closed = threading.Event(), threading.Event()

    def slowly(rows: Rows) -> None:
        rows.all(ALL)
        reading.set()
        assert closed.wait(10)
        rows.all(ALL)
        told.append("read")

    pending = asyncio.create_task(asyncio.to_thread(reader.here, slowly))
    assert await asyncio.to_thread(reading.wait, 10)
    reader.close()
    closed.set()
    await pending
    assert told == ["read", "closed"]
    with pytest.raises(Fault) as error:
        await asyncio.to_thread(reader.here, slowly)
    assert error.value.code == "store.closed"
