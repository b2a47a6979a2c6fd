"""Retry and redrive: from a past run and a few words to a plan that is shown, then to a new run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from redrive.core.flow import Flow, StepNode
from redrive.core.ids import to_text
from redrive.core.jsonvalue import decode, encode
from redrive.core.run import FAILED, PRIORITIES, Plan, Run, StepRun
from redrive.core.selection import SelectionInvalid, parse
from redrive.engine.buckets import Buckets
from redrive.engine.clock import instant
from redrive.engine.control import Control
from redrive.engine.deps import Deps
from redrive.engine.draft import (
    DONE,
    Draft,
    Drafting,
    failed_step,
    inputs_of,
    keep_steps,
    outputs_of,
    require_ended,
)
from redrive.engine.flows import BuiltFlow
from redrive.engine.journal import Journal
from redrive.engine.preview import Discard
from redrive.engine.stored import starts_at
from redrive.engine.target import Counted
from redrive.engine.worker import Execution
from redrive.errors import ConfirmationNeeded, RedriveError, StateConflict, UsageError
from redrive.service.chosen import Chosen, choose, choose_original, freeze
from redrive.service.kernel import Kernel, number_of, unknown
from redrive.service.starts import Starts, check_steps, read_variables, require_reason
from redrive.service.views import PlanStep, PlanView, RedriveRequest, RetryRequest, RunRow
from redrive.store import runs as store
from redrive.store.committer import Transaction

NO_VERSION = 0


class Drafted(msgspec.Struct):
    """A draft with the version that it will run on."""

    draft: Draft
    built: BuiltFlow
    chosen: Chosen
    start: dict[str, Any]


class Redrives:
    def __init__(self, kernel: Kernel, starts: Starts) -> None:
        self._kernel = kernel
        self._starts = starts

    # ---- what people call

    async def plan_retry(self, run_id: str, request: RetryRequest) -> PlanView:
        return await self._plan(await self._draft_retry(run_id, request))

    async def plan(self, run_id: str, request: RedriveRequest) -> PlanView:
        return await self._plan(await self._draft_redrive(run_id, request))

    async def retry(
        self, run_id: str, request: RetryRequest, *, idempotency_key: str | None = None
    ) -> RunRow:
        """Queue a retry. Errors: those of the plan; `confirmation.needed`; `idempotency.conflict`."""
        require_reason(request.delivery, request.reason)
        drafted = await self._draft_retry(run_id, request)
        return await self._queue(drafted, request, idempotency_key)

    async def redrive(
        self, run_id: str, request: RedriveRequest, *, idempotency_key: str | None = None
    ) -> RunRow:
        """Queue a redrive. Errors: those of the plan; `confirmation.needed`; `idempotency.conflict`."""
        require_reason(request.delivery, request.reason)
        drafted = await self._draft_redrive(run_id, request)
        return await self._queue(drafted, request, idempotency_key)

    async def _queue(
        self, drafted: Drafted, request: RetryRequest | RedriveRequest, idempotency_key: str | None
    ) -> RunRow:
        draft = drafted.draft
        if draft.confirm is not None and not request.confirm:
            raise ConfirmationNeeded(
                draft.confirm, hint="Look at the plan (--plan), then confirm with --yes."
            )
        self._starts.refuse_when_full()

        def place(transaction: Transaction) -> None:
            draft.run.flow_id, draft.run.version = freeze(transaction, self._kernel, drafted.chosen)

        return await self._starts.enqueue(draft, request, idempotency_key, place)

    # ---- drafts

    async def _source(self, run_id: str) -> tuple[Run, list[StepRun], Plan]:
        number = number_of("r", run_id, "run")
        reader = self._kernel.deps.reader
        run = await reader.run(lambda rows: store.get_run(rows, number))
        if run is None:
            raise unknown("run", run_id)
        require_ended(run)
        steps = await reader.run(lambda rows: store.step_runs(rows, number))
        plan = msgspec.json.decode(run.plan, type=Plan) if run.plan else Plan()
        return run, steps, plan

    async def _draft_retry(self, run_id: str, request: RetryRequest) -> Drafted:
        source, steps, plan = await self._source(run_id)
        chosen = await self._version(source, "original")
        built = chosen.built(self._kernel)
        run = self._new_run(source, built.flow, "retry", source.clock, source.variables)
        asked: dict[str, Any] = {"retry": request.from_, **_overrides(plan)}
        if request.from_ == "failed":
            step = failed_step(source, steps)
            new = Plan(
                start="failed", step=step.step, skips=list(plan.skips), finished=outputs_of(step) or []
            )
            draft = Draft(run=run, plan=new)
            drafting = Drafting(self._kernel.deps, draft, source)
            new.inputs, new.checkpoints = await drafting.unfinished(
                step, inputs_of(step), plan.checkpoints if starts_at(plan, step.step) else {}
            )
            draft.kept = keep_steps(run.id, built.flow, steps, step.step, through=False)
            start: dict[str, Any] = {"from": "failed", "step": step.step}
        else:
            origin, origin_plan = await self._origin(source, plan)
            new = msgspec.structs.replace(origin_plan, finished=[], checkpoints={}, delivery=None)
            draft = Draft(run=run, plan=new)
            if origin_plan.step is not None:
                through = origin_plan.start == "after"
                first = origin_plan.step
                origin_steps = await self._kernel.deps.reader.run(partial(store.step_runs, run_id=origin.id))
                draft.kept = keep_steps(run.id, built.flow, origin_steps, first, through=through)
            start = {"from": "start", "step": origin_plan.step}
            self._confirm(draft, source, "runs all of it again")
        draft.plan.asked = asked
        draft.plan.delivery = request.delivery
        draft.plan.reason = request.reason
        run.start_step = draft.plan.step
        return await self._drafted(draft, built, chosen, source, start)

    async def _origin(self, run: Run, plan: Plan) -> tuple[Run, Plan]:
        """The run whose beginning a retry from the start repeats: not one that began in the middle
        because something had failed there.
        """
        while plan.start == "failed" and run.source_run is not None:
            found = await self._kernel.deps.reader.run(partial(store.get_run, run_id=run.source_run))
            if found is None:
                break
            run = found
            plan = msgspec.json.decode(run.plan, type=Plan) if run.plan else Plan()
        return run, plan

    async def _draft_redrive(self, run_id: str, request: RedriveRequest) -> Drafted:
        if (request.at is None) == (request.after is None):
            raise UsageError(
                "a redrive starts either at a step or after one",
                code="start.missing",
                hint="Give one of --at STEP and --after STEP.",
            )
        name = request.at or request.after or ""
        after = request.after is not None
        source, steps, source_plan = await self._source(run_id)
        chosen = await self._version(source, request.version)
        built = chosen.built(self._kernel)
        node = built.flow.step(name)
        check_steps(built.flow, request.skips)
        overrides = read_variables(built.flow, request.variables, manual=False)
        now = self._kernel.deps.clock.micros()
        clock = now if request.clock == "now" else source.clock
        variables = _merged(source.variables, overrides, built.flow)
        run = self._new_run(source, built.flow, "redrive", clock, variables)
        plan = Plan(
            start="after" if after else "at",
            step=name,
            skips=list(request.skips),
            delivery=request.delivery,
            reason=request.reason,
            asked={"variables": {**_overrides(source_plan)["variables"], **overrides}},
        )
        draft = Draft(run=run, plan=plan)
        given = bool(request.payloads)
        there = self._stored(source, steps, node, after=after, given=given)
        plan.inputs = await self._inputs(draft, source, there, request, name, after=after)
        draft.kept = keep_steps(run.id, built.flow, steps, name, through=after)
        run.start_step = name
        start = {"after" if after else "at": name}
        self._confirm(draft, source, f"starts {'after' if after else 'at'} {name} again")
        return await self._drafted(draft, built, chosen, source, start)

    def _stored(
        self, source: Run, steps: Sequence[StepRun], node: StepNode, *, after: bool, given: bool
    ) -> list[int] | None:
        """The buckets that stand at the start point of the source run.

        Errors: `step.not_reached`, `step.not_finished`.
        """
        found = next((step for step in steps if step.step == node.id), None)
        if after:
            if found is None or found.status not in DONE:
                if given:
                    return outputs_of(found) if found is not None else []
                status = found.status if found is not None else "pending"
                raise StateConflict(
                    f"step {node.id} of run {to_text('r', source.id)} is {status}: "
                    "it has no output to go on with",
                    code="step.not_finished",
                    at=node.id,
                    hint=f"Use --at {node.id}, or give the data with --payload.",
                )
            return outputs_of(found)
        if found is None and not given:
            raise StateConflict(
                f"run {to_text('r', source.id)} never reached step {node.id}: there is no stored input",
                code="step.not_reached",
                at=node.id,
                hint="Start at an earlier step, or give the data with --payload.",
            )
        return inputs_of(found) if found is not None else []

    async def _inputs(
        self,
        draft: Draft,
        source: Run,
        there: list[int] | None,
        request: RedriveRequest,
        name: str,
        *,
        after: bool,
    ) -> list[int] | None:
        deps = self._kernel.deps
        drafting = Drafting(deps, draft, source)
        inputs = there
        if request.payloads:

            async def first() -> Any:
                async for _, row, _ in Buckets(deps.reader, deps.contents).rows(there or []):
                    return row
                return None

            inputs = await drafting.of_payloads(request.payloads, first)
        if request.edits:
            drafting.use(inputs or [])
            inputs = await drafting.edited(inputs or [], request.edits, request.reason, force=request.force)
        if request.items is not None:
            try:
                selection = parse(request.items)
            except SelectionInvalid as error:
                raise UsageError(
                    f"the selection {request.items!r} cannot be read: {error}",
                    code="items.invalid",
                    hint="Write FIELD = V, FIELD in V,V or failed, joined by and.",
                ) from None
            drafting.use(inputs or [])
            inputs = await drafting.selected(inputs or [], selection, name, after=after)
        drafting.forget_all_but(inputs or [])
        return inputs

    async def _version(self, source: Run, asked: str) -> Chosen:
        if asked == "original":
            return await choose_original(self._kernel, source.flow, source.flow_id, source.version)
        return await choose(self._kernel, source.flow, asked)

    def _new_run(self, source: Run, flow: Flow, trigger: str, clock: int, variables: bytes | None) -> Run:
        deps = self._kernel.deps
        return Run(
            id=deps.ids.next(),
            flow_id=source.flow_id,
            flow=source.flow,
            version=NO_VERSION,
            status="queued",
            trigger=trigger,
            priority=PRIORITIES[flow.settings.priority],
            epoch=0,
            losses=0,
            queued_at=deps.clock.micros(),
            clock=clock,
            source_run=source.id,
            root_run=source.root_run or source.id,
            root_queued_at=source.lineage_since,
            overridden=True,
            variables=variables,
        )

    def _confirm(self, draft: Draft, source: Run, what: str) -> None:
        """A source that did not fail asks; what could be duplicated is filled in by the plan."""
        if source.status not in FAILED:
            draft.confirm = f"run {to_text('r', source.id)} ended in {source.status}; this {what}"

    async def _drafted(
        self, draft: Draft, built: BuiltFlow, chosen: Chosen, source: Run, start: dict[str, Any]
    ) -> Drafted:
        await Drafting(self._kernel.deps, draft, source).require_kept(draft.plan.inputs or [])
        draft.warnings += await self._connector_changes(source)
        ahead = steps_ahead(built, draft.plan)
        for node in ahead:
            if node.shape == "connector" and await self._is_unkeyed_send(built, node):
                draft.warnings.append(
                    f"{node.id} has no key: it keeps no deliveries and sends all that it gets"
                )
                if draft.confirm is not None:
                    draft.confirm += f"; {node.id} has no key and would send everything again"
        if draft.confirm is not None:
            policy = draft.plan.delivery or "skip_delivered"
            draft.confirm += (
                "; with send_all every item is sent again"
                if policy == "send_all"
                else "; items with a key that were delivered are left out"
            )
        return Drafted(draft, built, chosen, start)

    async def _is_unkeyed_send(self, built: BuiltFlow, node: StepNode) -> bool:
        shape: Any = built.shapes[node.id]
        try:
            opened = await self._kernel.deps.connections.get(shape.connection)
            endpoint = opened.connection.endpoint(shape.endpoint)
        except RedriveError:
            return False
        return endpoint.direction == "send" and shape.key_for(endpoint) is None

    async def _connector_changes(self, source: Run) -> list[str]:
        used = dict(decode(source.connectors)) if source.connectors else {}
        rows = await self._kernel.deps.reader.run(lambda rows: rows.all(store.CONNECTOR_DIGESTS))
        today = {name: bytes(digest).hex() for name, digest in rows}
        return [
            f"connector {name} has changed since the source run: today's document is used"
            for name, digest in sorted(used.items())
            if today.get(name) != digest
        ]

    # ---- the plan

    async def _plan(self, drafted: Drafted) -> PlanView:
        draft, built = drafted.draft, drafted.built
        counted, notes = await preview(self._kernel.deps, draft, built)
        by_step = {one.step: one for one in counted}
        steps = [
            _plan_step(node.id, by_step.get(node.id))
            for node in steps_ahead(built, draft.plan)
            if node.shape == "connector" and await self._sends(built, node)
        ]
        notes += _unseen(counted, steps_ahead(built, draft.plan))
        number = drafted.chosen.number
        return PlanView(
            source_run=to_text("r", draft.run.source_run or 0),
            start=drafted.start,
            version=number if number is not None else drafted.chosen.next_number,
            clock=instant(draft.run.clock),
            skips=draft.plan.skips,
            steps=steps,
            warnings=[*draft.warnings, *notes],
            delivery=draft.plan.delivery or "skip_delivered",
            confirm=draft.confirm,
        )

    async def _sends(self, built: BuiltFlow, node: StepNode) -> bool:
        shape: Any = built.shapes[node.id]
        try:
            opened = await self._kernel.deps.connections.get(shape.connection)
            return bool(opened.connection.endpoint(shape.endpoint).direction == "send")
        except RedriveError:
            return False


def steps_ahead(built: BuiltFlow, plan: Plan) -> list[StepNode]:
    """The steps that a plan executes, in document order, without those that it skips."""
    nodes = list(built.flow.walk())
    first = 0
    if plan.step is not None:
        first = built.positions[plan.step] + (plan.start == "after")
    return [node for node in nodes[first:] if not node.skip and node.id not in plan.skips]


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
        steps=[msgspec.structs.replace(step) for step in draft.kept],
        last_success=None,
        counted=counted,
    )
    await execution.preview()
    return counted, execution.notes


def _unseen(counted: Sequence[Counted], ahead: Sequence[StepNode]) -> list[str]:
    """Which later steps will not see the items that a send step leaves out."""
    names = [node.id for node in ahead]
    notes = []
    for one in counted:
        left_out, later = one.delivered + one.newer, names[names.index(one.step) + 1 :]
        if left_out and later:
            notes.append(
                f"{one.step} leaves {left_out} items out, which put nothing out: "
                f"{', '.join(later)} will not see them"
            )
    return notes


def _plan_step(step: str, counted: Counted | None) -> PlanStep:
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


def _overrides(plan: Plan) -> dict[str, Any]:
    return {"variables": plan.asked.get("variables") or {}}


def _merged(base: bytes | None, overrides: dict[str, Any], flow: Flow) -> bytes | None:
    """The source's variables as far as the version still declares them, and the new ones."""
    values = {k: v for k, v in (decode(base) if base else {}).items() if k in flow.variables}
    values.update(overrides)
    return encode(values) if values else None
