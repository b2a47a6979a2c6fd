"""Runs that send the same orders at the same time: each order arrives once."""

import asyncio

import pytest

from redrive.client.records import RedriveRequest, RetryRequest, StartRequest
from redrive.engine.ledger import LedgerSignal
from tests.acceptance.product import step
from tests.acceptance.test_delivery_policies import FLOW, counts, orders


@pytest.fixture
async def loaded(runner, warehouse):
    await runner.load(warehouse.documents, FLOW)
    warehouse.give(orders(1, 2, 3))


async def arrival(warehouse):
    return await asyncio.to_thread(warehouse.arrived.get, timeout=20)


@pytest.fixture
def deciding(monkeypatch):
    """Told of each payload that a send step begins to decide about."""
    told = asyncio.Queue()
    waiter = LedgerSignal.waiter

    def tell(signal):
        told.put_nowait(None)
        return waiter(signal)

    monkeypatch.setattr(LedgerSignal, "waiter", tell)
    return told


async def next_decision(deciding, start):
    """Start a run, and wait until its send step asks the ledger."""
    while not deciding.empty():
        deciding.get_nowait()
    row = await start
    async with asyncio.timeout(20):
        await deciding.get()
    return row


async def test_the_second_run_waits_for_the_claim_of_the_first(runner, warehouse, loaded, deciding):
    warehouse.held = True
    first = await runner.client.runs.start("orders", StartRequest())
    assert await arrival(warehouse) == ["1", "2", "3"]
    second = await next_decision(deciding, runner.client.runs.start("orders", StartRequest()))
    claimed = await runner.client.ledger.list(status="begun")
    assert {one.key for one in claimed.items} == {"1", "2", "3"}
    assert warehouse.arrived.empty()
    warehouse.let_go.set()
    assert counts(await runner.ended(first)) == (3, 0, 0, 0)
    ended = await runner.ended(second)
    assert (ended.status, counts(ended)) == ("success", (0, 3, 0, 0))
    assert warehouse.requests == [["1", "2", "3"]]


async def test_a_redrive_while_a_run_sends_the_same_orders(runner, warehouse, loaded, deciding):
    warehouse.refused = {"2"}
    failed = await runner.run("orders")
    assert await arrival(warehouse) == ["1", "2", "3"]
    assert counts(failed) == (0, 0, 3, 0)
    warehouse.refused = set()
    warehouse.held = True
    run = await runner.client.runs.start("orders", StartRequest())
    assert await arrival(warehouse) == ["1", "2", "3"]
    redrive = await next_decision(
        deciding, runner.client.redrives.redrive(failed.id, RedriveRequest(at="send"))
    )
    assert warehouse.arrived.empty()
    warehouse.let_go.set()
    assert counts(await runner.ended(run)) == (3, 0, 0, 0)
    assert counts(await runner.ended(redrive)) == (0, 3, 0, 0)
    assert set(warehouse.counts.values()) == {1}
    assert len(warehouse.counts) == 3


async def test_what_the_first_run_could_not_deliver_the_waiting_one_sends(
    runner, warehouse, loaded, deciding
):
    warehouse.held = True
    warehouse.refused, warehouse.refuses_once = {"2"}, True
    first = await runner.client.runs.start("orders", StartRequest())
    await arrival(warehouse)
    second = await next_decision(deciding, runner.client.runs.start("orders", StartRequest()))
    warehouse.let_go.set()
    first = await runner.ended(first)
    second = await runner.ended(second)
    assert (first.status, second.status) == ("failure", "success")
    assert warehouse.counts == {"1": 1, "2": 1, "3": 1}


async def test_many_runs_of_overlapping_orders_at_once(runner, warehouse, loaded):
    warehouse.give(orders(*range(40)))
    flow = FLOW.replace("flow: orders", "flow: sevens").replace(
        "  - {id: send", "  - {id: some, shape: flow_control, size: 7}\n  - {id: send"
    )
    await runner.load(flow.replace("key: id", "key: id, ledger: shared"))
    await runner.load(FLOW.replace("key: id", "key: id, ledger: shared"))
    rows = [
        await runner.client.runs.start(name, StartRequest())
        for name in ("orders", "sevens", "orders", "sevens", "sevens", "orders")
    ]
    runs = [await runner.ended(row) for row in rows]
    assert {run.status for run in runs} == {"success"}
    assert sum(counts(run)[0] for run in runs) == 40
    assert sum(counts(run)[1] for run in runs) == 200
    assert warehouse.counts == {str(number): 1 for number in range(40)}


async def test_a_forced_stop_leaves_what_was_on_its_way_unknown(runner, warehouse, loaded):
    warehouse.held = True
    row = await runner.client.runs.start("orders", StartRequest())
    await arrival(warehouse)
    await runner.client.runs.stop(row.id, force=True)
    stopped = await runner.ended(row)
    assert (stopped.status, counts(stopped)) == ("stopped", (0, 0, 0, 3))
    warehouse.let_go.set()
    warehouse.held = False
    unknown = (await runner.client.ledger.list(status="unknown")).items
    assert {one.key for one in unknown} == {"1", "2", "3"}
    plan = await runner.client.redrives.plan_retry(stopped.id, RetryRequest(from_="failed"))
    assert plan.steps[0].unknown == 3
    assert any("holds 3 unknown deliveries" in one for one in plan.warnings)
    retried = await runner.retry(stopped.id)
    assert retried.status == "failure"
    assert step(retried, "send").error.code == "delivery.unknown"
    for one in unknown:
        arrived = one.key in warehouse.counts
        await runner.client.ledger.resolve(one.id, sent=arrived, reason="looked at the ERP")
    assert (await runner.retry(retried.id)).status == "success"
    assert warehouse.counts == {"1": 1, "2": 1, "3": 1}
