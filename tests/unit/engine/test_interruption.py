"""Runs that are cut off: by a stop, by the end of their process, by another worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from redrive.core.ids import from_text
from redrive.engine.control import Control
from redrive.engine.failpoints import NAMES, failpoints
from redrive.engine.lease import run_once
from redrive.errors import LeaseLost, PayloadError, RemoteUnavailable
from redrive.sdk import Out, Payload, StepContext
from redrive.service.views import RetryRequest
from redrive.store import runs as store
from tests.unit.engine.world import SEND, Crash, Desk, Home, World

TWO = ("{id: a, shape: hooked}", "{id: b, shape: hooked}")

ELSEWHERE = ("blob.", "commit.", "call.", "state.", "notice.")
"""Points that its flow does not pass, or not in the run."""


CAUGHT = (
    "{id: t, shape: try, steps: [{id: c, shape: assert, equals: nothing}], "
    "catch: [{id: r, shape: route, paths: [{id: p, steps: [{id: d, shape: hooked}]}]}]}"
)


class Gate:
    """Holds a hook (or an answer) at one payload until it is opened."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    async def wait(self) -> None:
        self.reached.set()
        await self.open.wait()

    def at(self, value: Any) -> Any:
        async def run(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
            if await payload.value() == value:
                await self.wait()
            yield Out(content=payload.content, like=payload)

        return run


# ---- stops


async def test_a_stop_takes_effect_at_the_next_payload(home: Home, world: World) -> None:
    gate = Gate()
    world.hooks["a"] = gate.at([2])
    async with home.open() as desk:
        await desk.put(*TWO)
        run = await desk.start([1], [2], [3])
        await gate.reached.wait()
        await desk.service.runs.stop(run)
        gate.open.set()
        view = await desk.ended(run)
        assert await desk.values(run, "a") == [[1], [2]]
        logs = [line.message for line in (await desk.service.runs.logs(run)).items]
    assert (view.status, view.summary) == ("stopped", "stopped at a")
    assert [step.status for step in view.steps] == ["stopped", "pending"]
    assert logs == ["stopped after 2 of 3 payloads; 0 items delivered, 0 unknown"]


async def test_a_forced_stop_waits_for_nobody(home: Home, world: World) -> None:
    gate = Gate()
    world.hooks["a"] = gate.at([2])
    async with home.open() as desk:
        await desk.put(*TWO)
        run = await desk.start([1], [2], [3])
        await gate.reached.wait()
        await desk.service.runs.stop(run, force=True)
        assert (await desk.ended(run)).status == "stopped"
        assert await desk.values(run, "a") == [[1]]


async def test_a_forced_stop_leaves_what_was_under_way_in_doubt(home: Home, world: World) -> None:
    gate = Gate()

    async def answer(keys: list[str]) -> str:
        if keys == ["2"]:
            await gate.wait()
        return "delivered"

    world.answer = answer
    async with home.open() as desk:
        await desk.put(SEND)
        run = await desk.start([{"id": 1}], [{"id": 2}], [{"id": 3}])
        await gate.reached.wait()
        await desk.service.runs.stop(run, force=True)
        view = await desk.ended(run)
        assert await desk.deliveries() == {"1": "delivered", "2": "unknown"}
    counts = view.steps[0].deliveries
    assert (counts.delivered, counts.unknown) == (1, 1)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith(ELSEWHERE)])
async def test_a_forced_stop_ends_the_run_wherever_it_is(home: Home, world: World, name: str) -> None:
    async with home.open() as desk:
        await desk.put(*TWO, SEND, CAUGHT)
        number: list[int] = []
        passed = 0

        def stop(at: str) -> None:
            nonlocal passed
            runner = desk.service._kernel.runner
            if at == name and runner is not None and runner.running and not passed:
                passed += 1
                (one,) = runner.running
                number.append(one)
                # As `runs.stop` does in the process of the runner, once its request is durable.
                desk.service._kernel.deps.committer.submit(
                    lambda transaction: transaction.run(store.STOP, run_id=one, b_stop=2)
                )
                runner.stop(one, 2)

        failpoints.action = stop
        run = await desk.start([{"id": 1}])
        view = await desk.ended(run)
        assert passed == 1
        assert view.status in {"stopped", "partial_success"}
        assert "begun" not in (await desk.deliveries()).values()


async def test_a_stop_reaches_a_run_that_waits_for_another_ones_claim(home: Home, world: World) -> None:
    gate = Gate()

    async def answer(_keys: list[str]) -> str:
        await gate.wait()
        return "delivered"

    world.answer = answer
    async with home.open() as desk:
        await desk.put("{id: a, shape: hooked}", SEND)
        first = await desk.start([{"id": 1}])
        await gate.reached.wait()
        second = await desk.start([{"id": 1}])
        async for row in desk.service.runs.watch(second):
            if (await desk.service.runs.get(row.id)).steps[0].status == "success":
                break
        await desk.service.runs.stop(second)
        assert (await desk.ended(second)).status == "stopped"
        gate.open.set()
        assert (await desk.ended(first)).status == "success"
    assert world.booked == {"1": 1}


async def test_a_run_waits_for_another_ones_claim_and_then_decides_anew(home: Home, world: World) -> None:
    gate = Gate()

    async def answer(_keys: list[str]) -> str:
        await gate.wait()
        return "delivered"

    world.answer = answer
    async with home.open() as desk:
        await desk.put("{id: a, shape: hooked}", SEND)
        first = await desk.start([{"id": 1}])
        await gate.reached.wait()
        second = await desk.start([{"id": 1}, {"id": 2}])
        async for row in desk.service.runs.watch(second):
            if (await desk.service.runs.get(row.id)).steps[0].status == "success":
                break
        gate.open.set()
        await desk.ended(first)
        view = await desk.ended(second)
    assert view.status == "success"
    assert view.steps[1].deliveries.skipped == 1
    assert world.requests == [["1"], ["2"]]


# ---- the end of the process


async def test_what_failed_before_a_crash_has_failed_after_it(home: Home, world: World) -> None:
    async def a(payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        value = await payload.value()
        if value == [2]:
            raise PayloadError("not two")
        if value == [4] and not crash.happened.is_set():
            crash()
        yield Out(content=payload.content, like=payload)

    world.hooks["a"] = a
    async with home.open() as desk:
        crash = Crash(desk, home)
        await desk.put(*TWO)
        run = await desk.start([1], [2], [3], [4])
        await crash.happened.wait()
    world.calls.clear()
    async with crash.home.open() as desk:
        view = await desk.ended(run)
        assert await desk.values(run, "a") == [[1], [3], [4]]
        assert await desk.values(run, "a", "failed") == [[2]]
    assert not {1, 2} & {value[0] for _, value in world.calls}
    assert (view.status, view.summary) == ("failure", "a: not two")
    assert [step.status for step in view.steps] == ["failure", "pending"]


@pytest.mark.parametrize("point", ["step.finished", "run.ending", "payload.finished"])
async def test_a_step_that_stopped_the_run_stays_the_last_one(home: Home, world: World, point: str) -> None:
    async def a(payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        if await payload.value() == [1] and len(world.calls) == 1:
            raise PayloadError("all wrong", stops_step=True)
        yield Out(content=payload.content, like=payload)

    world.hooks["a"] = a
    async with home.open() as desk:
        crash = Crash(desk, home)
        crash.at(point)
        await desk.put(*TWO)
        run = await desk.start([1], [2])
        await crash.happened.wait()
    async with crash.home.open() as desk:
        view = await desk.ended(run)
    if point == "payload.finished":  # not recorded yet: the payload is tried again
        assert view.status == "success"
    else:
        assert (view.status, view.summary) == ("failure", "a: all wrong")
        assert world.calls == [("a", [1])]


async def test_counts_of_deliveries_are_right_after_a_crash(home: Home, world: World) -> None:
    async def answer(keys: list[str]) -> Any:
        if keys == ["4", "5"]:
            crash()
        return {key: "rejected" if key == "3" else "delivered" for key in keys}

    world.answer = answer
    async with home.open() as desk:
        crash = Crash(desk, home)
        await desk.put(SEND)
        await desk.run([{"id": 1}])
        run = await desk.start([{"id": 1}, {"id": 2}], [{"id": 3}], [{"id": 4}, {"id": 5}], [{"id": 6}])
        await crash.happened.wait()
    async with crash.home.open() as desk:
        view = await desk.ended(run)
        assert await desk.deliveries() == {
            "1": "delivered", "2": "delivered", "3": "rejected",
            "4": "unknown", "5": "unknown", "6": "delivered",
        }  # fmt: skip
    counts = view.steps[0].deliveries
    assert (counts.delivered, counts.skipped, counts.rejected, counts.unknown) == (2, 1, 1, 2)
    assert view.steps[0].error is not None
    assert view.status == "failure"


async def test_a_runner_that_is_told_to_end_lets_go_and_loses_nothing(home: Home, world: World) -> None:
    home.settings.update(REDRIVE_MAX_WORKER_LOSSES="2", REDRIVE_STOP_GRACE_S="20")
    run = ""
    for life in range(4):
        gate = Gate()
        world.hooks["a"] = gate.at([1])
        async with home.open() as desk:
            if not run:
                await desk.put(*TWO)
                run = await desk.start([1])
            await gate.reached.wait()
            gate.open.set() if life == 3 else None
            if life == 3:
                assert (await desk.ended(run)).status == "success"
            desk.service._kernel.deps.settings = load_grace(desk, 0)


def load_grace(desk: Desk, seconds: float) -> Any:
    import dataclasses

    return dataclasses.replace(desk.service._kernel.deps.settings, stop_grace_s=seconds)


async def test_a_suspended_payload_is_counted_once(home: Home, world: World) -> None:
    gate = Gate()

    async def answer(keys: list[str]) -> str:
        if not gate.open.is_set():
            await gate.wait()
        return "rejected"

    world.answer = answer
    async with home.open() as desk:
        await desk.put(SEND)
        world.answer = None
        await desk.run([{"id": 1}])
        world.answer = answer
        run = await desk.start([{"id": 1}, {"id": 2}])
        await gate.reached.wait()
    gate.open.set()
    async with home.open() as desk:
        view = await desk.ended(run)
        assert await desk.deliveries() == {"1": "delivered", "2": "unknown"}
    counts = view.steps[0].deliveries
    assert (counts.delivered, counts.skipped, counts.rejected, counts.unknown) == (0, 1, 0, 1)


async def test_a_run_that_kills_its_worker_at_once_comes_to_an_end(home: Home, world: World) -> None:
    home.settings["REDRIVE_MAX_WORKER_LOSSES"] = "3"
    lives = 0
    run = ""
    while True:
        async with home.open() as desk:
            crash = Crash(desk, home, durable=False)
            crash.at("step.begun")
            if not run:
                await desk.put(*TWO)
                run = await desk.start([1])
            ending = asyncio.ensure_future(desk.ended(run))
            crashing = asyncio.ensure_future(crash.happened.wait())
            await asyncio.wait({ending, crashing}, return_when=asyncio.FIRST_COMPLETED)
            ended = ending.done()
            for task in (ending, crashing):
                task.cancel()
            if ended:
                break
        lives += 1
        home = crash.home
    failpoints.action = None
    async with home.open() as desk:
        view = await desk.service.runs.get(run)
        logs = await desk.service.runs.logs(run)
        assert view.status == "failure"
        assert "died 3 times" in view.summary
        assert logs.items[-1].data == {"code": "worker.lost"}
        assert lives <= 5
        retried = await desk.service.redrives.retry(run, RetryRequest(from_="start"))
        assert (await desk.ended(retried.id)).status == "success"


async def test_a_lost_run_keeps_what_its_step_had_put_out(home: Home, world: World) -> None:
    home.settings["REDRIVE_MAX_WORKER_LOSSES"] = "1"

    async def a(payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        if await payload.value() == [2] and not crash.happened.is_set():
            crash()
        if ctx.state is None:
            yield Out(content=payload.content, like=payload, checkpoint="put out")

    world.hooks["a"] = a
    async with home.open() as desk:
        crash = Crash(desk, home)
        await desk.put(*TWO)
        run = await desk.start([1], [2], [3])
        await crash.happened.wait()
    async with crash.home.open() as desk:
        view = await desk.ended(run)
        error = view.steps[0].error
        assert error is not None
        assert (view.status, error.code) == ("failure", "worker.lost")
        world.calls.clear()
        retried = await desk.service.redrives.retry(run, RetryRequest())
        assert (await desk.ended(retried.id)).status == "success"
        assert await desk.values(retried.id, "b") == [[1], [2], [3]]


# ---- retries of retries


async def test_a_second_retry_goes_on_where_the_first_run_had_got_to(home: Home, world: World) -> None:
    seen: list[Any] = []

    async def pages(payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        seen.append(ctx.state)
        for page in range(ctx.state or 0, 4):
            if page == 2 and len(seen) < 3:
                raise PayloadError("page 2 is broken")
            yield Out(content=str(page).encode(), like=payload, checkpoint=page + 1)

    world.hooks["a"] = pages
    async with home.open() as desk:
        await desk.put(*TWO)
        run = (await desk.run([1])).id
        for _ in range(2):
            run = (await desk.service.redrives.retry(run, RetryRequest())).id
            view = await desk.ended(run)
        assert view.status == "success"
        assert await desk.values(run, "b") == [0, 1, 2, 3]
    assert seen == [None, 2, 2]


@pytest.mark.parametrize("where", ["in the step", "before it"])
async def test_a_retry_that_was_stopped_still_has_what_its_source_finished(
    home: Home, world: World, where: str
) -> None:
    failing = [True]
    gate = Gate()

    async def a(payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        if await payload.value() == [2]:
            if failing:
                failing.clear()
                raise PayloadError("not now")
            if not gate.open.is_set():
                await gate.wait()
        yield Out(content=payload.content, like=payload)

    world.hooks["a"] = a
    async with home.open() as desk:
        await desk.put(*TWO)
        source = await desk.run([1], [2], [3])
        if where == "before it":
            failpoints.action = lambda name: stop_now(desk) if name == "run.claimed" else None
        stopped = (await desk.service.redrives.retry(source.id, RetryRequest())).id
        if where == "in the step":
            await gate.reached.wait()
            await desk.service.runs.stop(stopped, force=True)
        assert (await desk.ended(stopped)).status == "stopped"
        failpoints.action = None
        gate.open.set()
        again = await desk.service.redrives.retry(stopped, RetryRequest())
        assert (await desk.ended(again.id)).status == "success"
        assert sorted(await desk.values(again.id, "b")) == [[1], [2], [3]]


def stop_now(desk: Desk) -> None:
    runner = desk.service._kernel.runner
    assert runner is not None
    (run,) = runner.running
    runner.stop(run, 1)


# ---- two workers


async def test_an_execution_that_was_taken_over_writes_nothing(home: Home, world: World) -> None:
    gate = Gate()
    world.hooks["a"] = gate.at([2])
    async with home.open(serve=False) as desk:
        await desk.put(*TWO, SEND)
        text = await desk.start([1], [2])
        number = from_text("r", text) or 0
        deps = desk.service._kernel.deps

        async def record() -> Any:
            return await deps.reader.run(lambda rows: store.get_run(rows, number))

        zombie = asyncio.create_task(run_once(deps, await record(), Control(), lambda _run: None))
        await gate.reached.wait()
        await deps.committer.submit(lambda _transaction: None)
        world.hooks.clear()
        heir = await record()
        assert heir.epoch == 1
        world.hooks["c"] = gate.at(None)
        await run_once(deps, heir, Control(), lambda _run: None)
        before = await desk.service.runs.get(text)
        gate.open.set()
        with pytest.raises(LeaseLost):
            await zombie
        assert await desk.service.runs.get(text) == before
        assert (await record()).epoch == 2
    assert before.status == "failure"  # plain numbers have no key to send by
    assert world.requests == []


async def test_a_zombie_sends_nothing(home: Home, world: World) -> None:
    gate = Gate()
    world.hooks["a"] = gate.at([{"id": 1}])
    async with home.open(serve=False) as desk:
        await desk.put("{id: a, shape: hooked}", SEND)
        text = await desk.start([{"id": 1}])
        number = from_text("r", text) or 0
        deps = desk.service._kernel.deps

        async def record() -> Any:
            return await deps.reader.run(lambda rows: store.get_run(rows, number))

        zombie = asyncio.create_task(run_once(deps, await record(), Control(), lambda _run: None))
        await gate.reached.wait()
        await deps.committer.submit(lambda _transaction: None)
        world.hooks.clear()
        await run_once(deps, await record(), Control(), lambda _run: None)
        gate.open.set()
        with pytest.raises(LeaseLost):
            await zombie
        assert await desk.deliveries() == {"1": "delivered"}
    assert world.booked == {"1": 1}


async def test_a_run_that_backs_off_lets_go_at_once(home: Home, world: World) -> None:
    home.settings["REDRIVE_STOP_GRACE_S"] = "60"
    backing_off = asyncio.Event()

    async def a(payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        if len(world.calls) == 1:
            backing_off.set()
            raise RemoteUnavailable("away", after_s=3600.0)
        yield Out(content=payload.content, like=payload)

    world.hooks["a"] = a
    async with home.open() as desk:
        await desk.put(*TWO)
        run = await desk.start([1])
        await backing_off.wait()
    async with home.open() as desk:
        assert (await desk.ended(run)).status == "success"
