"""The route of insights."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from starlette.responses import Response

from redrive.server.problems import problems
from redrive.server.wire import ExactRoute, Service, answer
from redrive.service.insight_views import InsightsView
from redrive.service.insights import Width

router = APIRouter(tags=["runs"], route_class=ExactRoute)


@router.get("/insights", summary="Show insights", response_model=InsightsView, responses=problems())
async def insights(
    service: Service,
    flow: Annotated[str | None, Query(max_length=300, description="Only runs of this flow.")] = None,
    since: Annotated[
        AwareDatetime | None, Query(description="From the hour or day of this instant; default: 7 days ago.")
    ] = None,
    bucket: Annotated[
        Width | None, Query(description="By hours or days; default: by hours up to 3 days.")
    ] = None,
) -> Response:
    """How many runs ended how, and how long they took, over time and by flow. Runs count in the hour in which
    they were queued, in UTC, also when they are no longer kept.
    """
    return answer(await service.insights.get(flow=flow, since=since, bucket=bucket))
