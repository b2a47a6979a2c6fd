"""What the first page and the list's columns tell: the last day, and of each run its sums and its cause."""

from __future__ import annotations

import pytest

from redrive.core.ids import to_text
from redrive.core.jsonvalue import encode
from redrive.service.runlog import RunLog
from tests.unit.service.building import STEPS

ERROR = {"code": "remote.rejected", "title": "Refused", "detail": "answered 422", "at": None, "hint": "look"}


@pytest.fixture
def log(home):
    return RunLog(home.kernel)


def names(page):
    return [row.id for row in page.items]


async def test_the_day_is_told_hour_by_hour(home, log):
    for status in ("success", "failure", "success"):
        await home.run(status=status)
    found = await log.overview()
    assert found.counts == {"success": 2, "failure": 1}
    assert len(found.hours) == 24
    assert sum(hour.counts.get("success", 0) for hour in found.hours) == 2
    assert (found.open_failures, found.more_failures) == (1, False)


async def test_what_runs_and_waits_is_counted_whenever_it_began(home, log):
    await home.run(status="running")
    home.clock.forward(3 * 24 * 3600)
    await home.run(status="queued")
    found = await log.overview()
    assert (found.running, found.queued) == (1, 1)
    assert found.counts == {"queued": 1}


async def test_a_failure_that_was_made_good_is_open_no_more(home, log):
    bad = await home.run(status="failure")
    await home.run(status="success", source_run=bad.id, trigger="retry")
    worse = await home.run(status="failure")
    assert (await log.overview()).open_failures == 1
    assert names(await log.list(status="failure", unhealed=True)) == [to_text("r", worse.id)]
    assert len((await log.list(status="failure")).items) == 2


async def test_a_brief_sums_up_what_its_own_steps_put_out_and_names_the_record(home, log):
    run = await home.run(status="failure")
    await home.step(run, "pull", status="kept", payloads_out=9, bytes_out=900)
    await home.step(run, STEPS[1], status="success", payloads_out=2, items_out=20, bytes_out=80)
    step = await home.step(
        run, "send", status="failure", error=encode(ERROR), failed=1, rejected=1, delivered=3
    )
    (payload,) = await home.bucket(run.id, step.position - 1, b"[]")
    await home.failed(step, 0, payload.id)
    target = await home.target()
    delivery = await home.delivery(target, "1042", run, "rejected", payload_id=payload.id, item=4)
    await home.event(delivery, run, "rejected", payload_id=payload.id, item=4, position=step.position)
    brief = (await log.list(brief=True)).items[0].brief
    assert (brief.payloads, brief.items, brief.size_bytes, brief.delivered) == (2, 20, 80, 3)
    cause = brief.cause
    assert (cause.step, cause.code, cause.detail) == ("send", "remote.rejected", "answered 422")
    assert (cause.key, cause.keys, cause.payload, cause.item) == ("1042", 1, to_text("p", payload.id), 4)
    assert (await log.list()).items[0].brief is None


async def test_a_run_that_went_well_has_no_cause(home, log):
    run = await home.run(status="success")
    await home.step(run, "pull", status="success")
    assert (await log.list(brief=True)).items[0].brief.cause is None


async def test_the_oldest_are_one_jump_away(home, log, monkeypatch):
    monkeypatch.setattr("redrive.store.runlog.WALK", 2)
    runs = [await home.run(summary="wanted" if n != 2 else "") for n in range(5)]
    wanted = [to_text("r", run.id) for run in runs]
    page = await log.list(oldest=True, limit=2)
    rest = await log.list(oldest=True, limit=5, cursor=page.next)
    assert names(page) + names(rest) == wanted
    assert names(await log.list(oldest=True, status="success,failure", limit=3)) == wanted[:3]
    found, cursor = [], None
    while True:
        page = await log.list(text="wanted", oldest=True, limit=2, cursor=cursor)
        found += names(page)
        if (cursor := page.next) is None:
            break
    assert found == [one for n, one in enumerate(wanted) if n != 2]


async def test_a_time_range_ends_before_until(home, log):
    first = await home.run()
    home.clock.forward(3600)
    row = (await log.list()).items[0]
    await home.run()
    home.clock.forward(3600)
    last = (await log.list(limit=1)).items[0]
    assert names(await log.list(until=last.queued_at)) == [to_text("r", first.id)]
    assert names(await log.list(until=row.queued_at)) == []


async def test_a_run_is_shown_without_its_payloads_where_they_are_not_looked_at(home, log):
    run = await home.run()
    step = await home.step(run, "pull", payloads_out=3)
    await home.bucket(run.id, step.position, b"[1]", b"[2]", b"[3]")
    shown = await log.get(to_text("r", run.id), listed=0)
    assert [one.payloads_out for one in shown.steps if one.step == "pull"] == [[]]
