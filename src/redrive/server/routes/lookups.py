"""Routes of lookups: cross-reference tables."""

from __future__ import annotations

from typing import Annotated, Literal

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
    Limit,
    Service,
    answer,
    attachment,
)
from redrive.service.reference_views import LookupAnswer, LookupEntry, LookupView, Removed, TableImported
from redrive.service.views import Page

router = APIRouter(tags=["lookups"], route_class=ExactRoute)

Name = Annotated[str, Path(max_length=200, description="Name of the lookup.")]


@router.get("/lookups", summary="List lookups", response_model=Page[LookupView], responses=problems())
async def list_lookups(service: Service, limit: Limit = 50, cursor: Cursor = None) -> Response:
    return answer(await service.lookups.list(limit=limit, cursor=cursor))


@router.get("/lookups/{name}", summary="Show a lookup", response_model=LookupView, responses=problems(404))
async def get_lookup(service: Service, name: Name) -> Response:
    return answer(await service.lookups.get(name))


@router.delete("/lookups/{name}", summary="Delete a lookup", response_model=Removed, responses=problems(404))
async def delete_lookup(service: Service, name: Name) -> Response:
    """With all its entries. A flow that names it cannot be started then."""
    return answer(await service.lookups.delete(name))


@router.get(
    "/lookups/{name}/entries",
    summary="List entries of a lookup",
    response_model=Page[LookupEntry],
    responses=problems(404),
)
async def lookup_entries(
    service: Service,
    name: Name,
    text: Annotated[str | None, Query(max_length=1000, description="Only those that hold this text.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    return answer(await service.lookups.entries(name, text=text, limit=limit, cursor=cursor))


@router.put(
    "/lookups/{name}/entries",
    summary="Set an entry of a lookup",
    response_model=LookupView,
    responses=problems(),
)
async def set_lookup_entry(service: Service, name: Name, body: LookupEntry) -> Response:
    """Add an entry, or change the one with this `from`. The lookup is made where there is none."""
    return answer(await service.lookups.set(name, body.from_, body.to))


@router.delete(
    "/lookups/{name}/entries",
    summary="Delete an entry of a lookup",
    response_model=Removed,
    responses=problems(404),
)
async def delete_lookup_entry(
    service: Service, name: Name, source: Annotated[str, Query(alias="from", max_length=10_000)]
) -> Response:
    return answer(await service.lookups.remove(name, source))


@router.post(
    "/lookups/{name}/clear", summary="Clear a lookup", response_model=Removed, responses=problems(404)
)
async def clear_lookup(service: Service, name: Name) -> Response:
    """Take all entries away; the lookup stays."""
    return answer(await service.lookups.clear(name))


@router.get(
    "/lookups/{name}/find",
    summary="Look a value up",
    response_model=LookupAnswer,
    responses=problems(404),
)
async def find_in_lookup(
    service: Service,
    name: Name,
    value: Annotated[str, Query(max_length=10_000)],
    direction: Literal["forward", "backward"] = "forward",
    match: Literal["exact", "trimmed", "case_insensitive", "loose", "prefix"] = "exact",
) -> Response:
    """What a step would find."""
    return answer(await service.lookups.find(name, value, direction=direction, match=match))


@router.post(
    "/lookups/{name}/import",
    summary="Import a lookup",
    response_model=TableImported,
    responses=problems(422),
    openapi_extra=CSV_BODY,
)
async def import_lookup(
    service: Service,
    request: Request,
    name: Name,
    form: CsvForm,
    duplicates: Literal["refuse", "first", "last"] = "refuse",
) -> Response:
    """Replace a lookup by the rows of a CSV, of any size, or make it. All or nothing."""
    return answer(await service.lookups.import_(name, request.stream(), form=form, duplicates=duplicates))


@router.get(
    "/lookups/{name}/export",
    summary="Export a lookup",
    response_class=Response,
    responses={**CSV_BYTES, **problems(404)},
)
async def export_lookup(service: Service, name: Name) -> Response:
    return await first_chunk(
        service.lookups.export(name), headers=attachment(f"{name}.csv"), media_type="text/csv"
    )
