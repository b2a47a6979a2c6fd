"""The queue of a home: its order, what overlaps, limits, pauses; and what a crash leaves of all that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from redrive.errors import RedriveError
from redrive.sdk import Out, Payload, StepContext
from redrive.service.queue_views import MoveRequest, PauseRequest, QueueItem
from redrive.service.views import RedriveRequest, RetryRequest, RunView
from tests.unit.engine.test_calls import call, called
from tests.unit.engine.world import SEND, Crash, Desk, Home, World

A = "{id: a, shape: hooked}"


class Gate:
    """Holds every run at step `a` until it is let through, by the id in its payload (None: without data)."""

    def __init__(self, world: World, step: str = "a") -> None:
        self.order: list[Any] = []
        self.inside: set[Any] = set()
        self.most = 0
        self._came = asyncio.Condition()
        self._let: dict[Any, asyncio.Event] = {}
        self.open = asyncio.Event()
        world.hooks[step] = self._hold

    async def _hold(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        value = await payload.value() if payload.size_bytes else {}
        who = (value[0] if isinstance(value, list) else value).get("id")
        self.order.append(who)
        self.inside.add(who)
        self.most = max(self.most, len(self.inside))
        async with self._came:
            self._came.notify_all()
        event = self._let.setdefault(who, asyncio.Event())
        waits = [asyncio.ensure_future(one.wait()) for one in (event, self.open)]
        try:
            while not any(one.done() for one in waits):
                await asyncio.wait(waits, timeout=0.02, return_when=asyncio.FIRST_COMPLETED)
                await ctx.sleep(0)
        finally:
            for one in waits:
                one.cancel()
            self.inside.discard(who)
        yield Out(content=payload.content, like=payload)

    async def came(self, *who: Any) -> None:
        async with asyncio.timeout(20), self._came:
            await self._came.wait_for(lambda: set(who) <= set(self.order))

    def let(self, *who: Any) -> None:
        for one in who:
            self._let.setdefault(one, asyncio.Event()).set()


@pytest.fixture
def gate(world: World) -> Gate:
    return Gate(world)


async def queue(desk: Desk) -> list[QueueItem]:
    return list((await desk.service.queue.list()).items)


async def until(desk: Desk, fits: Callable[[list[QueueItem]], bool]) -> list[QueueItem]:
    """The queue, once it is as it should be."""
    async with asyncio.timeout(20):
        while not fits(found := await queue(desk)):
            await asyncio.sleep(0.01)
    return found


async def ended(desk: Desk, *runs: str) -> list[RunView]:
    return [await desk.ended(run) for run in runs]


# ---- order


async def test_a_higher_priority_goes_first_and_equals_in_their_order(home: Home, gate: Gate) -> None:
    home.settings["REDRIVE_MAX_RUNNING_RUNS"] = "1"
    async with home.open() as desk:
        for name in ("lowest", "regular", "highest"):
            await desk.put(A, name=name, head=f"settings: {{priority: {name}}}")
        runs = [await desk.start({"id": "first"}, name="lowest")]
        await gate.came("first")
        for who, name in (("l", "lowest"), ("r1", "regular"), ("r2", "regular"), ("h", "highest")):
            runs.append(await desk.start({"id": who}, name=name))
        items = await queue(desk)
        assert [item.flow for item in items] == ["highest", "regular", "regular", "lowest"]
        assert [item.position for item in items] == [1, 2, 3, 4]
        assert {item.kind for item in items} == {"system_limit"}
        gate.open.set()
        await ended(desk, *runs)
    assert gate.order == ["first", "h", "r1", "r2", "l"]


async def test_a_run_is_moved_to_the_front_or_to_another_priority(home: Home, gate: Gate) -> None:
    home.settings["REDRIVE_MAX_RUNNING_RUNS"] = "1"
    async with home.open() as desk:
        await desk.put(A)
        runs = [await desk.start({"id": number}) for number in range(4)]
        await gate.came(0)
        moves = desk.service.queue
        assert (await moves.move(runs[3], MoveRequest(front=True))).position == 1
        lower = await moves.move(runs[1], MoveRequest(priority="lowest"))
        assert (lower.position, lower.priority) == (3, "lowest")
        with pytest.raises(RedriveError) as refused:
            await moves.move(runs[0], MoveRequest(front=True))
        assert refused.value.code == "run.not_queued"
        with pytest.raises(RedriveError):
            await moves.move(runs[1], MoveRequest())
        gate.open.set()
        await ended(desk, *runs)
    assert gate.order == [0, 3, 2, 1]


# ---- overlap


async def test_runs_that_may_not_overlap_go_one_after_the_other(home: Home, gate: Gate) -> None:
    async with home.open() as desk:
        await desk.put(A, head="settings: {overlap: queue}")
        await desk.put("{id: other, shape: hooked}", name="free")
        runs = [await desk.start({"id": number}) for number in range(3)]
        await gate.came(0)
        assert (await desk.run({"id": 9}, name="free")).status == "success"  # others go by
        items = await queue(desk)
        assert [(item.kind, item.waits_for) for item in items] == [("overlap", runs[0]), ("overlap", runs[1])]
        assert items[0].reason == f"overlap: run {runs[0]} of flow f is running"
        assert items[1].reason == f"overlap: run {runs[1]} goes before it"
        gate.open.set()
        assert [run.status for run in await ended(desk, *runs)] == ["success"] * 3
    assert (gate.order, gate.most) == ([0, 1, 2], 1)


async def test_overlap_by_key(home: Home, gate: Gate) -> None:
    async with home.open() as desk:
        await desk.put(A, head='settings: {overlap: queue, overlap_key: "{{ payload.customer }}"}')
        starts = [("a1", "ann"), ("b1", "bob"), ("a2", "ann"), ("none", None), ("gone", None)]
        runs = [await desk.start({"id": who, "customer": customer}) for who, customer in starts]
        await gate.came("a1", "b1", "none")
        items = await queue(desk)
        assert [item.run for item in items] == [runs[2], runs[4]]
        assert items[0].reason == f"overlap: run {runs[0]}, which has the same overlap key, is running"
        # A redrive has the key of its source, whatever it begins with.
        gate.let("b1")
        await ended(desk, runs[1])
        request = RedriveRequest(at="a", payloads=[await desk.upload({"id": "b2"})], confirm=True)
        again = await desk.service.redrives.redrive(runs[1], request)
        await gate.came("b2")
        third = await desk.service.redrives.redrive(runs[1], request)
        (waiting,) = [item for item in await queue(desk) if item.run == third.id]
        assert waiting.waits_for == again.id
        gate.open.set()
        await ended(desk, *runs, again.id, third.id)


async def test_a_start_is_skipped_while_its_flow_runs_or_waits(home: Home, gate: Gate) -> None:
    async with home.open() as desk:
        await desk.put(A, head="settings: {overlap: skip}")
        first = await desk.start({"id": 0})
        skipped = await desk.run({"id": 1})
        assert skipped.status == "stopped"
        assert skipped.summary.startswith(f"skipped: run {first} ")
        assert skipped.summary.endswith("(overlap: skip)")
        assert skipped.started_at is None
        # A retry of it is a start too.
        again = await desk.service.redrives.retry(skipped.id, RetryRequest.model_validate({"from": "start"}))
        assert again.status == "stopped"
        gate.open.set()
        await ended(desk, first)
        assert (await desk.run({"id": 2})).status == "success"
    assert gate.order == [0, 2]


async def test_of_starts_at_the_same_time_one_is_carried_out(home: Home, gate: Gate) -> None:
    async with home.open() as desk:
        await desk.put(A, head="settings: {overlap: skip}")
        runs = await asyncio.gather(*(desk.start({"id": number}) for number in range(8)))
        gate.open.set()
        statuses = [run.status for run in await ended(desk, *runs)]
    assert sorted(statuses) == ["stopped"] * 7 + ["success"]
    assert len(gate.order) == 1


async def test_a_new_start_cancels_those_before_it(home: Home, gate: Gate) -> None:
    async with home.open() as desk:
        await desk.put(A, head="settings: {overlap: cancel_running}")
        first = await desk.start({"id": 0})
        await gate.came(0)
        last = await desk.start({"id": 1})
        await gate.came(1)
        cancelled = await desk.ended(first)
        assert cancelled.status == "stopped"
        lines = [line.message for line in (await desk.service.runs.logs(first)).items]
        assert f"cancelled by run {last} (overlap: cancel_running)" in lines
        gate.open.set()
        assert (await desk.ended(last)).status == "success"
    assert gate.most == 1


async def test_a_cancelled_one_that_waits_ends_at_once(home: Home, gate: Gate) -> None:
    async with home.open() as desk:
        await desk.put(A, head="settings: {overlap: cancel_running}")
        await desk.service.queue.pause(PauseRequest(kind="all"))
        first = await desk.start({"id": 0})
        last = await desk.start({"id": 1})
        cancelled = await desk.ended(first)
        assert cancelled.summary == f"cancelled by run {last} (overlap: cancel_running)"
        gate.open.set()
        await desk.service.queue.resume("all")
        assert (await desk.ended(last)).status == "success"
    assert gate.order == [1]


@pytest.mark.parametrize("failpoint", ["start.queued", "run.claimed", "step.begun"])
async def test_after_a_crash_they_do_not_overlap_either(home: Home, gate: Gate, failpoint: str) -> None:
    async with home.open() as desk:
        await desk.put(A, head="settings: {overlap: queue}")
        crash = Crash(desk, home)
        crash.at(failpoint)
        starts = [asyncio.ensure_future(desk.start({"id": number})) for number in range(3)]
        await crash.happened.wait()
        for start in starts:
            start.cancel()
        await asyncio.gather(*starts, return_exceptions=True)
    gate.open.set()
    gate.order.clear()
    gate.most = 0
    async with crash.home.open() as desk:
        rows = (await desk.service.runs.list()).items
        assert rows
        assert {run.status for run in await ended(desk, *(row.id for row in rows))} == {"success"}
    assert gate.most == 1


async def test_a_called_flow_does_not_wait_for_its_own_callers(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put(call(flow="b"), head="settings: {overlap: queue, max_running: 1}")
        await desk.put(call(flow="c"), name="b", head="settings: {overlap: queue}")
        await desk.put(A, name="c", head="settings: {overlap: queue}")
        runs = [await desk.start({"id": 1}) for _ in range(2)]
        assert [run.status for run in await ended(desk, *runs)] == ["success"] * 2
        assert len(await called(desk)) == 4


async def test_calls_in_a_circle_get_through_though_nothing_may_overlap(home: Home, world: World) -> None:
    home.settings["REDRIVE_MAX_CALL_DEPTH"] = "4"
    async with home.open() as desk:
        await desk.put(call(flow="f"), head="settings: {overlap: queue}")
        run = await desk.run({"id": 1})
        runs = await called(desk)
        assert len(runs) == 4
        error = runs[-1].steps[0].error
        assert error is not None
        assert error.code == "flow.too_deep"
        assert run.status == "failure"


async def test_callers_that_would_wait_for_each_other_go_on(home: Home, world: World) -> None:
    """Two runs of one flow call it anew, each at the limit because of the other one."""
    arrived = asyncio.Event()
    here: list[int] = []

    async def both(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
        here.append(1)
        if len(here) == 2:
            arrived.set()
        await arrived.wait()
        yield Out(content=payload.content, like=payload)

    world.hooks["meet"] = both
    async with home.open() as desk:
        await desk.put(
            "{id: deep, shape: route, paths: [{id: top, when: {field: top, is: true}, steps: "
            "[{id: meet, shape: hooked}, {id: call, shape: run_flow, flow: middle}]}], "
            "otherwise: {steps: []}}",
            head="settings: {max_running: 2}",
        )  # fmt: skip
        await desk.put(
            "{id: low, shape: map, automatic: false, fields: [{to: top, value: false}]}", call(flow="f"),
            name="middle",
        )  # fmt: skip
        runs = [await desk.start([{"top": True}]) for _ in range(2)]
        assert [run.status for run in await ended(desk, *runs)] == ["success"] * 2


async def test_a_run_starts_behind_many_that_cannot(home: Home, gate: Gate) -> None:
    home.settings["REDRIVE_MAX_RUNNING_RUNS"] = "2"
    async with home.open() as desk:
        await desk.put(A, name="held")
        await desk.put(A, name="keyed", head='settings: {overlap: queue, overlap_key: "{{ vars.who }}"}\n'
                       "variables: {who: {type: string}}")  # fmt: skip
        await desk.put("{id: other, shape: hooked}", name="free")
        await desk.service.queue.pause(PauseRequest(kind="flow", name="held"))
        for _ in range(5):
            await desk.start(name="held")
        for _ in range(4):
            await desk.start({"id": "k"}, name="keyed", variables={"who": "ann"})
        await gate.came("k")
        assert (await desk.run({"id": 1}, name="free")).status == "success"
        assert len(await queue(desk)) == 8
        gate.open.set()
        await until(desk, lambda items: {item.flow for item in items} == {"held"})


# ---- limits


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        ("settings: {max_running: 2}", "flow_limit"),
        (
            'settings: {overlap_key: "{{ meta.shop | default(\\"\\") }}", max_running_per_key: 2}',
            "key_limit",
        ),
    ],
)
async def test_so_many_at_a_time(home: Home, gate: Gate, head: str, kind: str) -> None:
    async with home.open() as desk:
        await desk.put(A, head=head)
        runs = [await desk.start({"id": number}) for number in range(5)]
        await gate.came(0, 1)
        assert [item.kind for item in await queue(desk)] == [kind] * 3
        gate.let(0)
        await gate.came(2)
        gate.open.set()
        await ended(desk, *runs)
    assert (gate.order[:3], sorted(gate.order[3:]), gate.most) == ([0, 1, 2], [3, 4], 2)


async def limited(desk: Desk, text: str) -> None:
    document = f"connection: system\nconnector: system\n{text}\n".encode()
    await desk.service.flows.import_documents([("connection.yaml", document)])


async def test_so_many_runs_use_a_connection(home: Home, gate: Gate) -> None:
    async with home.open() as desk:
        await desk.put(A, SEND, name="one")
        await desk.put(A, SEND, name="two")
        await desk.put(A, name="other")
        await limited(desk, "max_running: 1")
        first = await desk.start([{"id": 1}], name="one")
        second = await desk.start([{"id": 2}], name="two")
        third = await desk.start({"id": 3}, name="other")
        (item,) = await until(desk, lambda items: len(items) == 1)
        assert (item.run, item.kind, item.connection) == (second, "connection_limit", "system")
        assert item.reason == "limit: at most 1 runs use connection system at a time"
        gate.open.set()
        await ended(desk, first, second, third)


# ---- pauses


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("all", "", "paused: everything is paused (stock-taking)"),
        ("flow", "f", "paused: flow f is paused (stock-taking)"),
        ("connection", "system", "paused: connection system is paused (stock-taking)"),
    ],
)
async def test_what_is_paused_waits_over_a_restart_and_goes_on(
    home: Home, world: World, kind: Any, name: str, reason: str
) -> None:
    async with home.open() as desk:
        await desk.put(SEND)
        pause = PauseRequest(kind=kind, name=name, reason="stock-taking")
        assert (await desk.service.queue.pause(pause)).actor == "local"
        run = await desk.start([{"id": 1}])
        (item,) = await queue(desk)
        assert (item.kind, item.reason) == ("paused", reason)
    async with home.open() as desk:
        assert [item.reason for item in await queue(desk)] == [reason]
        assert world.requests == []
        assert (await desk.service.queue.resume(kind, name)).removed == 1
        assert (await desk.ended(run)).status == "success"
        assert (await desk.service.queue.resume(kind, name)).removed == 0
        assert (await desk.service.queue.pauses()).items == []


async def test_a_run_under_way_waits_before_it_uses_a_paused_connection(
    home: Home, world: World, gate: Gate
) -> None:
    async with home.open() as desk:
        await desk.put(A, SEND)
        run = await desk.start([{"id": 1}])
        world.hooks.clear()
        gate = Gate(world)
        run = await desk.start({"id": 1}, {"id": 2})
        await gate.came(1)
        await desk.service.queue.pause(PauseRequest(kind="connection", name="system"))
        gate.open.set()
        async for row in desk.service.runs.watch(run):
            view = await desk.service.runs.get(row.id)
            if view.steps[1].waits is not None:
                break
        assert view.steps[1].waits == {"paused": "connection system"}
        assert world.requests == []
    async with home.open() as desk:  # the pause holds there too
        async for row in desk.service.runs.watch(run):
            view = await desk.service.runs.get(row.id)
            if view.steps[1].waits is not None:
                break
        assert world.requests == []
        await desk.service.queue.resume("connection", "system")
        view = await desk.ended(run)
        assert view.status == "success"
        assert view.steps[1].waits is None
    assert world.booked == {"1": 1, "2": 1}


async def test_what_waits_at_a_pause_is_stopped(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put("{id: w, shape: wait, for: 0.01}", SEND)
        await desk.service.queue.pause(PauseRequest(kind="connection", name="system"))
        run = await desk.start([{"id": 1}])
        await desk.service.runs.stop(run)
        assert (await desk.ended(run)).status == "stopped"
    assert world.requests == []


async def test_a_redrive_that_does_not_come_to_the_paused_connection_starts(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put(SEND, A)
        run = await desk.run([{"id": 1}])
        await desk.service.queue.pause(PauseRequest(kind="connection", name="system"))
        request = RedriveRequest(at="a", confirm=True)
        again = await desk.service.redrives.redrive(run.id, request)
        assert (await desk.ended(again.id)).status == "success"
        whole = await desk.service.redrives.redrive(run.id, RedriveRequest(at="send", confirm=True))
        assert [item.run for item in await queue(desk)] == [whole.id]


@pytest.mark.parametrize("name", ["flow", "connection"])
async def test_what_is_not_there_is_not_paused(home: Home, name: Any) -> None:
    async with home.open() as desk:
        with pytest.raises(RedriveError) as refused:
            await desk.service.queue.pause(PauseRequest(kind=name, name="nobody"))
        assert refused.value.code == f"{name}.unknown"
        with pytest.raises(RedriveError):
            await desk.service.queue.pause(PauseRequest(kind=name))


# ---- the time of a whole run


async def test_a_run_that_takes_too_long_fails_and_is_retried_where_it_was(home: Home, gate: Gate) -> None:
    async with home.open() as desk:
        await desk.put("{id: before, shape: hooked}", A, head="settings: {timeout: 0.05}")
        run = await desk.run({"id": 1})
        assert run.status == "failure"
        assert run.summary == "the run took longer than 0.05 s, the timeout of its flow; it was at a"
        assert [step.status for step in run.steps] == ["success", "stopped"]
        gate.open.set()
        again = await desk.service.redrives.retry(run.id, RetryRequest())
        view = await desk.ended(again.id)
        assert (view.status, view.steps[0].status) == ("success", "kept")


async def test_the_time_of_a_run_goes_on_while_it_waits(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put("{id: w, shape: wait, for: 1h}", head="settings: {timeout: 0.05}")
        run = await desk.run({"id": 1})
        assert run.status == "failure"
        assert "took longer than 0.05 s" in run.summary
