"""Routes of bulk: many runs retried or redriven as one job."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from redrive.server.problems import problems
from redrive.server.wire import Cursor, ExactRoute, IdempotencyKey, Limit, Service, answer
from redrive.service.bulk_views import BulkPlan, BulkRequest, BulkRun, BulkView
from redrive.service.views import Page

router = APIRouter(tags=["bulks"], route_class=ExactRoute)

BulkId = Annotated[str, Path(max_length=100, description="Id of the bulk.")]


@router.post("/bulks/plan", summary="Plan a bulk", response_model=BulkPlan, responses=problems(404, 409, 410))
async def plan_bulk(service: Service, body: BulkRequest) -> Response:
    """What it would send in all, and which runs it leaves out: of the first 500. Nothing is started."""
    return answer(await service.bulks.plan(body))


@router.post(
    "/bulks",
    summary="Start a bulk",
    status_code=201,
    response_model=BulkView,
    responses=problems(404, 409, 410),
)
async def start_bulk(service: Service, body: BulkRequest, idempotency_key: IdempotencyKey = None) -> Response:
    """Begin a job that retries or redrives each run, the oldest first. It is durable when this answers."""
    made = await service.bulks.start(body, idempotency_key=idempotency_key)
    return answer(made, status=201, location=f"/api/v1/bulks/{made.id}")


@router.get("/bulks", summary="List bulks", response_model=Page[BulkView], responses=problems())
async def list_bulks(service: Service, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Jobs, the newest first, and how far each is."""
    return answer(await service.bulks.list(limit=limit, cursor=cursor))


@router.get("/bulks/{bulk_id}", summary="Show a bulk", response_model=BulkView, responses=problems(404))
async def get_bulk(service: Service, bulk_id: BulkId) -> Response:
    return answer(await service.bulks.get(bulk_id))


@router.get(
    "/bulks/{bulk_id}/runs",
    summary="List the runs of a bulk",
    response_model=Page[BulkRun],
    responses=problems(404),
)
async def bulk_runs(service: Service, bulk_id: BulkId, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """What became of each: a new run, a problem, or nothing yet."""
    return answer(await service.bulks.runs(bulk_id, limit=limit, cursor=cursor))


@router.post(
    "/bulks/{bulk_id}/pause", summary="Pause a bulk", response_model=BulkView, responses=problems(404, 409)
)
async def pause_bulk(service: Service, bulk_id: BulkId) -> Response:
    """Start nothing more until it is resumed; what was started goes on."""
    return answer(await service.bulks.pause(bulk_id))


@router.post(
    "/bulks/{bulk_id}/resume", summary="Resume a bulk", response_model=BulkView, responses=problems(404, 409)
)
async def resume_bulk(service: Service, bulk_id: BulkId) -> Response:
    return answer(await service.bulks.resume(bulk_id))


@router.post(
    "/bulks/{bulk_id}/cancel", summary="Cancel a bulk", response_model=BulkView, responses=problems(404, 409)
)
async def cancel_bulk(service: Service, bulk_id: BulkId) -> Response:
    """Start nothing more, for good; what was started goes on."""
    return answer(await service.bulks.cancel(bulk_id))
