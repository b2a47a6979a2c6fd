"""Executes one run: the plan, step after step, from wherever its records say it stands.

There is no second path. An ordinary run has an empty plan; the resume after a crash finds steps
that are done; a retry or redrive finds steps that are `kept` from its source and buckets to begin
with. A plan that is only worked out (`Preview`) goes through the same code with a journal that
writes nothing, up to the first step that would reach out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from redrive.core.delivery import Asker
from redrive.core.flow import StepNode
from redrive.core.jsonvalue import decode, encode
from redrive.core.run import Plan, Run, StepRun
from redrive.engine.buckets import Buckets
from redrive.engine.context import EngineContext
from redrive.engine.control import Control, Stopped
from redrive.engine.deps import Deps
from redrive.engine.execution import PROGRESS_S, StepExecution
from redrive.engine.failpoints import failpoints
from redrive.engine.flows import BuiltFlow
from redrive.engine.journal import Journal
from redrive.engine.ledger import StepLedger
from redrive.engine.references import RunReferences
from redrive.engine.settling import settling
from redrive.engine.stored import Inputs, buckets_of, outputs_of, starts_at
from redrive.engine.target import Counted, Target
from redrive.errors import RedriveError
from redrive.sdk.shape import ShapeBase
from redrive.store import ledger as ledger_store
from redrive.store import runs as store
from redrive.store.committer import Transaction

LET_GO = -1
"""As losses: the next start finds the run under way all the same, and that is not one."""

DONE = frozenset({"success", "partial_success", "skipped", "kept"})


class PreviewEnded(Exception):
    """A plan has been worked out as far as it can be without reaching out."""


class StepFailed(Exception):
    """A step ended in failure: the run stops there."""

    def __init__(self, step: StepRun) -> None:
        super().__init__(step.step)
        self.step = step


class Execution:
    """One execution of one run. `counted` is given when only a plan is worked out."""

    def __init__(
        self,
        *,
        deps: Deps,
        run: Run,
        built: BuiltFlow,
        journal: Journal,
        buckets: Buckets,
        control: Control,
        steps: Sequence[StepRun],
        last_success: datetime | None,
        counted: list[Counted] | None = None,
    ) -> None:
        self._deps = deps
        self._run = run
        self._built = built
        self._journal = journal
        self._buckets = buckets
        self._control = control
        self._steps = {step.step: step for step in steps}
        self._last_success = last_success
        self._counted = counted
        self._plan = msgspec.json.decode(run.plan, type=Plan) if run.plan else Plan()
        self._variables = self._first_variables()
        self._references = RunReferences(
            deps=deps,
            run=run,
            plan=self._plan,
            journal=journal,
            wait=control.wait,
            preview=counted is not None,
        )
        self._wary = run.losses > 0
        self.notes: list[str] = []

    def _first_variables(self) -> dict[str, Any]:
        """Defaults, what the start (or that of the source) gave, what kept steps had set, what a
        redrive overrides, and what steps of this very run have set; the later wins.
        """
        steps = sorted(self._steps.values(), key=lambda step: step.position)
        layers: list[dict[str, Any]] = [
            {name: variable.default for name, variable in self._built.flow.variables.items()}
        ]
        layers.append(decode(self._run.variables) if self._run.variables else {})
        layers += [decode(s.variables) for s in steps if s.variables and s.status == "kept"]
        layers.append(self._plan.asked.get("variables") or {})
        layers += [decode(s.variables) for s in steps if s.variables and s.status != "kept"]
        return {name: value for layer in layers for name, value in layer.items()}

    # ---- the run

    async def execute(self) -> None:
        """To an end state, durable when this returns; or `Stopped` when the worker lets go."""
        run, journal = self._run, self._journal
        status, error = "success", None
        try:
            await self._list(self._built.flow.steps, self._plan.inputs)
        except StepFailed as failed:
            status = "failure"
            error = failed.step
        except Stopped:
            if self._control.suspended and not self._control.stop:
                run.losses = LET_GO
                journal.run_changed()
                await journal.barrier()
                raise
            status = "stopped"
        except asyncio.CancelledError:
            if self._control.suspended:
                run.losses = LET_GO
                journal.run_changed()
            raise
        failpoints.hit("run.ending")
        settle = await settling(self._references, status, self._built, list(self._steps.values()))
        run.status = status
        run.finished_at = self._deps.clock.micros()
        run.summary = self._summary(status, error)
        self._end(settle)
        await journal.barrier()

    def _end(self, settle: Callable[[Transaction], None] | None) -> None:
        run = self._run
        at = self._deps.clock.micros()
        sequence = self._deps.ids.next()

        def work(transaction: Transaction) -> None:
            if settle is not None:
                settle(transaction)
            # Nothing of an ended run may stay claimed.
            ledger_store.abandon(transaction, run.id, run.epoch + 1, at, sequence, "the run ended")
            ordinary = run.source_run is None and not run.overridden
            if run.status == "success" and ordinary:
                transaction.run(store.LAST_SUCCESS, flow_id=run.flow_id, b_clock=run.clock)

        self._journal.work(work)
        self._journal.run_changed()

    def _summary(self, status: str, failed: StepRun | None) -> str:
        if failed is not None and failed.error:
            error = decode(failed.error)
            return f"{failed.step}: {error['detail']}"[:500]
        if status == "stopped":
            return f"stopped at {self._at()}"
        steps = list(self._steps.values())
        sent = sum(step.delivered for step in steps)
        left = sum(step.skipped for step in steps)
        parts = []
        if sent or left:
            parts.append(f"{sent} delivered")
        if left:
            parts.append(f"{left} left out")
        return ", ".join(parts)

    def _at(self) -> str:
        unfinished = [step.step for step in self._steps.values() if step.status not in DONE]
        return unfinished[-1] if unfinished else "the end"

    # ---- lists of steps

    async def _list(self, nodes: Sequence[StepNode], inputs: Inputs) -> Inputs:
        """Run a list of steps; the buckets that the last one puts out."""
        outputs = inputs
        previous: set[int] = set()
        for node in nodes:
            step = self._steps.get(node.id)
            if step is not None and step.status in DONE:
                outputs = self._after(node, step)
                continue
            outputs_before = outputs
            try:
                self._control.check()
            except Stopped:
                self._not_begun(node, step, outputs_before)
                raise
            outputs = await self._step(node, step, outputs_before)
            # Only the bucket at hand is held in memory.
            previous.update(outputs_before or ())
            for bucket in previous.difference(outputs or (), outputs_before or ()):
                self._buckets.young.pop(bucket, None)
        return outputs

    def _after(self, node: StepNode, step: StepRun) -> Inputs:
        """The buckets that follow a finished or kept step; the plan may have replaced them."""
        plan = self._plan
        first = plan.inputs is not None and plan.step == node.id
        if first and plan.start == "after" and plan.inputs is not None:
            return plan.inputs
        following = self._first_executed
        if plan.inputs is not None and plan.start in {"at", "failed"} and following == node.id:
            return plan.inputs
        return buckets_of(step.outputs)

    @property
    def _first_executed(self) -> str | None:
        """The kept step right before the one that the plan starts at."""
        before: str | None = None
        for node in self._built.flow.walk():
            if node.id == self._plan.step:
                return before
            before = node.id
        return None

    # ---- one step

    async def _step(self, node: StepNode, step: StepRun | None, inputs: Inputs) -> Inputs:
        plan = self._plan
        resumed = step is not None
        if step is None:
            step = self._new_step(node, inputs)
            step.started_at = self._deps.clock.micros()
        elif step.status == "failure":
            raise StepFailed(step)  # the process died between this and the end of the run
        else:
            inputs = buckets_of(step.inputs)
        step.status = "running"
        starts_here = starts_at(plan, node.id)
        if node.skip or node.id in plan.skips:
            return await self._skip(step, inputs)
        shape = self._built.shapes[node.id]
        execution = await self._execution(node, shape, step, inputs, starts_here=starts_here, resumed=resumed)
        if self._counted is not None and shape.effects and not self._counts(node):
            self.notes.append(f"{node.id} reaches out again: what it brings is not known before it runs")
            raise PreviewEnded
        await self._carry_out(execution, step)
        outputs = outputs_of(plan, step)
        if step.bucket is not None and execution.young is not None:
            self._buckets.young[step.bucket] = execution.young
        step.outputs = encode(outputs).decode()
        execution.finish()
        if step.bucket is not None and execution.young is None and self._counted is None:
            await self._journal.barrier()  # too large for memory: what follows reads the store
        if step.status == "failure":
            raise StepFailed(step)
        if self._counts(node):
            raise PreviewEnded  # its answers, and what follows them, are not known
        return outputs

    async def _carry_out(self, execution: StepExecution, step: StepRun) -> None:
        try:
            await execution.execute()
        except Stopped:
            self._interrupted(execution, step)
            raise
        except asyncio.CancelledError:
            self._interrupted(execution, step)
            if self._control.stop:
                raise Stopped from None
            raise

    def _counts(self, node: StepNode) -> bool:
        """Whether a plan has counted what this step would send."""
        return any(counted.step == node.id for counted in self._counted or ())

    def _new_step(self, node: StepNode, inputs: Inputs) -> StepRun:
        step = StepRun(
            run_id=self._run.id,
            position=self._built.positions[node.id],
            step=node.id,
            shape=node.shape,
            name=node.name or None,
            inputs=encode(inputs).decode(),
        )
        self._steps[node.id] = step
        return step

    def _not_begun(self, node: StepNode, step: StepRun | None, inputs: Inputs) -> None:
        """Stopped right before a step: a retry goes on there."""
        if self._control.stop:
            step = step or self._new_step(node, inputs)
            step.status = "stopped"
            step.outputs = encode(outputs_of(self._plan, step)).decode()
            self._journal.step(step)

    def _interrupted(self, execution: StepExecution, step: StepRun) -> None:
        execution.suspend()
        if self._control.stop:
            step.status = "stopped"
            step.outputs = encode(outputs_of(self._plan, step)).decode()
            self._journal.log(
                step.position,
                self._deps.clock.micros(),
                "warning",
                f"stopped after {step.done} of {step.payloads_in} payloads; "
                f"{step.delivered} items delivered, {step.unknown} unknown",
            )
        else:
            step.status, step.finished_at = "running", None
        self._journal.step(step)

    async def _skip(self, step: StepRun, inputs: Inputs) -> Inputs:
        count, items, size = await self._buckets.totals(inputs or [])
        step.payloads_in, step.items_in, step.bytes_in = count, items, size
        step.payloads_out, step.items_out, step.bytes_out = count, items, size
        step.status = "skipped"
        step.outputs = encode(inputs).decode()
        step.finished_at = self._deps.clock.micros()
        step.warnings += 1
        self._run.warnings += 1
        self._journal.run_changed()
        self._journal.log(step.position, step.finished_at, "warning", "step skipped")
        self._journal.step(step)
        self._journal.flush(PROGRESS_S)
        return inputs

    async def preview(self) -> None:
        """Work out what the run would send: fills `counted`, and `notes` with what stands in the
        way of knowing more.
        """
        try:
            await self._list(self._built.flow.steps, self._plan.inputs)
        except PreviewEnded:
            return
        except StepFailed as failed:
            error = decode(failed.step.error) if failed.step.error else {"detail": "it fails"}
            self.notes.append(f"{failed.step.step} would fail: {error['detail']}")

    async def _execution(
        self,
        node: StepNode,
        shape: ShapeBase,
        step: StepRun,
        inputs: Inputs,
        starts_here: bool,
        resumed: bool,
    ) -> StepExecution:
        key_field: str | None = None
        retries = node.retries if node.retries is not None else shape.default_retries
        target = Target("", "", "", "send_changed", keyed=False)
        counted: Counted | None = None
        if node.shape == "connector":
            target, key_field, direction = await self._target(node, shape, step)
            if node.retries is None:
                retries = shape.retries_for(direction)  # type: ignore[attr-defined]
            if direction == "send" and not target.keyed:
                self._log_once(step, "the step has no key: no deliveries are recorded")
            if self._counted is not None and direction == "send":
                counted = Counted(step=node.id)
                self._counted.append(counted)
        context_ledger = StepLedger(
            target=target,
            asker=self._asker(target),
            step=step,
            journal=self._journal,
            reader=self._deps.reader,
            contents=self._deps.contents,
            ids=self._deps.ids,
            clock=self._deps.clock,
            signal=self._deps.signal,
            counted=counted,
            resumed=resumed,
            wait=self._control.wait,
        )
        context = EngineContext(
            deps=self._deps,
            journal=self._journal,
            run=self._run,
            step=step,
            variables=self._variables,
            last_success=self._last_success,
            missing=node.missing,
            ledger=context_ledger,
            stop=self._control.sleep,
            preview=self._counted is not None,
            references=self._references,
        )
        return StepExecution(
            deps=self._deps,
            journal=self._journal,
            buckets=self._buckets,
            node=node,
            shape=shape,
            step=step,
            context=context,
            inputs=inputs,
            checkpoints=self._plan.checkpoints if starts_here else {},
            key_field=key_field,
            retries=retries,
            check_stop=self._control.check,
            resumed=resumed,
            bounded=self._counted is None,
            wary=self._wary,
        )

    def _log_once(self, step: StepRun, message: str) -> None:
        if not step.done and self._counted is None:
            self._journal.log(step.position, self._deps.clock.micros(), "info", message)

    def _asker(self, target: Target) -> Asker:
        run = self._run
        return Asker(
            run_id=run.id,
            epoch=run.epoch,
            root=run.root_run or run.id,
            since=run.lineage_since,
            redriven=run.source_run is not None,
            policy=target.policy,
        )

    async def _target(self, node: StepNode, shape: Any, step: StepRun) -> tuple[Target, str | None, str]:
        """Where a connector step keeps its deliveries; the field of its key; its direction."""
        try:
            opened = await self._deps.connections.get(shape.connection)
            endpoint = opened.connection.endpoint(shape.endpoint)
            path = shape.key_for(endpoint)
            key = str(path) if path is not None else None
            direction = endpoint.direction
        except RedriveError:
            # The shape meets the same error and reports it as the step's.
            return Target("", "", "", "send_changed", keyed=False), None, "receive"
        default = "skip_delivered" if self._run.source_run is not None else "send_changed"
        policy: Any = self._plan.delivery or shape.delivery or default
        target = Target(
            ledger=shape.ledger or f"{self._run.flow}/{node.id}",
            connection=shape.connection,
            endpoint=shape.endpoint,
            policy=policy,
            keyed=direction == "send" and key is not None,
            key_field=key,
        )
        return target, key, direction
