"""Waits: until when, what stops them, and what a restart, a retry and a redrive make of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from redrive.engine.clock import Clock
from redrive.errors import FlowInvalid
from redrive.sdk import Out, Payload, StepContext
from redrive.service.views import RedriveRequest, RetryRequest, RunView
from tests.unit.engine.world import Crash, Desk, Home, World, flow

A, B = (f"{{id: {name}, shape: hooked}}" for name in ("a", "b"))


class Played(Clock):
    """Time that stands still until somebody moves it; a wait looks at it every moment."""

    def __init__(self) -> None:
        self.at = super().micros()
        self._looked = asyncio.Event()

    def micros(self) -> int:
        return self.at

    def waits(self, seconds: float) -> float:
        self._looked.set()
        return min(seconds, 0.005)

    async def looked_at(self) -> None:
        """Until somebody who waits has seen the time once more."""
        for _ in range(2):
            self._looked.clear()
            await self._looked.wait()

    def pass_(self, **lengths: float) -> None:
        self.at += int(timedelta(**lengths).total_seconds() * 1_000_000)


def wait(what: str) -> str:
    return f"{{id: w, shape: wait, {what}, timeout: 1}}"


async def waiting(desk: Desk, run: str) -> RunView:
    """The run, once its wait is on record."""
    while True:
        view = await desk.service.runs.get(run)
        if any(step.waits for step in view.steps):
            return view
        assert view.finished_at is None, view.summary
        await asyncio.sleep(0.001)


async def test_a_wait_ends_when_its_time_has_come(home: Home, world: World) -> None:
    clock = Played()
    async with home.open(clock=clock) as desk:
        await desk.put(A, wait("for: 2h"), B)
        run = await desk.start({"id": 1}, {"id": 2})
        view = await waiting(desk, run)
        until = (view.queued_at + timedelta(hours=2)).isoformat().replace("+00:00", "Z")
        assert view.steps[1].waits == {"until": until}
        lines = (await desk.service.runs.logs(run, "w")).items
        assert [line.message for line in lines] == [f"waiting until {until}"]
        clock.pass_(hours=1.99)
        await clock.looked_at()
        assert (await desk.service.runs.get(run)).finished_at is None
        clock.pass_(hours=0.01)
        view = await desk.ended(run)  # two hours do not count for a time-out of a second
        assert view.status == "success", view.summary
        assert await desk.values(run, "b") == [{"id": 1}, {"id": 2}]
        assert view.steps[1].payloads_out == view.steps[1].payloads_in
        assert view.steps[1].waits is None


async def test_a_restart_does_not_prolong_a_wait(home: Home, world: World) -> None:
    clock = Played()
    async with home.open(clock=clock) as desk:
        await desk.put(wait("for: 2h"), B)
        run = await desk.start({"id": 1})
        before = (await waiting(desk, run)).steps[0].waits
        crash = Crash(desk, home)
        with pytest.raises(asyncio.CancelledError):
            crash()
    clock.pass_(hours=1)
    async with crash.home.open(clock=clock) as desk:
        await clock.looked_at()
        assert (await waiting(desk, run)).steps[0].waits == before
        clock.pass_(hours=1)
        assert (await desk.ended(run)).status == "success"


async def test_a_wait_holds_no_place_and_asks_for_one_when_it_is_over(home: Home, world: World) -> None:
    home.settings["REDRIVE_MAX_RUNNING_RUNS"] = "1"
    clock = Played()
    async with home.open(clock=clock) as desk:
        await desk.put(wait("for: 1h"), B)
        await desk.put(A, name="other")
        gate, entered = asyncio.Event(), asyncio.Event()

        async def held(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
            entered.set()
            await gate.wait()
            yield Out(content=payload.content, like=payload)

        world.hooks["a"] = held
        first, second = await desk.start({"id": 1}), await desk.start({"id": 2})
        await waiting(desk, first)
        await waiting(desk, second)
        other = await desk.start({"id": 3}, name="other")
        await entered.wait()
        clock.pass_(hours=2)
        assert await desk.service.runs.wait(first, 0.05)
        assert (await desk.service.runs.get(first)).finished_at is None  # the one place is taken
        gate.set()
        for run in (first, second, other):
            assert (await desk.ended(run)).status == "success"


@pytest.mark.parametrize("force", [False, True])
async def test_a_stop_ends_a_wait_and_a_retry_goes_on_with_it(home: Home, world: World, force: bool) -> None:
    clock = Played()
    async with home.open(clock=clock) as desk:
        await desk.put(wait("for: 2h"), B)
        run = await desk.start({"id": 1})
        until = (await waiting(desk, run)).steps[0].waits
        await desk.service.runs.stop(run, force=force)
        view = await desk.ended(run)
        assert (view.status, view.steps[0].status) == ("stopped", "stopped")
        clock.pass_(hours=1)
        again = await desk.service.redrives.retry(run, RetryRequest())
        assert (await waiting(desk, again.id)).steps[0].waits == until
        anew = await desk.service.redrives.redrive(run, RedriveRequest(at="w", confirm=True))
        assert (await waiting(desk, anew.id)).steps[0].waits != until
        clock.pass_(hours=1)
        assert (await desk.ended(again.id)).status == "success"
        clock.pass_(hours=1)
        assert (await desk.ended(anew.id)).status == "success"


async def test_a_wait_inside_a_path_and_a_plan_that_does_not_wait(home: Home, world: World) -> None:
    clock = Played()
    async with home.open(clock=clock) as desk:
        await desk.put(f"{{id: br, shape: branch, paths: [{{id: one, steps: [{wait('for: 1h')}]}}]}}", B)
        run = await desk.start({"id": 1})
        await waiting(desk, run)
        clock.pass_(hours=1)
        assert (await desk.ended(run)).status == "success"
        plan = await desk.service.redrives.plan(run, RedriveRequest(at="w"))
        assert plan.warnings == []


@pytest.mark.parametrize(
    ("what", "logged"),
    [
        ('until: "2020-01-01T00:00:00Z"', "2020-01-01T00:00:00Z has passed: no wait"),
        ('until: "{{ payload.at }}", missing: empty', "until is empty: no wait"),
    ],
)
async def test_a_time_that_has_passed_or_is_not_given_is_no_wait(
    home: Home, world: World, what: str, logged: str
) -> None:
    async with home.open() as desk:
        await desk.put(wait(what), B)
        run = await desk.run({"id": 1})
        assert run.status == "success"
        assert [line.message for line in (await desk.service.runs.logs(run.id)).items] == [logged]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("for: soon", "for: not a length of time"),
        ("for: 1h, until: tomorrow", "expected one of for and until"),
        ("name: x", "expected one of for and until"),
        ('until: "25:00"', "until: "),
        ("until: 7", "until: expected an instant such as 2026-05-04T10:00:00Z, or HH:MM"),
        ('until: "06:00", timezone: Mars/Base', "timezone: there is no time zone 'Mars/Base'"),
        ('for: "{{ item.x }}"', "for: there is no item here; expected payload, meta, vars, run or now"),
    ],
)
async def test_a_wrong_wait_is_named(home: Home, what: str, message: str) -> None:
    async with home.open(serve=False) as desk:
        with pytest.raises(FlowInvalid) as caught:
            await desk.service.flows.import_documents([("f.yaml", flow(wait(what)))])
    (problem,) = caught.value.problems
    assert problem.step == "w"
    assert message in str(problem)
