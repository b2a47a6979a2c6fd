"""One step in one run: its record, its execution, and how it is left when it is cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from redrive.core.counting import counted
from redrive.core.delivery import Asker
from redrive.core.flow import StepNode
from redrive.core.jsonvalue import decode
from redrive.core.run import Plan, Run, StepRun
from redrive.engine.buckets import Buckets
from redrive.engine.context import EngineContext
from redrive.engine.control import Control, Stopped
from redrive.engine.deps import Deps
from redrive.engine.execution import PROGRESS_S, Failure, StepExecution
from redrive.engine.flows import BuiltFlow
from redrive.engine.journal import Journal
from redrive.engine.ledger import StepLedger
from redrive.engine.pauses import Pauses
from redrive.engine.references import RunReferences
from redrive.engine.stored import Inputs, as_text, begin_of, outputs_of
from redrive.engine.target import Counted, Target
from redrive.errors import RedriveError
from redrive.sdk.shape import ShapeBase


class PreviewEnded(Exception):
    """A plan has been worked out as far as it can be without reaching out."""


class StepFailed(Exception):
    """A step ended in failure: its list stops there."""

    def __init__(self, step: StepRun) -> None:
        super().__init__(step.step)
        self.step = step


class Scope:
    """The variables that a list of steps sees. A path has its own; what it sets holds elsewhere once
    the paths have joined.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self.set: dict[str, Any] = {}

    def fork(self) -> Scope:
        return Scope(dict(self.values))

    def take(self, changes: dict[str, Any]) -> None:
        self.values.update(changes)
        self.set.update(changes)


class Steps:
    """The step records of one execution of a run. `counted` is given when only a plan is worked out."""

    def __init__(
        self,
        *,
        deps: Deps,
        run: Run,
        plan: Plan,
        built: BuiltFlow,
        journal: Journal,
        buckets: Buckets,
        control: Control,
        steps: Sequence[StepRun],
        last_success: datetime | None,
        counted: list[Counted] | None = None,
    ) -> None:
        self.deps = deps
        self.plan = plan
        self.built = built
        self.journal = journal
        self.buckets = buckets
        self.control = control
        self.records = {step.step: step for step in steps}
        self.counted = counted
        self._unusable: dict[str, str] = {}
        self.notes: list[str] = []
        self.failures: dict[str, list[Failure]] = {}
        """While a plan is worked out: what would fail in the steps of a `try`."""
        self.references = RunReferences(
            deps=deps,
            run=run,
            plan=plan,
            journal=journal,
            wait=control.wait,
            preview=counted is not None,
        )
        self._run = run
        self._last_success = last_success
        self._wary = run.losses > 0
        self._under_way: set[int] = set()

    @property
    def preview(self) -> bool:
        return self.counted is not None

    def micros(self) -> int:
        return self.deps.clock.micros()

    # ---- records

    def begin(self, node: StepNode, inputs: Inputs) -> StepRun:
        """The record of a step that runs now: a new one, or the one that the plan has laid out."""
        step = self.records.get(node.id)
        if step is None:
            step = self._new(node, inputs)
        step.inputs = as_text(inputs)
        step.started_at = self.micros()
        step.status = "running"
        return step

    def _new(self, node: StepNode, inputs: Inputs) -> StepRun:
        step = StepRun(
            run_id=self._run.id,
            position=self.built.positions[node.id],
            step=node.id,
            shape=node.shape,
            name=node.name or None,
            inputs=as_text(inputs),
        )
        self.records[node.id] = step
        return step

    def not_begun(self, node: StepNode, inputs: Inputs) -> None:
        """Stopped right before a step: a retry goes on there."""
        if self.control.stop:
            step = self.records.get(node.id) or self._new(node, inputs)
            step.status = "stopped"
            step.outputs = as_text(outputs_of(self.plan, step))
            self.journal.step(step)

    async def skip(self, step: StepRun, inputs: Inputs) -> Inputs:
        """The bucket goes on unchanged."""
        count, items, size = await self.buckets.totals(inputs or [])
        step.payloads_in, step.items_in, step.bytes_in = count, items, size
        step.payloads_out, step.items_out, step.bytes_out = count, items, size
        step.status = "skipped"
        step.outputs = as_text(inputs)
        step.finished_at = self.micros()
        step.warnings += 1
        self._run.warnings += 1
        self.journal.run_changed()
        self.journal.log(step.position, step.finished_at, "warning", "step skipped")
        self.journal.step(step)
        self.journal.soon(PROGRESS_S)
        return inputs

    # ---- execution

    async def execute(
        self, node: StepNode, step: StepRun, inputs: Inputs, scope: Scope, *, resumed: bool, caught: bool
    ) -> StepExecution:
        """Run the step's shape: to its end state, which is not handed over yet.

        Errors: `Stopped`; `PreviewEnded` before the step would reach out.
        """
        shape = self.built.shapes[node.id]
        execution = await self._execution(node, shape, step, inputs, scope, resumed=resumed, caught=caught)
        if self.preview and shape.effects and not self.counts(node):
            unusable = self._unusable.get(node.id)
            self.notes.append(f"{node.id} {f'would fail: {unusable}' if unusable else shape.unforeseen}")
            raise PreviewEnded
        try:
            with self.control.working():
                await execution.execute()
        except Stopped:
            self._interrupted(execution, step)
            raise
        except asyncio.CancelledError:
            self._interrupted(execution, step)
            if self.control.stop:
                raise Stopped from None
            raise
        if execution.failures:
            self.failures[node.id] = execution.failures
            count, first = len(execution.failures), execution.failures[0].error
            payloads = "1 payload" if count == 1 else f"{count} payloads"
            self.notes.append(
                f"{node.id} would fail for {payloads}, which `try` catches: {first.detail}"[:500]
            )
        self.buckets.young.update(execution.young_buckets())
        if step.variables:
            scope.take(decode(step.variables))
        return execution

    def counts(self, node: StepNode) -> bool:
        """Whether a plan has counted what this step would send."""
        return any(counted.step == node.id for counted in self.counted or ())

    async def count_none(self, nodes: Sequence[StepNode]) -> None:
        """Steps that get nothing send nothing: a plan says so."""
        if self.counted is None:
            return
        for node in nodes:
            for inner in node.walk():
                if inner.shape == "connector" and not self.counts(inner):
                    target, _, direction = await self._target(inner, self.built.shapes[inner.id])
                    if direction == "send" and target.connection:
                        self.counted.append(Counted(step=inner.id))

    def _interrupted(self, execution: StepExecution, step: StepRun) -> None:
        execution.suspend()
        if self.control.stop:
            step.status = "stopped"
            step.outputs = as_text(outputs_of(self.plan, step))
            self.journal.log(
                step.position,
                self.micros(),
                "warning",
                f"stopped after {step.done} of {counted(step.payloads_in, 'payload')}; "
                f"{counted(step.delivered, 'item')} delivered, {step.unknown} unknown",
            )
        else:
            step.status, step.finished_at = "running", None
        self.journal.step(step)

    async def _execution(
        self,
        node: StepNode,
        shape: ShapeBase,
        step: StepRun,
        inputs: Inputs,
        scope: Scope,
        *,
        resumed: bool,
        caught: bool,
    ) -> StepExecution:
        key_field: str | None = None
        retries = node.retries if node.retries is not None else shape.default_retries
        target = Target("", "", "", "send_changed", keyed=False)
        counted: Counted | None = None
        if node.shape == "connector":
            target, key_field, direction = await self._target(node, shape)
            if node.retries is None:
                retries = shape.retries_for(direction)  # type: ignore[attr-defined]
            if direction == "send" and not target.keyed:
                self._log_once(step, "the step has no key: no deliveries are recorded")
            if self.counted is not None and direction == "send":
                counted = Counted(step=node.id)
                if target.keyed:  # else nobody knows what it would send
                    self.counted.append(counted)
        context_ledger = StepLedger(
            target=target,
            asker=self._asker(target),
            step=step,
            journal=self.journal,
            reader=self.deps.reader,
            contents=self.deps.contents,
            ids=self.deps.ids,
            clock=self.deps.clock,
            signal=self.deps.signal,
            counted=counted,
            resumed=resumed,
            wait=self.control.wait,
            under_way=self._under_way,
        )
        context = EngineContext(
            deps=self.deps,
            journal=self.journal,
            run=self._run,
            step=step,
            variables=scope.values,
            last_success=self._last_success,
            missing=node.missing,
            ledger=context_ledger,
            stop=self.control.sleep,
            preview=self.preview,
            references=self.references,
            pauses=Pauses(self.control, self.journal, step),
            plan=self.plan,
        )
        begin = begin_of(self.plan, node.id)
        return StepExecution(
            deps=self.deps,
            journal=self.journal,
            buckets=self.buckets,
            node=node,
            shape=shape,
            step=step,
            context=context,
            inputs=inputs,
            checkpoints=begin.checkpoints if begin is not None else {},
            key_field=key_field,
            retries=retries,
            check_stop=self.control.check,
            resumed=resumed,
            bounded=not self.preview,
            wary=self._wary,
            caught=caught,
            collect=caught and self.preview,
        )

    def _log_once(self, step: StepRun, message: str) -> None:
        if not step.done and self.counted is None:
            self.journal.log(step.position, self.micros(), "info", message)

    def _asker(self, target: Target) -> Asker:
        run = self._run
        return Asker(
            run_id=run.id,
            epoch=run.epoch,
            root=run.root_run or run.id,
            since=run.lineage_since,
            redriven=run.source_run is not None or self.plan.redriven,
            policy=target.policy,
        )

    async def _target(self, node: StepNode, shape: Any) -> tuple[Target, str | None, str]:
        """Where a connector step keeps its deliveries; the field of its key; its direction."""
        try:
            opened = await self.deps.connections.get(shape.connection)
            endpoint = opened.connection.endpoint(shape.endpoint)
            path = shape.key_for(endpoint)
            key = str(path) if path is not None else None
            direction = endpoint.direction
        except RedriveError as error:
            # The shape meets the same error and reports it as the step's; a plan tells it.
            self._unusable[node.id] = error.detail
            return Target("", "", "", "send_changed", keyed=False), None, "receive"
        again = self._run.source_run is not None or self.plan.redriven
        default = "skip_delivered" if again else "send_changed"
        policy: Any = self.plan.delivery or shape.delivery or default
        target = Target(
            ledger=shape.ledger or f"{self._run.flow}/{node.id}",
            connection=shape.connection,
            endpoint=shape.endpoint,
            policy=policy,
            keyed=direction == "send" and key is not None,
            key_field=key,
        )
        return target, key, direction
