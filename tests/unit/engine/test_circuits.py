"""A target that is down: runs wait for it instead of failing one by one, and nothing is sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from redrive.errors import DeliveryUnknown, RemoteRejected, RemoteUnavailable
from redrive.service.views import RunView
from tests.unit.engine.test_queue import limited, queue, until
from tests.unit.engine.world import SEND, Crash, Desk, Home, World


class Target:
    """A system that is up or down, and counts who asks."""

    def __init__(self, world: World) -> None:
        self.asked = 0
        self.up = False
        self.back_after = 1_000_000
        self.came = asyncio.Event()
        self.error: Callable[[], Exception] = lambda: RemoteUnavailable("no connection")
        world.answer = self._answer

    async def _answer(self, keys: list[str]) -> Any:
        self.asked += 1
        self.came.set()
        if self.up or self.asked > self.back_after:
            return "delivered"
        raise self.error()


@pytest.fixture
def target(world: World, home: Home) -> Target:
    home.settings |= {"REDRIVE_CIRCUIT_FAILURES": "3", "REDRIVE_CIRCUIT_WAIT_S": "3600"}
    return Target(world)


def sending(retries: int) -> str:
    return SEND[:-1] + f", retries: {retries}}}"


async def waiting(desk: Desk, run: str) -> RunView:
    """The run, once its send waits for the target."""
    async with asyncio.timeout(20):
        async for row in desk.service.runs.watch(run):
            view = await desk.service.runs.get(row.id)
            if (view.steps[-1].waits or {}).get("circuit"):
                return view
    raise AssertionError


async def test_the_first_runs_fail_and_the_next_ones_wait(home: Home, target: Target) -> None:
    async with home.open() as desk:
        await desk.put(sending(1))
        first = await desk.run([{"id": 1}])
        assert (first.status, target.asked) == ("failure", 2)
        second = await desk.start([{"id": 2}])  # its first attempt is the third failure in a row
        view = await waiting(desk, second)
        assert target.asked == 3
        assert view.steps[0].attempts == 1
        assert view.steps[0].waits is not None
        assert view.steps[0].waits["circuit"] == "system"
        third = await desk.start([{"id": 3}])
        (item,) = await queue(desk)
        assert (item.run, item.kind, item.connection) == (third, "circuit", "system")
        assert item.reason == "circuit: connection system is down: no connection"
        assert item.until is not None
        (circuit,) = (await desk.service.queue.circuits()).items
        assert (circuit.connection, circuit.failures, circuit.error) == ("system", 3, "no connection")
        target.up = True
        assert (await desk.service.queue.reset("system")).removed == 1
        assert [(await desk.ended(run)).status for run in (second, third)] == ["success"] * 2
        assert (await desk.service.queue.circuits()).items == []


async def test_one_request_tries_it_and_all_go_on_by_themselves(home: Home, target: Target) -> None:
    home.settings["REDRIVE_CIRCUIT_WAIT_S"] = "0.02"
    async with home.open() as desk:
        await desk.put(sending(0))
        runs = [await desk.start([{"id": number}]) for number in range(3)]
        assert {(await desk.ended(run)).status for run in runs[:2]} == {"failure"}
        runs = [runs[2], *[await desk.start([{"id": number}]) for number in range(3, 8)]]
        for asked in range(4, 8):
            target.came.clear()
            await asyncio.wait_for(target.came.wait(), 20)
            assert target.asked <= asked + 1  # one at a time
        target.up = True
        views = [await desk.ended(run) for run in runs]
        assert [view.status for view in views] == ["success"] * 6
        assert (await desk.service.queue.circuits()).items == []


async def test_a_circuit_is_open_after_a_restart_and_what_waits_is_not_sent_twice(
    home: Home, target: Target, world: World
) -> None:
    async with home.open() as desk:
        await desk.put(sending(5))
        run = await desk.start([{"id": 1}], [{"id": 2}])
        await waiting(desk, run)
        assert target.asked == 3
    async with home.open() as desk:
        view = await waiting(desk, run)
        assert view.status == "running"
        assert target.asked == 3
        target.up = True
        await desk.service.queue.reset("system")
        assert (await desk.ended(run)).status == "success"
    assert world.booked == {"1": 1, "2": 1}


@pytest.mark.parametrize("failpoint", ["circuit.opened", "circuit.probing", "circuit.closed"])
async def test_a_crash_leaves_nothing_that_waits_for_ever(
    home: Home, target: Target, world: World, failpoint: str
) -> None:
    home.settings["REDRIVE_CIRCUIT_WAIT_S"] = "0.02"
    async with home.open() as desk:
        await desk.put(sending(9))
        crash = Crash(desk, home)
        crash.at(failpoint)
        target.back_after = 3 if failpoint == "circuit.closed" else target.back_after
        run = await desk.start([{"id": 1}])
        await asyncio.wait_for(crash.happened.wait(), 20)
    target.up = True
    world.booked.clear()
    async with crash.home.open() as desk:
        view = await desk.ended(run)
        # A request whose outcome was not recorded is unknown, and never sent again by itself.
        recorded = failpoint == "circuit.probing"
        assert (view.status, world.booked["1"]) == (("success", 1) if recorded else ("failure", 0))
        assert await desk.deliveries() == {"1": "delivered" if recorded else "unknown"}


async def test_what_waits_for_a_target_is_stopped(home: Home, target: Target, world: World) -> None:
    async with home.open() as desk:
        await desk.put(sending(9))
        run = await desk.start([{"id": 1}])
        await waiting(desk, run)
        await desk.service.runs.stop(run)
        assert (await desk.ended(run)).status == "stopped"
        assert world.booked == {}
        assert set((await desk.deliveries()).values()) <= {"rejected", "unknown"}


async def test_the_time_limit_of_a_step_stands_still_and_that_of_the_run_goes_on(
    home: Home, target: Target
) -> None:
    async with home.open() as desk:
        await desk.put(sending(9)[:-1] + ", timeout: 0.05}", head="settings: {timeout: 0.5}")
        view = await desk.run([{"id": 1}])
        assert view.status == "failure"
        assert "took longer than 0.5 s" in view.summary
        assert target.asked == 3


async def test_a_try_does_not_catch_what_only_waits(home: Home, target: Target) -> None:
    async with home.open() as desk:
        await desk.put(
            f"{{id: t, shape: try, steps: [{sending(9)}], catch: [{{id: caught, shape: hooked}}]}}"
        )
        run = await desk.start([{"id": 1}])
        async with asyncio.timeout(20):
            async for row in desk.service.runs.watch(run):
                view = await desk.service.runs.get(row.id)
                if any((step.waits or {}).get("circuit") for step in view.steps):
                    break
        target.up = True
        await desk.service.queue.reset("system")
        view = await desk.ended(run)
        assert view.status == "success"
        assert {step.step: step.status for step in view.steps}["send"] == "success"


@pytest.mark.parametrize(
    "error",
    [lambda: RemoteRejected("not wanted"), lambda: DeliveryUnknown("the answer was lost")],
    ids=["rejected", "unknown"],
)
async def test_other_failures_open_nothing(home: Home, target: Target, error: Any) -> None:
    target.error = error
    async with home.open() as desk:
        await desk.put(sending(0))
        for number in range(5):
            assert (await desk.run([{"id": number}])).status == "failure"
        assert (await desk.service.queue.circuits()).items == []


async def test_a_success_between_them_begins_the_count_anew(home: Home, target: Target) -> None:
    async with home.open() as desk:
        await desk.put(sending(0))
        for number in range(8):
            target.up = number % 3 == 2
            await desk.run([{"id": number}])
        assert (await desk.service.queue.circuits()).items == []


@pytest.mark.parametrize(
    ("text", "failures"), [("circuit: false", 5), ("circuit: {failures: 1, wait: 1h}", 0)]
)
async def test_a_connection_says_when_it_counts_as_down(
    home: Home, target: Target, text: str, failures: int
) -> None:
    async with home.open() as desk:
        await desk.put(sending(0))
        await limited(desk, text)
        runs = [await desk.start([{"id": number}]) for number in range(failures or 1)]
        if failures:
            assert {(await desk.ended(run)).status for run in runs} == {"failure"}
            assert (await desk.service.queue.circuits()).items == []
        else:
            await waiting(desk, runs[0])


async def test_a_queued_run_tries_it_where_nobody_else_waits(home: Home, target: Target) -> None:
    home.settings |= {"REDRIVE_CIRCUIT_WAIT_S": "0.05", "REDRIVE_CIRCUIT_FAILURES": "1"}
    async with home.open() as desk:
        await desk.put(sending(0))
        run = await desk.start([{"id": 1}])
        await waiting(desk, run)
        await desk.service.runs.stop(run)
        await desk.ended(run)
        later = [await desk.start([{"id": number}]) for number in (2, 3)]
        target.up = True
        assert [(await desk.ended(one)).status for one in later] == ["success"] * 2
        assert await until(desk, lambda items: not items) == []
