"""Routes of the delivery ledger."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from redrive.server.problems import problems
from redrive.server.wire import Cursor, ExactRoute, Limit, ResolveBody, Service, answer
from redrive.service.views import DeliveryStatus, DeliveryView, Page

router = APIRouter(tags=["ledger"], route_class=ExactRoute)

DeliveryId = Annotated[str, Path(max_length=200, description="Id of the delivery.")]


@router.get("/deliveries", summary="List deliveries", response_model=Page[DeliveryView], responses=problems())
async def list_deliveries(
    service: Service,
    status: DeliveryStatus | None = None,
    key: Annotated[str | None, Query(max_length=2000)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """What was sent under which key, and how that ended; one row for each identity."""
    return answer(await service.ledger.list(status=status, key=key, limit=limit, cursor=cursor))


@router.get(
    "/deliveries/{delivery_id}",
    summary="Show a delivery",
    response_model=DeliveryView,
    responses=problems(404),
)
async def get_delivery(service: Service, delivery_id: DeliveryId) -> Response:
    return answer(await service.ledger.get(delivery_id))


@router.post(
    "/deliveries/{delivery_id}/resolve",
    summary="Resolve a delivery",
    response_model=DeliveryView,
    responses=problems(404, 409),
)
async def resolve(service: Service, delivery_id: DeliveryId, body: ResolveBody) -> Response:
    """Say of an unknown delivery that it arrived (`sent`) or did not; with a reason."""
    return answer(await service.ledger.resolve(delivery_id, sent=body.sent, reason=body.reason))
