"""Routes of triggers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from redrive.server.problems import problems
from redrive.server.wire import Cursor, ExactRoute, Limit, Service, answer
from redrive.service.trigger_views import TriggerView
from redrive.service.views import Page

router = APIRouter(tags=["triggers"], route_class=ExactRoute)


@router.get("/triggers", summary="List triggers", response_model=Page[TriggerView], responses=problems(404))
async def list_triggers(
    service: Service,
    flow: Annotated[str | None, Query(max_length=300, description="Only of this flow.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Schedules with their next five times, hooks with their addresses. `limit` counts flows."""
    return answer(await service.triggers.list(flow, limit=limit, cursor=cursor))
