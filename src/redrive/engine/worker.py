"""Executes one run: its plan, from wherever its records say it stands, to an end state.

There is no second path. An ordinary run has an empty plan; the resume after a crash finds steps
that are done; a retry or redrive finds steps that are `kept` from its source and places to begin
at. A plan that is only worked out (`preview`) goes through the same code with a journal that
writes nothing, up to the first step that would reach out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec

from redrive.core.jsonvalue import decode
from redrive.core.run import DONE, Plan, Run, StepRun
from redrive.engine.buckets import Buckets
from redrive.engine.control import Control, Stopped
from redrive.engine.deps import Deps
from redrive.engine.failpoints import failpoints
from redrive.engine.flows import BuiltFlow
from redrive.engine.journal import Journal
from redrive.engine.notices import at_end
from redrive.engine.settling import settling
from redrive.engine.steps import PreviewEnded, Scope, StepFailed, Steps
from redrive.engine.target import Counted
from redrive.engine.tree import NOTHING, Tree
from redrive.store import ledger as ledger_store
from redrive.store import runs as store
from redrive.store.committer import Transaction

LET_GO = -1
"""As losses: the next start finds the run under way all the same, and that is not one."""


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
        self._control = control
        self._plan = msgspec.json.decode(run.plan, type=Plan) if run.plan else Plan()
        for bucket in self._plan.inputs or ():
            if (young := deps.contents.handed.take(bucket)) is not None:
                buckets.young[bucket] = young
        self._steps = Steps(
            deps=deps,
            run=run,
            plan=self._plan,
            built=built,
            journal=journal,
            buckets=buckets,
            control=control,
            steps=steps,
            last_success=last_success,
            counted=counted,
        )

    @property
    def notes(self) -> list[str]:
        """What stands in the way of knowing more of a plan."""
        return self._steps.notes

    async def _walk(self) -> None:
        """Execute the flow's steps. A start arrives at the first one, unless the plan begins elsewhere."""
        self._deps.connections.look_again()
        arriving = self._plan.inputs if not self._plan.begins else NOTHING
        if self._plan.inputs and not self._plan.begins:
            self._steps.buckets.hold(self._plan.inputs)  # handed over in memory: until it is read
        tree = Tree(self._steps)
        await tree.list(self._built.flow.steps, arriving, self._scope(), caught=False)

    def _scope(self) -> Scope:
        """Defaults, what the start (or that of the source) gave, what a redrive overrides. What steps
        have set comes as they are passed.
        """
        values: dict[str, Any] = {name: it.default for name, it in self._built.flow.variables.items()}
        values |= decode(self._run.variables) if self._run.variables else {}
        values |= self._plan.asked.get("variables") or {}
        return Scope(values)

    # ---- the run

    async def execute(self) -> None:
        """To an end state, durable when this returns; or `Stopped` when the worker lets go."""
        run, journal = self._run, self._journal
        status, error = "success", None
        try:
            with self._bounded():
                await self._walk()
        except StepFailed as failed:
            status = "failure"
            error = failed.step
        except Stopped:
            if self._control.suspended and not self._control.stop:
                run.losses = LET_GO
                journal.run_changed()
                await journal.barrier()
                raise
            status = "failure" if self._control.timed_out else "stopped"
        except asyncio.CancelledError:
            if self._control.suspended:
                run.losses = LET_GO
                journal.run_changed()
            raise
        failpoints.hit("run.ending")
        if status == "success" and self._partial():
            status = "partial_success"
        records = list(self._steps.records.values())
        settle = await settling(self._steps.references, status, self._built, records)
        run.status = status
        run.finished_at = self._deps.clock.micros()
        run.summary = self._summary(status, error)
        groups = self._built.flow.settings.notify_on_failure
        self._end(settle, at_end(self._deps, run, groups, status, run.summary, error))
        await journal.barrier()

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        """The time limit of the whole run, from its begin: also while it waits, or nobody executes it."""
        limit_s = self._built.flow.settings.timeout_s
        if limit_s is None or self._run.started_at is None:
            yield
            return
        clock, loop = self._deps.clock, asyncio.get_running_loop()
        left = limit_s - (clock.micros() - self._run.started_at) / 1_000_000
        task = asyncio.current_task()
        timers: list[asyncio.TimerHandle] = []

        def over() -> None:
            if self._control.stop or self._control.suspended:
                return
            self._journal.log(-1, clock.micros(), "error", self._too_long(), {"code": "run.timeout"})
            self._control.time_out()
            timers.append(loop.call_later(self._deps.settings.stop_grace_s, at_once))

        def at_once() -> None:
            self._control.request_stop(2)
            if task is not None:
                task.cancel()

        timers.append(loop.call_later(max(left, 0.0), over))
        try:
            yield
        finally:
            for timer in timers:
                timer.cancel()

    def _too_long(self) -> str:
        return f"the run took longer than {self._built.flow.settings.timeout_s:g} s, the timeout of its flow"

    def _partial(self) -> bool:
        """Whether a `try` of this run ended so."""
        return any(
            step.status == "partial_success" and self._built.shapes[step.step].tree == "try"
            for step in self._steps.records.values()
            if step.step in self._built.shapes
        )

    def _end(
        self, settle: Callable[[Transaction], None] | None, tell: Callable[[Transaction], None] | None
    ) -> None:
        run = self._run
        at = self._deps.clock.micros()
        sequence = self._deps.ids.next()
        claims = bool(self._built.connections)

        def work(transaction: Transaction) -> None:
            if settle is not None:
                settle(transaction)
            if claims:  # nothing of an ended run may stay claimed
                ledger_store.abandon(transaction, run.id, run.epoch + 1, at, sequence, "the run ended")
            ordinary = run.source_run is None and not run.overridden
            if run.status == "success" and ordinary:
                transaction.run(store.LAST_SUCCESS, flow_id=run.flow_id, b_clock=run.clock)
            if tell is not None:
                tell(transaction)

        self._journal.work(work)
        self._journal.run_changed()

    def _summary(self, status: str, failed: StepRun | None) -> str:
        if self._control.timed_out and status == "failure" and failed is None:
            return f"{self._too_long()}; it was at {self._at()}"[:500]
        if failed is not None and failed.error:
            error = decode(failed.error)
            return f"{failed.step}: {error['detail']}"[:500]
        if status == "stopped":
            return f"stopped at {self._at()}"
        steps = list(self._steps.records.values())
        parts = [self._caught()] if status == "partial_success" else []
        sent = sum(step.delivered for step in steps)
        left = sum(step.skipped for step in steps)
        if sent or left:
            parts.append(f"{sent} delivered")
        if left:
            parts.append(f"{left} left out")
        return ", ".join(filter(None, parts))

    def _caught(self) -> str:
        """What failed in `try`, step by step; the first says why."""
        records = self._steps.records
        failed = [step for node in self._built.flow.walk() if (step := records.get(node.id)) and step.failed]
        told = [f"{step.step}: {_payloads(step.failed)} failed" for step in failed]
        if failed and (error := failed[0].error) is not None:
            told[0] += f" ({decode(error)['detail'][:300]})"
        return ", ".join(told)[:500]

    def _at(self) -> str:
        unfinished = [step.step for step in self._steps.records.values() if step.status not in DONE]
        return unfinished[-1] if unfinished else "the end"

    async def preview(self) -> None:
        """Work out what the run would send: fills `counted`, and `notes` with what stands in the
        way of knowing more.
        """
        try:
            await self._walk()
        except PreviewEnded:
            return
        except StepFailed as failed:
            error = decode(failed.step.error) if failed.step.error else {"detail": "it fails"}
            self.notes.append(f"{failed.step.step} would fail: {error['detail']}")


def _payloads(count: int) -> str:
    return "1 payload" if count == 1 else f"{count} payloads"
