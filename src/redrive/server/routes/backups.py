"""Routes of backups."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from redrive.server.problems import problems
from redrive.server.stream import first_chunk
from redrive.server.wire import Cursor, ExactRoute, Limit, Service, answer
from redrive.service.kept_views import BackupView
from redrive.service.views import Page

router = APIRouter(tags=["backups"], route_class=ExactRoute)


@router.get("/backups", summary="List backups", response_model=Page[BackupView], responses=problems())
async def list_backups(service: Service, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Backups that were made of this home, the newest first."""
    return answer(await service.backups.list(limit=limit, cursor=cursor))


@router.post(
    "/backups",
    summary="Make a backup",
    response_class=Response,
    responses={
        200: {"description": "The backup, as a stream", "content": {"application/x-tar": {}}},
        **problems(),
    },
)
async def make_backup(
    service: Service,
    name: Annotated[str, Query(max_length=500, description="Where it will be kept.")] = "",
    secrets: Annotated[bool, Query(description="With the key of stored secrets.")] = False,
) -> Response:
    """A backup of this moment, while runs go on. What is cut off is no backup: its end is missing."""
    return await first_chunk(
        service.backups.create(name=name, secrets=secrets),
        headers={
            "Content-Disposition": 'attachment; filename="redrive-backup.tar"',
            "Cache-Control": "no-store",
        },
        media_type="application/x-tar",
    )
