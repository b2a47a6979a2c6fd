"""Steps that start other flows: one called run for each execution of the step, whatever crashes.

The id of the called run is in the step's checkpoint, and the run is queued by the transaction that
makes this checkpoint durable. So after a crash there is either neither of them, or both, and the
step only waits. The same checkpoint leads a retry to the run that its source had called.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from redrive.core.ids import to_text
from redrive.core.jsonvalue import encode
from redrive.core.run import PayloadRow, Plan, Run, StepRun
from redrive.engine.contents import StoredContent
from redrive.engine.control import Stopped
from redrive.engine.deps import Deps
from redrive.engine.failpoints import failpoints
from redrive.engine.journal import Journal
from redrive.engine.pauses import Pauses
from redrive.engine.stored import Inputs, buckets_of
from redrive.errors import NotFound, RedriveError, StateConflict, StepError
from redrive.sdk.calling import Called
from redrive.sdk.context import StepLog
from redrive.store import runs as store
from redrive.store.committer import Transaction

_ENDED_WELL = frozenset({"success", "partial_success"})


class Call(msgspec.Struct):
    """What a step asks for. With `payload` the called run gets that one payload, else `inputs`."""

    caller: Run
    plan: Plan
    """That of the caller."""
    step: str
    flow: str
    variables: Mapping[str, Any]
    inputs: Inputs
    payload: tuple[PayloadRow, StoredContent] | None = None


class Starting(msgspec.Struct):
    """A called run, drafted; `write` queues it."""

    run: Run
    write: Callable[[Transaction], None]


class Calls(Protocol):
    """Drafts runs for steps."""

    async def start(self, call: Call) -> Starting:
        """Errors: those of `StepContext.call`."""

    async def again(self, call: Call, run: Run) -> Starting:
        """A retry of a called run that failed. Errors: `payload.expired`, those of `start`."""

    def wake(self) -> None:
        """A run was queued, or asked to stop."""


class Reached(msgspec.Struct):
    """The checkpoint of a call: the run, and the attempt of which run it was started for."""

    called: int
    by: int
    attempt: int


class CalledRun(Called):
    """A called run that has ended; `buckets` is what it put out."""

    buckets: list[int] = msgspec.field(default_factory=list)


class Calling:
    """The calls of one step execution."""

    def __init__(
        self, *, deps: Deps, journal: Journal, step: StepRun, plan: Plan, pauses: Pauses, log: StepLog
    ) -> None:
        self._deps = deps
        self._journal = journal
        self._run = journal.run
        self._step = step
        self._plan = plan
        self._pauses = pauses
        self._log = log

    def of(
        self,
        flow: str,
        variables: Mapping[str, Any],
        inputs: Inputs,
        payload: tuple[PayloadRow, StoredContent] | None,
    ) -> Call:
        return Call(self._run, self._plan, self._step.step, flow, variables, inputs, payload)

    async def call(self, call: Call, state: Any, attempt: int, *, wait: bool, stop_called: bool) -> CalledRun:
        """Start the run, or take up the one that was started. Errors: as `StepContext.call`."""
        run = await self._taken_up(state)
        if run is None:
            run = await self._begin(await self._drafted(call), attempt)
        elif wait and self._failed_before(run, state, attempt):
            again = await self._again(call, run)
            self._log.info(
                f"run {to_text('r', run.id)} had ended in {run.status}; it is retried",
                run=to_text("r", run.id),
            )
            run = await self._begin(again, attempt)
        if wait and run.finished_at is None:
            run = await self._wait(run, stop_called=stop_called)
        if not wait:
            return CalledRun(to_text("r", run.id), run.flow, run.status)
        return await self._ended(run)

    # ---- starting

    async def _taken_up(self, state: Any) -> Run | None:
        """The run that an earlier execution or attempt has started, if it is still there."""
        if not isinstance(state, Mapping) or "called" not in state:
            return None
        return await self._found(int(state["called"]))

    async def _found(self, run_id: int) -> Run | None:
        return await self._deps.reader.run(lambda rows: store.get_run(rows, run_id))

    def _failed_before(self, run: Run, state: Any, attempt: int) -> bool:
        """Whether the run had failed when this attempt began: it is made good then, not reported anew."""
        reached = msgspec.convert(state, Reached)
        earlier = reached.by != self._run.id or attempt > reached.attempt
        return earlier and run.finished_at is not None and run.status not in _ENDED_WELL

    async def _drafted(self, call: Call) -> Starting:
        calls = self._deps.calls
        if calls is None:
            raise AssertionError("nobody drafts called runs")
        try:
            return await calls.start(call)
        except (NotFound, StateConflict) as error:
            # Not the fault of a payload: no `try` catches it.
            raise StepError(
                error.detail, code=error.code, at=error.at, hint=error.hint, stops_step=True
            ) from None

    async def _again(self, call: Call, run: Run) -> Starting:
        calls = self._deps.calls
        assert calls is not None
        try:
            return await calls.again(call, run)
        except RedriveError as error:
            if error.code != "run.not_failed":
                raise
            return await self._drafted(call)  # it was stopped before it began

    async def _begin(self, starting: Starting, attempt: int) -> Run:
        run = starting.run
        failpoints.hit("call.drafted")
        self._step.checkpoint = encode(
            {"called": run.id, "by": self._run.id, "attempt": attempt},
        )
        self._journal.work(starting.write)
        self._journal.step(self._step)
        self._log.info(f"started run {to_text('r', run.id)} of flow {run.flow}", run=to_text("r", run.id))
        await self._journal.barrier()
        failpoints.hit("call.queued")
        self._deps.changed(run)
        self._wake()
        return run

    def _wake(self) -> None:
        if self._deps.calls is not None:
            self._deps.calls.wake()

    # ---- waiting

    async def _wait(self, run: Run, *, stop_called: bool) -> Run:
        """Until it has ended. Errors: `Stopped`."""
        control = self._pauses.control
        what = {"run": to_text("r", run.id)}
        with (
            self._deps.ends.of(run.id) as event,
            self._deps.waits.waiting(self._run.id, frozenset({run.id})),
        ):
            try:
                async with self._pauses.waiting(what):
                    while (found := await self._found(run.id)) is not None and found.finished_at is None:
                        await control.wait(event)
                        event.clear()
            except Stopped:
                if control.stop and stop_called:
                    await self._stop(run, control.stop)
                    await self._until_stopped(run, event)
                raise
            except asyncio.CancelledError:
                if control.stop and stop_called:
                    await asyncio.shield(self._stop(run, control.stop))
                raise
        if found is None:
            raise StepError(f"run {to_text('r', run.id)}, which was called, is gone", code="called.failed")
        failpoints.hit("call.ended")
        return found

    async def _stop(self, run: Run, level: int) -> None:
        at = self._deps.clock.micros()

        def work(transaction: Transaction) -> None:
            transaction.run(store.STOP, run_id=run.id, b_stop=level)
            transaction.run(store.STOP_QUEUED, run_id=run.id, b_finished_at=at)

        self._log.warning(f"run {to_text('r', run.id)} is stopped too", run=to_text("r", run.id))
        await self._deps.committer.submit(work)
        self._deps.changed(run)
        self._wake()

    async def _until_stopped(self, run: Run, event: asyncio.Event) -> None:
        try:
            while (found := await self._found(run.id)) is not None and found.finished_at is None:
                await event.wait()
                event.clear()
        except asyncio.CancelledError:
            await asyncio.shield(self._stop(run, self._pauses.control.stop))
            raise

    # ---- its end

    async def _ended(self, run: Run) -> CalledRun:
        name = to_text("r", run.id)
        if run.status not in _ENDED_WELL:
            stopped = run.status == "stopped"
            raise StepError(
                f"run {name} of flow {run.flow} "
                + ("was stopped" if stopped else "failed")
                + (f": {run.summary}" if run.summary and not stopped else ""),
                code="called.stopped" if stopped else "called.failed",
                at=name,
                hint=f"`redrive show {name}` tells more. A retry of this run retries that one.",
                retry="never" if stopped else "backoff",
            )
        if run.status == "partial_success":
            self._log.warning(f"run {name} of flow {run.flow} ended in partial_success", run=name)
        return CalledRun(name, run.flow, run.status, run.summary, await put_out(self._deps, run))


async def put_out(deps: Deps, run: Run) -> list[int]:
    """What the last step of a run's flow put out."""
    last = deps.flows.get(run.flow_id, run.version).flow.steps[-1].id
    steps = await deps.reader.run(lambda rows: store.step_runs(rows, run.id))
    found = next((step for step in steps if step.step == last), None)
    return (buckets_of(found.outputs) or []) if found is not None else []
