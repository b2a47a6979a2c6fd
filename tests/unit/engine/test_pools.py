"""Data pools in real runs: what one run tracks, what another leaves out, and that nothing is lost between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from redrive.engine.waits import Waits
from redrive.errors import StepError
from redrive.sdk import Out, Payload, PoolKey, StepContext
from redrive.service.views import RedriveRequest, RetryRequest
from tests.unit.engine.world import SEND, Crash, Desk, Home, World

DEDUPE = "{id: new, shape: dedupe, on: id, pool: seen}"
HOOK = "{id: work, shape: hooked, retries: 0}"


def orders(*ids: int) -> list[dict[str, int]]:
    return [{"id": one} for one in ids]


async def failing(_payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
    raise StepError("broken")
    yield


class Gate:
    """A hook that waits in the middle of a run until it is opened; then it fails or passes on."""

    def __init__(self, *, fails: bool = False) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()
        self.fails = fails

    async def __call__(self, payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
        self.reached.set()
        await self.open.wait()
        if self.fails:
            raise StepError("broken")
        yield Out(content=payload.content, like=payload)


async def left(desk: Desk, run: Any, step: str = "new") -> list[int]:
    """The ids that went on behind a step."""
    return [item["id"] for payload in await desk.values(run.id, step) for item in payload]


async def test_what_a_successful_run_tracked_is_left_out_by_the_next(home: Home) -> None:
    async with home.open() as desk:
        await desk.put(DEDUPE, HOOK)

        first = await desk.run(orders(1, 2, 1))
        second = await desk.run(orders(2, 3))

        assert await left(desk, first) == [1, 2]
        assert await left(desk, second) == [3]
        assert (first.status, second.status) == ("success", "success")


async def test_what_was_not_delivered_comes_again(home: Home, world: World) -> None:
    async def one_of_them(keys: list[str]) -> Any:
        return {key: "rejected" if key == "2" else "delivered" for key in keys}

    async with home.open() as desk:
        await desk.put(DEDUPE, SEND)
        world.answer = one_of_them
        first = await desk.run(orders(1, 2))
        world.answer = None
        second = await desk.run(orders(1, 2, 3))

        assert (first.status, second.status) == ("failure", "success")
        assert await left(desk, second) == [2, 3]
        assert world.booked == {"1": 1, "2": 1, "3": 1}


async def test_followed_by_lineage_through_steps_that_change_and_batch(home: Home, world: World) -> None:
    async def first_request(keys: list[str]) -> Any:
        return "delivered" if len(world.requests) == 1 else dict.fromkeys(keys, "rejected")

    async with home.open() as desk:
        await desk.put(
            "{id: new, shape: dedupe, on: order.ref, pool: seen}",
            "{id: name, shape: map, fields: [{to: id, from: order.ref}]}",
            "{id: twos, shape: flow_control, size: 2}",
            SEND,
        )
        world.answer = first_request
        given = [{"order": {"ref": f"A{one}"}} for one in (1, 2, 3)]
        first = await desk.run(given)
        world.answer = None
        second = await desk.run([*given, {"order": {"ref": "A4"}}])

        assert first.status == "failure"
        assert [order["order"]["ref"] for order in (await desk.values(second.id, "new"))[0]] == ["A3", "A4"]


@pytest.mark.parametrize("end", ["failure", "stopped"])
async def test_a_run_that_does_not_succeed_lets_go(home: Home, world: World, end: str) -> None:
    async with home.open() as desk:
        await desk.put(DEDUPE, HOOK)
        gate = world.hooks["work"] = Gate(fails=end == "failure")
        first = await desk.start(orders(1))
        await gate.reached.wait()
        if end == "stopped":
            await desk.service.runs.stop(first, force=True)
        gate.open.set()
        assert (await desk.ended(first)).status == end
        del world.hooks["work"]

        assert await left(desk, await desk.run(orders(1))) == [1]
        assert await left(desk, await desk.run(orders(1))) == []


@pytest.mark.parametrize(("fails", "goes_on"), [(False, [2]), (True, [1, 2])])
async def test_a_run_waits_for_another_that_holds_a_key(
    home: Home, world: World, fails: bool, goes_on: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = asyncio.Event()
    monkeypatch.setattr(Waits, "in_circle", lambda *_: waits.set())
    async with home.open() as desk:
        await desk.put(DEDUPE, HOOK)
        gate = world.hooks["work"] = Gate(fails=fails)
        first = await desk.start(orders(1))
        await gate.reached.wait()
        world.hooks["work"] = passing
        second = await desk.start(orders(1, 2))
        await waits.wait()
        gate.open.set()

        assert await left(desk, await desk.ended(second)) == goes_on
        assert (await desk.ended(first)).status == ("failure" if fails else "success")


async def passing(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
    yield Out(content=payload.content, like=payload)


async def test_a_redrive_lets_its_own_lineage_go_on(home: Home) -> None:
    async with home.open() as desk:
        await desk.put(DEDUPE, HOOK)
        first = await desk.run(orders(1, 2, 1))
        request = RedriveRequest(at="new", confirm=True)
        again = await desk.ended((await desk.service.redrives.redrive(first.id, request)).id)
        other = await desk.run(orders(1, 2))

        assert await left(desk, again) == [1, 2]  # and once more only the first of the twins
        assert await left(desk, other) == []


async def test_two_runs_that_wait_for_each_other_both_end(home: Home, world: World) -> None:
    """Each holds one key and then asks for that of the other."""
    gates = {key: Gate() for key in ("1", "2")}

    async def hold(payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        own = str(3 - (await payload.value())[0]["id"])
        await ctx.pool("seen").sift([PoolKey(own, 0, 0)])
        async for out in gates[own](payload, ctx):
            yield out

    world.hooks["work"] = hold
    async with home.open() as desk:
        await desk.put(HOOK, DEDUPE)
        runs = [await desk.start(orders(1)), await desk.start(orders(2))]
        for gate in gates.values():
            await gate.reached.wait()
        for gate in gates.values():
            gate.open.set()
        views = [await desk.ended(run) for run in runs]

        assert [view.status for view in views] == ["success", "success"]
        assert sum(view.warnings for view in views) == 1
        # One went on regardless; the other then saw that its item had been done.
        assert sum([len(await left(desk, view)) for view in views]) == 1


@pytest.mark.parametrize("point", ["payload.written", "payload.recorded", "step.finished", "run.ending"])
async def test_a_crash_loses_nothing_and_leaves_nothing_out(home: Home, world: World, point: str) -> None:
    async with home.open() as desk:
        await desk.put(DEDUPE, HOOK)
        crash = Crash(desk, home)
        crash.at(point)
        run = await desk.start(orders(1, 2), orders(2, 3))
        await crash.happened.wait()
    async with crash.home.open() as desk:
        view = await desk.ended(run)
        later = await desk.run(orders(1, 2, 3, 4))

        assert view.status == "success"
        assert await left(desk, view) == [1, 2, 3]
        assert await left(desk, later) == [4]


async def test_an_old_entry_is_forgotten_and_one_to_look_up_stays(home: Home) -> None:
    async with home.open() as desk:
        await desk.put(DEDUPE)
        await desk.run(orders(1))
        await desk.put("{id: new, shape: dedupe, on: id, pool: seen, forget_after: 0.000001}")
        again = await desk.run(orders(1))
        await desk.put("{id: new, shape: dedupe, on: id, pool: seen, scope: flow}")
        own = await desk.run(orders(1))

        assert await left(desk, again) == [1]
        assert await left(desk, own) == [1]


async def test_a_plan_writes_nothing_into_a_pool(home: Home) -> None:
    async with home.open() as desk:
        await desk.put("{id: before, shape: hooked}", DEDUPE, SEND)
        first = await desk.run(orders(1))
        plan = await desk.service.redrives.plan(first.id, RedriveRequest(after="before"))
        other = await desk.run(orders(1, 2))

        assert [(step.step, step.to_send + step.delivered) for step in plan.steps] == [("send", 1)]
        assert await left(desk, other) == [2]


async def test_a_retry_does_not_begin_the_step_again(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put(DEDUPE, HOOK)
        world.hooks["work"] = failing
        first = await desk.run(orders(1))
        del world.hooks["work"]
        again = await desk.ended((await desk.service.redrives.retry(first.id, RetryRequest())).id)
        later = await desk.run(orders(1, 2))

        assert again.status == "success"
        assert await left(desk, later) == [2]


async def test_a_redrive_of_some_items_settles_those_alone(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put(DEDUPE, HOOK)
        world.hooks["work"] = failing
        first = await desk.run(orders(1, 2))
        del world.hooks["work"]
        request = RedriveRequest(at="work", items="id = 2")
        await desk.ended((await desk.service.redrives.redrive(first.id, request)).id)
        later = await desk.run(orders(1, 2))

        assert await left(desk, later) == [1]
