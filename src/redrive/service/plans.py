"""What a drafted run would do: which steps are ahead of it, what each would send."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from redrive.core.flow import Flow, StepNode
from redrive.core.replan import Layout, steps_ahead
from redrive.core.run import Plan, Run, StepRun
from redrive.engine.buckets import Buckets
from redrive.engine.control import Control
from redrive.engine.deps import Deps
from redrive.engine.draft import Draft
from redrive.engine.flows import BuiltFlow
from redrive.engine.journal import Journal
from redrive.engine.preview import Discard
from redrive.engine.stored import paths_of
from redrive.engine.target import Counted
from redrive.engine.worker import Execution
from redrive.errors import RedriveError
from redrive.sdk.connection import Endpoint
from redrive.service.views import PlanStep


def layout_of(run_id: int, built: BuiltFlow, steps: Sequence[StepRun], plan: Plan | None) -> Layout:
    trees = {step: shape.tree for step, shape in built.shapes.items() if shape.tree is not None}
    return Layout(run_id=run_id, flow=built.flow, trees=trees, source=steps, plan=plan)


def path_ids(built: BuiltFlow, step: str) -> list[str]:
    return [path.id for path in built.flow.step(step).paths]


def ahead_of(built: BuiltFlow, draft: Draft) -> list[StepNode]:
    return steps_ahead(built.flow, draft.plan, {step.step: step for step in draft.records})


def begun_with(draft: Draft) -> list[int]:
    """The buckets that a drafted run reads first."""
    plan = draft.plan
    found = [*(plan.inputs or ())]
    for begin in plan.begins.values():
        found += begin.inputs or ()
    for step in draft.records:
        if step.status == "pending":
            found += [bucket for handed in paths_of(step.paths).values() for bucket in handed or ()]
    return list(dict.fromkeys(found))


async def preview(deps: Deps, draft: Draft, built: BuiltFlow) -> tuple[list[Counted], list[str]]:
    """Execute a draft without writing or sending: what its send steps would do, and remarks."""
    run = msgspec.structs.replace(draft.run, plan=msgspec.json.encode(draft.plan), epoch=1)
    counted: list[Counted] = []
    nothing: Callable[[Run], None] = lambda _run: None  # noqa: E731
    buckets = Buckets(deps.reader, deps.contents)
    buckets.young.update(draft.buckets)
    execution = Execution(
        deps=deps,
        run=run,
        built=built,
        journal=Journal(Discard(), run, nothing),
        buckets=buckets,
        control=Control(),
        steps=[msgspec.structs.replace(step) for step in draft.records],
        last_success=None,
        counted=counted,
    )
    await execution.preview()
    return counted, execution.notes


def unseen(counted: Sequence[Counted], flow: Flow, ahead: Sequence[StepNode]) -> list[str]:
    """Which later steps will not see the items that a send step leaves out. Other paths do see them."""
    reached = {node.id for node in ahead}
    notes = []
    for one in counted:
        after = [step.id for node in flow.steps_after(one.step) for step in node.walk()]
        left_out, later = one.delivered + one.newer, [step for step in after if step in reached]
        if left_out and later:
            notes.append(
                f"{one.step} leaves {counted(left_out, 'item')} out, which put nothing out: "
                f"{', '.join(later)} will not see them"
            )
    return notes


async def send_steps(deps: Deps, draft: Draft, built: BuiltFlow) -> tuple[list[PlanStep], list[str]]:
    """The steps ahead that send, with what each would do; and remarks."""
    counted, notes = await preview(deps, draft, built)
    ahead = ahead_of(built, draft)
    by_step = {one.step: one for one in counted}
    steps = [
        plan_step(node.id, by_step.get(node.id))
        for node in ahead
        if await _endpoint(deps, built, node) is not None
    ]
    return steps, [*notes, *unseen(counted, built.flow, ahead)]


async def unkeyed_sends(deps: Deps, draft: Draft, built: BuiltFlow) -> list[str]:
    """The steps ahead that send without a key."""
    found = []
    for node in ahead_of(built, draft):
        endpoint = await _endpoint(deps, built, node)
        shape: Any = built.shapes[node.id]
        if endpoint is not None and shape.key_for(endpoint) is None:
            found.append(node.id)
    return found


def no_key(step: str) -> str:
    return f"{step} has no key: it keeps no deliveries and sends all that it gets"


async def _endpoint(deps: Deps, built: BuiltFlow, node: StepNode) -> Endpoint | None:
    """What a step sends to, where it sends and can be opened."""
    if node.shape != "connector":
        return None
    shape: Any = built.shapes[node.id]
    try:
        endpoint = (await deps.connections.get(shape.connection)).connection.endpoint(shape.endpoint)
    except RedriveError:
        return None
    return endpoint if endpoint.direction == "send" else None


def plan_step(step: str, counted: Counted | None) -> PlanStep:
    if counted is None:
        return PlanStep(step=step, to_send=None, delivered=None, changed=None, unknown=None)
    return PlanStep(
        step=step,
        to_send=counted.to_send,
        delivered=counted.delivered,
        changed=counted.changed,
        unknown=counted.unknown,
        newer=counted.newer,
        details=counted.details,
    )
