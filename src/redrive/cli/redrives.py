"""The verbs retry and redrive: the plan is shown, confirmed where needed, and started."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Literal

from cyclopts import Parameter

from redrive.cli.inputs import STDIN, Form, is_file, payload_ids, upload_file
from redrive.cli.options import (
    Delivery,
    NoWait,
    PayloadSources,
    PlanOnly,
    Reason,
    Skips,
    Variables,
    Yes,
    pairs,
)
from redrive.cli.plans import print_plan
from redrive.cli.session import Injected, Session
from redrive.cli.waiting import started
from redrive.client import Client
from redrive.client.records import PlanView, RedriveRequest, RetryRequest, RunRow, Side
from redrive.errors import ConfirmationNeeded, UsageError


async def retry(
    run: Annotated[str, Parameter(help="Id of the run to retry.")],
    /,
    *,
    from_: Annotated[
        Literal["failed", "start"],
        Parameter(name="--from", help="At the failed steps (default), or at the beginning."),
    ] = "failed",
    delivery: Delivery = None,
    reason: Reason = None,
    plan: PlanOnly = False,
    yes: Yes = False,
    no_wait: NoWait = False,
    session: Injected,
) -> int:
    """Run a failed run again as a new run, on the version and clock of the first.

    What was delivered is not sent again. Exit code 0 if the new run ended in success, 1 if it did not.
    """
    request = RetryRequest(from_=from_, delivery=delivery, reason=reason)
    async with session.connect() as client:
        return await _carry_out(
            session,
            client,
            look=lambda: client.redrives.plan_retry(run, request),
            start=lambda confirm: client.redrives.retry(run, request.model_copy(update={"confirm": confirm})),
            only_plan=plan,
            yes=yes,
            no_wait=no_wait,
        )


async def redrive(
    run: Annotated[str, Parameter(help="Id of the source run.")],
    /,
    *,
    after: Annotated[str | None, Parameter(help="Start at what follows this step, with its output.")] = None,
    at: Annotated[str | None, Parameter(help="Start at this step, with its input.")] = None,
    payload: PayloadSources = None,
    edit: Annotated[
        list[str] | None,
        Parameter(
            help="ID=FILE: the payload ID of the bucket is replaced by an edited one; may be repeated."
        ),
    ] = None,
    items: Annotated[
        str | None,
        Parameter(help="Only these items: FIELD = V, FIELD in V,V, #0,3:5, failed; joined by and."),
    ] = None,
    skip: Skips = None,
    var: Variables = None,
    version: Annotated[str, Parameter(help="original (default), deployed, draft or a number.")] = "original",
    clock: Annotated[Literal["original", "now"], Parameter(help="The run's clock.")] = "original",
    delivery: Delivery = None,
    reason: Reason = None,
    force: Annotated[bool, Parameter(help="Take an edited payload that does not parse.")] = False,
    plan: PlanOnly = False,
    yes: Yes = False,
    no_wait: NoWait = False,
    session: Injected,
) -> int:
    """Start a new run at or after a step of an old one, with stored, edited or selected payloads.

    The flow is not changed, and what was delivered is not sent again. Exit code 0 if the new run
    ended in success, 1 if it did not.
    """
    step, side = _start_point(after, at)
    edits = pairs("--edit", edit, "ID=FILE")
    variables = pairs("--var", var)
    async with session.connect() as client:
        request = RedriveRequest(
            after=after,
            at=at,
            payloads=await _replacements(session, client, payload, run=run, step=step, side=side),
            edits={
                id: await upload_file(session, client, file, Form(like=id), option="--edit")
                for id, file in edits.items()
            },
            items=items,
            skips=skip or [],
            variables=variables,
            version=version,
            clock=clock,
            delivery=delivery,
            reason=reason,
            force=force,
        )
        return await _carry_out(
            session,
            client,
            look=lambda: client.redrives.plan(run, request),
            start=lambda confirm: client.redrives.redrive(
                run, request.model_copy(update={"confirm": confirm})
            ),
            only_plan=plan,
            yes=yes,
            no_wait=no_wait,
        )


def _start_point(after: str | None, at: str | None) -> tuple[str, Side]:
    if after is not None and at is None:
        return after, "out"
    if at is not None and after is None:
        return at, "in"
    raise UsageError(
        "Both --after and --at are given" if after else "Neither --after nor --at is given",
        hint="--at STEP starts at the step with its input, --after STEP at what follows it with its output.",
    )


async def _replacements(
    session: Session, client: Client, sources: Sequence[str] | None, *, run: str, step: str, side: Side
) -> list[str]:
    """The payloads that replace the bucket. A file is in all but its bytes like the first it replaces."""
    form = Form()
    if any(source == STDIN or is_file(source) for source in sources or ()):
        bucket = await client.runs.payloads(run, step, side, limit=1)
        if bucket.items:
            form = Form(like=bucket.items[0].id)
    return await payload_ids(session, client, sources, form)


async def _carry_out(
    session: Session,
    client: Client,
    *,
    look: Callable[[], Awaitable[PlanView]],
    start: Callable[[bool], Awaitable[RunRow]],
    only_plan: bool,
    yes: bool,
    no_wait: bool,
) -> int:
    output = session.output
    if only_plan:
        view = await look()
        if session.json:
            output.view(view)
        else:
            print_plan(output, view)
        return 0
    confirmed = yes
    if not yes and output.may_ask:
        view = await look()
        if view.confirm is not None or not session.json:
            # On stderr: what the new run is goes to stdout, maybe into a pipe.
            print_plan(output.aside(), view)
        if view.confirm is not None:
            if not output.ask(f"{view.confirm}. Start it?"):
                raise ConfirmationNeeded("Not confirmed; nothing was started", code="confirmation.refused")
            confirmed = True
    try:
        row = await start(confirmed)
    except ConfirmationNeeded as error:
        hint = "Look at it with --plan; --yes starts it without a question."
        raise ConfirmationNeeded(error.detail, code=error.code, at=error.at, hint=hint) from None
    return await started(session, client, row, no_wait=no_wait)
