"""Taking a run over, executing it once, and giving it up: one execution of a run at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import msgspec

from redrive.core.jsonvalue import encode
from redrive.core.run import Plan, Run, StepRun
from redrive.engine.buckets import Buckets
from redrive.engine.clock import instant
from redrive.engine.control import Control, Stopped
from redrive.engine.deps import Deps
from redrive.engine.execution import PROGRESS_S
from redrive.engine.failpoints import failpoints
from redrive.engine.flows import BuiltFlow
from redrive.engine.journal import Journal
from redrive.engine.notices import at_end
from redrive.engine.stored import outputs_of, routed_so_far
from redrive.engine.worker import Execution
from redrive.errors import Fault, RedriveError, StepError
from redrive.store import ledger as ledger_store
from redrive.store import runs as store
from redrive.store.committer import Transaction
from redrive.store.statements import row


def give_up(deps: Deps, run: Run, summary: str, error: StepError) -> Callable[[Transaction], None]:
    """The end of a run that nobody executes any more: nothing of it stays claimed or running."""
    at = deps.clock.micros()
    sequence = deps.ids.next()
    plan = msgspec.json.decode(run.plan, type=Plan) if run.plan else Plan()
    packed = encode(error.as_dict())
    try:
        groups = deps.flows.get(run.flow_id, run.version).flow.settings.notify_on_failure
    except RedriveError:
        groups = ()  # its version cannot be read: nobody is named
    tell = at_end(deps, run, groups, "failure", summary, None)

    def work(transaction: Transaction) -> None:
        if not transaction.run(
            store.FAIL_RUN, run_id=run.id, b_epoch=run.epoch, b_summary=summary, b_finished_at=at
        ):
            return
        ledger_store.abandon(transaction, run.id, run.epoch + 1, at, sequence, "the run ended")
        for step in store.step_runs(transaction, run.id):
            if step.status == "running":
                step.status, step.error = "failure", packed
                step.finished_at, step.next_attempt_at, step.waits = at, None, None
                shape = deps.flows.registry.shapes.get(step.shape)
                if shape is not None and shape.tree == "route" and step.checkpoint is not None:
                    for bucket, keep, *_ in routed_so_far(step).paths.values():
                        transaction.run(store.DROP_PAYLOADS, bucket=bucket, keep=keep)
                step.outputs = encode(outputs_of(plan, step)).decode()
                if step.bucket is not None:
                    transaction.run(store.DROP_PAYLOADS, bucket=step.bucket, keep=step.out)
                transaction.insert(store.PUT_STEP_RUN, row(step))
        if tell is not None:
            tell(transaction)
        transaction.after_commit.append(deps.signal.notify)

    return work


async def take_over(deps: Deps, run: Run) -> tuple[list[StepRun], bool]:
    """What an earlier execution left of a run: its step runs; whether there was one at all."""
    if run.epoch == 0 and run.source_run is None:
        return [], False
    steps = await deps.reader.run(lambda rows: store.step_runs(rows, run.id))
    return steps, run.epoch > 0


def begin(deps: Deps, run: Run, journal: Journal) -> None:
    """Claim the run: its epoch rises, so that no earlier execution writes any more. What that
    one had claimed in the ledger is `unknown` from now on.
    """
    before = run.epoch
    run.epoch += 1
    if run.status == "running":
        run.losses += 1
    run.status = "running"
    run.started_at = run.started_at or deps.clock.micros()
    journal.run_changed()
    if before:
        at = deps.clock.micros()
        sequence = deps.ids.next()

        def work(transaction: Transaction) -> None:
            ledger_store.abandon(
                transaction, run.id, run.epoch, at, sequence, "the worker ended in the middle"
            )
            transaction.after_commit.append(deps.signal.notify)

        journal.work(work)
    failpoints.hit("run.claimed")


async def run_once(
    deps: Deps,
    run: Run,
    control: Control,
    changed: Callable[[Run], None],
    *,
    wary: bool = False,
) -> None:
    """Execute a queued or interrupted run to its end, or until the worker lets go of it.

    `wary`: it may be the run that killed its worker before, so that it has begun is durable before
    anything of it happens; else a run that kills quickly would not count its victims.
    """
    journal = Journal(deps.committer, run, changed)
    steps, resumed = await take_over(deps, run)
    begin(deps, run, journal)
    if resumed or wary:
        # Claims of the dead execution have to be `unknown` before anything is decided.
        await journal.barrier()
    else:
        journal.flush(PROGRESS_S)
    try:
        if run.losses >= deps.settings.max_worker_losses:
            raise StepError(
                f"the worker died {run.losses} times in this run",
                code="worker.lost",
                hint="Look at the process log; retry the run when the cause is gone.",
            )
        built = deps.flows.get(run.flow_id, run.version)
        _set_clock(run, built, journal)
        last_success = await _last_success(deps, run)
    except Fault:
        raise
    except RedriveError as error:
        journal.log(-1, deps.clock.micros(), "error", error.detail, {"code": error.code})
        told = error if isinstance(error, StepError) else StepError(error.detail, code=error.code)
        journal.work(give_up(deps, run, error.detail, told))
        await journal.barrier()
        changed(run)
        return
    execution = Execution(
        deps=deps,
        run=run,
        built=built,
        journal=journal,
        buckets=Buckets(deps.reader, deps.contents),
        control=control,
        steps=steps,
        last_success=last_success,
    )
    try:
        await execution.execute()
    except (Stopped, Fault):
        raise
    except asyncio.CancelledError:
        await asyncio.shield(journal.barrier())
        raise


def _set_clock(run: Run, built: BuiltFlow, journal: Journal) -> None:
    """A flow may count from when its run began, not from when it was queued. A run made from another
    one keeps the clock it was given, and one that goes on after a crash its own.
    """
    chosen = run.source_run is not None or run.clock != run.queued_at
    if not (built.flow.settings.use_queued_time or chosen) and run.started_at is not None:
        run.clock = run.started_at
        journal.run_changed()


async def _last_success(deps: Deps, run: Run) -> datetime | None:
    found = deps.reader.rows().one(store.GET_LAST_SUCCESS, flow_id=run.flow_id)
    return instant(found[0]) if found and found[0] is not None else None
