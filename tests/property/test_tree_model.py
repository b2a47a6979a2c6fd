"""Random trees of routes, branches and tries do what a plain model of them says."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redrive.errors import PayloadError
from redrive.sdk import Out, StepContext
from redrive.sdk import Payload as SdkPayload
from redrive.service.views import RunView
from tests.property.tree_model import Bucket, Model, lists_of_steps, named, payloads
from tests.unit.engine.world import Desk, Home, reset

ALL = bool(os.environ.get("REDRIVE_TEST_ALL"))


def hooks(broken: set[tuple[str, int]]) -> Any:
    async def run(payload: SdkPayload, ctx: StepContext) -> AsyncIterator[Out]:
        value: Any = await payload.value()
        for item in value:
            if (ctx.step, item["id"]) in broken:
                raise PayloadError(f"{item['id']} is broken in {ctx.step}")
        yield Out(content=payload.content, like=payload)

    return run


class Always(dict[str, Any]):
    """The same hook for every step."""

    def __init__(self, hook: Any) -> None:
        super().__init__()
        self.hook = hook

    def get(self, _name: str, _default: Any = None) -> Any:
        return self.hook


async def put(desk: Desk, steps: list[Any], name: str = "f") -> Model:
    document = json.dumps({"flow": name, "steps": steps}).encode()
    await desk.service.flows.import_documents([(f"{name}.json", document)], deploy=True)
    kernel = desk.service._kernel
    from redrive.documents.flow_document import parse_flow
    from redrive.documents.load import load_one

    return Model(parse_flow(load_one(document.decode(), f"{name}.json"), kernel.registry))


def statuses(run: RunView) -> dict[str, str]:
    return {step.step: step.status for step in run.steps}


async def check_one_run(desk: Desk, steps: list[Any], bucket: Bucket, broken: set[tuple[str, int]]) -> None:
    world = reset()
    world.hooks = Always(hooks(broken))
    model = await put(desk, named(steps))
    model.broken = broken
    expected = model.run(bucket)
    run = await desk.run(*bucket)
    assert run.status == (
        "failure" if expected is None else "partial_success" if model.partial else "success"
    )
    if expected is not None:
        assert await desk.values(run.id, "end") == expected
    for step in run.steps:
        # Order is kept everywhere, and nothing comes to a step that the model does not know of.
        if step.status != "pending":
            assert await desk.values(run.id, step.step, "in") == model.arrived.get(step.step, []), step.step
            failed = await desk.values(run.id, step.step, "failed")
            assert failed == model.failed.get(step.step, []), step.step
        else:
            assert not model.arrived.get(step.step) or expected is None, step.step


@given(
    steps=lists_of_steps,
    bucket=payloads,
    broken=st.sets(st.tuples(st.sampled_from([f"s{n}" for n in range(12)]), st.integers(1, 6)), max_size=4),
)
@settings(
    max_examples=300 if ALL else 40,
    deadline=None,
    derandomize=not ALL,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_a_run_does_what_the_model_says(
    steps: list[Any], bucket: Bucket, broken: set[tuple[str, int]]
) -> None:
    async def work() -> None:
        folder = Path(tempfile.mkdtemp())
        try:
            async with Home(folder / "home").open() as desk:
                await check_one_run(desk, steps, bucket, broken)
        finally:
            shutil.rmtree(folder)

    asyncio.run(work())
