"""Retention as people ask for it: on a whole home, over the service."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import pytest

from redrive.errors import ConfirmationNeeded, NotFound, PayloadGone, StateConflict
from redrive.service.app import open_service
from redrive.service.kept_views import DeleteRequest
from redrive.service.views import RedriveRequest, RetryRequest, StartRequest
from redrive.settings import load
from tests.unit.service.building import TestClock

FLOW = b"""
flow: orders
steps:
  - {id: pull, shape: manual_payload, payload: [{id: 1042, total: 19.90}, {id: 1043}]}
  - {id: some, shape: filter, keep: {field: id, is: 1042}}
  - {id: check, shape: assert, equals: [{id: 1042, total: 19.90}]}
"""
DAY = 86_400


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
async def service(tmp_path: Path, clock: TestClock):
    settings = load(environment={"REDRIVE_RETENTION_EVERY_S": "0.02"})
    async with open_service(tmp_path / "home", settings, serve=True, clock=clock) as service:
        await service.flows.import_documents([("orders.yaml", FLOW)], deploy=True)
        yield service


async def ran(service) -> str:
    row = await service.runs.start("orders", StartRequest())
    ended = await service.runs.wait(row.id, 20)
    assert ended.status == "success", ended.summary
    return row.id


async def expired(service, clock, run_id: str) -> None:
    while True:
        clock.forward(1)
        view = await service.runs.get(run_id)
        if view.payloads_expired and all(one.expired for step in view.steps for one in step.payloads_out):
            return
        await asyncio.sleep(0.01)


async def test_up_takes_away_by_its_clock_what_is_old(service, clock):
    old = await ran(service)
    clock.forward(31 * DAY)
    async with asyncio.timeout(20):
        await expired(service, clock, old)
    young = await ran(service)
    view = await service.runs.get(old)
    payload = view.steps[1].payloads_out[0]
    assert (payload.items, payload.size_bytes) == (1, view.steps[1].counts["bytes_out"])
    for reading in (service.payloads.get(payload.id), service.payloads.items(payload.id, 0, 1)):
        with pytest.raises(PayloadGone) as error:
            await reading
        assert error.value.code == "payload.expired"
        assert error.value.at == payload.id
    assert (await service.runs.logs(old)).items is not None
    assert not (await service.runs.get(young)).payloads_expired
    clock.forward(150 * DAY)
    async with asyncio.timeout(20):
        while old in [row.id for row in (await service.runs.list()).items]:
            clock.forward(1)
            await asyncio.sleep(0.01)
    with pytest.raises(NotFound):
        await service.runs.get(old)


async def test_a_redrive_of_an_expired_run_says_so_before_it_starts(service, clock):
    old = await ran(service)
    clock.forward(31 * DAY)
    async with asyncio.timeout(20):
        await expired(service, clock, old)
    for start in (service.redrives.plan, service.redrives.redrive):
        with pytest.raises(PayloadGone) as error:
            await start(old, RedriveRequest(at="some", confirm=True))
        assert "--payload" in error.value.hint
    assert (await service.redrives.retry(old, RetryRequest(from_="start", confirm=True))).status == "queued"


async def test_a_pinned_run_stays_until_it_is_unpinned(service, clock):
    kept, gone = await ran(service), await ran(service)
    assert (await service.retention.pin(kept, True)).pinned
    clock.forward(31 * DAY)
    async with asyncio.timeout(20):
        await expired(service, clock, gone)
    assert not (await service.runs.get(kept)).payloads_expired
    with pytest.raises(StateConflict) as error:
        await service.retention.delete(DeleteRequest(runs=[gone, kept], confirm=True))
    assert error.value.code == "run.pinned"
    await service.retention.pin(kept, False)
    async with asyncio.timeout(20):
        await expired(service, clock, kept)
    with pytest.raises(NotFound):
        await service.retention.pin("r0000000000000", True)


async def test_deleted_by_hand(service):
    runs = [await ran(service), await ran(service)]
    left = await ran(service)
    with pytest.raises(ConfirmationNeeded):
        await service.retention.delete(DeleteRequest(runs=runs))
    done = await service.retention.delete(DeleteRequest(runs=runs, confirm=True, reason="test data"))
    assert done.runs == runs
    assert [row.id for row in (await service.runs.list()).items] == [left]
    detail = await service.payloads.get((await service.runs.get(left)).steps[1].payloads_out[0].id)
    assert detail.text == '[{"id":1042,"total":19.90}]'


async def test_one_pass_at_a_time(service):
    async with service.retention._alone():
        with pytest.raises(StateConflict) as error:
            await service.retention.run()
    assert error.value.code == "retention.busy"


async def test_a_compact_pass_makes_the_file_small(service, clock, tmp_path):
    home = tmp_path / "home"
    for _ in range(30):
        await service.payloads.upload(_noise())
    before = (home / "redrive.db-wal").stat().st_size + (home / "redrive.db").stat().st_size
    clock.forward(8 * DAY)
    while True:
        try:
            result = await service.retention.run(compact=True)
            break
        except StateConflict:  # the one in the background is at it
            await asyncio.sleep(0.005)
    assert result.compacted
    assert (home / "redrive.db-wal").stat().st_size == 0
    assert (home / "redrive.db").stat().st_size < before / 2
    assert (await service.doctor())[3].ok


async def _noise():
    yield secrets.token_bytes(20_000)
