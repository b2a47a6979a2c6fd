"""Runs that steps start: drafted as a person's start or retry is, and queued by the step's transaction."""

from __future__ import annotations

from typing import Any

import msgspec

from redrive.core.ids import to_text
from redrive.core.jsonvalue import encode
from redrive.core.run import PRIORITIES, PayloadRow, Plan, Run
from redrive.engine.buckets import YoungBucket
from redrive.engine.calling import Call, Starting
from redrive.engine.draft import Draft
from redrive.engine.flows import BuiltFlow
from redrive.engine.overlap import overlapping
from redrive.errors import StateConflict, StepError, UserError
from redrive.service.chosen import freeze
from redrive.service.kernel import Kernel
from redrive.service.lookups import require_lookups
from redrive.service.redrives import Redrives
from redrive.service.starts import read_variables
from redrive.service.versions import flow_named
from redrive.service.views import RetryRequest
from redrive.store import flows as flow_store
from redrive.store import runs as store
from redrive.store.committer import Transaction
from redrive.store.database import Rows

TRIGGER = "flow"
MOST = 1000
_RUN_LINE = -1
_FIRST_LINE = 0
"""Number of the log line that says who called: it comes before those of the worker."""


class CalledRuns:
    """Implements `engine.calling.Calls`."""

    def __init__(self, kernel: Kernel, redrives: Redrives) -> None:
        self._kernel = kernel
        self._redrives = redrives

    async def start(self, call: Call) -> Starting:
        deps, caller = self._kernel.deps, call.caller
        most = deps.settings.max_call_depth
        if caller.depth >= most:
            raise StateConflict(
                f"flow {call.flow} would be called {most + 1} flows deep; at most {most} are possible",
                code="flow.too_deep",
                at=call.flow,
                hint="Flows that call each other in a circle never end; else raise max_call_depth.",
            )
        flow_id, number, built = await self._deployed(call.flow)
        if wanted := sorted({name for shape in built.shapes.values() for name in shape.lookups}):
            await deps.reader.run(lambda rows: require_lookups(rows, wanted))
        variables = self._variables(built, call)
        now = deps.clock.micros()
        redriven = call.plan.redriven or caller.source_run is not None
        run = Run(
            id=deps.ids.next(),
            flow_id=flow_id,
            flow=built.flow.name,
            version=number,
            status="queued",
            trigger=TRIGGER,
            # Whoever waits for it waits no longer than its own turn was.
            priority=min(PRIORITIES[built.flow.settings.priority], caller.priority),
            epoch=0,
            losses=0,
            queued_at=now,
            clock=caller.clock,
            root_run=await self._root(caller, call.step) if redriven else None,
            root_queued_at=caller.lineage_since if redriven else None,
            overridden=bool(call.inputs or call.payload or variables or redriven or caller.overridden),
            variables=encode(variables) if variables else None,
            parent_run=caller.id,
            parent_step=call.step,
            depth=caller.depth + 1,
            family=caller.family_id,
        )
        draft = Draft(
            run=run,
            plan=Plan(
                inputs=call.inputs,
                delivery=call.plan.delivery,
                reason=call.plan.reason,
                redriven=redriven,
            ),
        )
        if call.payload is not None:
            draft.plan.inputs = [self._alone(draft, *call.payload)]
        draft.overlapping = await overlapping(deps, built.flow, run, draft.plan, draft.buckets)
        return self._starting(draft, call, lambda _: None)

    async def again(self, call: Call, run: Run) -> Starting:
        drafted = await self._redrives.draft_retry(
            to_text("r", run.id),
            RetryRequest.model_validate(
                {"from": "failed", "delivery": call.plan.delivery, "reason": call.plan.reason}
            ),
        )
        draft, caller = drafted.draft, call.caller
        draft.run.parent_run, draft.run.parent_step = caller.id, call.step
        draft.run.depth, draft.run.family = caller.depth + 1, caller.family_id
        draft.run.priority = min(draft.run.priority, caller.priority)

        def place(transaction: Transaction) -> None:
            draft.run.flow_id, draft.run.version = freeze(transaction, self._kernel, drafted.chosen)

        return self._starting(draft, call, place)

    def wake(self) -> None:
        self._kernel.wake()

    async def _deployed(self, name: str) -> tuple[int, int, BuiltFlow]:
        """Errors: `flow.unknown`, `flow.disabled`, `flow.not_deployed`."""

        def read(rows: Rows) -> tuple[int, int]:
            flow = flow_named(rows, name)
            if not flow.enabled:
                raise StateConflict(
                    f"flow {name} is not enabled, so no flow can call it",
                    code="flow.disabled",
                    at=name,
                    hint=f"Enable it: redrive flows enable {name}.",
                )
            deployed = flow_store.deployed(rows, flow.id)
            if deployed is None:
                raise StateConflict(
                    f"flow {name} has no deployed version, so no flow can call it",
                    code="flow.not_deployed",
                    at=name,
                    hint=f"Deploy it: redrive deploy {name}.",
                )
            return flow.id, deployed.number

        flow_id, number = await self._kernel.deps.reader.run(read)
        return flow_id, number, self._kernel.deps.flows.get(flow_id, number)

    def _variables(self, built: BuiltFlow, call: Call) -> dict[str, Any]:
        try:
            return read_variables(built.flow, dict(call.variables), manual=True)
        except UserError as error:
            hint = "Say it under `variables` of the step." if error.code == "variable.missing" else error.hint
            ends = error.code != "variable.invalid"  # a value may come from the payload
            raise StepError(error.detail, code=error.code, at=error.at, hint=hint, stops_step=ends) from None

    async def _root(self, caller: Run, step: str) -> int | None:
        """The run that the source of the caller had called there, or the first of its lineage."""

        def read(rows: Rows) -> int | None:
            found = rows.all(store.CALLED_BY, run_id=caller.source_run, after=0, at_most=MOST)
            called = [run for run, at in found if at == step]
            run = store.get_run(rows, called[0]) if len(called) == 1 else None
            return (run.root_run or run.id) if run is not None else None

        return await self._kernel.deps.reader.run(read) if caller.source_run is not None else None

    def _alone(self, draft: Draft, row: PayloadRow, content: Any) -> int:
        """A bucket of one payload of the caller."""
        ids = self._kernel.deps.ids
        bucket = ids.next()
        held = draft.buckets[bucket] = YoungBucket(bounded=False)
        held.add(
            msgspec.structs.replace(
                row, id=ids.next(), bucket=bucket, position=0, lineage=None, edited_from=row.id
            ),
            content,
        )
        return bucket

    def _starting(self, draft: Draft, call: Call, place: Any) -> Starting:
        caller = call.caller
        name, now = to_text("r", caller.id), draft.run.queued_at

        def write(transaction: Transaction) -> None:
            place(transaction)
            draft.write(transaction, self._kernel.actor, now)
            transaction.insert(
                store.INSERT_LOG,
                (
                    draft.run.id,
                    _FIRST_LINE,
                    _RUN_LINE,
                    now,
                    "info",
                    f"called by step {call.step} of run {name} of flow {caller.flow}",
                    encode({"run": name, "step": call.step}),
                ),
            )

        return Starting(draft.run, write)
