"""Routes that make a new run from an old one: retry and redrive, and the plan of either."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from redrive.server.problems import problems
from redrive.server.wire import ExactRoute, IdempotencyKey, Service, answer
from redrive.service.views import PlanView, RedriveRequest, RetryRequest, RunRow

router = APIRouter(tags=["redrives"], route_class=ExactRoute)

RunId = Annotated[str, Path(max_length=100, description="Id of the source run.")]


@router.post(
    "/runs/{run_id}/retry/plan",
    summary="Plan a retry",
    response_model=PlanView,
    responses=problems(404, 409, 410),
)
async def plan_retry(service: Service, run_id: RunId, body: RetryRequest) -> Response:
    """What a retry would do. Nothing is started."""
    return answer(await service.redrives.plan_retry(run_id, body))


@router.post(
    "/runs/{run_id}/retry",
    summary="Retry a run",
    status_code=201,
    response_model=RunRow,
    responses=problems(404, 409, 410),
)
async def retry(
    service: Service, run_id: RunId, body: RetryRequest, idempotency_key: IdempotencyKey = None
) -> Response:
    """Start a new run at the failed step, or from the start. A source that did not fail wants `confirm`."""
    row = await service.redrives.retry(run_id, body, idempotency_key=idempotency_key)
    return answer(row, status=201, location=f"/api/v1/runs/{row.id}")


@router.post(
    "/runs/{run_id}/redrive/plan",
    summary="Plan a redrive",
    response_model=PlanView,
    responses=problems(404, 409, 410),
)
async def plan(service: Service, run_id: RunId, body: RedriveRequest) -> Response:
    """What a redrive would send, step by step, and what was delivered before. Nothing is started."""
    return answer(await service.redrives.plan(run_id, body))


@router.post(
    "/runs/{run_id}/redrive",
    summary="Redrive a run",
    status_code=201,
    response_model=RunRow,
    responses=problems(404, 409, 410),
)
async def redrive(
    service: Service, run_id: RunId, body: RedriveRequest, idempotency_key: IdempotencyKey = None
) -> Response:
    """Start a new run at or after a step, with stored, edited or selected payloads."""
    row = await service.redrives.redrive(run_id, body, idempotency_key=idempotency_key)
    return answer(row, status=201, location=f"/api/v1/runs/{row.id}")
