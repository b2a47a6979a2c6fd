"""The queue, overlapping runs, pauses and circuits in the store: the same on every kind of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from redrive.core.admission import lane_of
from redrive.core.run import Run
from redrive.engine.overlap import Overlapping
from redrive.store import queue as store
from redrive.store import runs as run_store
from redrive.store.statements import Insert, row
from redrive.store.tables import flows
from tests.contract.store.conftest import Store

Opened = Callable[..., Store]
FIRST = (-1, 0)
CIRCUIT = store.OpenCircuit("erp", 5, 100, 1_000_000, 10, "no connection")


async def flow_row(here: Store, flow_id: int) -> None:

    await here.insert(Insert(flows), (flow_id, f"flow-{flow_id}", True, None, None, 1, None))


async def test_the_queue_in_pages_and_without_what_cannot_start(here: Store) -> None:
    for number, (flow, turn, lane, overlap) in enumerate(
        [(1, 40, None, None), (2, 10, "2", "queue"), (1, 20, None, None), (2, 30, "2", None)], start=1
    ):
        await here.run(id=number, flow_id=flow, turn=turn, lane=lane, overlap=overlap, status="queued")
    await here.run(id=9, status="running", turn=1)
    await here.run(id=10, flow_id=1, turn=50, status="queued", source_run=9)

    def look(rows: Any) -> Any:
        found = store.waiting(rows, FIRST, 2)
        place = (found[-1].turn, found[-1].id)
        return (
            [one.id for one in found],
            [one.id for one in store.waiting(rows, place, 9)],
            [one.id for one in store.waiting_but(rows, FIRST, 9, {1}, ())],
            [one.id for one in store.waiting_but(rows, FIRST, 9, (), {"2"})],
            rows.one(store.AHEAD, turn=40, before=1),
            rows.one(store.FIRST),
            [one.id for one in store.running(rows)],
        )

    assert await here.read(look) == ([2, 3], [4, 1, 10], [2, 4, 10], [3, 4, 1, 10], (3,), (10,), [9])


async def test_a_run_is_moved_while_it_waits(here: Store) -> None:
    await here.run(id=1, status="queued", turn=5)
    await here.run(id=2, status="running", turn=6)

    def move(number: int) -> Any:
        return lambda tx: tx.run(store.MOVE, run_id=number, b_turn=-7, b_priority=0)

    assert [await here.write(move(number)) for number in (1, 2)] == [1, 0]
    moved = await here.read(lambda rows: store.of_run(rows, 1))
    assert (moved.turn, moved.priority) == (-7, 0)


def starting(number: int, policy: str, key: str | None = None, **facts: Any) -> Any:
    run = Run(
        id=number, flow_id=1, flow="f", version=1, status="queued", trigger="manual", priority=2, epoch=0,
        losses=0, queued_at=number, clock=number, **facts,
    )  # fmt: skip

    def work(transaction: Any) -> str:
        Overlapping(policy, key).enter(transaction, run, 99)
        transaction.insert(run_store.INSERT_RUN, row(run))
        return run.status

    return work


async def test_of_starts_at_the_same_time_in_two_processes_one_is_not_skipped(opened: Opened) -> None:
    one, other = opened(), opened()
    await flow_row(one, 1)
    works = [(store_, starting(number, "skip")) for number, store_ in enumerate([one, other] * 6, start=1)]
    statuses = await asyncio.gather(*(store_.write(work) for store_, work in works))
    assert sorted(statuses) == ["queued"] + ["stopped"] * 11


async def test_what_overlaps_is_cancelled_but_not_who_called(here: Store) -> None:
    await flow_row(here, 1)
    await here.run(id=1, flow_id=1, status="running", epoch=3)
    await here.run(id=2, flow_id=1, status="queued", epoch=0, lane=lane_of(1, "ann"))
    await here.run(id=3, flow_id=1, status="running", epoch=1)
    await here.run(id=4, flow_id=2, status="running", epoch=1)
    assert await here.write(starting(9, "cancel_running", parent_run=3)) == "queued"
    runs = {one: await here.read(lambda rows, one=one: run_store.get_run(rows, one)) for one in (1, 2, 3, 4)}
    assert {one: (run.status, run.stop) for one, run in runs.items()} == {
        1: ("running", 1), 2: ("stopped", 0), 3: ("running", 0), 4: ("running", 0),
    }  # fmt: skip
    assert runs[2].summary.startswith("cancelled by run r")


@pytest.mark.parametrize(("key", "status"), [("ann", "stopped"), ("bob", "queued")])
async def test_only_the_same_key_overlaps(here: Store, key: str, status: str) -> None:
    await flow_row(here, 1)
    await here.run(id=1, flow_id=1, status="running", lane=lane_of(1, "ann"))
    assert await here.write(starting(2, "skip", key)) == status


async def test_pauses(here: Store) -> None:
    pauses = [store.Pause("all", "", "", "ann", 1), store.Pause("flow", "f", "why", "bob", 2)]
    for pause in (*pauses, pauses[0]):
        await here.write(lambda tx, pause=pause: store.put_pause(tx, pause))
    assert await here.read(store.pauses) == pauses
    dropped = [await here.write(lambda tx: store.drop_pause(tx, "flow", "f")) for _ in range(2)]
    assert dropped == [True, False]


async def test_one_of_several_processes_tries_a_target(opened: Opened) -> None:
    one, other = opened(), opened()
    await one.write(lambda tx: store.put_circuit(tx, CIRCUIT))

    def probe(by: str, now: int) -> Any:
        return lambda tx: store.take_probe(tx, "erp", by, now, now - 50)

    assert not await one.write(probe("a", 99))  # it is not due
    taken = await asyncio.gather(*(st.write(probe(f"{n}", 100)) for n, st in enumerate([one, other] * 5)))
    assert sum(taken) == 1
    assert not await other.write(probe("late", 120))
    assert await other.write(probe("later", 151))  # whoever had it has gone
    await one.write(store.forget_probes)
    assert await other.read(store.circuits) == [CIRCUIT]
    assert await one.write(lambda tx: store.drop_circuit(tx, "erp"))
    assert not await one.write(lambda tx: store.drop_circuit(tx, "erp"))
