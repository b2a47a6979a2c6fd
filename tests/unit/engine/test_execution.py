"""Steps in this process: attempts, failures, what goes on and what stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from redrive.engine.execution import StepExecution
from redrive.errors import PayloadError, RemoteUnavailable, StepError
from redrive.sdk import Bucket, Out, Payload, StepContext
from tests.unit.engine.world import SEND, Home, World, passing_on


def failing(times: int, error: StepError, *, on: Any = None) -> Any:
    """A hook that fails the first `times` times (for one payload, where `on` is given)."""
    left = [times]

    async def run(payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        if left[0] and (on is None or await payload.value() == on):
            left[0] -= 1
            raise error
        yield Out(content=payload.content, like=payload)

    return run


async def test_what_may_get_better_is_tried_again(home: Home, world: World) -> None:
    world.hooks["a"] = failing(2, RemoteUnavailable("away"))
    async with home.open() as desk:
        await desk.put("{id: a, shape: hooked, retries: 2}")
        run = await desk.run([1])
        logs = await desk.service.runs.logs(run.id)
    assert (run.status, run.steps[0].attempts) == ("success", 3)
    assert [line.message.split(",")[0] for line in logs.items] == ["attempt 1 failed", "attempt 2 failed"]
    assert run.steps[0].next_attempt_at is None


async def test_retries_come_to_an_end(home: Home, world: World) -> None:
    world.hooks["a"] = failing(9, RemoteUnavailable("away"))
    async with home.open() as desk:
        await desk.put("{id: a, shape: hooked, retries: 1}", "{id: b, shape: hooked}")
        run = await desk.run([1])
    step, following = run.steps
    assert (run.status, step.status, step.attempts) == ("failure", "failure", 2)
    assert step.error is not None
    assert step.error.code == "remote.unavailable"
    assert following.status == "pending"
    assert run.summary == "a: away"


async def test_what_cannot_get_better_is_tried_once(home: Home, world: World) -> None:
    world.hooks["a"] = failing(1, PayloadError("no"))
    async with home.open() as desk:
        await desk.put("{id: a, shape: hooked, retries: 5}")
        run = await desk.run([1])
    assert (run.status, run.steps[0].attempts, len(world.calls)) == ("failure", 1, 1)


async def test_a_back_off_honours_what_the_system_asks_for(home: Home, world: World) -> None:
    world.hooks["a"] = failing(1, RemoteUnavailable("slow down", after_s=3600.0))
    async with home.open() as desk:
        await desk.put("{id: a, shape: hooked}")
        run = await desk.start([1])
        async for row in desk.service.runs.watch(run):
            shown = (await desk.service.runs.get(row.id)).steps[0]
            if shown.next_attempt_at is not None:
                break
        assert shown.started_at is not None
        assert (shown.next_attempt_at - shown.started_at).total_seconds() >= 3599
        await desk.service.runs.stop(run)
        assert (await desk.ended(run)).status == "stopped"


async def test_a_payload_that_fails_does_not_stop_the_others(home: Home, world: World) -> None:
    world.hooks["a"] = failing(1, PayloadError("not two"), on=[2])
    async with home.open() as desk:
        await desk.put("{id: a, shape: hooked}", "{id: b, shape: hooked}")
        run = await desk.run([1], [2], [3])
        assert await desk.values(run.id, "a") == [[1], [3]]
        assert await desk.values(run.id, "a", "failed") == [[2]]
    assert (run.status, run.steps[0].status, run.steps[1].status) == ("failure", "failure", "pending")


async def test_what_stops_the_step_lets_nobody_else_through(home: Home, world: World) -> None:
    world.hooks["a"] = failing(1, PayloadError("all wrong", stops_step=True), on=[2])
    async with home.open() as desk:
        await desk.put("{id: a, shape: hooked}")
        run = await desk.run([1], [2], [3])
        assert await desk.values(run.id, "a") == [[1]]
    assert world.calls == [("a", [1]), ("a", [2])]
    assert run.status == "failure"


async def test_a_step_that_takes_too_long_is_ended(home: Home, world: World) -> None:
    async def hang(_payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
        await asyncio.Event().wait()
        yield Out(content=b"never")

    world.hooks["a"] = hang
    async with home.open() as desk:
        await desk.put("{id: a, shape: hooked, timeout: 0.01, retries: 1}")
        run = await desk.run([1])
    assert run.steps[0].error is not None
    assert (run.steps[0].error.code, run.steps[0].attempts) == ("step.timeout", 2)


async def test_a_shape_that_crashes_shows_no_content(home: Home, world: World) -> None:
    async def crash(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
        raise ValueError((await payload.content.read()).decode())
        yield

    world.hooks["a"] = crash
    async with home.open() as desk:
        await desk.put("{id: a, shape: hooked}")
        run = await desk.run(["secret-4711"])
    error = run.steps[0].error
    assert error is not None
    assert error.code == "shape.crashed"
    assert "4711" not in run.model_dump_json()
    assert "ValueError" in error.detail


async def test_what_a_broken_attempt_put_out_is_taken_back(home: Home, world: World) -> None:
    async def half(payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        yield Out(content=b'["one"]', like=payload)
        if ctx.attempt == 1:
            raise RemoteUnavailable("cut off")
        yield Out(content=b'["two"]', like=payload)

    world.hooks["a"] = half
    async with home.open() as desk:
        await desk.put("{id: a, shape: hooked}")
        run = await desk.run([1])
        assert await desk.values(run.id, "a") == [["one"], ["two"]]


async def test_an_attempt_goes_on_from_the_checkpoint(home: Home, world: World) -> None:
    seen: list[Any] = []

    async def pages(payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        seen.append(ctx.state)
        for page in range(ctx.state or 0, 3):
            if page == 2 and ctx.attempt == 1:
                raise RemoteUnavailable("cut off")
            yield Out(content=str(page).encode(), like=payload, checkpoint=page + 1)

    world.hooks["a"] = pages
    async with home.open() as desk:
        await desk.put("{id: a, shape: hooked}")
        run = await desk.run([1])
        assert await desk.values(run.id, "a") == [0, 1, 2]
    assert seen == [None, 2]


async def test_a_bucket_fails_as_a_whole(home: Home, world: World) -> None:
    async def gather(bucket: Bucket, _ctx: StepContext) -> AsyncIterator[Out]:
        async for payload in bucket:
            yield Out(content=payload.content, like=payload)
        raise PayloadError("the sum is wrong")

    world.hooks["a"] = gather
    async with home.open() as desk:
        await desk.put("{id: a, shape: gathering}")
        run = await desk.run([1], [2])
        assert await desk.values(run.id, "a", "failed") == [[1], [2]]
        assert await desk.values(run.id, "a") == []
    assert (run.status, run.steps[0].status) == ("failure", "failure")


async def test_after_a_filter_that_keeps_nothing_the_rest_has_nothing_to_do(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put("{id: a, shape: filter, keep: {field: id, is: 9}}", "{id: b, shape: hooked}", SEND)
        run = await desk.run([{"id": 1}])
    assert [step.status for step in run.steps] == ["success"] * 3
    assert world.calls == []
    assert world.requests == []


async def test_a_start_without_data_is_one_empty_payload(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put("{id: a, shape: hooked}")
        run = await desk.run()
    assert world.calls == [("a", None)]
    assert run.status == "success"


async def test_a_skipped_step_hands_its_input_on_and_says_so(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put(
            "{id: a, shape: hooked, skip: true}", "{id: b, shape: hooked}", "{id: c, shape: hooked}"
        )
        run = await desk.run([1], skips=["b"])
        logs = await desk.service.runs.logs(run.id)
        assert await desk.values(run.id, "b") == [[1]]
    assert [step.status for step in run.steps] == ["skipped", "skipped", "success"]
    assert [(line.step, line.level, line.message) for line in logs.items] == [
        ("a", "warning", "step skipped"),
        ("b", "warning", "step skipped"),
    ]
    assert run.warnings == 2


@pytest.mark.parametrize(
    ("given", "expected"), [({}, "from the document"), ({"v": "from the start"}, "from the start")]
)
async def test_a_start_goes_before_the_document(
    home: Home, world: World, given: dict[str, str], expected: str
) -> None:
    seen: list[Any] = []

    async def look(payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        seen.append(ctx.vars["v"])
        if ctx.step == "a":
            ctx.set_variable("v", "from a step")
        yield Out(content=payload.content, like=payload)

    world.hooks.update(a=look, b=look)
    async with home.open() as desk:
        head = "variables: {v: {type: string, default: from the document}}"
        await desk.put("{id: a, shape: hooked}", "{id: b, shape: hooked}", head=head)
        await desk.run([1], variables=given)
    assert seen == [expected, "from a step"]


async def test_variables_of_kept_steps_stand_and_those_of_a_redrive_go_before_them(
    home: Home, world: World
) -> None:
    from redrive.service.views import RedriveRequest, RetryRequest

    seen: list[Any] = []

    async def set_them(payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        ctx.set_variable("v", "a step")
        ctx.set_variable("w", "a step")
        yield Out(content=payload.content, like=payload)

    async def look(payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        seen.append((ctx.vars["v"], ctx.vars["w"]))
        if len(seen) == 1:
            raise PayloadError("no")
        yield Out(content=payload.content, like=payload)

    world.hooks.update(a=set_them, b=look)
    async with home.open() as desk:
        head = "variables: {v: {type: string, default: d}, w: {type: string, default: d}}"
        await desk.put("{id: a, shape: hooked}", "{id: b, shape: hooked}", head=head)
        source = await desk.run([1], variables={"v": "start"})
        retried = await desk.service.redrives.retry(source.id, RetryRequest())
        assert (await desk.ended(retried.id)).status == "success"
        again = await desk.service.redrives.redrive(
            source.id, RedriveRequest(at="b", variables={"w": "redrive"})
        )
        assert (await desk.ended(again.id)).status == "success"
    assert seen == [("a step", "a step"), ("a step", "a step"), ("a step", "redrive")]


async def test_a_retry_goes_on_with_what_failed_and_joins_it_with_what_did_not(
    home: Home, world: World
) -> None:
    from redrive.service.views import RetryRequest

    world.hooks["b"] = failing(1, PayloadError("not two"), on=[2])
    async with home.open() as desk:
        await desk.put("{id: a, shape: hooked}", "{id: b, shape: hooked}", "{id: c, shape: hooked}")
        source = await desk.run([1], [2], [3])
        world.calls.clear()
        retried = await desk.service.redrives.retry(source.id, RetryRequest())
        run = await desk.ended(retried.id)
        assert await desk.values(run.id, "c") == [[1], [3], [2]]
    assert world.calls == [("b", [2]), ("c", [1]), ("c", [3]), ("c", [2])]
    assert [step.status for step in run.steps] == ["kept", "success", "success"]


async def test_a_fault_of_ours_ends_the_run_and_gives_its_claims_up(
    home: Home, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_keys: list[str]) -> str:
        monkeypatch.setattr(StepExecution, "_progressed", lambda _self: 1 / 0)
        return "delivered"

    world.answer = broken
    async with home.open() as desk:
        await desk.put(SEND)
        first = await desk.run([{"id": 1}])
        monkeypatch.undo()
        world.answer = None
        # Nobody waits for a claim whose run has ended.
        second = await desk.run([{"id": 1}])
        assert await desk.deliveries() == {"1": "unknown"}
    assert (first.status, first.steps[0].status) == ("failure", "failure")
    assert second.status == "failure"
    assert world.requests == [["1"]]


async def test_passing_on_is_what_a_hook_does_by_itself(home: Home, world: World) -> None:
    world.hooks["a"] = passing_on
    async with home.open() as desk:
        await desk.put("{id: a, shape: hooked}")
        run = await desk.run([1, 2])
        assert await desk.values(run.id, "a") == [[1, 2]]


async def test_the_clock_counts_from_the_queue_or_from_the_beginning(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put("{id: a, shape: hooked}")
        await desk.put("{id: a, shape: hooked}", name="g", head="settings: {use_queued_time: false}")
        queued = await desk.run([1])
        begun = await desk.run([1], name="g")
    assert queued.clock == queued.queued_at
    assert begun.clock == begun.started_at != begun.queued_at


async def test_a_skipped_step_passes_its_bucket_on_and_counts_it(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put("{id: a, shape: hooked, skip: true}", "{id: b, shape: hooked}")
        run = await desk.run([1, 2])
    step = run.steps[0]
    assert (step.status, step.counts["items_in"], step.counts["items_out"]) == ("skipped", 2, 2)
    assert [p.id for p in step.payloads_in] == [p.id for p in step.payloads_out]
    assert run.warnings == 1
