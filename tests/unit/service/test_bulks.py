"""Bulk on a whole home: what it starts, what it refuses, and that nothing is started twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from redrive.errors import ConfirmationNeeded, Fault, NotFound, StateConflict, UsageError
from redrive.service.app import open_service
from redrive.service.bulk_views import BulkRequest, RunsWhere
from redrive.service.views import RedriveRequest, RetryRequest, StartRequest
from redrive.settings import load

FLOW = b"""
flow: orders
settings: {labels: [erp]}
variables: {id: {type: number, default: 1}}
steps:
  - {id: pull, shape: manual_payload, payload: [{id: 1}, {id: 2}]}
  - {id: note, shape: track, fields: {order: id}}
  - {id: check, shape: filter, keep: {field: id, is: "{{ vars.id }}"}}
  - {id: right, shape: assert, equals: [{id: 1}]}
"""
OTHER = b"""
flow: others
steps:
  - {id: pull, shape: manual_payload, payload: [{id: 9}]}
  - {id: note, shape: track, fields: {order: id}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
async def service(folder: Path):
    async with open_service(folder, load(environment={}), serve=True) as service:
        await service.flows.import_documents([("a.yaml", FLOW), ("b.yaml", OTHER)], deploy=True)
        yield service


async def ran(service, right: bool = False, flow: str = "orders") -> str:
    variables = {} if right or flow != "orders" else {"id": 2}
    row = await service.runs.start(flow, StartRequest(variables=variables))
    return (await service.runs.wait(row.id, 20)).id


async def at_its_end(service, bulk_id: str):
    async with asyncio.timeout(20):
        while True:
            view = await service.bulks.get(bulk_id)
            if view.state != "running" and not view.under_way:
                return view
            await asyncio.sleep(0.01)


async def outcomes(service, bulk_id: str):
    return (await service.bulks.runs(bulk_id)).items


RETRY = RetryRequest()


async def test_a_selection_is_retried_and_what_cannot_be_is_told(service):
    failed = [await ran(service) for _ in range(3)]
    good = await ran(service, right=True)
    plan = await service.bulks.plan(BulkRequest(runs=[*failed, good], retry=RETRY))
    assert (plan.runs, plan.planned, plan.able) == (4, 4, 3)
    assert [(note.code, note.runs, note.first) for note in plan.refused] == [("run.not_failed", 1, [good])]
    begun = await service.bulks.start(BulkRequest(runs=[*reversed(failed), good], retry=RETRY))
    assert (begun.kind, begun.runs) == ("retry", 4)
    view = await at_its_end(service, begun.id)
    assert (view.state, view.started, view.refused, view.failed, view.waiting) == ("ended", 3, 1, 3, 0)
    found = await outcomes(service, begun.id)
    assert [one.source_run for one in found] == sorted([*failed, good]), "the oldest first"
    assert found[3].problem.code == "run.not_failed"
    for one in found[:3]:
        assert (await service.runs.get(one.source_run)).redrives == [one.run]
        assert one.status == "failure"
    assert [one.id for one in (await service.bulks.list()).items] == [begun.id]


async def test_all_that_fit_a_filter_are_redriven(service):
    failed = [await ran(service) for _ in range(2)]
    await ran(service, flow="others")
    for where in (
        RunsWhere(status="failure"),
        RunsWhere(label="erp"),
        RunsWhere(value="2", flow="orders"),
    ):
        request = BulkRequest(where=where, redrive=RedriveRequest(at="check"))
        view = await at_its_end(service, (await service.bulks.start(request)).id)
        assert {one.source_run for one in await outcomes(service, view.id)} >= set(failed)
        assert view.started == view.runs
    with pytest.raises(UsageError) as refused:
        await service.bulks.start(BulkRequest(where=RunsWhere(label="crm"), retry=RETRY))
    assert refused.value.code == "runs.missing"


async def test_runs_that_did_not_fail_ask(service):
    good = await ran(service, right=True)
    request = BulkRequest(runs=[good, await ran(service)], retry=RetryRequest(from_="start"))
    with pytest.raises(ConfirmationNeeded, match="1 of 2 runs did not fail"):
        await service.bulks.start(request)
    assert "did not fail" in str((await service.bulks.plan(request)).confirm) or good in str(
        (await service.bulks.plan(request)).confirm
    )
    begun = await service.bulks.start(request.model_copy(update={"confirm": True}))
    assert (await at_its_end(service, begun.id)).started == 2


async def test_the_same_key_begins_one_job(service):
    request = BulkRequest(runs=[await ran(service)], retry=RETRY)
    first = await service.bulks.start(request, idempotency_key="k")
    again = await service.bulks.start(request, idempotency_key="k")
    assert first.id == again.id
    other = BulkRequest(runs=[await ran(service)], retry=RETRY)
    with pytest.raises(StateConflict) as conflict:
        await service.bulks.start(other, idempotency_key="k")
    assert conflict.value.code == "idempotency.conflict"


async def test_it_is_paused_resumed_and_cancelled(service):
    failed = [await ran(service) for _ in range(3)]
    slow = BulkRequest(runs=failed, retry=RETRY, per_minute=1)
    bulk = (await service.bulks.start(slow)).id
    async with asyncio.timeout(20):
        while (await service.bulks.get(bulk)).started == 0:
            await asyncio.sleep(0.01)
    assert (await service.bulks.pause(bulk)).state == "paused"
    with pytest.raises(StateConflict) as refused:
        await service.bulks.pause(bulk)
    assert refused.value.code == "bulk.paused"
    assert (await service.bulks.resume(bulk)).state == "running"
    view = await service.bulks.cancel(bulk)
    assert (view.state, view.waiting) == ("cancelled", 2)
    with pytest.raises(StateConflict) as ended:
        await service.bulks.resume(bulk)
    assert ended.value.code == "bulk.ended"
    assert len((await service.runs.list(trigger="retry")).items) == 1


async def test_what_a_dead_process_left_goes_on_and_nothing_is_started_twice(folder):
    settings = load(environment={})
    async with open_service(folder, settings, serve=True) as service:
        await service.flows.import_documents([("a.yaml", FLOW)], deploy=True)
        failed = [await ran(service) for _ in range(4)]
        request = BulkRequest(runs=failed, retry=RETRY, per_minute=1)
        bulk = (await service.bulks.start(request)).id
        async with asyncio.timeout(20):
            while (await service.bulks.get(bulk)).started == 0:
                await asyncio.sleep(0.01)
    async with open_service(folder, settings, serve=True) as service:
        view = await service.bulks.get(bulk)
        assert view.state == "running"
        async with asyncio.timeout(20):
            while (await service.bulks.get(bulk)).started < 2:
                await asyncio.sleep(0.01)
        found = await outcomes(service, bulk)
        assert [one.run is not None for one in found] == [True, True, False, False]
        for run in failed:
            assert len((await service.runs.get(run)).redrives) <= 1


async def test_a_fault_in_the_middle_pauses_it_and_says_what_was_started(service, monkeypatch):
    failed = [await ran(service) for _ in range(3)]
    whole = service.redrives.queue
    seen = []

    async def queue(*given, **more):
        seen.append(given)
        if len(seen) == 2:
            raise Fault("the disk is full", code="store.full")
        return await whole(*given, **more)

    monkeypatch.setattr(service.redrives, "queue", queue)
    bulk = (await service.bulks.start(BulkRequest(runs=failed, retry=RETRY))).id
    view = await at_its_end(service, bulk)
    assert (view.state, view.started, view.waiting) == ("paused", 1, 2)
    assert view.problem.code == "store.full"
    await service.bulks.resume(bulk)
    view = await at_its_end(service, bulk)
    assert (view.state, view.started, view.problem) == ("ended", 3, None)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (BulkRequest(retry=RETRY), "runs.missing"),
        (BulkRequest(runs=["r1"]), "start.missing"),
        (BulkRequest(runs=["r1"], retry=RETRY), "run.unknown"),
        (BulkRequest(runs=["r1"], retry=RetryRequest(delivery="send_all")), "reason.missing"),
    ],
)
async def test_what_cannot_be_is_refused_before_anything_is_started(service, request_, code):
    with pytest.raises((UsageError, NotFound)) as refused:
        await service.bulks.start(request_)
    assert refused.value.code == code
    assert (await service.bulks.list()).items == []


async def test_one_that_is_resumed_while_it_is_let_go_goes_on(service, monkeypatch):
    failed = [await ran(service) for _ in range(2)]
    reading, resumed = asyncio.Event(), asyncio.Event()
    in_turn = service.bulks._each_in_turn

    async def slow(number: int) -> None:
        await in_turn(number)
        reading.set()
        await resumed.wait()

    monkeypatch.setattr(service.bulks, "_each_in_turn", slow)
    job = await service.bulks.start(BulkRequest(runs=failed, retry=RetryRequest(), per_minute=600))
    await service.bulks.pause(job.id)
    async with asyncio.timeout(20):
        await reading.wait()  # that it is paused
    assert (await service.bulks.get(job.id)).waiting >= 1
    await service.bulks.resume(job.id)
    resumed.set()
    done = await at_its_end(service, job.id)
    assert (done.state, done.started) == ("ended", 2)
