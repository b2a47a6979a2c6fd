"""The verb bulk: many runs retried or redriven as one job; its list, its progress, pause and cancel."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from cyclopts import App, Parameter

from redrive.cli.options import Delivery, PageCursor, PageLimit, PlanOnly, Reason, Yes, page_size
from redrive.cli.options import since as since_when
from redrive.cli.output import Output, visible
from redrive.cli.paging import gather
from redrive.cli.plans import print_steps
from redrive.cli.runs import more
from redrive.cli.session import Injected, Session
from redrive.client import Client
from redrive.client.records import (
    BulkPlan,
    BulkRequest,
    BulkView,
    RedriveRequest,
    RetryRequest,
    RunsWhere,
)
from redrive.core.counting import counted
from redrive.errors import ConfirmationNeeded, UsageError

app = App(name="bulk", help="Retry or redrive many runs as one job, and see how far it is.")
LOOK_EVERY_S: Final = 0.2
MOST_RUNS: Final = 10_000

BulkId = Annotated[str, Parameter(help="Id of the bulk.")]
Runs = Annotated[str, Parameter(help="Ids of runs; or give filters instead.")]
Pace = Annotated[int | None, Parameter(name="--per-minute", help="Start at most so many in a minute.")]
NoWait = Annotated[bool, Parameter(help="Return when all are queued.")]


@Parameter(name="*")
@dataclass(frozen=True)
class Where:
    """The filters of `redrive runs`."""

    status: Annotated[str | None, Parameter(help="Runs in this state, or several with commas.")] = None
    flow: Annotated[str | None, Parameter(help="Runs of this flow.")] = None
    trigger: Annotated[str | None, Parameter(help="Runs that this kind of trigger started.")] = None
    since: Annotated[str | None, Parameter(help="Queued at this time or later; 2h, 7d mean ago.")] = None
    until: Annotated[str | None, Parameter(help="Queued before this time; 2h, 7d mean ago.")] = None
    text: Annotated[str | None, Parameter(help="Free text.")] = None
    label: Annotated[str | None, Parameter(help="Runs of flows with this label.")] = None
    value: Annotated[str | None, Parameter(help="Runs that tracked this value.")] = None
    unhealed: Annotated[bool, Parameter(help="Without failures that a later run made good.")] = False

    def view(self) -> RunsWhere | None:
        """None where no filter is given."""
        if self == Where():
            return None
        now = datetime.now(UTC)
        return RunsWhere(
            status=self.status,
            flow=self.flow,
            trigger=self.trigger,
            since=since_when(self.since, now),
            until=since_when(self.until, now, "--until"),
            text=self.text,
            label=self.label,
            value=self.value,
            unhealed=self.unhealed,
        )


NO_FILTER: Final = Where()


@app.command
async def retry(
    *runs: Runs,
    where: Where = NO_FILTER,
    from_: Annotated[
        Literal["failed", "start"],
        Parameter(name="--from", help="At the failed steps (default), or at the beginning."),
    ] = "failed",
    delivery: Delivery = None,
    reason: Reason = None,
    per_minute: Pace = None,
    plan: PlanOnly = False,
    yes: Yes = False,
    no_wait: NoWait = False,
    session: Injected,
) -> int:
    """Retry many runs, the oldest first: those that are named, or all that fit the filters."""
    request = BulkRequest(
        runs=list(runs),
        where=where.view(),
        retry=RetryRequest(from_=from_, delivery=delivery, reason=reason),
        per_minute=per_minute,
    )
    return await _carry_out(session, request, only_plan=plan, yes=yes, no_wait=no_wait)


@app.command
async def redrive(
    *runs: Runs,
    where: Where = NO_FILTER,
    after: Annotated[str | None, Parameter(help="Start at what follows this step, with its output.")] = None,
    at: Annotated[str | None, Parameter(help="Start at this step, with its input.")] = None,
    items: Annotated[str | None, Parameter(help="Only these items of each.")] = None,
    version: Annotated[str, Parameter(help="original (default), deployed, draft or a number.")] = "original",
    clock: Annotated[Literal["original", "now"], Parameter(help="The clock of the new runs.")] = "original",
    delivery: Delivery = None,
    reason: Reason = None,
    per_minute: Pace = None,
    plan: PlanOnly = False,
    yes: Yes = False,
    no_wait: NoWait = False,
    session: Injected,
) -> int:
    """Redrive many runs at or after a step, the oldest first."""
    if (after is None) == (at is None):
        raise UsageError("Give one of --at STEP and --after STEP", code="start.missing")
    request = BulkRequest(
        runs=list(runs),
        where=where.view(),
        redrive=RedriveRequest(
            after=after, at=at, items=items, version=version, clock=clock, delivery=delivery, reason=reason
        ),
        per_minute=per_minute,
    )
    return await _carry_out(session, request, only_plan=plan, yes=yes, no_wait=no_wait)


@app.default
@app.command(name="list")
async def list_(*, limit: PageLimit = 50, cursor: PageCursor = None, session: Injected) -> None:
    """List jobs, the newest first."""
    page_size(limit)
    async with session.connect() as client:
        found, after = await gather(
            lambda most, place: client.bulks.list(limit=most, cursor=place), limit, cursor
        )
    if session.json:
        session.output.page(found, after)
        return
    session.output.table(
        ("bulk", "kind", "state", "by", "at", "runs", "started", "refused", "success", "failed"),
        [
            (b.id, b.kind, b.state, b.actor, b.at, b.runs, b.started, b.refused, b.success, b.failed)
            for b in found
        ],
        empty="No bulk.",
    )
    more(session, after)


@app.command
async def show(
    bulk: BulkId, /, *, limit: PageLimit = 100, cursor: PageCursor = None, session: Injected
) -> None:
    """Show how far a job is, and what became of each run."""
    page_size(limit)
    async with session.connect() as client:
        view = await client.bulks.get(bulk)
        found, after = await gather(
            lambda most, place: client.bulks.runs(bulk, limit=most, cursor=place), limit, cursor
        )
    if session.json:
        session.output.value(
            {
                **view.model_dump(mode="json"),
                "items": [one.model_dump(mode="json") for one in found],
                "next": after,
            }
        )
        return
    session.output.text(told(view))
    session.output.text()
    session.output.table(
        ("source run", "run", "status", "summary"),
        [
            (one.source_run, one.run or "", one.status or ("refused" if one.problem else "waits"),
             one.problem.detail if one.problem else one.summary)
            for one in found
        ],
        empty="No runs.",
    )  # fmt: skip
    more(session, after)


@app.command
async def pause(bulk: BulkId, /, *, session: Injected) -> None:
    """Start nothing more until it is resumed; what was started goes on."""
    async with session.connect() as client:
        _shown(session, await client.bulks.pause(bulk))


@app.command
async def resume(bulk: BulkId, /, *, session: Injected) -> None:
    """Go on where it was paused, or where a process died; ends when all are queued."""
    async with session.connect() as client:
        await client.bulks.resume(bulk)
        _shown(session, await _queued(session, client, bulk))


@app.command
async def cancel(bulk: BulkId, /, *, session: Injected) -> None:
    """Start nothing more, for good; what was started goes on."""
    async with session.connect() as client:
        _shown(session, await client.bulks.cancel(bulk))


async def _carry_out(
    session: Session, request: BulkRequest, *, only_plan: bool, yes: bool, no_wait: bool
) -> int:
    output = session.output
    async with session.connect() as client:
        if only_plan:
            view = await client.bulks.plan(request)
            if session.json:
                output.view(view)
            else:
                print_plan(output, view)
            return 0
        confirmed = yes
        if not yes and output.may_ask:
            view = await client.bulks.plan(request)
            print_plan(output.aside(), view)
            what = "retry" if request.retry is not None else "redrive"
            if not output.ask(f"Start {counted(view.runs, what)}?"):
                raise ConfirmationNeeded("Not confirmed; nothing was started", code="confirmation.refused")
            confirmed = True
        started = await client.bulks.start(request.model_copy(update={"confirm": confirmed}))
        bulk = await _queued(session, client, started.id)
        if not no_wait and bulk.state == "ended":
            await _finish(client, bulk.id)
            bulk = await client.bulks.get(bulk.id)
        _shown(session, bulk)
    return 0 if bulk.state == "ended" and not bulk.refused and (no_wait or bulk.success == bulk.runs) else 1


async def _queued(session: Session, client: Client, bulk_id: str) -> BulkView:
    """The job when it starts nothing more: it has come to its end, or somebody has paused it."""
    try:
        while True:
            bulk = await client.bulks.get(bulk_id)
            if bulk.state != "running":
                return bulk
            await asyncio.sleep(LOOK_EVERY_S)
    except asyncio.CancelledError:
        where = (
            f"it goes on with `redrive bulk resume {bulk_id}` or the next `redrive up`"
            if client.in_process
            else f"it goes on at {client.where}; `redrive bulk cancel {bulk_id}` ends it"
        )
        session.output.note(f"Interrupted. Bulk {bulk_id} is kept: {where}.")
        raise


async def _finish(client: Client, bulk_id: str) -> None:
    found, _ = await gather(
        lambda most, place: client.bulks.runs(bulk_id, limit=most, cursor=place), MOST_RUNS, None
    )
    for one in found:
        if one.run is not None:
            await client.finish(one.run)


def _shown(session: Session, bulk: BulkView) -> None:
    if session.json:
        session.output.view(bulk)
    else:
        session.output.text(told(bulk))


def told(bulk: BulkView) -> str:
    """`k… ended: 19 of 20 runs started, 1 refused; 18 in success, 1 failed`."""
    text = f"{bulk.id}  {bulk.kind}  {bulk.state}: {bulk.started} of {counted(bulk.runs, 'run')} started"
    if bulk.refused:
        text += f", {bulk.refused} refused"
    if bulk.waiting:
        text += f", {bulk.waiting} not looked at"
    ends = [(bulk.success, "in success"), (bulk.failed, "failed"), (bulk.under_way, "under way")]
    if told_ends := ", ".join(f"{many} {what}" for many, what in ends if many):
        text += f"; {told_ends}"
    if bulk.problem is not None:
        text += f"\npaused by itself: {visible(bulk.problem.detail)}"
    return text


def print_plan(output: Output, plan: BulkPlan) -> None:
    planned = "" if plan.planned == plan.runs else f" (counted: the first {plan.planned})"
    output.text(f"{counted(plan.runs, 'run')}{planned}")
    print_steps(output, plan.steps)
    for note in plan.refused:
        output.text(f"left out, {counted(note.runs, 'run')}: {visible(note.text)}")
    for note in plan.warnings:
        output.text(f"warning, {counted(note.runs, 'run')}: {visible(note.text)}")
    if plan.confirm is not None:
        output.text(f"needs a confirmation: {visible(plan.confirm)}")
