"""Routes of runs: start, list, show, follow, stop."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, get_args

from fastapi import APIRouter, Path, Query, Request
from pydantic import AwareDatetime
from starlette.responses import Response, StreamingResponse

from redrive.server.problems import problems, unauthorised
from redrive.server.stream import event_stream, first_chunk, row_of, sse_response, unless_closing
from redrive.server.wire import (
    Cursor,
    ExactRoute,
    IdempotencyKey,
    Limit,
    Service,
    StartDocumentBody,
    StopBody,
    answer,
    still_allowed,
    tagged_answer,
)
from redrive.service.interface import Side, Which
from redrive.service.views import (
    ExchangeView,
    LogLine,
    Overview,
    Page,
    PayloadView,
    PlanView,
    RunRow,
    RunStatus,
    RunView,
    StartRequest,
)

router = APIRouter(tags=["runs"], route_class=ExactRoute)

RunId = Annotated[str, Path(max_length=100, description="Id of the run.")]
StepQuery = Annotated[str | None, Query(max_length=300, description="Only this step.")]
StartedBy = Annotated[
    Literal["api", "manual"], Query(description="What the run log names: a program, or a person.")
]
MAX_WAIT_S = 60.0
_STATE = f"({'|'.join(get_args(RunStatus))})"
_STATES = f"^{_STATE}(,{_STATE})*$"


@router.post(
    "/flows/{name}/runs",
    summary="Start a run of a flow",
    status_code=201,
    response_model=RunRow,
    responses=problems(404, 409),
)
async def start(
    service: Service,
    name: Annotated[str, Path(max_length=300)],
    body: StartRequest,
    trigger: StartedBy = "api",
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Queue a run, with data or without. It is durable when this answers."""
    row = await service.runs.start(name, body, trigger=trigger, idempotency_key=idempotency_key)
    return answer(row, status=201, location=f"/api/v1/runs/{row.id}")


@router.post(
    "/flows/{name}/runs/plan",
    summary="Plan a run of a flow",
    response_model=PlanView,
    responses=problems(404, 409, 410),
)
async def plan_start(
    service: Service,
    name: Annotated[str, Path(max_length=300)],
    body: StartRequest,
    trigger: StartedBy = "api",
) -> Response:
    """What a start would send, with data or without. What a pull will find is not known before. Nothing
    is started.
    """
    return answer(await service.runs.plan(name, body, trigger=trigger))


@router.post(
    "/runs/plan",
    summary="Plan a run of a document",
    response_model=PlanView,
    responses=problems(404, 409, 410, 413),
)
async def plan_document(service: Service, body: StartDocumentBody) -> Response:
    """What a run of a flow document would send. Nothing is started or stored."""
    filename, text = body.document.pair()
    return answer(await service.runs.plan_document(text, filename, body.request()))


@router.post(
    "/runs",
    summary="Start a run of a document",
    status_code=201,
    response_model=RunRow,
    responses=problems(409, 413),
)
async def start_document(
    service: Service,
    body: StartDocumentBody,
    trigger: StartedBy = "api",
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Freeze a flow document as a numbered inactive version and queue a run of it."""
    filename, text = body.document.pair()
    row = await service.runs.start_document(
        text, filename, body.request(), trigger=trigger, idempotency_key=idempotency_key
    )
    return answer(row, status=201, location=f"/api/v1/runs/{row.id}")


@router.get("/runs", summary="List runs", response_model=Page[RunRow], responses=problems())
async def list_runs(
    *,
    service: Service,
    status: Annotated[
        str | None,
        Query(max_length=200, pattern=_STATES, description="A state, or several separated by commas."),
    ] = None,
    flow: Annotated[str | None, Query(max_length=300)] = None,
    trigger: Annotated[str | None, Query(max_length=100)] = None,
    since: Annotated[AwareDatetime | None, Query(description="Queued at this instant or later.")] = None,
    text: Annotated[str | None, Query(max_length=1000, description="Free text.")] = None,
    version: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    warnings: Annotated[bool | None, Query(description="Only runs with, or without, warnings.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Queued before this instant.")] = None,
    label: Annotated[str | None, Query(max_length=100, description="A label of the flow.")] = None,
    value: Annotated[str | None, Query(max_length=1000, description="A value that the run tracked.")] = None,
    unhealed: Annotated[bool, Query(description="Without failures that a later run made good.")] = False,
    oldest: Annotated[bool, Query(description="The oldest first.")] = False,
    brief: Annotated[bool, Query(description="With what went through each, and why it failed.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """The run log, newest first."""
    since_at: datetime | None = since
    until_at: datetime | None = until
    page = await service.runs.list(
        status=status,
        flow=flow,
        trigger=trigger,
        since=since_at,
        text=text,
        version=version,
        warnings=warnings,
        until=until_at,
        label=label,
        value=value,
        unhealed=unhealed,
        oldest=oldest,
        brief=brief,
        limit=limit,
        cursor=cursor,
    )
    return answer(page)


@router.get(
    "/overview", summary="Show what there is to see to", response_model=Overview, responses=problems()
)
async def overview(service: Service) -> Response:
    """The runs of the last day hour by hour, failures that are open, and what runs and waits now."""
    return answer(await service.runs.overview())


@router.get(
    "/runs/events",
    summary="Follow all runs",
    response_class=Response,
    responses={
        200: {"description": "Server-sent events", "content": {"text/event-stream": {}}},
        **problems(),
    },
)
async def follow_all(service: Service, request: Request) -> Response:
    """An event `run` with the row of each run that changes, until the caller leaves."""
    return sse_response(event_stream(service, None, request.app.state.closing, still_allowed(request)))


@router.get("/runs/{run_id}", summary="Show a run", response_model=RunView, responses=problems(404))
async def get_run(
    service: Service,
    request: Request,
    run_id: RunId,
    listed: Annotated[int, Query(ge=0, le=100, description="Payloads in each list of a step.")] = 100,
) -> Response:
    """The run object with every step. Payload lists hold the first 100, with a cursor to the rest."""
    return tagged_answer(request, await service.runs.get(run_id, listed=listed))


@router.get(
    "/runs/{run_id}/events",
    summary="Follow a run",
    response_class=Response,
    responses={
        200: {"description": "Server-sent events", "content": {"text/event-stream": {}}},
        **problems(404),
    },
)
async def follow(service: Service, request: Request, run_id: RunId) -> Response:
    """An event `run` now and at each change, and `end` when the run has ended."""
    await service.runs.get(run_id)
    return sse_response(event_stream(service, run_id, request.app.state.closing, still_allowed(request)))


@router.get(
    "/runs/{run_id}/wait",
    summary="Wait for the end of a run",
    response_model=RunRow,
    responses=problems(404),
)
async def wait(
    service: Service,
    request: Request,
    run_id: RunId,
    timeout_s: Annotated[float, Query(ge=0, le=MAX_WAIT_S, allow_inf_nan=False)] = 25.0,
) -> Response:
    """Answers when the run has ended or the time is over; the status tells which."""
    row = await unless_closing(service.runs.wait(run_id, timeout_s), request.app.state.closing)
    if not await still_allowed(request)():
        raise unauthorised()
    return answer(row if row is not None else row_of(await service.runs.get(run_id)))


@router.get(
    "/runs/{run_id}/logs",
    summary="List log lines of a run",
    response_model=Page[LogLine],
    responses=problems(404),
)
async def logs(
    service: Service, run_id: RunId, step: StepQuery = None, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    return answer(await service.runs.logs(run_id, step, limit=limit, cursor=cursor))


@router.get(
    "/runs/{run_id}/exchanges",
    summary="List exchanges of a run",
    response_model=Page[ExchangeView],
    responses=problems(404),
)
async def exchanges(
    service: Service, run_id: RunId, step: StepQuery = None, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """Requests and answers of the connector steps, secrets masked."""
    return answer(await service.runs.exchanges(run_id, step, limit=limit, cursor=cursor))


@router.get(
    "/exchanges/{exchange_id}/{which}",
    summary="Download the body of an exchange",
    response_class=Response,
    responses={
        200: {"description": "The exact bytes", "content": {"application/octet-stream": {}}},
        **problems(404, 410),
    },
)
async def exchange_body(
    service: Service, exchange_id: Annotated[str, Path(max_length=200)], which: Which
) -> Response:
    return await first_chunk(
        service.runs.exchange_body(exchange_id, which),
        headers={"Content-Disposition": "attachment"},
        media_type="application/octet-stream",
    )


@router.get(
    "/runs/{run_id}/steps/{step}/payloads/{side}",
    summary="List payloads of a step",
    response_model=Page[PayloadView],
    responses=problems(404),
)
async def payloads(
    *,
    service: Service,
    run_id: RunId,
    step: Annotated[str, Path(max_length=300)],
    side: Side,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """The bucket that came in or went out, or the payloads that failed, in bucket order."""
    return answer(await service.runs.payloads(run_id, step, side, limit=limit, cursor=cursor))


@router.get(
    "/runs/{run_id}/answer",
    summary="Download the answer of a run",
    response_class=Response,
    responses={
        200: {"description": "The exact bytes that a callback step answered", "content": {"*/*": {}}},
        **problems(404, 410),
    },
)
async def run_answer(service: Service, run_id: RunId) -> Response:
    """What the caller of a callback got: the body, its media type, and in `Redrive-Status` its status.

    `Redrive-Headers` names the headers that the caller got.
    """
    given = await service.runs.answer(run_id)
    named = ", ".join(name for name, _ in given.headers)
    headers = {**dict(given.headers), "Redrive-Status": str(given.status), "Redrive-Headers": named}
    if isinstance(given.body, bytes):
        return Response(given.body, headers=headers, media_type=given.media_type)
    return StreamingResponse(given.body, headers=headers, media_type=given.media_type)


@router.post("/runs/{run_id}/stop", summary="Stop a run", response_model=RunRow, responses=problems(404, 409))
async def stop(service: Service, run_id: RunId, body: StopBody) -> Response:
    """Stop at the next payload boundary, or at once with `force`."""
    return answer(await service.runs.stop(run_id, body.force))
