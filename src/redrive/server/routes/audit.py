"""The route of the audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from starlette.responses import Response

from redrive.server.problems import problems
from redrive.server.wire import Cursor, ExactRoute, Limit, Service, answer
from redrive.service.people_views import AuditLine
from redrive.service.views import Page

router = APIRouter(tags=["audit"], route_class=ExactRoute)


@router.get("/audit", summary="List the audit log", response_model=Page[AuditLine], responses=problems())
async def list_audit(
    *,
    service: Service,
    who: Annotated[
        str | None, Query(max_length=200, description="Name of an account, token or process.")
    ] = None,
    what: Annotated[
        str | None, Query(max_length=200, description="An action, `run.stop`, or all of a noun, `run`.")
    ] = None,
    subject: Annotated[str | None, Query(max_length=400, description="What it was done to.")] = None,
    since: Annotated[AwareDatetime | None, Query(description="Lines from then on.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Who did what, when, from where, and how it ended; the newest first."""
    return answer(
        await service.audit.list(who=who, what=what, subject=subject, since=since, limit=limit, cursor=cursor)
    )
