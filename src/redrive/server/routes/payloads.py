"""Routes of payloads: what they are, their items, their exact bytes, and uploads."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from redrive.errors import UserError
from redrive.server.problems import problem_response, problems, request_id_of
from redrive.server.ranges import Unsatisfiable, byte_range
from redrive.server.stream import first_chunk
from redrive.server.wire import ExactRoute, Service, answer, matches, tagged_answer
from redrive.service.item_range import item_range
from redrive.service.reading_views import HitPage, ItemWay, ItemWindow, PayloadDiff, Picked
from redrive.service.views import ItemRange, PayloadDetail, UploadView

router = APIRouter(tags=["payloads"], route_class=ExactRoute)

PayloadId = Annotated[str, Path(max_length=200, description="Id of the payload.")]
MAX_ITEMS = 1000
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}(?:; ?[\x20-\x7e]{1,100})?")
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The exact bytes", "content": {"application/octet-stream": {}}},
    206: {"description": "A range of the bytes"},
    304: {"description": "The caller has them already"},
}


@router.get(
    "/payloads/{payload_id}",
    summary="Show a payload",
    response_model=PayloadDetail,
    responses=problems(404, 410),
)
async def get_payload(
    service: Service,
    request: Request,
    payload_id: PayloadId,
    text: Annotated[bool, Query(description="Whether the text is wanted; else it is null.")] = True,
) -> Response:
    """Where it stands and, bounded, its text: what is longer ends in `[trimmed]`."""
    return tagged_answer(request, await service.payloads.get(payload_id, text=text))


@router.get(
    "/payloads/{payload_id}/items",
    summary="List items of a payload",
    response_model=ItemRange,
    responses=problems(404, 410),
)
async def items(
    service: Service,
    payload_id: PayloadId,
    start: Annotated[int, Query(ge=0, le=2**53)] = 0,
    stop: Annotated[int | None, Query(ge=0, le=2**53, description="Half-open; at most 1000 items.")] = None,
) -> Response:
    """Items `start` to before `stop`, each as its own text."""
    end = start + 100 if stop is None else min(stop, start + MAX_ITEMS)
    return answer(await service.payloads.items(payload_id, start, end))


@router.get(
    "/payloads/{payload_id}/window",
    summary="Read a window of items",
    response_model=ItemWindow,
    responses=problems(404, 410),
)
async def window(
    service: Service,
    payload_id: PayloadId,
    start: Annotated[int, Query(ge=0, le=2**53)] = 0,
    stop: Annotated[int | None, Query(ge=0, le=2**53, description="Half-open; at most 1000 items.")] = None,
    item_bytes: Annotated[int, Query(ge=1, le=4 << 20, description="A longer item is cut.")] = 65_536,
) -> Response:
    """Items for a view, each bounded: one that is longer ends in `[trimmed]`. A window far inside a large
    payload is read without all before it, once that has been passed.
    """
    end = start + 100 if stop is None else stop
    return answer(await service.payloads.window(payload_id, start, end, item_bytes=item_bytes))


@router.get(
    "/payloads/{payload_id}/search",
    summary="Search in a payload",
    response_model=HitPage,
    responses=problems(404, 410),
)
async def search(
    *,
    service: Service,
    payload_id: PayloadId,
    text: Annotated[str, Query(min_length=1, max_length=1000)],
    start: Annotated[int, Query(ge=0, le=2**53, description="The byte from which to search on.")] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 200,
    items: Annotated[bool, Query(description="Also say which item holds it.")] = True,
) -> Response:
    """Where a text stands in the stored bytes. One call searches for about a second; `next` goes on."""
    return answer(await service.payloads.search(payload_id, text, start=start, most=limit, items=items))


@router.get(
    "/payloads/{payload_id}/selection",
    summary="Which items a selection takes",
    response_model=Picked,
    responses=problems(404, 410),
)
async def selection(
    *,
    service: Service,
    payload_id: PayloadId,
    items: Annotated[
        str, Query(min_length=1, max_length=100_000, description="`id in 1042,1043`, `#0,3:5`, `failed`.")
    ],
    run: Annotated[str | None, Query(max_length=100, description="For `failed`: the source run.")] = None,
    step: Annotated[str | None, Query(max_length=300, description="For `failed`: where it begins.")] = None,
    after: Annotated[bool, Query(description="After the step, not at it.")] = False,
) -> Response:
    """Counts and numbers the items that the same words would take in a redrive."""
    return answer(await service.payloads.pick(payload_id, items, run=run, step=step, after=after))


@router.get(
    "/payloads/{payload_id}/diff",
    summary="Compare two payloads",
    response_model=PayloadDiff,
    responses=problems(404, 410),
)
async def compare(
    service: Service,
    payload_id: PayloadId,
    after: Annotated[str, Query(max_length=200, description="The payload to compare with.")],
    key: Annotated[str | None, Query(max_length=300, description="The field that names an item.")] = None,
) -> Response:
    """Item by item: equal ones are found wherever they stand, changed ones by their key."""
    return answer(await service.payloads.compare(payload_id, after, key=key))


@router.get(
    "/payloads/{payload_id}/items/{item}/way",
    summary="Follow an item through its run",
    response_model=ItemWay,
    responses=problems(404),
)
async def way(
    service: Service, payload_id: PayloadId, item: Annotated[int, Path(ge=0, le=2**53)]
) -> Response:
    """The items that it was made from, back to the first step, and those that were made from it."""
    return answer(await service.payloads.way(payload_id, item))


@router.head("/payloads/{payload_id}/content", include_in_schema=False)
@router.get(
    "/payloads/{payload_id}/content",
    summary="Download a payload",
    response_class=Response,
    responses={**_BYTES, **problems(404, 410, 416)},
)
async def content(
    service: Service,
    request: Request,
    payload_id: PayloadId,
    items: Annotated[
        str | None,
        Query(max_length=60, description="`a:b`: these items, as `redrive payload --items` prints them."),
    ] = None,
) -> Response:
    """The exact bytes, whole or by Range, with the content's hash as ETag; or a range of items. Where masking
    rules hold for the caller: without what they hide, and whole or by items only.
    """
    detail = await service.payloads.get(payload_id, text=False)
    # Content is hostile: it is handed out as a file, and never rendered (the guard adds nosniff and CSP).
    headers = {"Content-Disposition": "attachment", "Cache-Control": "private, no-cache"}
    media_type = detail.media_type if _MEDIA_TYPE.fullmatch(detail.media_type) else "application/octet-stream"
    if items is not None:
        start, stop = item_range(items, detail.items)
        if request.method == "HEAD":
            return Response(headers=headers, media_type=media_type)
        return await first_chunk(
            service.payloads.items_bytes(payload_id, start, stop), headers=headers, media_type=media_type
        )
    if detail.masked:  # made while it is sent: neither its length nor its hash is known before
        if request.method == "HEAD":
            return Response(headers=headers, media_type=media_type)
        return await first_chunk(service.payloads.stream(payload_id), headers=headers, media_type=media_type)
    tag = f'"{detail.digest}"'
    headers |= {"ETag": tag, "Accept-Ranges": "bytes"}
    if matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    size = detail.size_bytes
    wanted = request.headers.get("range") if request.method == "GET" else None
    if request.headers.get("if-range", tag) != tag:
        wanted = None
    try:
        span = byte_range(wanted, size)
    except Unsatisfiable:
        error = UserError(
            f"The range lies outside the content of {size} bytes", code="range.outside", at=payload_id
        )
        return problem_response(
            error, request_id_of(request), status=416, headers={"Content-Range": f"bytes */{size}"}
        )
    first, last = span or (0, size)
    headers["Content-Length"] = str(last - first)
    if span is not None:
        headers["Content-Range"] = f"bytes {first}-{last - 1}/{size}"
    if request.method == "HEAD" or first == last:
        return Response(headers=headers, media_type=media_type)
    return await first_chunk(
        service.payloads.stream(payload_id, first, last),
        headers=headers,
        media_type=media_type,
        status=206 if span is not None else 200,
    )


@router.post(
    "/uploads",
    summary="Upload a payload",
    status_code=201,
    response_model=UploadView,
    responses=problems(404),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def upload(
    *,
    service: Service,
    request: Request,
    media_type: Annotated[str | None, Query(max_length=200, pattern=r"^[^/\s]+/[^/\s]+.*$")] = None,
    items_path: Annotated[str | None, Query(max_length=1000)] = None,
    filename: Annotated[str | None, Query(max_length=1000)] = None,
    like: Annotated[
        str | None,
        Query(max_length=200, description="Payload that gives media type, items path and meta."),
    ] = None,
) -> Response:
    """Store the bytes of the body, of any size, as a payload for a start."""
    view = await service.payloads.upload(
        request.stream(), media_type=media_type, items_path=items_path, filename=filename, like=like
    )
    return answer(view, status=201)
