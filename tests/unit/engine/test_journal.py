"""What a run writes: in order, conditional on its epoch, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from redrive.core.run import Run, StepRun
from redrive.engine.journal import MAX_IN_FLIGHT, MAX_ROWS, Journal
from redrive.errors import Fault, LeaseLost
from redrive.store import runs as store
from redrive.store.committer import Committer
from redrive.store.contents import INSERT_CONTENT
from redrive.store.database import Reader
from redrive.store.sqlite import SqliteDatabase
from redrive.store.statements import Statement, row
from redrive.store.tables import contents

_CONTENTS = Statement(select(contents.c.digest))


def a_run(**facts: Any) -> Run:
    given: dict[str, Any] = {
        "id": 1, "flow_id": 1, "flow": "f", "version": 1, "status": "queued", "trigger": "manual",
        "priority": 2, "epoch": 0, "losses": 0, "queued_at": 1, "clock": 1, **facts,
    }  # fmt: skip
    return Run(**given)


class Store:
    def __init__(self, path: Path) -> None:
        database = SqliteDatabase(path)
        database.migrate()
        self.committer = Committer(database)
        self.reader = Reader(database)

    async def with_run(self, run: Run) -> None:
        await self.committer.submit(lambda transaction: transaction.insert(store.INSERT_RUN, row(run)))

    def run(self) -> Run:
        found = self.reader.here(lambda rows: store.get_run(rows, 1))
        assert found is not None
        return found

    def steps(self) -> list[StepRun]:
        return self.reader.here(lambda rows: store.step_runs(rows, 1))


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncIterator[Store]:
    opened = Store(tmp_path / "redrive.db")
    yield opened
    await asyncio.to_thread(opened.committer.close)
    opened.reader.close()


def nothing(_run: Run) -> None:
    return


def step(**facts: Any) -> StepRun:
    return StepRun(run_id=1, position=0, step="a", shape="map", **facts)


async def test_a_step_is_written_as_it_is_when_it_is_handed_over(disk: Store) -> None:
    run = a_run()
    await disk.with_run(run)
    journal = Journal(disk.committer, run, nothing)
    record = step(status="running")
    journal.step(record)
    record.done = 3
    future = journal.flush()
    record.done = 4
    await future
    assert [one.done for one in disk.steps()] == [3]


async def test_what_comes_soon_joins_what_still_waits(disk: Store) -> None:
    await disk.with_run(a_run())
    journal = Journal(disk.committer, a_run(), nothing)
    groups = disk.committer.groups
    record = step(status="running")
    journal.step(record)
    first = journal.flush(60.0)
    journal.add(store.INSERT_BUCKET, (10, 1, 0))
    record.done = 7
    journal.step(record)
    assert journal.soon(60.0) is first
    await journal.barrier()
    assert (first.done(), disk.committer.groups - groups) == (True, 1)
    assert [one.done for one in disk.steps()] == [7]
    journal.step(record)
    assert journal.soon(0.001) is not first
    await journal.barrier()


async def test_a_content_is_written_once_in_a_piece(disk: Store) -> None:
    await disk.with_run(a_run())
    journal = Journal(disk.committer, a_run(), nothing)
    seen: list[int] = []
    for _ in range(2):
        journal.add(INSERT_CONTENT, (b"d" * 32, 1, 0, b"x", None, None, None))
        journal.work(lambda transaction: seen.append(len(transaction.all(_CONTENTS))))
    await journal.barrier()
    assert seen == [1, 1]


async def test_order_is_kept_between_rows_and_work(disk: Store) -> None:
    run = a_run()
    await disk.with_run(run)
    journal = Journal(disk.committer, run, nothing)
    seen: list[list[Any]] = []
    journal.add(store.INSERT_BUCKET, (10, 1, 0))
    journal.work(lambda transaction: seen.append(transaction.all(store.GET_BUCKET, bucket=10)))
    journal.work(lambda transaction: seen.append(transaction.all(store.GET_BUCKET, bucket=11)))
    journal.add(store.INSERT_BUCKET, (11, 1, 0))
    await journal.barrier()
    assert seen == [[(1, 0)], []]


async def test_a_claim_raises_the_epoch_and_shuts_the_one_before_out(disk: Store) -> None:
    await disk.with_run(a_run())
    old, new = a_run(), a_run()
    first, second = (Journal(disk.committer, run, nothing) for run in (old, new))
    old.epoch = 1
    first.run_changed()
    await first.barrier()
    new.epoch = 1
    second = Journal(disk.committer, disk.run(), nothing)
    second.run.epoch += 1
    second.run_changed()
    await second.barrier()
    first.step(step(status="success"))
    first.log(0, 1, "info", "from the grave")
    with pytest.raises(LeaseLost):
        await first.barrier()
    assert disk.run().epoch == 2
    assert disk.steps() == []


async def test_after_a_lost_lease_everything_says_so(disk: Store) -> None:
    run = a_run()
    await disk.with_run(a_run(epoch=5))
    journal = Journal(disk.committer, run, nothing)
    journal.step(step())
    await asyncio.gather(journal.flush(), return_exceptions=True)
    with pytest.raises(LeaseLost):
        journal.check()
    with pytest.raises(LeaseLost):
        await journal.pace()
    with pytest.raises(LeaseLost):
        await journal.barrier()


async def test_a_store_that_has_stopped_is_told_at_once(disk: Store) -> None:
    """Its future has failed before anybody waits: who tries again on no error would do so for ever."""
    run = a_run()
    await disk.with_run(run)
    await asyncio.to_thread(disk.committer.close)
    journal = Journal(disk.committer, run, lambda _run: None)
    journal.log(0, 1, "info", "written nowhere")
    with pytest.raises(Fault) as caught:
        await journal.barrier()
    assert caught.value.code == "store.closed"
    other = Journal(disk.committer, run, lambda _run: None)
    other.flush()
    with pytest.raises(Fault):
        await other.pace()


async def test_pace_waits_while_too_much_is_under_way(disk: Store) -> None:
    run = a_run()
    waiting: list[asyncio.Future[Any]] = []

    class Slow:
        def submit(self, _function: Callable[..., Any], *, within_s: float = 0.0) -> asyncio.Future[Any]:
            waiting.append(asyncio.get_running_loop().create_future())
            return waiting[-1]

        def hasten(self, within_s: float = 0.0) -> None:
            raise AssertionError("a flush is a piece of its own")

    journal = Journal(Slow(), run, nothing)
    for _ in range(MAX_IN_FLIGHT):
        journal.flush()
    await journal.pace()
    journal.flush()
    pacing = asyncio.create_task(journal.pace())
    await asyncio.wait({pacing}, timeout=0)
    assert not pacing.done()
    waiting[0].set_result(None)
    await pacing


def test_enough_is_worth_a_flush() -> None:
    class Nowhere:
        def submit(self, _function: Callable[..., Any], *, within_s: float = 0.0) -> asyncio.Future[Any]:
            raise AssertionError("nothing is handed over here")

    journal = Journal(Nowhere(), a_run(), nothing)
    for number in range(MAX_ROWS):
        journal.add(store.INSERT_BUCKET, (number, 1, 0))
    assert not journal.full
    journal.add(store.INSERT_BUCKET, (MAX_ROWS, 1, 0))
    assert journal.full


async def test_log_lines_of_two_lives_do_not_meet(disk: Store) -> None:
    await disk.with_run(a_run())
    for _ in range(2):
        run = disk.run()
        journal = Journal(disk.committer, run, nothing)
        run.epoch += 1
        journal.run_changed()
        journal.log(0, 1, "info", "here")
        await journal.barrier()
    assert disk.run().epoch == 2
