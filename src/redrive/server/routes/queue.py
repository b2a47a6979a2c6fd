"""Routes of the queue: what waits and why, pauses, circuits."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from redrive.server.problems import problems
from redrive.server.wire import Cursor, ExactRoute, Limit, Service, answer
from redrive.service.queue_views import (
    CircuitView,
    MoveRequest,
    PauseKind,
    PauseRequest,
    PauseView,
    QueueItem,
)
from redrive.service.reference_views import Removed
from redrive.service.views import Page

router = APIRouter(tags=["queue"], route_class=ExactRoute)


@router.get("/queue", summary="List what waits", response_model=Page[QueueItem], responses=problems())
async def queue(service: Service, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """Queued runs in the order in which they would start, and why each waits."""
    return answer(await service.queue.list(limit=limit, cursor=cursor))


@router.patch(
    "/queue/{run_id}", summary="Move a queued run", response_model=QueueItem, responses=problems(404, 409)
)
async def move(service: Service, run_id: Annotated[str, Path(max_length=100)], body: MoveRequest) -> Response:
    """Give it another priority, or put it before all that waits."""
    return answer(await service.queue.move(run_id, body))


@router.get("/pauses", summary="List what is paused", response_model=Page[PauseView], responses=problems())
async def pauses(service: Service) -> Response:
    return answer(await service.queue.pauses())


@router.post(
    "/pauses",
    summary="Pause everything, a flow or a connection",
    response_model=PauseView,
    responses=problems(404),
)
async def pause(service: Service, body: PauseRequest) -> Response:
    """Nothing of it starts until it is resumed. Runs under way wait before they use a paused connection."""
    return answer(await service.queue.pause(body))


@router.delete("/pauses", summary="Resume what is paused", response_model=Removed, responses=problems())
async def resume(
    service: Service,
    kind: Annotated[PauseKind, Query()],
    name: Annotated[str, Query(max_length=300, description="Of the flow or connection.")] = "",
) -> Response:
    """`removed` is 0 where it was not paused."""
    return answer(await service.queue.resume(kind, name))


@router.get("/circuits", summary="List open circuits", response_model=Page[CircuitView], responses=problems())
async def circuits(service: Service) -> Response:
    """Connections whose target is down: runs wait for them."""
    return answer(await service.queue.circuits())


@router.post(
    "/circuits/{connection}/reset", summary="Close a circuit", response_model=Removed, responses=problems()
)
async def reset(service: Service, connection: Annotated[str, Path(max_length=300)]) -> Response:
    """What waits for the target goes on at once. `removed` is 0 where the circuit was not open."""
    return answer(await service.queue.reset(connection))
