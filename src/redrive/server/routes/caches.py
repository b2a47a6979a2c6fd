"""Routes of caches."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from redrive.server.problems import problems
from redrive.server.stream import first_chunk
from redrive.server.wire import Cursor, ExactRoute, Limit, Service, answer, attachment
from redrive.service.reference_views import CacheEntryView, CachePageView, CacheView, Removed
from redrive.service.views import Page

router = APIRouter(tags=["caches"], route_class=ExactRoute)

Cache = Annotated[str, Path(max_length=200, description="Id of the cache, or a name that only one has.")]
Entry = Annotated[str, Query(max_length=2000, description="Name of the entry.")]
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The exact bytes", "content": {"application/octet-stream": {}}}
}


@router.get("/caches", summary="List caches", response_model=Page[CacheView], responses=problems())
async def list_caches(
    service: Service,
    scope: Literal["run", "flow", "company"] | None = None,
    name: Annotated[str | None, Query(max_length=200)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """The newest first."""
    return answer(await service.caches.list(scope=scope, name=name, limit=limit, cursor=cursor))


@router.get("/caches/{cache}", summary="Show a cache", response_model=CacheView, responses=problems(404, 409))
async def get_cache(service: Service, cache: Cache) -> Response:
    return answer(await service.caches.get(cache))


@router.delete(
    "/caches/{cache}", summary="Delete a cache", response_model=Removed, responses=problems(404, 409)
)
async def delete_cache(service: Service, cache: Cache) -> Response:
    return answer(await service.caches.delete(cache))


@router.get(
    "/caches/{cache}/entries",
    summary="List entries of a cache",
    response_model=Page[CacheEntryView],
    responses=problems(404, 409),
)
async def cache_entries(
    service: Service,
    cache: Cache,
    text: Annotated[str | None, Query(max_length=1000, description="Only names that hold this text.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    return answer(await service.caches.entries(cache, text=text, limit=limit, cursor=cursor))


@router.delete(
    "/caches/{cache}/entries",
    summary="Delete an entry of a cache",
    response_model=Removed,
    responses=problems(404, 409),
)
async def delete_cache_entry(service: Service, cache: Cache, entry: Entry) -> Response:
    return answer(await service.caches.remove(cache, entry))


@router.get(
    "/caches/{cache}/pages",
    summary="List pages of a cache entry",
    response_model=Page[CachePageView],
    responses=problems(404, 409),
)
async def cache_pages(service: Service, cache: Cache, entry: Entry) -> Response:
    return answer(await service.caches.pages(cache, entry))


@router.get(
    "/caches/{cache}/content",
    summary="Download a page of a cache entry",
    response_class=Response,
    responses={**_BYTES, **problems(404, 409, 410)},
)
async def cache_content(
    service: Service,
    cache: Cache,
    entry: Entry,
    page: Annotated[int, Query(ge=-1, le=2**31, description="From 0; -1 is the last.")] = -1,
) -> Response:
    # Content is hostile: it is handed out as a file, and never rendered.
    return await first_chunk(
        service.caches.content(cache, entry, page),
        headers=attachment("page"),
        media_type="application/octet-stream",
    )


@router.post(
    "/caches/{cache}/clear", summary="Clear a cache", response_model=Removed, responses=problems(404, 409)
)
async def clear_cache(
    service: Service,
    cache: Cache,
    expired: Annotated[bool, Query(description="Only pages whose time is over.")] = False,
) -> Response:
    return answer(await service.caches.clear(cache, expired=expired))
