"""Routes of erasing."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from redrive.server.problems import problems
from redrive.server.wire import Cursor, ExactRoute, Limit, Service, answer
from redrive.service.kept_views import ErasePlan, EraseRequest, ErasureView
from redrive.service.views import Page

router = APIRouter(tags=["erasures"], route_class=ExactRoute)


@router.get("/erasures", summary="List erasures", response_model=Page[ErasureView], responses=problems())
async def list_erasures(service: Service, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """What was erased, the newest first: when, by whom and why; not what."""
    return answer(await service.erasures.list(limit=limit, cursor=cursor))


@router.post("/erasures/plan", summary="Plan an erasing", response_model=ErasePlan, responses=problems())
async def plan_erasure(service: Service, body: EraseRequest) -> Response:
    """What holds the value, and which backups. Changes nothing."""
    return answer(await service.erasures.plan(body))


@router.post("/erasures", summary="Erase", response_model=ErasureView, responses=problems(409))
async def erase(service: Service, body: EraseRequest) -> Response:
    """Erase every item that holds the value, for good; answers when nothing of it is left."""
    return answer(await service.erasures.erase(body))
