"""The routes that find where a value stands, and those of the search index."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from redrive.server.problems import problems
from redrive.server.wire import Cursor, ExactRoute, Limit, Service, answer
from redrive.service.views import FindPage, SearchStatus

router = APIRouter(tags=["search"], route_class=ExactRoute)


@router.get("/find", summary="Find a value", response_model=FindPage, responses=problems())
async def find(
    service: Service,
    value: Annotated[str, Query(min_length=1, max_length=2000, description="The value, as it is spelt.")],
    field: Annotated[str | None, Query(max_length=300, description="Only in this field.")] = None,
    everywhere: Annotated[
        bool, Query(description="In all payloads too where it is a delivery key or tracked value.")
    ] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Each run and step in which an item with this key or tracked value stood, else each item of any payload
    that holds it. A page may be short although there is a next one.
    """
    return answer(
        await service.search.find(value, field=field, everywhere=everywhere, limit=limit, cursor=cursor)
    )


@router.get(
    "/search/status", summary="Show the search index", response_model=SearchStatus, responses=problems()
)
async def search_status(service: Service) -> Response:
    """What the search index holds, and what it has not taken up yet."""
    return answer(await service.search.status())


@router.post(
    "/search/rebuild",
    summary="Build the search index anew",
    response_model=SearchStatus,
    responses=problems(409),
)
async def rebuild_search(service: Service) -> Response:
    """Throws the index away; it is built anew in the background, the newest runs first."""
    return answer(await service.search.rebuild())
