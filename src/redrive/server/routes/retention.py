"""Routes of retention: the look, the pass, pins, deleting runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from redrive.server.problems import problems
from redrive.server.wire import ExactRoute, Service, answer
from redrive.service.kept_views import Deleted, DeleteRequest, RetentionPlan, RetentionResult
from redrive.service.views import RunRow

router = APIRouter(tags=["retention"], route_class=ExactRoute)

RunId = Annotated[str, Path(max_length=200, description="Id of the run.")]


class RetentionBody(BaseModel):
    """`compact`: then the database is written anew, so that its file shrinks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    compact: bool = False


@router.get("/retention", summary="Show what is due", response_model=RetentionPlan, responses=problems())
async def retention_plan(service: Service) -> Response:
    """The rules of each flow, and what the next pass would take away. Changes nothing."""
    return answer(await service.retention.plan())


@router.post(
    "/retention",
    summary="Run a retention pass",
    response_model=RetentionResult,
    responses=problems(409),
)
async def run_retention(service: Service, body: RetentionBody) -> Response:
    """Take away now what is due; answers at its end."""
    return answer(await service.retention.run(compact=body.compact))


@router.put("/runs/{run_id}/pin", summary="Pin a run", response_model=RunRow, responses=problems(404, 409))
async def pin_run(service: Service, run_id: RunId) -> Response:
    """Keep a run, whatever the rules say."""
    return answer(await service.retention.pin(run_id, True))


@router.delete("/runs/{run_id}/pin", summary="Unpin a run", response_model=RunRow, responses=problems(404))
async def unpin_run(service: Service, run_id: RunId) -> Response:
    return answer(await service.retention.pin(run_id, False))


@router.post("/runs/delete", summary="Delete runs", response_model=Deleted, responses=problems(404, 409))
async def delete_runs(service: Service, body: DeleteRequest) -> Response:
    """Delete runs with logs and payloads, for good. Deliveries stay."""
    return answer(await service.retention.delete(body))
