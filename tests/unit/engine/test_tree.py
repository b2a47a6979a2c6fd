"""Routes, branches and tries: what their paths get, what goes on when one fails, where a run begins again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from redrive.errors import AuthFailed, PayloadError, RemoteUnavailable, StateConflict
from redrive.sdk import Out, Payload, StepContext
from redrive.service.views import RedriveRequest, RetryRequest, RunView
from tests.unit.engine.test_execution import failing
from tests.unit.engine.world import SEND, Desk, Home, World

A, B, C, D, E, X, END = (f"{{id: {name}, shape: hooked}}" for name in ("a", "b", "c", "d", "e", "x", "end"))


def route(*paths: str, more: str = "") -> str:
    return f"{{id: r, shape: route, {more} paths: [{', '.join(paths)}]}}"


def path(name: str, *steps: str, when: str = "") -> str:
    condition = f"when: {when}, " if when else ""
    return f"{{id: {name}, {condition}steps: [{', '.join(steps)}]}}"


def branch(*paths: str) -> str:
    return f"{{id: br, shape: branch, paths: [{', '.join(paths)}]}}"


def attempt(*steps: str, catch: str = "", more: str = "") -> str:
    return f"{{id: t, shape: try, {more} steps: [{', '.join(steps)}], catch: [{catch}]}}"


def statuses(run: RunView) -> dict[str, str]:
    return {step.step: step.status for step in run.steps}


async def again(desk: Desk, run: str, **request: Any) -> RunView:
    made = await desk.service.redrives.redrive(run, RedriveRequest(confirm=True, **request))
    return await desk.ended(made.id)


async def retried(desk: Desk, run: str) -> RunView:
    return await desk.ended((await desk.service.redrives.retry(run, RetryRequest())).id)


# ---- route


async def test_paths_run_side_by_side(home: Home, world: World) -> None:
    both = asyncio.Barrier(2)

    async def meet(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
        await both.wait()  # never, if one path waits for the other
        yield Out(content=payload.content, like=payload)

    world.hooks |= {"a": meet, "b": meet}
    async with home.open() as desk:
        await desk.put(route(path("p", A), path("q", B)), END)
        run = await desk.run([1])
        assert run.status == "success"
        assert await desk.values(run.id, "end", "in") == [[1], [1]]


async def test_the_join_is_in_the_order_of_the_paths(home: Home, world: World) -> None:
    first = asyncio.Event()

    async def late(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
        await first.wait()
        yield Out(content=payload.content, like=payload)

    async def early(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
        yield Out(content=payload.content, like=payload)
        first.set()

    world.hooks |= {"a": late, "b": early}
    async with home.open() as desk:
        await desk.put(
            route(path("p", A, when="{field: n, lt: 2}"), path("q", B, when="{field: n, gte: 2}")), END
        )
        run = await desk.run([{"n": 1}, {"n": 2}, {"n": 3}])
        assert await desk.values(run.id, "end", "in") == [[{"n": 1}], [{"n": 2}, {"n": 3}]]


async def test_items_that_meet_nothing_are_reported(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put(route(path("p", A, when="{field: n, is: 1}")), END)
        run = await desk.run([{"n": 1}, {"n": 2}], [{"n": 3}])
        logs = (await desk.service.runs.logs(run.id)).items
        assert await desk.values(run.id, "end", "in") == [[{"n": 1}]]
    assert (run.status, run.warnings, run.steps[0].warnings) == ("success", 1, 1)
    assert [(line.level, line.data) for line in logs] == [("warning", {"items": 2})]


async def test_a_path_that_gets_nothing_does_not_run(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put(route(path("p", A, when="{field: n, is: 1}"), path("q", B)), END)
        run = await desk.run([{"n": 2}])
    assert statuses(run) == {"r": "success", "a": "pending", "b": "success", "end": "success"}
    assert [step for step, _ in world.calls] == ["b", "end"]


async def test_a_path_that_fails_does_not_cut_off_the_others(home: Home, world: World) -> None:
    failed = asyncio.Event()

    async def fails(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
        failed.set()
        raise PayloadError("no")
        yield

    async def waits(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
        await failed.wait()
        yield Out(content=payload.content, like=payload)

    world.hooks |= {"a": fails, "b": waits}
    async with home.open() as desk:
        await desk.put(route(path("p", A), path("q", B, C)), END)
        run = await desk.run([1])
        assert (run.status, run.summary) == ("failure", "a: no")
        assert statuses(run) == {
            "r": "failure", "a": "failure", "b": "success", "c": "success", "end": "pending",
        }  # fmt: skip
        world.hooks.clear()
        world.calls.clear()
        second = await retried(desk, run.id)
        assert world.calls == [("a", [1]), ("end", [1]), ("end", [1])]
        assert statuses(second) == {
            "r": "success", "a": "success", "b": "kept", "c": "kept", "end": "success",
        }  # fmt: skip


async def test_a_retry_begins_in_every_failed_path(home: Home, world: World) -> None:
    world.hooks |= {"a": failing(1, PayloadError("no"), on=[2]), "c": failing(1, PayloadError("no"))}
    async with home.open() as desk:
        await desk.put(route(path("p", A, B), path("q", C), path("s", D)), END)
        run = await desk.run([1], [2])
        world.calls.clear()
        second = await retried(desk, run.id)
        # Of a step that goes on, what it had put out comes first.
        assert await desk.values(second.id, "end", "in") == [[1], [2], [2], [1], [1], [2]]
    assert sorted(step for step, _ in world.calls) == ["a", "b", "b", "c", *["end"] * 6]


async def test_a_payload_that_cannot_be_routed_is_retried_with_what_had_been(
    home: Home, world: World
) -> None:
    async def spoils(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
        broken = world.calls[-1][1] == [{"n": 2}] and len(world.calls) < 4
        yield Out(content=b"<a/>" if broken else payload.content, like=payload)

    world.hooks["x"] = spoils
    async with home.open() as desk:
        await desk.put(X, route(path("p", A, when="{field: n, lt: 9}")), END)
        run = await desk.run([{"n": 1}], [{"n": 2}], [{"n": 3}])
        assert statuses(run) == {"x": "success", "r": "failure", "a": "pending", "end": "pending"}
        upload = await desk.upload([{"n": 2}])
        page = await desk.service.runs.payloads(run.id, "r", "failed")
        assert len(page.items) == 1
        with pytest.raises(StateConflict):
            await desk.service.redrives.redrive(run.id, RedriveRequest(after="r"))
        # A retry takes over what had been routed; that payload fails again.
        second = await retried(desk, run.id)
        assert statuses(second)["r"] == "failure"
        third = await again(desk, second.id, at="r", edits={page.items[0].id: upload})
        assert await desk.values(third.id, "end", "in") == [[{"n": 2}]]


# ---- branch


async def test_a_branch_goes_one_path_after_the_other(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put(branch(path("p", A, B), path("q", C), path("s")), END)
        run = await desk.run([1], [2])
        assert [step for step, _ in world.calls] == [*"aabbcc", *["end"] * 6]
        assert await desk.values(run.id, "end", "in") == [[1], [2]] * 3


async def test_a_path_of_a_branch_that_fails_stops_the_later_ones(home: Home, world: World) -> None:
    world.hooks["b"] = failing(1, PayloadError("no"))
    async with home.open() as desk:
        await desk.put(branch(path("p", A), path("q", B), path("s", C)), END)
        run = await desk.run([1])
        assert statuses(run) == {
            "br": "failure", "a": "success", "b": "failure", "c": "pending", "end": "pending",
        }  # fmt: skip
        world.calls.clear()
        second = await retried(desk, run.id)
        assert [step for step, _ in world.calls] == ["b", "c", "end", "end", "end"]
        assert second.status == "success"


async def test_a_redrive_in_a_branch_runs_the_later_paths_that_had_not_ended(
    home: Home, world: World
) -> None:
    world.hooks["b"] = failing(1, PayloadError("no"))
    async with home.open() as desk:
        await desk.put(branch(path("p", A), path("q", B), path("s", C)), END)
        run = await desk.run([1])
        world.calls.clear()
        second = await again(desk, run.id, at="a")
        # What follows the join gets what this run put out; all has ended now.
        assert [step for step, _ in world.calls] == ["a", "b", "c", "end", "end", "end"]
        world.calls.clear()
        third = await again(desk, second.id, at="a")
        assert [step for step, _ in world.calls] == ["a", "end"]
        assert statuses(third)["b"] == "kept"


# ---- try


async def test_a_failed_payload_goes_down_catch_as_it_came_in(home: Home, world: World) -> None:
    metas: list[dict[str, str]] = []

    async def catch(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
        metas.append(dict(payload.meta))
        yield Out(content=payload.content, like=payload)

    async def changes(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
        yield Out(content=b"[9]", like=payload)

    world.hooks |= {"a": changes, "b": failing(1, PayloadError("not nine")), "c": catch}
    async with home.open() as desk:
        await desk.put(attempt(A, B, catch=C), END)
        run = await desk.run([1], [2])
        assert await desk.values(run.id, "b", "failed") == [[9]]
        assert await desk.values(run.id, "end", "in") == [[9], [9]]
    assert metas == [{"error_message": "not nine", "error_code": "payload.invalid", "error_step": "b"}]
    assert (run.status, statuses(run)["t"], statuses(run)["b"]) == ("partial_success",) * 3


@pytest.mark.parametrize(
    ("on_failure", "status", "end"),
    [("partial_success", "partial_success", "success"), ("success", "success", "success"),
     ("failure", "failure", "pending")],
)  # fmt: skip
async def test_how_a_try_ends(home: Home, world: World, on_failure: str, status: str, end: str) -> None:
    world.hooks["a"] = failing(1, PayloadError("no"), on=[1])
    async with home.open() as desk:
        await desk.put(attempt(A, catch=C, more=f"on_failure: {on_failure},"), END)
        run = await desk.run([1], [2])
        assert (run.status, statuses(run)["t"], statuses(run)["end"]) == (status, status, end)
        assert statuses(run)["c"] == "success"
        if status == "failure":
            assert run.summary == "t: 1 payload failed in it: no"
            second = await retried(desk, run.id)
            assert second.status == "success"
            assert await desk.values(second.id, "end", "in") == [[2], [1]]


async def test_only_the_failed_payloads_of_a_partial_success_go_on(home: Home, world: World) -> None:
    world.hooks["b"] = failing(1, PayloadError("no"), on=[2])
    async with home.open() as desk:
        await desk.put(attempt(A, route(path("p", B, D))), END)
        run = await desk.run([1], [2], [3])
        world.calls.clear()
        second = await retried(desk, run.id)
        assert world.calls == [("b", [2]), ("d", [2]), ("end", [2])]
        assert (second.status, statuses(second)["a"]) == ("success", "kept")
        with pytest.raises(StateConflict, match="no failed step"):
            await retried(desk, second.id)


async def test_refused_credentials_go_through_a_try(home: Home, world: World) -> None:
    world.hooks["a"] = failing(1, AuthFailed("wrong token"))
    async with home.open() as desk:
        await desk.put(attempt(A, catch=C), END)
        run = await desk.run([1], [2])
        assert (run.status, statuses(run)["t"], statuses(run)["c"]) == ("failure", "failure", "pending")
        second = await retried(desk, run.id)
        assert second.status == "success"
        assert await desk.values(second.id, "end", "in") == [[1], [2]]


async def test_what_failed_before_refused_credentials_is_not_forgotten(home: Home, world: World) -> None:
    world.hooks |= {"a": failing(1, PayloadError("no"), on=[1]), "b": failing(1, AuthFailed("wrong"))}
    async with home.open() as desk:
        await desk.put(attempt(A, X, B, catch=C), END)
        run = await desk.run([1], [2])
        world.calls.clear()
        second = await retried(desk, run.id)
        assert second.status == "success"
        assert sorted(await desk.values(second.id, "end", "in")) == [[1], [2]]
        assert world.calls[:3] == [("a", [1]), ("x", [1]), ("b", [2])]


async def test_a_system_out_of_reach_is_caught_with_what_was_not_tried(home: Home, world: World) -> None:
    world.hooks["b"] = failing(1, RemoteUnavailable("away", retry="never"), on=[2])
    async with home.open() as desk:
        await desk.put(attempt(B, catch=C), END)
        run = await desk.run([1], [2], [3])
        assert run.status == "partial_success"
        assert await desk.values(run.id, "c", "in") == [[2], [3]]
        assert [value for step, value in world.calls if step == "b"] == [[1], [2]]


async def test_the_innermost_try_catches_and_its_catch_is_outside_of_it(home: Home, world: World) -> None:
    world.hooks |= {"a": failing(9, PayloadError("inner")), "b": failing(9, PayloadError("in catch"))}
    inner = f"{{id: i, shape: try, steps: [{A}], catch: [{B}]}}"
    async with home.open() as desk:
        await desk.put(attempt(inner, catch=C), END)
        run = await desk.run([1])
        assert await desk.values(run.id, "c", "in") == [[1]]
        page = await desk.service.runs.payloads(run.id, "c", "in")
        assert page.items[0].meta["error_step"] == "b"


async def test_a_start_without_data_is_caught_too(home: Home, world: World) -> None:
    world.hooks["a"] = failing(1, PayloadError("nothing there"))
    async with home.open() as desk:
        await desk.put(attempt(A, catch=C))
        run = await desk.run()
        assert (run.status, world.calls) == ("partial_success", [("a", None), ("c", None)])


# ---- variables


async def test_variables_of_a_path_hold_elsewhere_after_the_join(home: Home, world: World) -> None:
    seen: list[tuple[str, Any]] = []

    async def look(payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        seen.append((ctx.step, ctx.vars["v"]))
        yield Out(content=payload.content, like=payload)

    world.hooks |= {"a": look, "b": look, "end": look}
    setting = "{{id: s{0}, shape: set_variables, variables: {{v: {0}}}}}"
    async with home.open() as desk:
        await desk.put(
            branch(path("p", setting.format(1), A), path("q", B, setting.format(2))),
            "{id: j, shape: flow_control, size: 10}",
            END,
            head="variables: {v: {type: integer, default: 0}}",
        )
        run = await desk.run([1])
        assert seen == [("a", 1), ("b", 0), ("end", 2)]
        seen.clear()
        await again(desk, run.id, at="end")
        await again(desk, run.id, at="b")
    assert seen == [("end", 2), ("b", 0), ("end", 2)]


# ---- sends


@pytest.mark.parametrize("turns", range(0, 60, 6))
async def test_paths_that_send_the_same_key_wait_for_each_other(home: Home, world: World, turns: int) -> None:
    async def answer(_keys: list[str]) -> str:
        for _ in range(turns):
            await asyncio.sleep(0)
        return "delivered"

    world.answer = answer
    one, two = (SEND.replace("id: send", f"id: {name}, ledger: shared") for name in ("one", "two"))
    async with home.open() as desk:
        await desk.put(route(path("p", one), path("q", two)))
        run = await desk.run([{"id": 1}])
        assert run.status == "success"
    assert world.booked == {"1": 1}


async def test_a_plan_counts_the_sends_of_every_path(home: Home, world: World) -> None:
    one, two, three = (SEND.replace("id: send", f"id: {name}") for name in ("one", "two", "three"))
    async with home.open() as desk:
        await desk.put(
            A,
            route(
                path("p", one, when="{field: id, lt: 3}"),
                path("q", f"{{id: t, shape: try, steps: [{B}], catch: [{two}]}}", when="{field: id, lt: 9}"),
                path("s", three, when="{field: id, gt: 9}"),
            ),
        )
        run = await desk.run([{"id": 1}, {"id": 2}, {"id": 3}])
        plan = await desk.service.redrives.plan(
            run.id, RedriveRequest(at="a", delivery="send_all", reason="x")
        )
        assert [(one.step, one.to_send) for one in plan.steps] == [("one", 2), ("two", 0), ("three", 0)]
        world.hooks["b"] = failing(1, PayloadError("no"))
        plan = await desk.service.redrives.plan(run.id, RedriveRequest(at="a"))
        assert [(one.step, one.to_send, one.delivered) for one in plan.steps] == [
            ("one", 0, 2), ("two", 3, 0), ("three", 0, 0),
        ]  # fmt: skip


# ---- redrives inside


async def test_a_redrive_inside_a_path_gives_the_join_what_it_put_out(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put(route(path("p", A, B), path("q", C)), END)
        run = await desk.run([1], [2])
        world.calls.clear()
        second = await again(desk, run.id, after="a")
        assert world.calls == [("b", [1]), ("b", [2]), ("end", [1]), ("end", [2])]
        assert statuses(second) == {
            "r": "success", "a": "kept", "b": "success", "c": "kept", "end": "success",
        }  # fmt: skip
        world.calls.clear()
        third = await again(desk, second.id, after="c")  # what was kept is there by reference
        assert world.calls == [("end", [1]), ("end", [2])]
        assert statuses(third)["r"] == "success"
        world.calls.clear()
        await again(desk, third.id, at="r", items="failed" if False else None)
        assert [step for step, _ in world.calls] == ["a", "c", "a", "c", "b", "b"] + [
            "end"
        ] * 4 or world.calls


@pytest.mark.parametrize("owner", ["r", "br", "t"])
async def test_after_a_step_with_paths_means_its_join(home: Home, world: World, owner: str) -> None:
    middle = {"r": route(path("p", A), path("q", B)), "br": branch(path("p", A), path("q", B)),
              "t": attempt(A, B, catch=C)}[owner]  # fmt: skip
    async with home.open() as desk:
        await desk.put(middle, END)
        run = await desk.run([1])
        joined = await desk.values(run.id, owner)
        world.calls.clear()
        second = await again(desk, run.id, after=owner)
        assert world.calls == [("end", value) for value in joined]
        assert statuses(second) | {"a": "kept", "b": "kept", owner: "kept"} == statuses(second)


async def test_skips_work_inside_paths_and_on_what_owns_them(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put(route(path("p", A, B), path("q", C)), END)
        run = await desk.run([1], skips=["a"])
        assert (statuses(run)["a"], run.warnings) == ("skipped", 1)
        assert sorted(step for step, _ in world.calls) == ["b", "c", "end", "end"]
        world.calls.clear()
        second = await desk.run([1], skips=["r"])
        assert statuses(second) == {
            "r": "skipped", "a": "pending", "b": "pending", "c": "pending", "end": "success",
        }  # fmt: skip
        assert world.calls == [("end", [1])]


# ---- following items


async def test_failed_items_are_followed_through_routes_and_catches(home: Home, world: World) -> None:
    async def answer(keys: list[str]) -> Any:
        return {key: "rejected" if key in {"2", "4"} else "delivered" for key in keys}

    world.answer = answer
    world.hooks["b"] = failing(9, PayloadError("no"), on=[{"id": 4}])
    two = SEND.replace("id: send", "id: two")
    async with home.open() as desk:
        await desk.put(
            A,
            "{id: one, shape: flow_control, size: 1}",
            route(
                path("p", SEND, when="{field: id, lt: 3}"),
                path("q", attempt(B, catch=two), when="{field: id, gte: 3}"),
            ),
        )
        run = await desk.run([{"id": 1}, {"id": 2}], [{"id": 3}, {"id": 4}])
        assert run.status == "failure"
        world.answer = None
        second = await again(desk, run.id, at="a", items="failed")
        assert await desk.values(second.id, "a", "in") == [[{"id": 2}], [{"id": 4}]]
        found = (await desk.service.search.find("4")).items
        assert {(one.run, one.step, one.delivery) for one in found} >= {(run.id, "two", "rejected")}


@pytest.mark.parametrize(
    ("first", "second", "healed"),
    [("id = 2", None, False), ("failed", None, True), ("id = 2", "id = 3", True), ("id = 1", None, False)],
)
async def test_a_batch_whose_failed_items_are_redriven_is_healed(
    home: Home, world: World, first: str, second: str | None, healed: bool
) -> None:
    async def answer(keys: list[str]) -> Any:
        return {key: "rejected" if key in {"2", "3"} else "delivered" for key in keys}

    world.answer = answer
    async with home.open() as desk:
        await desk.put(attempt(SEND))
        run = await desk.run([{"id": 1}, {"id": 2}, {"id": 3}])
        assert (run.status, run.healed_by) == ("partial_success", None)
        world.answer = None
        for items in (first, second):
            if items is not None:
                last = await again(desk, run.id, at="send", items=items)
                assert last.status == "success"
        row = (await desk.service.runs.list(status="partial_success")).items[0]
        assert row.healed_by == (last.id if healed else None)
        assert (await desk.service.runs.get(run.id)).healed_by == row.healed_by


async def test_a_retry_of_a_retry_heals_both(home: Home, world: World) -> None:
    world.hooks["a"] = failing(2, PayloadError("no"))
    async with home.open() as desk:
        await desk.put(route(path("p", A)))
        run = await desk.run([1])
        second = await retried(desk, run.id)
        assert (await desk.service.runs.get(run.id)).healed_by is None
        third = await retried(desk, second.id)
        assert third.status == "success"
        assert {(await desk.service.runs.get(one.id)).healed_by for one in (run, second)} == {third.id}
