"""Routes of notification groups."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from redrive.server.problems import problems
from redrive.server.wire import Cursor, ExactRoute, Limit, Service, answer
from redrive.service.group_views import GroupRequest, GroupView, NoticeStatus, NoticeView, TestSent
from redrive.service.reference_views import Removed
from redrive.service.views import Page

router = APIRouter(tags=["notification groups"], route_class=ExactRoute)

Name = Annotated[str, Path(max_length=200, description="Name of the notification group.")]


@router.get(
    "/groups", summary="List notification groups", response_model=Page[GroupView], responses=problems()
)
async def list_groups(service: Service, limit: Limit = 50, cursor: Cursor = None) -> Response:
    return answer(await service.groups.list(limit=limit, cursor=cursor))


@router.get(
    "/groups/{name}", summary="Show a notification group", response_model=GroupView, responses=problems(404)
)
async def get_group(service: Service, name: Name) -> Response:
    return answer(await service.groups.get(name))


@router.put(
    "/groups/{name}", summary="Set a notification group", response_model=GroupView, responses=problems()
)
async def set_group(service: Service, name: Name, body: GroupRequest) -> Response:
    """Make a group, or change one: what the body leaves out stays. URLs are sealed and never shown."""
    return answer(await service.groups.set(name, body))


@router.delete(
    "/groups/{name}", summary="Delete a notification group", response_model=Removed, responses=problems(404)
)
async def delete_group(service: Service, name: Name) -> Response:
    return answer(await service.groups.delete(name))


@router.post(
    "/groups/{name}/test",
    summary="Send a test message",
    response_model=TestSent,
    responses=problems(404),
)
async def test_group(service: Service, name: Name) -> Response:
    """To each URL of the group, now."""
    return answer(await service.groups.test(name))


@router.get("/notices", summary="List notices", response_model=Page[NoticeView], responses=problems())
async def list_notices(
    service: Service,
    group: Annotated[str | None, Query(max_length=200)] = None,
    status: NoticeStatus | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """What notification groups were told, or will be; the newest first."""
    return answer(await service.groups.sent(group=group, status=status, limit=limit, cursor=cursor))


@router.post(
    "/notices/{notice}/send",
    summary="Send a notice again",
    response_model=NoticeView,
    responses=problems(404, 409),
)
async def send_notice(
    service: Service, notice: Annotated[str, Path(max_length=200, description="Id of the notice.")]
) -> Response:
    """Try a notice again that was given up."""
    return answer(await service.groups.send_again(notice))
