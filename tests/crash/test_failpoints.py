"""A process is killed at each failpoint in the middle of a flow; the next one goes on to the end.

The judges are the systems outside: what the shop was asked, and what the receiver has booked.
By default some passes of each point are tried; REDRIVE_TEST_ALL=1 tries every one in every way on
SQLite, and the first, the second and the last on PostgreSQL.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from redrive.engine.failpoints import NAMES
from redrive.service.views import RetryRequest
from tests.crash.house import KILLED, MODES, STEPS, House, Left
from tests.crash.site import PAGES

BLOBS = tuple(name for name in NAMES if name.startswith("blob."))
PATHS = ("paths.handed", "path.ended", "catch.filling", "catch.filled", "paths.joined")
"""Passed only where steps own paths."""
# How many commits there are depends on what meets in a group.
LOOSE = ("commit.before", "commit.after")
CALLS = ("state.reached", "call.drafted", "call.queued", "call.ended", "notice.sent")
"""Passed only where steps wait, call flows or tell somebody."""
PLAIN = tuple(name for name in NAMES if name not in (*PATHS, *CALLS))
WHICH = ("every",) if os.environ.get("REDRIVE_TEST_ALL") else ("first", "second", "last")

Made = Callable[..., House]


def chosen() -> list[Any]:
    """Each point at its first, second and last pass, the ways of sending in turn; or all of both."""
    if WHICH == ("every",):
        return [pytest.param(name, "every", mode, id=f"{name}-{mode}") for name in PLAIN for mode in MODES]
    modes = itertools.cycle(MODES)
    return [
        pytest.param(name, which, next(modes), id=f"{name}-{which}")
        for name, which in itertools.product(PLAIN, WHICH)
    ]


@pytest.fixture(scope="module")
def passes(make_house: Made) -> dict[str, int]:
    """How often a whole run of the reference flow passes each failpoint; contents large where it matters."""
    counts: dict[str, int] = {}
    for big in (False, True):
        house = make_house("passes", big=big)
        assert house.run("counted", str(house.path), "bare", house.case.name) == 0, house.errors()
        found = house.printed()[-1]
        counts.update({name: count for name, count in found.items() if big is (name in BLOBS)})
    house = make_house("passes", honours_keys=True)
    assert house.run("counted", str(house.path), "tree", house.case.name) == 0, house.errors()
    counts.update({name: count for name, count in house.printed()[-1].items() if name in PATHS})
    house = make_house("passes", honours_keys=True)
    assert house.run("counted", str(house.path), "calls", house.case.name) == 0, house.errors()
    counts.update({name: count for name, count in house.printed()[-1].items() if name in CALLS})
    return counts


def test_the_reference_flows_visit_every_failpoint(passes: dict[str, int]) -> None:
    assert set(passes) == set(NAMES)


@pytest.mark.parametrize(("name", "which", "mode"), chosen())
async def test_a_run_survives_the_death_of_its_process(
    make_house: Made, passes: dict[str, int], name: str, which: str, mode: str, store: str
) -> None:
    last = passes[name]
    chosen = {"first": [1], "second": [min(2, last)], "last": [last], "every": range(1, last + 1)}[which]
    if which == "every" and store == "postgres":
        chosen = sorted({1, min(2, last), last})
    for at in chosen:
        await dies_and_goes_on(partial(make_house, store=store), name, at, mode)


async def dies_and_goes_on(make_house: Made, name: str, at: int, mode: str) -> None:
    house = killed(make_house, name, at, mode)
    before, asked = house.left(), len(house.case.pages)
    assert house.work(mode) == 0, house.errors()
    after = house.left()
    assert len(after.runs) == 1
    nothing_finished_was_repeated(house, before, after, asked)
    await the_receiver_has_each_order_once(house, mode)
    assert house.sound()
    assert not list((house.path / "temp").glob("*.tmp")) or name in BLOBS


def killed(make_house: Made, name: str, at: int, mode: str) -> House:
    """A home whose process died at that pass of a failpoint."""
    while True:
        house = make_house(f"{name}-{at}-{mode}", big=name in BLOBS, honours_keys=mode == "idempotent")
        code = house.work(mode, REDRIVE_FAILPOINT=f"{name}:{at}")
        if code == 0 and name in LOOSE and at > 1:
            at -= 1
            continue
        assert code == KILLED, (code, house.errors())
        return house


def nothing_finished_was_repeated(house: House, before: Left, after: Left, asked: int) -> None:
    for step, record in before.finished().items():
        assert after.steps[step] == record
        assert after.payloads.get(record["bucket"]) == before.payloads.get(record["bucket"])
    recorded = before.pages_recorded()
    first = house.case.pages[asked:]
    if "pull" in before.finished():
        assert first == []
    elif recorded:
        assert first == list(range(recorded + 1, PAGES + 2))
    kept = before.steps.get("pull")
    if kept is not None and kept["bucket"] is not None:
        stay = before.payloads[kept["bucket"]][:recorded]
        assert after.payloads[kept["bucket"]][:recorded] == stay
    # A page is asked for again only if its payload was not recorded: at most one at the time.
    assert sum(house.case.pages.count(page) - 1 for page in set(house.case.pages)) <= PAGES + 1 - recorded


async def the_receiver_has_each_order_once(house: House, mode: str) -> None:
    case, left = house.case, house.left()
    assert all(count == 1 for count in case.booked.values())
    if mode != "bare":
        ended_well(house, left)
        assert set(case.booked) == case.paid
        assert left.delivered == case.paid
        return
    # Nothing that may have been sent is taken for unsent, nothing else is in doubt.
    assert set(case.booked) - left.delivered <= left.unknown
    assert left.delivered <= set(case.booked)
    assert left.delivered | left.unknown == case.paid
    if left.unknown:
        assert left.runs[0]["status"] == "failure"
        assert json.loads(left.steps["send"]["error"])["code"] == "delivery.unknown"
        await settled_by_a_person(house, left)
    else:
        ended_well(house, left)
    assert case.booked == dict.fromkeys(case.paid, 1)


def ended_well(house: House, left: Left) -> None:
    assert left.runs[0]["status"] == "success", left.runs[0]["summary"]
    assert {name: left.steps[name]["status"] for name in STEPS} == dict.fromkeys(STEPS, "success")
    assert left.steps["pull"]["items_out"] == PAGES * 5
    assert left.steps["send"]["items_in"] == len(house.case.paid)


async def settled_by_a_person(house: House, left: Left) -> None:
    """Somebody looks at the receiver, says so, and retries."""
    async with house.service() as service:
        run = (await service.runs.list()).items[0]
        shown = await service.ledger.list(status="unknown")
        assert {int(delivery.key) for delivery in shown.items} == left.unknown
        assert {delivery.run for delivery in shown.items} == {run.id}
        counted = (await service.runs.get(run.id)).steps[-1].deliveries
        assert counted.unknown == len(left.unknown)
        for delivery in shown.items:
            await service.ledger.resolve(
                delivery.id, sent=bool(house.case.booked[int(delivery.key)]), reason="the receiver was asked"
            )
        retried = await service.redrives.retry(run.id, RetryRequest())
        ended = await service.execute_until(retried.id)
        assert ended.status == "success", ended.summary


def test_a_child_that_is_not_killed_needs_no_second_one(make_house: Made, tmp_path: Path) -> None:
    house = make_house("whole")
    assert house.work("bare") == 0
    assert house.case.pages == list(range(1, PAGES + 2))
    assert house.case.booked == dict.fromkeys(house.case.paid, 1)


@pytest.mark.parametrize("which", ["every"] if WHICH == ("every",) else ["first", "last"])
@pytest.mark.parametrize("name", PATHS)
async def test_a_tree_survives_the_death_of_its_process(
    make_house: Made, passes: dict[str, int], name: str, which: str
) -> None:
    last = passes[name]
    for at in range(1, last + 1) if which == "every" else [{"first": 1, "last": last}[which]]:
        house = make_house(f"tree-{name}-{at}", honours_keys=True)
        assert house.work("tree", REDRIVE_FAILPOINT=f"{name}:{at}") == KILLED, house.errors()
        before = house.left()
        assert house.work("tree") == 0, house.errors()
        after = house.left()
        for step, record in before.finished().items():
            assert after.steps[step] == record
        assert after.runs[0]["status"] == "partial_success", after.runs[0]["summary"]
        case = house.case
        assert case.booked == dict.fromkeys(case.paid, 1)
        orders = {order["id"] for page in range(1, PAGES + 1) for order in case.orders(page)}
        async with house.service() as service:
            run = (await service.runs.list()).items[0].id
            page = await service.runs.payloads(run, "all", "out")
            (joined,) = [b"".join([c async for c in service.payloads.stream(one.id)]) for one in page.items]
        put_out = json.loads(joined)
        assert [one["refused"] for one in put_out if "refused" in one] == sorted(orders - case.paid)
        assert {one["why"] for one in put_out if "why" in one} == {"refused"}
        assert [one["counted"] for one in put_out if "counted" in one] == sorted(orders)
        booked = [one for answer in put_out if "booked" in answer for one in answer["booked"]]
        assert sorted(booked) == sorted(case.paid)
        assert house.sound()


@pytest.mark.parametrize("which", ["every"] if WHICH == ("every",) else ["first", "last"])
@pytest.mark.parametrize("name", CALLS)
async def test_calls_and_waits_survive_the_death_of_their_process(
    make_house: Made, passes: dict[str, int], name: str, which: str
) -> None:
    last = passes[name]
    for at in range(1, last + 1) if which == "every" else [{"first": 1, "last": last}[which]]:
        house = make_house(f"calls-{name}-{at}", honours_keys=True)
        assert house.work("calls", REDRIVE_FAILPOINT=f"{name}:{at}") == KILLED, house.errors()
        assert house.work("calls") == 0, house.errors()
        if name == "notice.sent":  # the run had ended: only who serves the home sends what is left
            pid = house.begin("serve", str(house.path))
            house.until(lambda _, house=house: statuses_of_notices(house) == ["sent"])
            os.kill(pid, signal.SIGTERM)
            house.zygote.wait(pid)
        with house.rows() as rows:
            runs = rows("SELECT id, flow, status, parent_run FROM runs ORDER BY id")
        # One run for each call: two payloads of their own, and one with the whole bucket.
        caller = next(run for run in runs if run["flow"] == "calls")
        called = [run for run in runs if run["parent_run"] == caller["id"]]
        assert [run["flow"] for run in called] == ["one", "one", "whole"]
        assert {run["status"] for run in runs} == {"success"}
        case = house.case
        assert case.booked == dict.fromkeys(case.paid, 1)
        assert statuses_of_notices(house) == ["sent"]
        assert case.told  # at least once
        assert house.sound()


def statuses_of_notices(house: House) -> list[str]:
    with house.rows() as rows:
        return [row["status"] for row in rows("SELECT status FROM notices")]
