"""Group commit: order, who gets which error, what ends it."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, select

from redrive.errors import Fault, StoreBusy, StoreFull
from redrive.store.committer import Committer, Transaction
from redrive.store.sqlite import SqliteDatabase, connect_writer
from redrive.store.statements import Insert, Statement

_table = Table(
    "notes", MetaData(), Column("id", Integer, primary_key=True), Column("text", Text, nullable=False)
)
PUT = Insert(_table)
ALL = Statement(select(_table.c.id, _table.c.text).order_by(_table.c.id))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "notes.db"
    connection = connect_writer(path)
    connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    connection.close()
    return path


@pytest.fixture
def open_(path: Path) -> Iterator[Callable[..., Committer]]:
    made: list[Committer] = []

    def make(
        connect: Callable[[], Any] | None = None, failpoint: Callable[[str], None] = lambda _: None
    ) -> Committer:
        database = SqliteDatabase(path)
        if connect is not None:
            database.connect_writer = connect
        made.append(Committer(database, failpoint))
        return made[-1]

    yield make
    for committer in made:
        committer.close()


def put(number: int, text: str = "x") -> Callable[[Transaction], None]:
    return lambda transaction: transaction.insert(PUT, (number, text))


def stored(path: Path) -> list[int]:
    connection = sqlite3.connect(path)
    try:
        return [row[0] for row in connection.execute("SELECT id FROM notes ORDER BY rowid")]
    finally:
        connection.close()


class Gate:
    """Holds the committer's thread inside a piece of work until it is opened."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.open = threading.Event()

    def __call__(self, _transaction: Transaction) -> None:
        self.entered.set()
        assert self.open.wait(10)

    async def reached(self) -> None:
        assert await asyncio.to_thread(self.entered.wait, 10)


class Shim:
    """A connection whose COMMIT (or BEGIN) fails as told."""

    def __init__(
        self, connection: sqlite3.Connection, failing: dict[str, list[sqlite3.Error | None]]
    ) -> None:
        self._connection = connection
        self._failing = failing

    def execute(self, text: str, *parameters: Any) -> Any:
        errors = self._failing.get(text.split(maxsplit=1)[0])
        if errors and (error := errors.pop(0)) is not None:
            raise error
        return self._connection.execute(text, *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def failure(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(name.lower())
    error.sqlite_errorname = name
    return error


async def test_what_waits_is_one_group_applied_in_the_order_of_submission(
    open_: Callable[..., Committer], path: Path
) -> None:
    committer = open_()
    gate = Gate()
    held = committer.submit(gate)
    await gate.reached()
    order: list[int] = []
    futures = [
        committer.submit(lambda _transaction, n=n: order.append(n), within_s=late)
        for n, late in enumerate((0, 5, 0, 9))
    ]
    gate.open.set()
    await asyncio.gather(held, *futures)
    assert order == [0, 1, 2, 3]
    assert committer.groups == 2


async def test_nobody_is_answered_before_the_commit(open_: Callable[..., Committer], path: Path) -> None:
    passed: list[tuple[str, list[int]]] = []
    committer = open_(failpoint=lambda name: passed.append((name, stored(path))))
    future = committer.submit(put(1))
    await future
    assert passed == [("commit.before", []), ("commit.after", [1])]


async def test_work_sees_what_came_before_it_in_its_group(open_: Callable[..., Committer]) -> None:
    committer = open_()
    gate = Gate()
    first = committer.submit(gate)
    await gate.reached()
    written = committer.submit(put(1))
    seen = committer.submit(lambda transaction: transaction.all(ALL))
    gate.open.set()
    await asyncio.gather(first, written)
    assert await seen == [(1, "x")]


async def test_a_failing_piece_takes_nobody_with_it(open_: Callable[..., Committer], path: Path) -> None:
    committer = open_()
    gate = Gate()
    first = committer.submit(gate)
    await gate.reached()

    def wrong(_transaction: Transaction) -> None:
        raise ValueError("not this one")

    futures = [committer.submit(work) for work in (put(1), wrong, put(2), put(1), put(3))]
    gate.open.set()
    await first
    results = await asyncio.gather(*futures, return_exceptions=True)
    assert [type(result) for result in results] == [
        type(None),
        ValueError,
        type(None),
        sqlite3.IntegrityError,
        type(None),
    ]
    assert stored(path) == [1, 2, 3]
    assert committer.failed is None


async def test_work_that_can_wait_rides_with_the_next_group(
    open_: Callable[..., Committer], path: Path
) -> None:
    committer = open_()
    patient = committer.submit(put(1), within_s=3600)
    await committer.submit(put(2))
    await patient
    assert committer.groups == 1
    assert stored(path) == [1, 2]


async def test_work_that_can_wait_does_not_wait_for_ever(open_: Callable[..., Committer], path: Path) -> None:
    committer = open_()
    await asyncio.wait_for(committer.submit(put(1), within_s=0.01), 10)
    assert stored(path) == [1]


async def test_closing_commits_what_waits_and_then_takes_nothing(
    open_: Callable[..., Committer], path: Path
) -> None:
    committer = open_()
    waiting = committer.submit(put(1), within_s=3600)
    await asyncio.to_thread(committer.close)
    await waiting
    assert stored(path) == [1]
    with pytest.raises(Fault) as caught:
        await committer.submit(put(2))
    assert caught.value.code == "store.closed"


async def test_a_busy_store_is_told_and_the_committer_lives_on(
    open_: Callable[..., Committer], path: Path
) -> None:
    failing: dict[str, list[sqlite3.Error | None]] = {"BEGIN": [failure("SQLITE_BUSY")]}
    committer = open_(lambda: Shim(connect_writer(path), failing))
    with pytest.raises(StoreBusy):
        await committer.submit(put(1))
    await committer.submit(put(2))
    assert stored(path) == [2]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("SQLITE_FULL", StoreFull), ("SQLITE_IOERR_FSYNC", Fault), ("SQLITE_IOERR_WRITE", Fault)],
)
async def test_a_failed_commit_ends_the_committer(
    open_: Callable[..., Committer], path: Path, name: str, expected: type[Fault]
) -> None:
    failing: dict[str, list[sqlite3.Error | None]] = {"COMMIT": [failure(name)]}
    committer = open_(lambda: Shim(connect_writer(path), failing))
    told: list[Fault] = []
    committer.on_failure = told.append  # type: ignore[assignment]
    gate = Gate()
    first = committer.submit(gate)
    await gate.reached()
    later = committer.submit(put(1))
    gate.open.set()
    for future in (first, later):
        with pytest.raises(expected):
            await future
    with pytest.raises(expected):
        await committer.submit(put(2))
    assert told == [committer.failed]
    assert stored(path) == []


async def test_a_commit_that_fails_for_one_piece_alone_answers_the_whole_group(
    open_: Callable[..., Committer], path: Path
) -> None:
    # The group is taken apart because of the wrong piece; then the disk fails under the second.
    failing: dict[str, list[sqlite3.Error | None]] = {"COMMIT": [None, None, failure("SQLITE_IOERR_FSYNC")]}
    committer = open_(lambda: Shim(connect_writer(path), failing))
    gate = Gate()
    first = committer.submit(gate)
    await gate.reached()

    def wrong(_transaction: Transaction) -> None:
        raise ValueError("not this one")

    futures = [committer.submit(work) for work in (put(1), put(2), wrong, put(3))]
    gate.open.set()
    await first
    results = await asyncio.wait_for(asyncio.gather(*futures, return_exceptions=True), 10)
    assert [type(result) for result in results] == [type(None), Fault, Fault, Fault]
    assert stored(path) == [1]


async def test_what_follows_a_commit_cannot_undo_or_repeat_it(
    open_: Callable[..., Committer], path: Path
) -> None:
    committer = open_()
    applied: list[int] = []

    def work(transaction: Transaction) -> None:
        def fail() -> None:
            raise RuntimeError("the loop that waited is gone")

        applied.append(1)
        transaction.insert(PUT, (1, "x"))
        transaction.after_commit.append(fail)

    await committer.submit(work)
    assert applied == [1]
    assert stored(path) == [1]


async def test_the_waiter_of_a_loop_that_has_ended_stops_nobody(
    open_: Callable[..., Committer], path: Path
) -> None:
    committer = open_()

    def elsewhere() -> None:
        async def leave() -> None:
            committer.submit(put(1), within_s=3600)

        asyncio.run(leave())

    await asyncio.to_thread(elsewhere)
    await committer.submit(put(2))
    assert stored(path) == [1, 2]


async def test_a_store_that_cannot_be_opened_is_told_at_once(
    open_: Callable[..., Committer], tmp_path: Path
) -> None:
    with pytest.raises(Fault):
        Committer(SqliteDatabase(tmp_path / "missing" / "notes.db"))


async def test_a_turn_of_the_loop_wakes_the_thread_once(open_, path, monkeypatch):
    committer = open_()
    await committer.submit(put(1))
    woken = []
    notify = committer._notify
    monkeypatch.setattr(committer, "_notify", lambda: (woken.append(1), notify()))
    first = committer.submit(put(2), within_s=0.003)
    second = committer.submit(put(3))
    committer.hasten()
    await asyncio.gather(first, second)
    # Not at all where it looks by itself just then, as it does for a while after a commit.
    assert len(woken) <= 1
    assert stored(path) == [1, 2, 3]


async def test_what_can_wait_is_committed_in_time_without_waking_the_thread(open_, path, monkeypatch):
    committer = open_()
    await committer.submit(put(1))
    monkeypatch.setattr(committer, "_notify", lambda: pytest.fail("the thread was woken"))
    async with asyncio.timeout(20):
        await committer.submit(put(2), within_s=1.0)
    assert stored(path) == [1, 2]


async def test_what_can_wait_is_committed_long_after_the_last_commit(open_, path, monkeypatch):
    monkeypatch.setattr("redrive.store.committer.LINGER_S", 0.0)
    committer = open_()
    await committer.submit(put(1))
    async with asyncio.timeout(20):
        await committer.submit(put(2), within_s=0.01)
    assert stored(path) == [1, 2]


def test_a_loop_that_ended_before_it_woke_the_thread_holds_nobody_up(open_, path):
    committer = open_()

    async def leave():
        committer.submit(put(1))

    async def stay():
        async with asyncio.timeout(20):
            await committer.submit(put(2))

    asyncio.run(leave())
    asyncio.run(stay())
    assert stored(path) == [1, 2]
