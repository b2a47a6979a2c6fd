"""Runs, crashes, stops, retries and redrives in any order: nothing arrives twice, nothing is lost.

The model is a list of what the receiving system has booked. Between two bookings of one key with
the same bytes there is always another version of it; and once the world works again, and somebody
has said what became of the requests in doubt, retrying what failed delivers every order there was.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from redrive.engine.failpoints import NAMES, failpoints
from redrive.errors import PayloadError
from redrive.sdk import Out, Payload, StepContext
from redrive.service.views import RedriveRequest, RetryRequest, RunView
from tests.unit.engine.world import SEND, Crash, Desk, Home, World, reset

ALL = bool(os.environ.get("REDRIVE_TEST_ALL"))
STEPS = ("{id: a, shape: hooked}", "{id: batch, shape: flow_control, size: 2}", SEND)
POINTS = [name for name in NAMES if not name.startswith(("blob.", "commit."))]
FAILED = {"failure", "stopped"}


class Trouble(NamedTuple):
    """What goes wrong in the next run: answers to its requests, payloads that fail, a crash, a stop."""

    answers: list[str]
    broken: list[int]
    crash: tuple[str, int, bool] | None
    stop: tuple[str, int] | None


orders = st.lists(
    st.fixed_dictionaries({"id": st.integers(1, 5), "version": st.integers(0, 1)}), min_size=1, max_size=4
)
points = st.sampled_from(POINTS)
troubles = st.builds(
    Trouble,
    st.lists(
        st.sampled_from(["delivered", "rejected", "unknown", "lost", "crash before", "crash after"]),
        max_size=3,
    ),
    st.lists(st.integers(1, 5), max_size=1),
    st.none() | st.tuples(points, st.integers(1, 4), st.booleans()),
    st.none() | st.tuples(points, st.integers(1, 2)),
)


class Engine(RuleBasedStateMachine):
    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.world: World = reset()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copytree(self.template, self.folder / "home")
        self.home = Home(self.folder / "home", {"REDRIVE_MAX_WORKER_LOSSES": "50"})
        self.open = AsyncExitStack()
        self.desk: Desk
        self.runs: list[RunView] = []
        self.wanted: set[str] = set()
        self.do(self._opened())

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    async def _opened(self) -> None:
        self.desk = await self.open.enter_async_context(self.home.open())

    # ---- one run to its end, whatever happens on the way

    def _arrange(self, trouble: Trouble) -> Crash:
        world = self.world
        crash = Crash(self.desk, self.home, durable=trouble.crash is None or trouble.crash[2])
        answers, broken = list(trouble.answers), list(trouble.broken)

        async def answer(_keys: list[str]) -> str:
            told = answers.pop(0) if answers else "delivered"
            if told == "crash before":
                self._crash()
            world.after_booking = self._crash if told == "crash after" else lambda: None
            return told if not told.startswith("crash") else "delivered"

        async def a(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
            value: Any = await payload.value()
            for number in {order["id"] for order in value} & set(broken):
                broken.remove(number)
                raise PayloadError("not this time")
            yield Out(content=payload.content, like=payload)

        world.answer = answer
        world.hooks["a"] = a
        self.crash = crash
        self._watch(trouble)
        return crash

    def _crash(self) -> None:
        self.crash()

    def _watch(self, trouble: Trouble) -> None:
        passed: defaultdict[str, int] = defaultdict(int)

        def at(name: str) -> None:
            passed[name] += 1
            runner = self.desk.service._kernel.runner
            if trouble.stop == (name, passed[name]) and runner is not None:
                for number in runner.running:
                    runner.stop(number, 1)
            here = trouble.crash is not None and trouble.crash[:2] == (name, passed[name])
            if here and runner is not None and runner.running:
                self._crash()

        failpoints.action = at

    async def _to_its_end(self, run: str) -> None:
        while True:
            crash = self.crash
            ending = asyncio.ensure_future(self.desk.ended(run))
            crashing = asyncio.ensure_future(crash.happened.wait())
            await asyncio.wait({ending, crashing}, return_when=asyncio.FIRST_COMPLETED)
            crashing.cancel()
            if not crash.happened.is_set():
                break
            ending.cancel()
            await asyncio.gather(ending, return_exceptions=True)
            await self.open.aclose()
            self.home = crash.home
            await self._opened()
            # One crash for each run; the rest of its troubles have gone with the process.
            self.world.after_booking = lambda: None
            self.crash = Crash(self.desk, self.home)
        failpoints.action = None
        self.world.after_booking = lambda: None
        self.runs.append(ending.result())

    # ---- what people do

    @initialize(payloads=st.lists(orders, min_size=1, max_size=3), trouble=troubles)
    def first(self, payloads: list[list[dict[str, int]]], trouble: Trouble) -> None:
        self.start(payloads, trouble)

    @rule(payloads=st.lists(orders, min_size=1, max_size=3), trouble=troubles)
    def start(self, payloads: list[list[dict[str, int]]], trouble: Trouble) -> None:
        async def work() -> None:
            run = await self.desk.start(*payloads)
            await self._to_its_end(run)

        self.wanted |= {str(order["id"]) for payload in payloads for order in payload}
        self._arrange(trouble)
        self.do(work())

    @rule(trouble=troubles, which=st.integers(0, 99))
    def retry(self, trouble: Trouble, which: int) -> None:
        failed = [run for run in self.runs if run.status in FAILED and _has_failed_step(run)]
        if failed:
            source = failed[which % len(failed)]
            self._again(lambda: self.desk.service.redrives.retry(source.id, RetryRequest()), trouble)

    @rule(trouble=troubles, which=st.integers(0, 99), at=st.sampled_from(["a", "batch"]))
    def redrive(self, trouble: Trouble, which: int, at: str) -> None:
        source = self.runs[which % len(self.runs)]
        reached = {step.step for step in source.steps if step.status not in {"pending", "stopped"}}
        if at in reached:
            request = RedriveRequest(at=at, confirm=True)
            self._again(lambda: self.desk.service.redrives.redrive(source.id, request), trouble)

    def _again(self, start: Any, trouble: Trouble) -> None:
        async def work() -> None:
            await self._to_its_end((await start()).id)

        self._arrange(trouble)
        self.do(work())

    @rule()
    def somebody_looks(self) -> None:
        """Says of each delivery in doubt what the receiving system says."""

        async def work() -> None:
            service = self.desk.service
            booked = set(self.world.arrived)
            for delivery in (await service.ledger.list(status="unknown", limit=100)).items:
                sent = (delivery.key, await _digest(self.desk, delivery.id)) in booked
                await service.ledger.resolve(delivery.id, sent=sent, reason="looked")

        self.do(work())

    # ---- what always holds

    @invariant()
    def nothing_arrives_twice(self) -> None:
        last: dict[str, bytes] = {}
        for key, digest in self.world.arrived:
            assert last.get(key) != digest, f"{key} arrived twice: {self.world.arrived}"
            last[key] = digest

    @invariant()
    def nothing_stays_claimed(self) -> None:
        assert "begun" not in self.do(self.desk.deliveries()).values()

    def teardown(self) -> None:
        try:
            quiet = Trouble([], [], None, None)
            for _ in range(2):
                self.somebody_looks()
                for run in [run for run in self.runs if run.status in FAILED]:
                    if _has_failed_step(run):
                        request = RetryRequest()
                        self._again(lambda: self.desk.service.redrives.retry(run.id, request), quiet)  # noqa: B023
                    else:  # stopped before its first step
                        request = RetryRequest(from_="start")
                        self._again(lambda: self.desk.service.redrives.retry(run.id, request), quiet)  # noqa: B023
            self.nothing_arrives_twice()
            assert {key for key, _ in self.world.arrived} == self.wanted
        finally:
            failpoints.action = None
            self.do(self.open.aclose())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()
            shutil.rmtree(self.folder)


def _has_failed_step(run: RunView) -> bool:
    return any(step.status in FAILED for step in run.steps)


async def _digest(desk: Desk, delivery: str) -> bytes:
    from sqlalchemy import bindparam, select

    from redrive.core.ids import from_text
    from redrive.store import tables
    from redrive.store.statements import Statement

    deliveries = tables.deliveries
    statement = Statement(select(deliveries.c.digest).where(deliveries.c.id == bindparam("id")))
    number = from_text("d", delivery)
    found = desk.service._kernel.deps.reader.here(lambda rows: rows.one(statement, id=number))
    assert found is not None
    return bytes(found[0])


def test_nothing_arrives_twice_and_nothing_is_lost(tmp_path: Path) -> None:
    async def make() -> None:
        async with Home(tmp_path / "template").open(serve=False) as desk:
            await desk.put(*STEPS)

    asyncio.run(make())
    Engine.template = tmp_path / "template"
    run_state_machine_as_test(
        Engine,
        settings=settings(
            max_examples=60 if ALL else 12,
            stateful_step_count=10 if ALL else 6,
            deadline=None,
            derandomize=not ALL,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
