"""Random trees under failures, crashes, stops, retries and redrives: each item comes to the end exactly
as often as the model says, over all runs together.
"""

from __future__ import annotations

import asyncio
import copy
import json
import os
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import hypothesis
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from redrive.core.flow import StepNode
from redrive.core.ids import from_text, to_text
from redrive.core.run import DONE, Plan
from redrive.engine.failpoints import NAMES, failpoints
from redrive.errors import PayloadError, RemoteUnavailable
from redrive.sdk import Out, StepContext
from redrive.sdk import Payload as SdkPayload
from redrive.service.views import RedriveRequest, RetryRequest, RunView
from redrive.store import runs as store
from tests.property.test_tree_model import Always, put
from tests.property.tree_model import Bucket, Model, counted, lists_of_steps, named, payloads
from tests.unit.engine.world import CONNECTION, Crash, Desk, Home, reset

ALL = bool(os.environ.get("REDRIVE_TEST_ALL"))
POINTS = [name for name in NAMES if not name.startswith(("blob.", "commit.", "claim.", "send.", "settle."))]
SENDING = {"id": "send", "shape": "connector", "connection": "system", "endpoint": "book", "key": "id"}
STEP = st.sampled_from([f"s{n}" for n in range(12)])


SEND_POINTS = [name for name in NAMES if name.startswith(("claim.", "send.", "settle."))]


class Trouble(NamedTuple):
    """What goes wrong in one run; each only once. `broken`: (step, item, how); `answers` are those of the
    receiving system to the next requests.
    """

    broken: tuple[tuple[str, int, str], ...] = ()
    crash: tuple[str, int, bool] | None = None
    stop: tuple[str, int] | None = None
    answers: tuple[str, ...] = ()


troubles = st.builds(
    Trouble,
    st.lists(
        st.tuples(STEP, st.integers(1, 6), st.sampled_from(["payload", "payload", "run", "away"])), max_size=3
    ).map(tuple),
    st.none() | st.tuples(st.sampled_from(POINTS), st.integers(1, 6), st.booleans()),
    st.none() | st.tuples(st.sampled_from(POINTS), st.integers(1, 6)),
)


sending_troubles = st.builds(
    lambda trouble, crash, answers: trouble._replace(
        crash=crash if crash is not None else trouble.crash, answers=tuple(answers)
    ),
    troubles,
    st.none() | st.tuples(st.sampled_from(SEND_POINTS), st.integers(1, 3), st.booleans()),
    st.lists(st.sampled_from(["delivered", "rejected", "unknown", "lost", "crash"]), max_size=4),
)


class Life:
    """One home, its crashes, and the runs of one lineage in it."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home", {"REDRIVE_MAX_WORKER_LOSSES": "50"})
        self.open = AsyncExitStack()
        self.desk: Desk
        self.model: Model
        self.world = reset()

    async def enter(self) -> None:
        self.desk = await self.open.enter_async_context(self.home.open())

    def arrange(self, trouble: Trouble) -> None:
        left = {(step, item): how for step, item, how in trouble.broken}
        self.crash = Crash(self.desk, self.home, durable=trouble.crash is None or trouble.crash[2])

        async def hook(payload: SdkPayload, ctx: StepContext) -> AsyncIterator[Out]:
            value: Any = await payload.value()
            for item in value:
                how = left.pop((ctx.step, item["id"]), None)
                if how == "away":
                    raise RemoteUnavailable("away", retry="never")
                if how is not None:
                    raise PayloadError("not this time", stops_step=how == "run")
            yield Out(content=payload.content, like=payload)

        self.world.hooks = Always(hook)
        self._answer(list(trouble.answers))
        passed: defaultdict[str, int] = defaultdict(int)

        def at(name: str) -> None:
            runner = self.desk.service._kernel.runner
            if runner is None or not runner.running:
                return
            passed[name] += 1
            if trouble.stop == (name, passed[name]):
                for number in runner.running:
                    runner.stop(number, 1)
            if trouble.crash is not None and trouble.crash[:2] == (name, passed[name]):
                self.crash()

        failpoints.action = at

    def _answer(self, answers: list[str]) -> None:
        async def answer(_keys: list[str]) -> str:
            told = answers.pop(0) if answers else "delivered"
            self.world.after_booking = self._crash if told == "crash" else lambda: None
            return "delivered" if told == "crash" else told

        self.world.answer = answer

    def _crash(self) -> None:
        """Once: the rest of a run's troubles has gone with the process."""
        self.world.after_booking = lambda: None
        self.crash()

    async def look(self) -> None:
        """Somebody says of each delivery in doubt what the receiving system says."""
        ledger = self.desk.service.ledger
        for one in (await ledger.list(status="unknown", limit=100)).items:
            await ledger.resolve(one.id, sent=bool(self.world.booked[one.key]), reason="looked")

    async def to_its_end(self, run: str) -> RunView:
        found = await self._to_its_end(run)
        if hypothesis.currently_in_test_context():
            note(f"{found.id} {found.status} {[(s.step, s.status) for s in found.steps]}")
        return found

    async def _to_its_end(self, run: str) -> RunView:
        while True:
            ending = asyncio.ensure_future(self.desk.ended(run))
            crashing = asyncio.ensure_future(self.crash.happened.wait())
            await asyncio.wait({ending, crashing}, return_when=asyncio.FIRST_COMPLETED)
            crashing.cancel()
            if not self.crash.happened.is_set():
                failpoints.action = None
                return ending.result()
            ending.cancel()
            await asyncio.gather(ending, return_exceptions=True)
            await self.open.aclose()
            self.home = self.crash.home
            await self.enter()
            self.crash = Crash(self.desk, self.home)

    async def retry(self, run: RunView, trouble: Trouble) -> RunView:
        self.arrange(trouble)
        how = "failed" if any(step.status != "pending" for step in run.steps) else "start"
        row = await self.desk.service.redrives.retry(run.id, RetryRequest(from_=how))  # type: ignore[arg-type]
        return await self.to_its_end(row.id)

    async def came_to_the_end(self, run: RunView) -> Counter[int]:
        """What the last step put out in a run whose work counts: that of a failed one is taken over by
        its retry."""
        if run.status in {"failure", "stopped"}:
            return Counter()
        return counted(await self.desk.values(run.id, "end"))

    async def set_aside(self, run: RunView) -> Counter[int]:
        """What a failed run had caught for good, in a `try` that ended: its retry goes on behind it."""
        gone: Counter[int] = Counter()
        if run.status not in {"failure", "stopped"}:
            return gone
        records = {step.step: step for step in run.steps}
        handed_on = await self._handed_on(run)
        for node in self.model.flow.walk():
            if node.shape == "try" and records[node.id].status in DONE - {"kept"}:
                for inner in _caught(node.paths[0].steps):
                    kept = records[inner.id].status == "kept"
                    of = handed_on.get(inner.id) if kept else run.id
                    if of is not None and (failed := await self.desk.values(of, inner.id, "failed")):
                        quiet = Model(self.model.flow)
                        gone += counted(quiet.behind_again(inner, failed))
        return gone

    async def _handed_on(self, run: RunView) -> dict[str, str]:
        """The runs whose failed payloads the `catch` of this one went on with, by step."""
        number = from_text("r", run.id) or 0
        row = await self.desk.service._kernel.deps.reader.run(partial(store.get_run, run_id=number))
        assert row is not None
        plan = msgspec.json.decode(row.plan, type=Plan) if row.plan else Plan()
        return {step: to_text("r", of) for step, of in plan.caught.items()}


def _caught(nodes: tuple[StepNode, ...]) -> list[StepNode]:
    found = []
    for node in nodes:
        found.append(node)
        for path in node.paths[1:] if node.shape == "try" else node.paths:
            found += _caught(path.steps)
    return found


def dropping(steps: list[Any]) -> list[Any]:
    """With nothing put out by any `catch`: what comes to the end has come through the steps."""
    for step in steps:
        for path in [*step.get("paths", []), *([step["otherwise"]] if "otherwise" in step else [])]:
            dropping(path["steps"])
        if step["shape"] == "try":
            dropping(step["steps"])
            step["catch"].append({"shape": "filter", "keep": {"field": "id", "is": -1}})
    return steps


async def live(folder: Path, steps: list[Any], bucket: Bucket, troubled: list[Trouble]) -> None:
    life = Life(folder)
    await life.enter()
    try:
        life.model = await put(life.desk, named(dropping(steps)))
        clean = life.model.run(bucket)
        assert clean is not None
        waiting = list(troubled)
        life.arrange(waiting.pop(0) if waiting else Trouble())
        run = await life.to_its_end(await life.desk.start(*bucket))
        came, aside = await life.came_to_the_end(run), await life.set_aside(run)
        history = [run]
        while run.status != "success":
            assert len(history) < 20, [one.status for one in history]
            run = await life.retry(run, waiting.pop(0) if waiting else Trouble())
            history.append(run)
            came += await life.came_to_the_end(run)
            aside += await life.set_aside(run)
        assert came + aside == counted(clean)
    finally:
        failpoints.action = None
        await life.open.aclose()


async def sent(
    folder: Path, steps: list[Any], bucket: Bucket, troubled: list[Trouble], again: list[tuple[int, bool]]
) -> None:
    """As `live`, with a send at the end: each item arrives once, whatever happened and is redriven."""
    life = Life(folder)
    await life.enter()
    try:
        await life.desk.service.flows.import_documents([("system.yaml", CONNECTION)])
        flow = [*named(dropping(steps)), SENDING]
        life.model = await put(life.desk, flow)
        if hypothesis.currently_in_test_context():
            note(f"{json.dumps(flow)} of {json.dumps(bucket)} with {troubled}")
        clean = Model(life.model.flow).run(bucket)
        assert clean is not None
        waiting = list(troubled)
        life.arrange(waiting.pop(0) if waiting else Trouble())
        history = [await life.to_its_end(await life.desk.start(*bucket))]
        aside = await life.set_aside(history[0])
        while history[-1].status != "success":
            assert len(history) < 20, [one.status for one in history]
            await life.look()
            history.append(await life.retry(history[-1], waiting.pop(0) if waiting else Trouble()))
            aside += await life.set_aside(history[-1])
        wanted = {str(item) for item in counted(clean)}
        booked = dict(life.world.booked)
        assert max(booked.values(), default=0) <= 1, booked
        # What a failed run had set aside in a `try` for good does not come to the end.
        assert wanted - {str(item) for item in aside} <= set(booked) <= wanted
        for which, after in again:
            source = history[which % len(history)]
            reached = [step.step for step in source.steps if step.status in {"success", "kept"}]
            if reached:
                asked = {"after" if after else "at": reached[which % len(reached)]}
                life.arrange(Trouble())
                redrive = RedriveRequest(confirm=True, **asked)
                row = await life.desk.service.redrives.redrive(source.id, redrive)
                history.append(await life.to_its_end(row.id))
        assert max(life.world.booked.values(), default=0) <= 1, life.world.booked
        assert set(life.world.booked) <= wanted
        assert "begun" not in (await life.desk.deliveries()).values()
    finally:
        failpoints.action = None
        await life.open.aclose()


@given(
    steps=lists_of_steps,
    bucket=payloads,
    troubled=st.lists(sending_troubles, min_size=1, max_size=4),
    again=st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=2),
)
@settings(
    max_examples=400 if ALL else 15,
    deadline=None,
    derandomize=not ALL,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate] if not ALL else list(Phase),
)
def test_each_item_arrives_once_behind_any_tree(
    steps: list[Any], bucket: Bucket, troubled: list[Trouble], again: list[tuple[int, bool]]
) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        asyncio.run(sent(folder, steps, bucket, troubled, again))
    finally:
        shutil.rmtree(folder)


@given(steps=lists_of_steps, bucket=payloads, troubled=st.lists(troubles, min_size=1, max_size=4))
@settings(
    max_examples=400 if ALL else 20,
    deadline=None,
    derandomize=not ALL,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate] if not ALL else list(Phase),
)
def test_retries_bring_everything_to_the_end_once(
    steps: list[Any], bucket: Bucket, troubled: list[Trouble]
) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        asyncio.run(live(folder, steps, bucket, troubled))
    finally:
        shutil.rmtree(folder)


HOOKED = {"shape": "hooked"}
GONE = {"shape": "filter", "keep": {"field": "id", "is": -1}}
ITEMS = [[{"id": 1, "k": 0}], [{"id": 2, "k": 1}]]


@pytest.mark.parametrize(
    ("steps", "bucket", "troubled"),
    [
        pytest.param(
            [
                {
                    "shape": "try",
                    "steps": [
                        {"shape": "branch", "paths": [{"steps": []}, {"steps": [HOOKED, GONE]}]},
                        {
                            "shape": "route",
                            "send_to": "first",
                            "paths": [{"when": {"field": "k", "in": [0]}, "steps": []}],
                            "otherwise": {"steps": [HOOKED]},
                        },
                    ],
                    "catch": [],
                }
            ],
            ITEMS,
            [Trouble((("s4", 1, "payload"), ("s8", 2, "run")))],
            id="what a tree had put out has been taken by the step behind it that failed",
        ),
        pytest.param(
            [
                {"shape": "try", "steps": [HOOKED], "catch": []},
                {
                    "shape": "branch",
                    "paths": [
                        {"steps": [{"shape": "try", "steps": [HOOKED], "catch": []}]},
                        {"steps": [GONE]},
                    ],
                },
            ],
            ITEMS,
            [Trouble((("s1", 1, "payload"), ("s6", 2, "payload")))],
            id="what arrives at a step that is kept goes through it",
        ),
        pytest.param(
            [{"shape": "try", "steps": [HOOKED], "catch": [HOOKED]}],
            ITEMS,
            [Trouble((("s1", 1, "payload"), ("s2", 1, "away")))],
            id="what failed in a try is tried again after its catch has failed",
        ),
        pytest.param(
            [
                {
                    "shape": "try",
                    "steps": [HOOKED, {"shape": "try", "steps": [HOOKED], "catch": [HOOKED]}],
                    "catch": [],
                }
            ],
            ITEMS,
            [
                Trouble((("s1", 1, "payload"), ("s3", 2, "payload"), ("s4", 2, "away"))),
                Trouble((("s3", 1, "payload"),)),
            ],
            id="what fails anew joins what waits for catch",
        ),
    ],
)
async def test_retries_that_once_went_wrong(
    tmp_path: Path, steps: list[Any], bucket: Bucket, troubled: list[Trouble]
) -> None:
    await live(tmp_path, copy.deepcopy(steps), bucket, troubled)


async def redriven(
    folder: Path, steps: list[Any], bucket: Bucket, choices: list[tuple[int, bool, int]]
) -> None:
    """Redrives at any step of any earlier run, each against what the model says comes of its input."""
    life = Life(folder)
    await life.enter()
    try:
        life.model = await put(life.desk, named(steps))
        life.arrange(Trouble())
        runs = [await life.to_its_end(await life.desk.start(*bucket))]
        for which, after, of in choices:
            source = runs[of % len(runs)]
            reached = [step.step for step in source.steps if step.status != "pending"]
            step = reached[which % len(reached)]
            life.arrange(Trouble())
            asked = {"after" if after else "at": step}
            given = await life.desk.values(source.id, step, "out" if after else "in")
            row = await life.desk.service.redrives.redrive(source.id, RedriveRequest(confirm=True, **asked))
            run = await life.to_its_end(row.id)
            runs.append(run)
            model = Model(life.model.flow)
            out = model.behind(step, given if after else model.list((model.flow.step(step),), given, None))
            assert run.status == "success"
            if step != "end" or not after:
                assert await life.desk.values(run.id, "end") == out, (asked, source.id)
    finally:
        failpoints.action = None
        await life.open.aclose()


@given(
    steps=lists_of_steps,
    bucket=payloads,
    choices=st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.integers(0, 9)), min_size=1, max_size=4),
)
@settings(
    max_examples=400 if ALL else 20,
    deadline=None,
    derandomize=not ALL,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate] if not ALL else list(Phase),
)
def test_a_redrive_puts_out_what_the_model_says(
    steps: list[Any], bucket: Bucket, choices: list[tuple[int, bool, int]]
) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        asyncio.run(redriven(folder, steps, bucket, choices))
    finally:
        shutil.rmtree(folder)


def deep(random: Random, count: int) -> list[Any]:
    """A flow of at least so many steps, nested; each item comes to the end once."""
    leaf = {"hooked": {}, "flow_control": {"size": 3}}

    def steps(depth: int) -> list[Any]:
        found: list[Any] = []
        for _ in range(random.randint(1, 3)):
            kind = random.choice(
                ["hooked", "flow_control", "route", "branch", "try"][: 5 if depth < 4 else 2]
            )
            if kind == "route":
                paths = [{"when": {"field": "k", "in": [k]}, "steps": steps(depth + 1)} for k in (0, 1)]
                last = {"otherwise": {"steps": steps(depth + 1)}}
                found.append({"shape": kind, "send_to": "first", "paths": paths, **last})
            elif kind == "branch":
                nothing = {"shape": "filter", "keep": {"field": "id", "is": -1}}
                aside = {"steps": [*steps(depth + 1), nothing]}
                found.append({"shape": kind, "paths": [{"steps": steps(depth + 1)}, aside]})
            elif kind == "try":
                found.append({"shape": kind, "steps": steps(depth + 1), "catch": steps(4)})
            else:
                found.append({"shape": kind, **leaf[kind]})
        return found

    flow: list[Any] = []
    while json.dumps(flow).count('"shape"') < count:
        flow += steps(0)
    return flow


@pytest.mark.parametrize("seed", range(20 if ALL else 2))
async def test_two_hundred_steps_survive_stops_crashes_and_failures(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    steps = deep(random, 200)
    bucket = [[{"id": n, "k": n % 3} for n in range(first, first + 4)] for first in (1, 5)]
    troubled = [
        Trouble(
            broken=tuple(
                (f"s{random.randrange(300)}", random.randint(1, 8), random.choice(["payload", "run", "away"]))
                for _ in range(40)
            ),
            crash=(random.choice(POINTS), random.randint(1, 60), random.random() < 0.5),
            stop=(random.choice(POINTS), random.randint(20, 90)) if n % 2 else None,
        )
        for n in range(4)
    ]
    await live(tmp_path, steps, bucket, troubled)
    async with Home(tmp_path / "again").open() as desk:
        model = await put(desk, named(dropping(deep(Random(seed), 200))))
        assert sum(1 for _ in model.flow.walk()) >= 200
