"""The verbs retention, pin, unpin and delete."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from redrive.cli.options import Reason, Yes
from redrive.cli.output import size, visible
from redrive.cli.session import Injected, Session
from redrive.client.records import DeleteRequest, LimitView, RetentionPlan, RetentionResult
from redrive.core.counting import counted
from redrive.errors import ConfirmationNeeded


async def retention(
    *,
    dry_run: Annotated[bool, Parameter(help="Only show what would go.")] = False,
    compact: Annotated[
        bool,
        Parameter(help="Then write the database anew, so that its file shrinks; nothing runs meanwhile."),
    ] = False,
    session: Injected,
) -> None:
    """Take away what is no longer to be kept. `redrive up` does it by itself."""
    async with session.connect() as client:
        if dry_run:
            _show(session, await client.retention.plan())
            return
        result = await client.retention.run(compact=compact)
    if session.json:
        session.output.view(result)
        return
    session.output.text(_told(result))


def _show(session: Session, plan: RetentionPlan) -> None:
    if session.json:
        session.output.view(plan)
        return
    session.output.table(
        ("flow", "payloads success", "payloads failure", "runs success", "runs failure", "expire", "delete",
         "size", "waiting"),
        [
            (
                one.flow,
                _limit(one.payloads_success),
                _limit(one.payloads_failure),
                _limit(one.runs_success),
                _limit(one.runs_failure),
                one.expire,
                one.delete,
                size(one.size_bytes),
                one.waiting,
            )
            for one in plan.flows
        ],
        empty="No runs.",
    )  # fmt: skip


def _limit(limit: LimitView) -> str:
    parts = []
    if limit.days is not None:
        parts.append(f"{limit.days:g} d")
    if limit.count is not None:
        parts.append(f"{counted(limit.count, 'run')}")
    if limit.size_bytes is not None:
        parts.append(size(limit.size_bytes))
    return ", ".join(parts) or "for ever"


def _told(result: RetentionResult) -> str:
    text = (
        f"{counted(result.expired, 'run')} lost payloads, {counted(result.deleted, 'run')} deleted; gone: "
        f"{counted(result.contents, 'content')} ({size(result.size_bytes)}), "
        f"{counted(result.objects, 'object')} and {counted(result.uploads, 'upload')}."
    )
    if result.waiting:
        text += f" {counted(result.waiting, 'run')} not yet: deliveries are to be settled."
    return text


async def pin(run: Annotated[str, Parameter(help="Id of the run.")], /, *, session: Injected) -> None:
    """Keep a run with its payloads, whatever the rules say."""
    await _pin(session, run, pinned=True)


async def unpin(run: Annotated[str, Parameter(help="Id of the run.")], /, *, session: Injected) -> None:
    """Let the rules hold for a run again."""
    await _pin(session, run, pinned=False)


async def _pin(session: Session, run: str, *, pinned: bool) -> None:
    async with session.connect() as client:
        row = await client.retention.pin(run, pinned)
    if session.json:
        session.output.view(row)
        return
    session.output.text(f"{row.id}  {visible(row.flow)}  {'pinned' if row.pinned else 'not pinned'}")


async def delete(
    *runs: Annotated[str, Parameter(help="Ids of runs.")],
    reason: Reason = None,
    yes: Yes = False,
    session: Injected,
) -> None:
    """Delete runs for good, with logs and payloads. What was delivered stays known."""
    request = DeleteRequest(runs=list(runs), reason=reason, confirm=yes)
    async with session.connect() as client:
        try:
            done = await client.retention.delete(request)
        except ConfirmationNeeded as error:
            if not session.output.may_ask or not session.output.ask(f"{error.detail}. Go on?"):
                raise
            done = await client.retention.delete(request.model_copy(update={"confirm": True}))
    if session.json:
        session.output.view(done)
        return
    session.output.text(f"{counted(len(done.runs), 'run')} deleted.")
