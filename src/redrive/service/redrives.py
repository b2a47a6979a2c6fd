"""Retry and redrive: from a past run and a few words to a plan that is shown, then to a new run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from redrive.core.flow import Flow, StepNode
from redrive.core.ids import to_text
from redrive.core.jsonvalue import decode, encode
from redrive.core.run import DONE, FAILED, PRIORITIES, Begin, Plan, Run, StepRun
from redrive.engine.buckets import Buckets
from redrive.engine.clock import instant
from redrive.engine.draft import Draft, Drafting, require_ended
from redrive.engine.flows import BuiltFlow
from redrive.engine.overlap import overlapping
from redrive.engine.stored import Inputs, begin_of, buckets_of, handed_so_far
from redrive.errors import ConfirmationNeeded, StateConflict, UsageError
from redrive.service import veiled
from redrive.service.chosen import Chosen, choose, choose_original, freeze
from redrive.service.kernel import Kernel, number_of, unknown
from redrive.service.plans import begun_with, layout_of, no_keys, path_ids, send_fields, send_steps
from redrive.service.reading import selection_of
from redrive.service.starts import Starts, check_steps, read_variables, require_reason
from redrive.service.veil import require_reveal, require_reveal_of_payloads, require_seen, veil
from redrive.service.views import PlanView, RedriveRequest, RetryRequest, RunRow
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
        return await self.queue(drafted, request, idempotency_key)

    async def draft_retry(self, run_id: str, request: RetryRequest) -> Drafted:
        """A retry that somebody else queues. Errors: those of the plan."""
        return await self._draft_retry(run_id, request)

    async def draft_redrive(self, run_id: str, request: RedriveRequest) -> Drafted:
        """A redrive that somebody else queues. Errors: those of the plan."""
        return await self._draft_redrive(run_id, request)

    async def redrive(
        self, run_id: str, request: RedriveRequest, *, idempotency_key: str | None = None
    ) -> RunRow:
        """Queue a redrive. Errors: those of the plan; `confirmation.needed`; `idempotency.conflict`."""
        require_reason(request.delivery, request.reason)
        drafted = await self._draft_redrive(run_id, request)
        return await self.queue(drafted, request, idempotency_key)

    async def queue(
        self,
        drafted: Drafted,
        request: RetryRequest | RedriveRequest,
        idempotency_key: str | None = None,
        also: Callable[[Transaction, int], None] | None = None,
    ) -> RunRow:
        """Commit what was drafted as a queued run; `also` gets its number, in the same transaction."""
        draft = drafted.draft
        if draft.confirm is not None and not request.confirm:
            raise ConfirmationNeeded(
                draft.confirm, hint="Look at the plan (--plan), then confirm with --yes."
            )
        self._starts.refuse_when_full()

        def place(transaction: Transaction) -> None:
            if also is not None:
                also(transaction, draft.run.id)
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
        draft = Draft(run=run, plan=Plan())
        if request.from_ == "failed":
            start = await self._lay_out_failed(draft, built, source, steps, plan)
        else:
            start = await self._lay_out_start(draft, built, source, plan)
            self._confirm(draft, source, "runs all of it again")
        draft.plan.asked = asked
        draft.plan.delivery = request.delivery
        draft.plan.reason = request.reason
        run.start_step = draft.plan.step
        return await self._drafted(draft, built, chosen, source, start)

    async def _lay_out_failed(
        self, draft: Draft, built: BuiltFlow, source: Run, steps: Sequence[StepRun], plan: Plan
    ) -> dict[str, Any]:
        """Begin at what failed, in every failed path. Errors: `run.not_failed`."""
        layout = layout_of(draft.run.id, built, steps, plan, await self._caught(plan))
        if source.status in FAILED:
            layout.retry(source.status)
        drafting = Drafting(self._kernel.deps, draft, source)
        begins: dict[str, Begin] = {}
        for point in layout.points:
            begins[point.step.step] = await self._begin(drafting, built, plan, point.step, point.only_failed)
        if (
            not begins
            and not layout.begins
            and not any(s.status == "pending" for s in layout.records.values())
        ):
            raise StateConflict(
                f"run {to_text('r', source.id)} ended in {source.status}; it has no failed step",
                code="run.not_failed",
                hint="Use `--from start`, or `redrive redrive RUN --at STEP`.",
            )
        draft.plan = msgspec.structs.replace(layout.as_plan("failed", begins), skips=list(plan.skips))
        draft.records = list(layout.records.values())
        start: dict[str, Any] = {"from": "failed", "step": draft.plan.step}
        if len(draft.plan.begins) > 1:
            order = [node.id for node in built.flow.walk() if node.id in draft.plan.begins]
            start["steps"] = order
        return start

    async def _caught(self, plan: Plan) -> list[StepRun]:
        """The records of steps whose failed payloads `catch` went on with in the source."""
        found: list[StepRun] = []
        for run in set(plan.caught.values()):
            steps = await self._kernel.deps.reader.run(partial(store.step_runs, run_id=run))
            found += [one for one in steps if plan.caught.get(one.step) == run]
        return found

    async def _begin(
        self, drafting: Drafting, built: BuiltFlow, plan: Plan, step: StepRun, only_failed: bool
    ) -> Begin:
        tree = built.shapes[step.step].tree
        before = begin_of(plan, step.step)
        inputs, checkpoints = await drafting.unfinished(
            step,
            buckets_of(step.inputs),
            before.checkpoints if before is not None else {},
            only_failed=only_failed,
            inside=tree is None,
        )
        if only_failed:
            return Begin(inputs=inputs, checkpoints=checkpoints)
        return Begin(
            inputs=inputs,
            finished=buckets_of(step.outputs) or [] if tree is None else [],
            handed=handed_so_far(plan, step, path_ids(built, step.step)) if tree == "route" else {},
            checkpoints=checkpoints,
        )

    async def _lay_out_start(self, draft: Draft, built: BuiltFlow, source: Run, plan: Plan) -> dict[str, Any]:
        """Begin where the source began, with the same."""
        origin, origin_plan = await self._origin(source, plan)
        first = origin_plan.step
        if first is None or origin_plan.start == "failed":
            draft.plan = msgspec.structs.replace(origin_plan, delivery=None)
            return {"from": "start", "step": None}
        after = origin_plan.start == "after"
        reader = self._kernel.deps.reader
        before = await reader.run(partial(store.step_runs, run_id=origin.source_run or 0))
        inputs = origin_plan.begins[first].inputs
        self._lay_out(draft, built, before, first, inputs, after=after, plan=origin_plan)
        return {"from": "start", "step": first}

    def _lay_out(
        self,
        draft: Draft,
        built: BuiltFlow,
        steps: Sequence[StepRun],
        name: str,
        inputs: Inputs,
        *,
        after: bool,
        plan: Plan,
    ) -> None:
        """Begin at (or after) one step with these buckets; all else of the plan is as in `plan`."""
        layout = layout_of(draft.run.id, built, steps, None)
        layout.redrive(name, after=after)
        laid = layout.as_plan("after" if after else "at", {name: Begin(inputs=inputs, after=after)})
        draft.plan = msgspec.structs.replace(
            plan,
            start=laid.start,
            step=name,
            inputs=None,
            begins=laid.begins,
            paths=laid.paths,
            delivery=None,
        )
        draft.records = list(layout.records.values())

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
        _require_reached(built.flow, name, request.skips)
        overrides = read_variables(built.flow, request.variables, manual=False)
        now = self._kernel.deps.clock.micros()
        clock = now if request.clock == "now" else source.clock
        variables = _merged(source.variables, overrides, built.flow)
        run = self._new_run(source, built.flow, "redrive", clock, variables)
        plan = Plan(
            skips=list(request.skips),
            reason=request.reason,
            asked={"variables": {**_overrides(source_plan)["variables"], **overrides}},
        )
        draft = Draft(run=run, plan=plan)
        given = bool(request.payloads)
        there = self._stored(source, steps, node, after=after, given=given)
        inputs = await self._inputs(draft, source, there, request, name, after=after)
        self._lay_out(draft, built, steps, name, inputs, after=after, plan=plan)
        draft.plan.delivery = request.delivery
        run.start_step = name
        start = {"after" if after else "at": name}
        self._confirm(draft, source, f"starts {'after' if after else 'at'} {name} again")
        return await self._drafted(draft, built, chosen, source, start)

    def _stored(
        self,
        source: Run,
        steps: Sequence[StepRun],
        node: StepNode,
        *,
        after: bool,
        given: bool,
    ) -> list[int] | None:
        """The buckets that stand at the start point of the source run.

        Errors: `step.not_reached`, `step.not_finished`.
        """
        found = next((step for step in steps if step.step == node.id), None)
        if after:
            if found is None or found.status not in DONE:
                if given:
                    return buckets_of(found.outputs) if found is not None else []
                status = found.status if found is not None else "pending"
                raise StateConflict(
                    f"step {node.id} of run {to_text('r', source.id)} is {status}: "
                    "it has no output to go on with",
                    code="step.not_finished",
                    at=node.id,
                    hint=f"Use --at {node.id}, or give the data with --payload.",
                )
            return buckets_of(found.outputs)
        if found is None and not given:
            raise StateConflict(
                f"run {to_text('r', source.id)} never reached step {node.id}: there is no stored input",
                code="step.not_reached",
                at=node.id,
                hint="Start at an earlier step, or give the data with --payload.",
            )
        return buckets_of(found.inputs) if found is not None else []

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
        over = await veil(self._kernel, source.flow)
        if request.payloads:
            await require_reveal_of_payloads(self._kernel, request.payloads, source.flow)

            async def first() -> Any:
                async for _, row, _ in Buckets(deps.reader, deps.contents).rows(there or []):
                    return row
                return None

            inputs = await drafting.of_payloads(request.payloads, first)
        if request.edits or request.item_edits:
            # Whoever sees only a part of a payload cannot put another whole in its place.
            await require_reveal(self._kernel, source.flow, "to edit a payload")
        if request.edits:
            drafting.use(inputs or [])
            inputs = await drafting.edited(inputs or [], request.edits, request.reason, force=request.force)
        if request.item_edits:
            drafting.use(inputs or [])
            inputs = await drafting.with_items(
                inputs or [], request.item_edits, request.reason, force=request.force
            )
        if request.items is not None:
            selection = selection_of(request.items)
            drafting.use(inputs or [])
            if over.mask is not None and selection.terms:
                rows = Buckets(deps.reader, deps.contents).rows(inputs or [])
                for path in {row.items_path async for _, row, _ in rows}:
                    require_seen(over, selection, path)
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
            depth=source.depth,
            family=source.family,
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
        await Drafting(self._kernel.deps, draft, source).require_kept(begun_with(draft))
        draft.overlapping = await overlapping(
            self._kernel.deps, built.flow, draft.run, draft.plan, draft.buckets, source=source
        )
        draft.warnings += await self._connector_changes(source)
        fields = await send_fields(self._kernel.deps, draft, built)
        for step, warning in no_keys(fields).items():
            draft.warnings.append(warning)
            if draft.confirm is not None:
                draft.confirm += f"; {step} has no key and would send everything again"
        if draft.confirm is not None:
            policy = draft.plan.delivery or "skip_delivered"
            draft.confirm += (
                "; with send_all every item is sent again"
                if policy == "send_all"
                else "; items with a key that were delivered are left out"
            )
        return Drafted(draft, built, chosen, start)

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
        fields = await send_fields(self._kernel.deps, draft, built)
        steps, notes = await send_steps(self._kernel.deps, draft, built, fields)
        number = drafted.chosen.number
        view = PlanView(
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
        return await veiled.plan(self._kernel, view, draft.run.flow, fields)


def _require_reached(flow: Flow, name: str, skips: Sequence[str]) -> None:
    """A step around the start point that is skipped hands its input on: the start would not come to run.

    Errors: `start.skipped`.
    """
    for place in flow.chain(name)[:-1]:
        step = place.step
        if step.id in skips or step.skip:
            raise UsageError(
                f"step {name} stands inside {step.id}, which is skipped: nothing would run there",
                code="start.skipped",
                at=step.id,
                hint=f"Leave out --skip {step.id}, or start --at {step.id} or --after {step.id}."
                if step.id in skips
                else f"Choose a version in which {step.id} has no `skip`, or start --after {step.id}.",
            )


def _overrides(plan: Plan) -> dict[str, Any]:
    return {"variables": plan.asked.get("variables") or {}}


def _merged(base: bytes | None, overrides: dict[str, Any], flow: Flow) -> bytes | None:
    """The source's variables as far as the version still declares them, and the new ones."""
    values = {k: v for k, v in (decode(base) if base else {}).items() if k in flow.variables}
    values.update(overrides)
    return encode(values) if values else None
