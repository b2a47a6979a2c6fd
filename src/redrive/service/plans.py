"""What a drafted run would do: which steps are ahead of it, what each would send."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from redrive.core.counting import counted
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


def layout_of(
    run_id: int,
    built: BuiltFlow,
    steps: Sequence[StepRun],
    plan: Plan | None,
    caught: Sequence[StepRun] = (),
) -> Layout:
    trees = {step: shape.tree for step, shape in built.shapes.items() if shape.tree is not None}
    return Layout(run_id=run_id, flow=built.flow, trees=trees, source=steps, plan=plan, caught=caught)


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
    sends: list[Counted] = []
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
        counted=sends,
    )
    await execution.preview()
    return sends, execution.notes


def unresolved(sends: Sequence[Counted]) -> list[str]:
    """Which steps hold deliveries of which nobody knows whether they arrived, and what to do about them."""
    return [
        f"{one.step} holds {counted(one.unknown, 'unknown delivery', 'unknown deliveries')}: sent again only"
        " where the endpoint says how to look one up or that a repeat is harmless; otherwise it fails until "
        "`redrive resolve` says what became of it (`redrive deliveries --status unknown`)"
        for one in sends
        if one.unknown
    ]


def unseen(sends: Sequence[Counted], flow: Flow, ahead: Sequence[StepNode]) -> list[str]:
    """Which later steps will not see the items that a send step leaves out. Other paths do see them."""
    reached = {node.id for node in ahead}
    notes = []
    for one in sends:
        after = [step.id for node in flow.steps_after(one.step) for step in node.walk()]
        left_out, later = one.delivered + one.newer, [step for step in after if step in reached]
        if left_out and later:
            notes.append(
                f"{one.step} leaves {counted(left_out, 'item')} out, which put nothing out: "
                f"{', '.join(later)} will not see them"
            )
    return notes


async def send_fields(deps: Deps, draft: Draft, built: BuiltFlow) -> dict[str, str]:
    """The steps ahead that send, with the field of their delivery keys: "" where a step has none."""
    found = {}
    for node in ahead_of(built, draft):
        if (endpoint := await _endpoint(deps, built, node)) is not None:
            shape: Any = built.shapes[node.id]
            key = shape.key_for(endpoint)
            found[node.id] = str(key) if key is not None else ""
    return found


async def send_steps(
    deps: Deps, draft: Draft, built: BuiltFlow, steps: Iterable[str]
) -> tuple[list[PlanStep], list[str]]:
    """What each of these steps would do; and remarks."""
    sends, notes = await preview(deps, draft, built)
    by_step = {one.step: one for one in sends}
    planned = [plan_step(step, by_step.get(step)) for step in steps]
    return planned, [*notes, *unresolved(sends), *unseen(sends, built.flow, ahead_of(built, draft))]


def no_keys(fields: Mapping[str, str]) -> dict[str, str]:
    """A warning for each step that sends without a key."""
    return {
        step: f"{step} has no key: it keeps no deliveries and sends all that it gets"
        for step, field in fields.items()
        if not field
    }


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


def plan_step(step: str, sends: Counted | None) -> PlanStep:
    if sends is None:
        return PlanStep(step=step, to_send=None, delivered=None, changed=None, unknown=None)
    return PlanStep(
        step=step,
        to_send=sends.to_send,
        delivered=sends.delivered,
        changed=sends.changed,
        unknown=sends.unknown,
        newer=sends.newer,
        details=sends.details,
    )
