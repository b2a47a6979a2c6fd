"""Flows that call flows: one called run for each execution of the step, whatever crashes, stops or fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from redrive.errors import PayloadError
from redrive.sdk import Out, Payload, StepContext
from redrive.service.views import RedriveRequest, RetryRequest, RunView
from tests.unit.engine.test_execution import failing
from tests.unit.engine.world import SEND, Crash, Desk, Home, World

A, B, C = (f"{{id: {name}, shape: hooked}}" for name in ("a", "b", "c"))


def call(more: str = "", *, flow: str = "child", name: str = "call") -> str:
    return f"{{id: {name}, shape: run_flow, flow: {flow}, {more}}}"


async def called(desk: Desk) -> list[RunView]:
    """The runs that other runs have started, in the order of their start."""
    rows = (await desk.service.runs.list(limit=100)).items
    return [await desk.service.runs.get(row.id) for row in reversed(rows) if row.parent_run is not None]


async def retried(desk: Desk, run: str) -> RunView:
    return await desk.ended((await desk.service.redrives.retry(run, RetryRequest())).id)


async def raising(_payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
    raise PayloadError("not today")
    yield


async def test_the_bucket_goes_there_and_what_comes_back_goes_on(home: Home, world: World) -> None:
    async def marked(payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        value = await payload.value()
        yield Out(content=b'{"id": %d, "by": "%s"}' % (value["id"], ctx.vars["shop"].encode()), like=payload)

    world.hooks["b"] = marked
    async with home.open() as desk:
        await desk.put(B, name="child", head="variables: {shop: {type: string, required: true}}")
        await desk.put(A, call('variables: {shop: "{{ payload.shop }}"}'), C)
        run = await desk.run({"id": 1, "shop": "uk"}, {"id": 2, "shop": "de"})
        assert run.status == "success", run.summary
        assert await desk.values(run.id, "c") == [{"id": 1, "by": "uk"}, {"id": 2, "by": "uk"}]
        (child,) = await called(desk)
        assert (child.trigger, child.parent_run, child.parent_step) == ("flow", run.id, "call")
        assert child.clock == run.clock
        assert run.steps[1].called == [child.id]
        # By reference: the very payloads of the one are those of the other.
        assert child.steps[0].payloads_in == run.steps[1].payloads_in == run.steps[0].payloads_out
        assert run.steps[1].payloads_out == child.steps[0].payloads_out == run.steps[2].payloads_in
        lines = (await desk.service.runs.logs(run.id, "call")).items
        assert lines[0].message == f"started run {child.id} of flow child"
        first = (await desk.service.runs.logs(child.id)).items[0]
        assert first.message == f"called by step call of run {run.id} of flow f"


async def test_one_run_for_each_payload(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put(B, name="child")
        await desk.put(call("per: payload"), C)
        run = await desk.run({"id": 1}, {"id": 2}, {"id": 3})
        assert await desk.values(run.id, "c") == [{"id": 1}, {"id": 2}, {"id": 3}]
        runs = await called(desk)
        assert [await desk.values(one.id, "b") for one in runs] == [[{"id": 1}], [{"id": 2}], [{"id": 3}]]
        assert run.steps[0].called == [one.id for one in runs]


async def test_a_start_without_data_is_one_there_too(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put(B, name="child")
        await desk.put("{id: w, shape: wait, for: 0.01}", call("wait: false"), C)
        run = await desk.run()
        assert run.status == "success"
        assert [name for name, _ in world.calls if name == "c"] == ["c"]
        await desk.ended((await called(desk))[0].id)
        assert ("b", None) in world.calls


async def test_what_is_only_started_gets_the_bucket_and_holds_nobody_up(home: Home, world: World) -> None:
    gate = asyncio.Event()

    async def held(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
        await gate.wait()
        yield Out(content=payload.content, like=payload)

    world.hooks["b"] = held
    async with home.open() as desk:
        await desk.put(B, name="child")
        await desk.put(call("wait: false"), C)
        run = await desk.run({"id": 1})
        assert run.status == "success"
        assert await desk.values(run.id, "c") == [{"id": 1}]
        (child,) = await called(desk)
        assert child.finished_at is None
        gate.set()
        assert (await desk.ended(child.id)).status == "success"


async def test_nothing_is_started_where_nothing_is_left(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put(B, name="child")
        await desk.put("{id: none, shape: filter, keep: {field: id, gt: 9}}", call(), C)
        run = await desk.run([{"id": 1}])
        assert run.status == "success"
        assert await called(desk) == []
        assert world.calls == []


# ---- places and depth


async def test_a_run_that_waits_for_another_one_holds_no_place(home: Home, world: World) -> None:
    home.settings["REDRIVE_MAX_RUNNING_RUNS"] = "1"
    async with home.open() as desk:
        await desk.put(B, name="leaf")
        await desk.put(call(flow="leaf"), name="child")
        await desk.put(call(), call(name="again"))
        runs = [await desk.start({"id": number}) for number in range(3)]
        ended = [await desk.ended(run) for run in runs]
        assert [run.status for run in ended] == ["success"] * 3
        assert len(await called(desk)) == 12


async def test_flows_that_call_each_other_in_a_circle_end(home: Home, world: World) -> None:
    home.settings["REDRIVE_MAX_CALL_DEPTH"] = "3"
    async with home.open() as desk:
        await desk.put(call(flow="f"))
        run = await desk.run({"id": 1})
        runs = await called(desk)
        assert len(runs) == 3
        error = runs[-1].steps[0].error
        assert error is not None
        assert error.code == "flow.too_deep"
        assert error.detail == "flow f would be called 4 flows deep; at most 3 are possible"
        assert run.status == "failure"
        assert run.summary.startswith("call: run r")


@pytest.mark.parametrize(
    ("child", "detail", "code"),
    [
        (None, "there is no flow 'child'", "flow.unknown"),
        ("disabled", "flow child is not enabled, so no flow can call it", "flow.disabled"),
        ("draft", "flow child has no deployed version, so no flow can call it", "flow.not_deployed"),
        ("variables", "flow child needs shop", "variable.missing"),
    ],
)
async def test_a_flow_that_cannot_be_called(
    home: Home, world: World, child: str | None, detail: str, code: str
) -> None:
    async with home.open() as desk:
        if child == "draft":
            document = b"flow: child\nsteps: [{id: b, shape: hooked}]"
            await desk.service.flows.import_documents([("child.yaml", document)])
        elif child is not None:
            head = "variables: {shop: {type: string, required: true}}" if child == "variables" else ""
            await desk.put(B, name="child", head=head)
            if child == "disabled":
                await desk.service.flows.enable("child", enabled=False)
        await desk.put(f"{{id: t, shape: try, steps: [{call()}], catch: [{C}]}}")
        run = await desk.run({"id": 1})
        error = next(step for step in run.steps if step.step == "call").error
        assert error is not None
        assert (error.detail, error.code) == (detail, code)
        assert run.status == "failure"  # no payload's fault: no `try` takes it
        assert await called(desk) == []


# ---- failure and running again


async def test_the_failure_of_a_called_run_fails_the_step_and_a_retry_retries_it(
    home: Home, world: World
) -> None:
    async with home.open() as desk:
        await desk.put(B, SEND, name="child")
        await desk.put(A, call(), C)
        world.hooks["b"] = failing(2, PayloadError("not today"))
        run = await desk.run([{"id": 1}], [{"id": 2}])
        (child,) = await called(desk)
        error = run.steps[1].error
        assert error is not None
        assert error.detail == f"run {child.id} of flow child failed: b: not today"
        assert error.code == "called.failed"
        world.hooks.clear()
        again = await retried(desk, run.id)
        assert again.status == "success", again.summary
        runs = await called(desk)
        assert [(one.source_run, one.parent_run) for one in runs] == [(None, run.id), (child.id, again.id)]
        assert world.booked == {"1": 1, "2": 1}
        assert await desk.values(again.id, "c") == await desk.values(runs[1].id, "send")


async def test_retries_of_the_step_retry_the_called_run(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put(A, B, name="child")
        await desk.put(call("retries: 2"), C)
        tries = iter([False, False, True])

        async def third(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
            if not next(tries):
                raise PayloadError("not today")
            yield Out(content=payload.content, like=payload)

        world.hooks["b"] = third
        run = await desk.run({"id": 1})
        assert run.status == "success", run.summary
        assert run.steps[0].attempts == 3
        runs = await called(desk)
        assert [one.status for one in runs] == ["failure", "failure", "success"]
        assert [one.source_run for one in runs] == [None, runs[0].id, runs[1].id]
        assert [name for name, _ in world.calls].count("a") == 1  # what had gone well is not repeated


async def test_in_a_try_only_the_payload_whose_run_failed_is_caught(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put(B, name="child")
        await desk.put(f"{{id: t, shape: try, steps: [{call('per: payload')}, {A}], catch: [{C}]}}")
        world.hooks["b"] = failing(1, PayloadError("not today"), on={"id": 2})
        run = await desk.run({"id": 1}, {"id": 2}, {"id": 3})
        assert run.status == "partial_success"
        assert await desk.values(run.id, "a") == [{"id": 1}, {"id": 3}]
        assert await desk.values(run.id, "c") == [{"id": 2}]
        world.hooks.clear()
        again = await retried(desk, run.id)
        assert again.status == "success"
        assert await desk.values(again.id, "a") == [{"id": 2}]
        runs = await called(desk)
        assert [one.source_run for one in runs] == [None, None, None, runs[1].id]


async def test_a_redrive_calls_anew_and_sends_nothing_twice(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put(B, SEND, name="child")
        await desk.put(A, call(), C)
        run = await desk.run([{"id": 1}, {"id": 2}])
        # What is sent differs from what was: only the policy of a redrive leaves it out.

        async def changed(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
            yield Out(content=b'[{"id":1,"v":2},{"id":2,"v":2}]', like=payload)

        world.hooks["b"] = changed
        request = RedriveRequest(at="call", confirm=True)
        plan = await desk.service.redrives.plan(run.id, request)
        assert (
            "call starts another flow: what that does and brings is not known before it runs" in plan.warnings
        )
        made = await desk.ended((await desk.service.redrives.redrive(run.id, request)).id)
        assert made.status == "success"
        assert world.booked == {"1": 1, "2": 1}
        first, second = await called(desk)
        assert second.source_run is None
        assert second.steps[1].deliveries.skipped == 2
        after = await desk.service.redrives.redrive(run.id, RedriveRequest(after="call", confirm=True))
        view = await desk.ended(after.id)
        assert view.steps[2].payloads_in == first.steps[1].payloads_out
        assert len(await called(desk)) == 2


async def test_the_failed_items_of_a_called_run_can_be_redriven_from_before_it(
    home: Home, world: World
) -> None:
    async def refusing(keys: list[str]) -> Any:
        return {key: "rejected" if key == "2" else "delivered" for key in keys}

    world.answer = refusing
    async with home.open() as desk:
        await desk.put(SEND, name="child")
        await desk.put(A, call(), C)
        run = await desk.run([{"id": 1}], [{"id": 2}], [{"id": 3}])
        assert run.status == "failure"
        world.answer = None
        request = RedriveRequest(at="a", items="failed", confirm=True)
        made = await desk.ended((await desk.service.redrives.redrive(run.id, request)).id)
        assert made.status == "success"
        assert await desk.values(made.id, "a") == [[{"id": 2}]]
        assert world.booked == {"1": 1, "2": 1, "3": 1}


# ---- stops


@pytest.mark.parametrize("force", [False, True])
async def test_a_stop_stops_the_run_that_is_waited_for_and_a_retry_goes_on(
    home: Home, world: World, force: bool
) -> None:
    reached = asyncio.Event()

    async def held(payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        reached.set()
        await ctx.sleep(20)
        yield Out(content=payload.content, like=payload)

    world.hooks["b"] = held
    async with home.open() as desk:
        await desk.put(A, B, name="child")
        await desk.put(call(), C)
        run = await desk.start({"id": 1})
        await reached.wait()
        await desk.service.runs.stop(run, force=force)
        view = await desk.ended(run)
        (child,) = await called(desk)
        child = await desk.ended(child.id)
        assert (view.status, child.status) == ("stopped", "stopped")
        world.hooks.clear()
        world.calls.clear()
        again = await retried(desk, run)
        assert again.status == "success"
        assert [name for name, _ in world.calls] == ["b", "c"]


async def test_a_called_run_that_may_go_on_is_taken_up_by_the_retry(home: Home, world: World) -> None:
    reached, gate = asyncio.Event(), asyncio.Event()

    async def held(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
        reached.set()
        await gate.wait()
        yield Out(content=payload.content, like=payload)

    world.hooks["b"] = held
    async with home.open() as desk:
        await desk.put(B, name="child")
        await desk.put(call("stop_called: false"), C)
        run = await desk.start({"id": 1})
        await reached.wait()
        await desk.service.runs.stop(run)
        assert (await desk.ended(run)).status == "stopped"
        (child,) = await called(desk)
        assert child.status == "running"
        again = await desk.service.redrives.retry(run, RetryRequest())
        gate.set()
        assert (await desk.ended(again.id)).status == "success"
        assert len(await called(desk)) == 1
        assert await desk.values(again.id, "c") == [{"id": 1}]


async def test_a_called_run_that_somebody_stops_in_the_queue(home: Home, world: World) -> None:
    reached, queued, gate = asyncio.Event(), asyncio.Event(), asyncio.Event()
    home.settings["REDRIVE_MAX_RUNNING_RUNS"] = "1"

    async def first(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
        reached.set()
        await queued.wait()
        yield Out(content=payload.content, like=payload)

    async def busy(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
        await gate.wait()
        yield Out(content=payload.content, like=payload)

    world.hooks |= {"c": first, "a": busy}
    async with home.open() as desk:
        await desk.put(A, name="busy", head="settings: {priority: highest}")
        await desk.put(B, name="child")
        await desk.put(C, call("retries: 3"))
        one = await desk.start({"id": 1}, name="f")
        await reached.wait()
        await desk.start({"id": 0}, name="busy")  # it gets the place that the first gives up
        queued.set()
        while True:
            if children := await called(desk):
                break
            await asyncio.sleep(0)
        await desk.service.runs.stop(children[0].id)
        gate.set()
        view = await desk.ended(one)
        assert view.status == "failure"
        error = view.steps[1].error
        assert error is not None
        assert (error.code, error.detail) == (
            "called.stopped",
            f"run {children[0].id} of flow child was stopped",
        )


# ---- crashes


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("per", ["bucket", "payload"])
@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("call.drafted", 1),
        ("call.queued", 1),
        ("call.queued", 2),
        ("call.ended", 1),
        ("payload.finished", 2),
        ("step.begun", 2),
        ("run.ending", 1),
        ("run.ending", 2),
    ],
)
async def test_one_called_run_for_each_call_whatever_crashes(
    home: Home, world: World, name: str, number: int, per: str, durable: bool
) -> None:
    if per == "bucket" and name == "call.queued" and number > 1:
        pytest.skip("there is one")
    async with home.open() as desk:
        await desk.put(A, SEND, name="child")
        await desk.put(B, call(f"per: {per}"), C)
        crash = Crash(desk, home, durable=durable)
        run = await desk.start([{"id": 1}], [{"id": 2}])
        crash.at(name, number)
        await asyncio.wait_for(crash.happened.wait(), 20)
    async with crash.home.open() as desk:
        view = await desk.ended(run)
        assert view.status in {"success", "failure"}
        children = await called(desk)
        assert len(children) == (1 if per == "bucket" else 2)
        assert all(child.parent_run == run for child in children)
        # A send in the middle of which the process died is in doubt; nothing else is.
        unknown = {key for key, status in (await desk.deliveries()).items() if status == "unknown"}
        assert (view.status == "failure") == bool(unknown)
        assert all(count == 1 for count in world.booked.values())
        if not unknown:
            assert await desk.values(view.id, "c") == [["1"], ["2"]]
