"""Runs, step runs, buckets and payloads on each database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from redrive.core.run import Run, StepRun
from redrive.store import queue
from redrive.store import runs as store
from redrive.store.committer import Transaction
from redrive.store.statements import row
from tests.contract.store.conftest import Store

FULL: dict[str, Any] = {
    "flow": "Aufträge \0 😀", "version": 3, "status": "running", "trigger": "redrive",
    "priority": 4, "epoch": 7, "losses": -1, "queued_at": 1_795_000_000_000_000,
    "started_at": 1, "finished_at": None, "clock": 2,
    "source_run": 3, "root_run": 4, "root_queued_at": 5, "start_step": "send", "warnings": 6,
    "summary": "it said “no”\r\n", "stop": 1, "overridden": True, "variables": b'{"a":1}',
    "plan": b"\x00\xff", "connectors": b"{}",
}  # fmt: skip


def updated(run: Run, **more: Any) -> dict[str, Any]:
    names = (
        "status",
        "epoch",
        "losses",
        "started_at",
        "finished_at",
        "warnings",
        "summary",
        "clock",
        "connectors",
    )
    return {f"b_{name}": more.get(name, getattr(run, name)) for name in names}


async def test_a_run_is_read_as_it_was_written(here: Store) -> None:
    run = await here.run(**FULL)
    assert await here.read(lambda rows: store.get_run(rows, run.id)) == run
    assert await here.write(lambda transaction: store.get_run(transaction, run.id)) == run
    assert await here.read(lambda rows: store.get_run(rows, run.id + 1)) is None


async def test_an_execution_that_was_taken_over_changes_nothing(opened: Callable[..., Store]) -> None:
    one, other = opened(), opened()
    run = await one.run(epoch=1, status="running")

    def take(epoch: int) -> Callable[[Transaction], int]:
        return lambda transaction: transaction.run(
            store.UPDATE_RUN, run_id=run.id, old_epoch=epoch, **updated(run, epoch=epoch + 1)
        )

    taken = await asyncio.gather(*(store.write(take(1)) for _ in range(10) for store in (one, other)))
    assert sorted(taken) == [0] * 19 + [1]
    assert await one.all(store.EPOCH, run_id=run.id) == [(2,)]


async def test_the_queue_is_by_priority_then_age(here: Store) -> None:
    wanted = [(3, 0), (1, 1), (2, 0), (4, 2)]
    for number, priority in wanted:
        await here.run(id=number, priority=priority, status="queued", epoch=0)
    await here.run(id=5, priority=0, status="running")
    first, *more = [row[:2] for row in await here.all(queue.QUEUED, turn=-1, after=0, at_most=10)]
    assert [first[0], *(row[0] for row in more)] == [2, 3, 1, 4]
    assert [row[0] for row in await here.all(queue.QUEUED, turn=first[1], after=first[0], at_most=2)] == [
        3,
        1,
    ]
    assert [row[0] for row in await here.all(queue.RUNNING, status="running")] == [5]
    assert await here.all(store.RECENT, at_most=2) == [(5,), (4,)]


async def test_a_stop_is_asked_for_once_and_only_of_what_goes_on(here: Store) -> None:
    running = await here.run(status="running")
    ended = await here.run(finished_at=5)
    queued = await here.run(status="queued", epoch=0)

    async def changed(statement: Any, **given: Any) -> int:
        return await here.write(lambda transaction: transaction.run(statement, **given))

    asked = [await changed(store.STOP, run_id=one.id, b_stop=1) for one in (running, running, ended)]
    assert asked == [1, 0, 0]
    assert await changed(store.STOP, run_id=running.id, b_stop=2) == 1
    assert await here.all(store.STOPS) == [(running.id, 2)]
    assert [
        await changed(store.STOP_QUEUED, run_id=one.id, b_finished_at=9) for one in (queued, queued, running)
    ] == [1, 0, 0]
    assert await changed(store.FAIL_RUN, run_id=running.id, b_epoch=0, b_summary="x", b_finished_at=9) == 0
    assert await changed(store.FAIL_RUN, run_id=running.id, b_epoch=1, b_summary="x", b_finished_at=9) == 1


async def test_a_step_run_is_replaced_by_its_newer_state(here: Store) -> None:
    step = StepRun(run_id=1, position=0, step="pull", shape="connector", items_in=1 << 40, error=b"{}")
    other = StepRun(run_id=1, position=1, step="send", shape="connector", name="To the ERP", variables=b"{}")
    await here.insert(store.PUT_STEP_RUN, row(other), row(step))
    step.status, step.error, step.bucket, step.next_attempt_at = "success", None, 77, 5
    await here.insert(store.PUT_STEP_RUN, row(step))
    assert await here.read(lambda rows: store.step_runs(rows, 1)) == [step, other]


async def test_payloads_of_a_bucket_in_pages(here: Store) -> None:
    made = {position: await here.payload(9, position, size_bytes=position) for position in (2, 0, 1, 3)}
    await here.payload(8, 0)

    async def page(start: int, at_most: int) -> list[int]:
        return [
            one.position for one in await here.read(lambda rows: store.payloads_from(rows, 9, start, at_most))
        ]

    assert [await page(0, 2), await page(2, 9), await page(4, 9)] == [[0, 1], [2, 3], []]
    assert (await here.read(lambda rows: store.payloads_from(rows, 9, 1, 1))) == [made[1]]
    assert await here.read(lambda rows: store.bucket_count(rows, 9)) == 4
    assert await here.write(lambda t: t.run(store.DROP_PAYLOADS, bucket=9, keep=2)) == 2
    assert await here.read(lambda rows: (store.bucket_count(rows, 9), store.bucket_count(rows, 7))) == (2, 0)


async def test_totals_count_a_payload_of_unknown_form_as_one_item(here: Store) -> None:
    await here.payload(1, 0, items=None, size_bytes=1 << 62)
    await here.payload(1, 1, items=40, size_bytes=5)
    found = await here.read(lambda rows: (store.totals(rows, 1), store.totals(rows, 2)))
    assert found == ((2, 41, (1 << 62) + 5), (0, 0, 0))


async def test_two_payloads_at_one_place_are_refused(here: Store) -> None:
    await here.payload(1, 0)
    with pytest.raises(here.database.errors):
        await here.payload(1, 0)


async def test_failed_payloads_in_the_order_of_the_input(here: Store) -> None:
    def failed(number: int, attempts: int) -> tuple[Any, ...]:
        return (1, 2, number, 100 + number, attempts, b"{}", None)

    await here.insert(store.INSERT_FAILED, failed(3, 1), failed(1, 1))
    await here.insert(store.INSERT_FAILED, failed(3, 2))
    found = await here.all(store.FAILED_OF_STEP, run_id=1, position=2, start=0, at_most=9)
    assert [one[:3] for one in found] == [(1, 101, 1), (3, 103, 2)]
    assert len(await here.all(store.FAILED_OF_STEP, run_id=1, position=2, start=2, at_most=9)) == 1


async def test_the_last_success_of_a_flow(here: Store) -> None:
    assert await here.all(store.GET_LAST_SUCCESS, flow_id=1) == []
    assert await here.write(lambda t: t.run(store.LAST_SUCCESS, flow_id=1, b_clock=5)) == 0


async def test_an_exchange_is_answered_in_place(here: Store) -> None:
    asked = (5, 1, 2, 3, 1, b"{}", b"body", 4, None, None, None, 0, 10, None)
    await here.insert(store.INSERT_EXCHANGE, asked, (6, *asked[1:]))
    assert len(await here.all(store.INTERRUPTED, run_id=1, position=2, payload_id=3)) == 2
    answer = {
        "b_status": 200,
        "b_response": b"{}",
        "b_response_body": None,
        "b_response_bytes": 0,
        "b_duration_us": 9,
    }
    assert await here.write(lambda t: t.run(store.ANSWER_EXCHANGE, exchange_id=5, **answer)) == 1
    assert [one[0] for one in await here.all(store.INTERRUPTED, run_id=1, position=2, payload_id=3)] == [6]
