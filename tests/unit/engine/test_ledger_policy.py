"""Which items are sent, by what the ledger knows: the table of `core.delivery.judge`, and in real runs."""

from __future__ import annotations

from typing import Any

import pytest

from redrive.core.delivery import Asker, Known, judge
from redrive.service.views import RedriveRequest, RetryRequest
from tests.unit.engine.world import SEND, Home, World

SAME, OTHER = b"same", b"other"
ME, MY_ROOT, STRANGER = 7, 5, 9
SINCE = 100


def known(status: str = "delivered", **facts: Any) -> Known:
    given: dict[str, Any] = {
        "id": 1,
        "status": status,
        "run_id": STRANGER,
        "epoch": 1,
        "exchange_id": 3,
        "delivered_digest": SAME,
        "delivered_at": SINCE - 1,
        "delivered_run": STRANGER,
        "delivered_root": STRANGER,
        **facts,
    }
    return Known(**given)


NEVER = {"delivered_digest": None, "delivered_at": None, "delivered_run": None, "delivered_root": None}
LATER = {"delivered_at": SINCE + 1}
OURS = {"delivered_at": SINCE + 1, "delivered_run": 6, "delivered_root": MY_ROOT}
MINE = {"delivered_at": SINCE + 1, "delivered_run": ME, "delivered_root": MY_ROOT}

TABLE = [
    # what is known, bytes, policy, redriven -> verdict
    (None, SAME, "send_changed", False, "send"),
    (None, SAME, "skip_delivered", True, "send"),
    (known("rejected", **NEVER), SAME, "send_changed", False, "send"),
    (known("rejected", **NEVER), SAME, "skip_delivered", True, "send"),
    # somebody is at it, or it is in doubt: whatever the policy
    (known("begun", **NEVER), SAME, "send_changed", False, "busy"),
    (known("begun", **NEVER), SAME, "send_all", True, "busy"),
    (known("begun", run_id=ME, **NEVER), SAME, "send_changed", False, "unknown"),
    (known("unknown", **NEVER), SAME, "send_changed", False, "unknown"),
    (known("unknown"), OTHER, "send_all", True, "unknown"),
    # send_changed
    (known(), SAME, "send_changed", False, "unchanged"),
    (known(), OTHER, "send_changed", False, "changed"),
    (known(**LATER), SAME, "send_changed", False, "unchanged"),
    (known(**LATER), OTHER, "send_changed", False, "changed"),
    (known("rejected"), SAME, "send_changed", False, "unchanged"),
    (known("rejected"), OTHER, "send_changed", False, "changed"),
    # skip_delivered: an older delivery counts only as in send_changed
    (known(), SAME, "skip_delivered", True, "unchanged"),
    (known(), OTHER, "skip_delivered", True, "changed"),
    (known(**OURS), SAME, "skip_delivered", True, "delivered"),
    (known(**OURS), OTHER, "skip_delivered", True, "delivered"),
    (known(**LATER), SAME, "skip_delivered", True, "delivered"),
    (known(delivered_at=SINCE), SAME, "skip_delivered", True, "delivered"),
    # a later run of another lineage delivered another version: that one stays
    (known(**LATER), OTHER, "skip_delivered", True, "newer"),
    (known(**LATER), OTHER, "send_changed", True, "newer"),
    (known(**LATER), OTHER, "send_all", True, "changed"),
    (known(**LATER), OTHER, "send_changed", False, "changed"),
    (known(**LATER), OTHER, "skip_delivered", False, "delivered"),
    # the same key twice in one run
    (known(**MINE), SAME, "skip_delivered", True, "unchanged"),
    (known(**MINE), OTHER, "skip_delivered", True, "changed"),
    # send_all
    (known(**OURS), SAME, "send_all", True, "send"),
    (known(**OURS), OTHER, "send_all", True, "changed"),
    (known(), SAME, "send_all", False, "send"),
]


@pytest.mark.parametrize(("there", "digest", "policy", "redriven", "verdict"), TABLE)
def test_the_table(there: Known | None, digest: bytes, policy: Any, redriven: bool, verdict: str) -> None:
    asker = Asker(run_id=ME, epoch=2, root=MY_ROOT, since=SINCE, redriven=redriven, policy=policy)
    assert judge(there, digest, asker) == verdict


def orders(*ids: int, **more: Any) -> list[dict[str, Any]]:
    return [{"id": number, **more} for number in ids]


async def test_an_ordinary_run_sends_what_has_changed(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put(SEND)
        await desk.run(orders(1, 2))
        view = await desk.run([*orders(1), *orders(2, note="new"), *orders(3)])
    assert world.requests == [["1", "2"], ["2", "3"]]
    counts = view.steps[0].deliveries
    assert (view.status, counts.delivered, counts.skipped) == ("success", 2, 1)


async def test_nothing_left_to_send_is_a_success_with_a_warning(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put(SEND)
        await desk.run(orders(1))
        view = await desk.run(orders(1))
    assert (view.status, view.steps[0].status, view.steps[0].warnings) == ("success", "success", 1)
    assert world.requests == [["1"]]


async def test_a_retry_leaves_out_what_its_source_delivered(home: Home, world: World) -> None:
    async def answer(keys: list[str]) -> Any:
        return {key: "rejected" if key == "2" and len(world.requests) == 1 else "delivered" for key in keys}

    world.answer = answer
    async with home.open() as desk:
        await desk.put(SEND)
        source = await desk.run(orders(1, 2, 3))
        assert source.status == "failure"
        plan = await desk.service.redrives.plan_retry(source.id, RetryRequest())
        assert (plan.steps[0].to_send, plan.steps[0].delivered) == (1, 2)
        assert len(world.requests) == 1
        run = await desk.service.redrives.retry(source.id, RetryRequest())
        assert (await desk.ended(run.id)).status == "success"
    assert world.requests == [["1", "2", "3"], ["2"]]
    assert world.booked == {"1": 1, "2": 1, "3": 1}


async def test_a_redrive_does_not_overwrite_what_a_later_run_delivered(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put(SEND)
        source = await desk.run(orders(1, note="old"))
        await desk.run(orders(1, note="new"))
        request = RedriveRequest(at="send", confirm=True)
        plan = await desk.service.redrives.plan(source.id, request)
        assert (plan.steps[0].to_send, plan.steps[0].newer) == (0, 1)
        run = await desk.ended((await desk.service.redrives.redrive(source.id, request)).id)
        assert run.steps[0].deliveries.skipped == 1
        all_of_it = RedriveRequest(at="send", confirm=True, delivery="send_all", reason="the ERP was reset")
        run = await desk.ended((await desk.service.redrives.redrive(source.id, all_of_it)).id)
        assert run.status == "success"
    assert world.requests == [["1"]] * 3


async def test_what_is_in_doubt_is_not_sent_until_somebody_says(home: Home, world: World) -> None:
    async def answer(keys: list[str]) -> Any:
        return "unknown" if len(world.requests) == 1 else "delivered"

    world.answer = answer
    async with home.open() as desk:
        await desk.put(SEND)
        source = await desk.run(orders(1), orders(2))
        assert await desk.deliveries() == {"1": "unknown", "2": "delivered"}
        again = await desk.ended((await desk.service.redrives.retry(source.id, RetryRequest())).id)
        error = again.steps[0].error
        assert error is not None
        assert (again.status, error.code) == ("failure", "delivery.unknown")
        assert again.steps[0].deliveries.unknown == 1
        (one,) = (await desk.service.ledger.list(status="unknown")).items
        await desk.service.ledger.resolve(one.id, sent=False, reason="looked")
        run = await desk.service.redrives.retry(again.id, RetryRequest())
        assert (await desk.ended(run.id)).status == "success"
    assert world.requests == [["1"], ["2"], ["1"]]


async def test_a_shape_that_leaves_its_claim_open_leaves_it_in_doubt(home: Home, world: World) -> None:
    async def answer(_keys: list[str]) -> Any:
        raise ValueError("in the middle of the request")

    world.answer = answer
    async with home.open() as desk:
        await desk.put(SEND)
        view = await desk.run(orders(1))
        assert await desk.deliveries() == {"1": "unknown"}
    assert view.steps[0].error is not None
    assert view.steps[0].error.code == "shape.crashed"
    assert view.steps[0].deliveries.unknown == 1


async def test_a_step_without_a_key_says_so_and_keeps_nothing(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put(
            "{id: send, shape: connector, connection: system, endpoint: book, ledger: x, retries: 0}"
        )
        view = await desk.run(orders(1))
        logs = await desk.service.runs.logs(view.id)
        assert await desk.deliveries() == {}
    assert [line.message for line in logs.items] == ["the step has no key: no deliveries are recorded"]
