"""The verbs run, runs and stop."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from redrive.cli.inputs import Form, payload_ids
from redrive.cli.options import (
    Delivery,
    NoWait,
    PageCursor,
    PageLimit,
    PayloadSources,
    PlanOnly,
    Reason,
    RunStatusName,
    Skips,
    Variables,
    page_size,
    pairs,
)
from redrive.cli.options import (
    since as since_when,
)
from redrive.cli.output import seconds
from redrive.cli.paging import gather
from redrive.cli.plans import print_plan
from redrive.cli.session import Injected, Session
from redrive.cli.waiting import started
from redrive.client.records import PlanView, RunRow, StartRequest
from redrive.errors import UsageError

_DOCUMENT_ENDINGS = (".yaml", ".yml", ".json")


async def run(
    flow: Annotated[str, Parameter(help="Name of a flow; a file if it has a / or ends in .yaml .yml .json.")],
    /,
    *,
    var: Variables = None,
    payload: PayloadSources = None,
    skip: Skips = None,
    version: Annotated[str | None, Parameter(help="deployed, draft or a number.")] = None,
    delivery: Delivery = None,
    reason: Reason = None,
    media_type: Annotated[str | None, Parameter(help="Media type of the files; else by extension.")] = None,
    items_at: Annotated[str | None, Parameter(help="Path of the items in the files.")] = None,
    plan: PlanOnly = False,
    no_wait: NoWait = False,
    session: Injected,
) -> int:
    """Start a run of a flow, with data or without, and wait for its end.

    Exit code 0 if the run ended in success, 1 if it did not.
    """
    is_document = "/" in flow or flow.lower().endswith(_DOCUMENT_ENDINGS)
    if is_document and version is not None:
        raise UsageError("--version is for a flow that is named; a file is its own version", at="--version")
    text = _read(flow) if is_document else b""
    variables = pairs("--var", var)
    async with session.connect() as client:
        ids = await payload_ids(session, client, payload, Form(media_type, items_at))
        request = StartRequest(
            variables=variables,
            payloads=ids,
            skips=skip or [],
            version=version,
            delivery=delivery,
            reason=reason,
        )
        if plan:
            _show_plan(
                session,
                await client.runs.plan_document(text, flow, request)
                if is_document
                else await client.runs.plan(flow, request),
            )
            return 0
        if is_document:
            row = await client.runs.start_document(text, flow, request)
        else:
            row = await client.runs.start(flow, request)
        return await started(session, client, row, no_wait=no_wait)


def _show_plan(session: Session, plan: PlanView) -> None:
    if session.json:
        session.output.view(plan)
    else:
        print_plan(session.output, plan)


def _read(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except FileNotFoundError:
        raise UsageError(
            f"There is no file {name}",
            code="file.unknown",
            at=name,
            hint="A name without / is a flow's name.",
        ) from None
    except OSError as error:
        raise UsageError(
            f"The file {name} cannot be read: {error.strerror}", code="file.unreadable", at=name
        ) from None


async def runs(
    *,
    status: Annotated[RunStatusName | None, Parameter(help="Only runs in this state.")] = None,
    flow: Annotated[str | None, Parameter(help="Only runs of this flow.")] = None,
    trigger: Annotated[str | None, Parameter(help="Only runs that this kind of trigger started.")] = None,
    since: Annotated[
        str | None, Parameter(help="Queued at this time or later; 90m, 2h, 7d mean ago.")
    ] = None,
    text: Annotated[str | None, Parameter(help="Free text.")] = None,
    version: Annotated[int | None, Parameter(help="Only runs of this flow version.")] = None,
    warnings: Annotated[bool | None, Parameter(help="Only runs with warnings.")] = None,
    until: Annotated[str | None, Parameter(help="Queued before this time; 2h, 7d mean ago.")] = None,
    label: Annotated[str | None, Parameter(help="Only runs of flows with this label.")] = None,
    value: Annotated[str | None, Parameter(help="Only runs that tracked this value.")] = None,
    unhealed: Annotated[bool, Parameter(help="Without failures that a later run made good.")] = False,
    oldest: Annotated[bool, Parameter(help="The oldest first.")] = False,
    limit: PageLimit = 50,
    cursor: PageCursor = None,
    session: Injected,
) -> None:
    """List runs, newest first."""
    page_size(limit)
    at = since_when(since, datetime.now(UTC))
    before = since_when(until, datetime.now(UTC), "--until")
    async with session.connect() as client:
        rows, after = await gather(
            lambda most, place: client.runs.list(
                status=status,
                flow=flow,
                trigger=trigger,
                since=at,
                text=text,
                version=version,
                warnings=warnings,
                until=before,
                label=label,
                value=value,
                unhealed=unhealed,
                oldest=oldest,
                limit=most,
                cursor=place,
            ),
            limit,
            cursor,
        )
    if session.json:
        session.output.page(rows, after)
        return
    names = (
        "run",
        "flow",
        "version",
        "status",
        "trigger",
        "queued",
        "duration",
        "warnings",
        "links",
        "summary",
    )
    session.output.table(
        names,
        [
            (
                row.id,
                row.flow,
                row.version,
                row.status,
                row.trigger,
                row.queued_at,
                seconds(row.duration_s),
                row.warnings or "",
                _links(row),
                row.summary,
            )
            for row in rows
        ],
        empty="No runs.",
    )
    more(session, after)


def _links(row: RunRow) -> str:
    links = [f"from {row.source_run}"] if row.source_run else []
    links += [f"to {', '.join(row.redrives)}"] if row.redrives else []
    links += [f"healed by {row.healed_by}"] if row.healed_by else []
    return " ".join(links)


def more(session: Session, cursor: str | None) -> None:
    if cursor is not None:
        session.output.note(f"More: --limit N, or --cursor {cursor}")


async def stop(
    run: Annotated[str, Parameter(help="Id of the run.")],
    /,
    *,
    force: Annotated[bool, Parameter(help="At once, not at the next payload boundary.")] = False,
    session: Injected,
) -> None:
    """Stop a run. What had been sent stays sent, and the run says so."""
    async with session.connect() as client:
        row = await client.runs.stop(run, force)
    if session.json:
        session.output.view(row)
        return
    done = row.status == "stopped"
    session.output.text(f"{row.id}  {'stopped' if done else 'stops at the next payload boundary'}")
