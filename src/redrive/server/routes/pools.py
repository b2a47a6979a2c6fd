"""Routes of data pools."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from redrive.server.problems import problems
from redrive.server.stream import first_chunk
from redrive.server.wire import (
    CSV_BODY,
    CSV_BYTES,
    CsvForm,
    Cursor,
    ExactRoute,
    KeysBody,
    Limit,
    Service,
    answer,
    attachment,
)
from redrive.service.reference_views import PoolEntryView, PoolView, Removed, TableImported
from redrive.service.views import Page

router = APIRouter(tags=["pools"], route_class=ExactRoute)

Name = Annotated[str, Path(max_length=200, description="Name of the data pool.")]
OfFlow = Annotated[
    str | None, Query(max_length=200, description="The flow that it belongs to; without, flows share it.")
]
Before = Annotated[datetime | None, Query(description="Only entries tracked before this instant.")]


@router.get("/pools", summary="List data pools", response_model=Page[PoolView], responses=problems())
async def list_pools(service: Service, limit: Limit = 50, cursor: Cursor = None) -> Response:
    return answer(await service.pools.list(limit=limit, cursor=cursor))


@router.get("/pools/{name}", summary="Show a data pool", response_model=PoolView, responses=problems(404))
async def get_pool(service: Service, name: Name, flow: OfFlow = None) -> Response:
    return answer(await service.pools.get(name, flow=flow))


@router.delete("/pools/{name}", summary="Delete a data pool", response_model=Removed, responses=problems(404))
async def delete_pool(service: Service, name: Name, flow: OfFlow = None) -> Response:
    """With all its entries. A step that names it makes it anew."""
    return answer(await service.pools.delete(name, flow=flow))


@router.get(
    "/pools/{name}/entries",
    summary="List entries of a data pool",
    response_model=Page[PoolEntryView],
    responses=problems(404),
)
async def pool_entries(
    *,
    service: Service,
    name: Name,
    flow: OfFlow = None,
    text: Annotated[str | None, Query(max_length=1000, description="Only keys that hold this text.")] = None,
    before: Before = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """By key. The first page begins with the provisional entries of runs under way."""
    return answer(
        await service.pools.entries(name, flow=flow, text=text, before=before, limit=limit, cursor=cursor)
    )


@router.put(
    "/pools/{name}/entries",
    summary="Add keys to a data pool",
    response_model=PoolView,
    responses=problems(),
)
async def add_to_pool(service: Service, name: Name, body: KeysBody, flow: OfFlow = None) -> Response:
    """The pool is made where there is none."""
    return answer(await service.pools.add(name, body.keys, flow=flow))


@router.delete(
    "/pools/{name}/entries",
    summary="Delete keys from a data pool",
    response_model=Removed,
    responses=problems(404),
)
async def remove_from_pool(
    service: Service,
    name: Name,
    key: Annotated[list[str], Query(min_length=1, max_length=500)],
    flow: OfFlow = None,
) -> Response:
    """Their items go on when they come again."""
    return answer(await service.pools.remove(name, key, flow=flow))


@router.post(
    "/pools/{name}/clear", summary="Clear a data pool", response_model=Removed, responses=problems(404)
)
async def clear_pool(service: Service, name: Name, flow: OfFlow = None, before: Before = None) -> Response:
    """Take all entries away, or the old ones; not what runs under way hold."""
    return answer(await service.pools.clear(name, flow=flow, before=before))


@router.post(
    "/pools/{name}/import",
    summary="Import keys into a data pool",
    response_model=TableImported,
    responses=problems(422),
    openapi_extra=CSV_BODY,
)
async def import_pool(
    service: Service, request: Request, name: Name, form: CsvForm, flow: OfFlow = None
) -> Response:
    """Put the keys of a CSV into a pool, beside what is there: its one column, or the one that is named."""
    return answer(await service.pools.import_(name, request.stream(), flow=flow, form=form))


@router.get(
    "/pools/{name}/export",
    summary="Export a data pool",
    response_class=Response,
    responses={**CSV_BYTES, **problems(404)},
)
async def export_pool(service: Service, name: Name, flow: OfFlow = None) -> Response:
    return await first_chunk(
        service.pools.export(name, flow=flow), headers=attachment(f"{name}.csv"), media_type="text/csv"
    )
