"""The route that finds where a business key stands."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from redrive.server.problems import problems
from redrive.server.wire import Cursor, ExactRoute, Limit, Service, answer
from redrive.service.views import FindItem, Page

router = APIRouter(tags=["search"], route_class=ExactRoute)


@router.get("/find", summary="Find a value", response_model=Page[FindItem], responses=problems())
async def find(
    service: Service,
    value: Annotated[str, Query(min_length=1, max_length=2000, description="Exact value, as spelt.")],
    field: Annotated[str | None, Query(max_length=300, description="Only in this tracked field.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Each run and step in which an item with this key or tracked value stood."""
    return answer(await service.search.find(value, field=field, limit=limit, cursor=cursor))
