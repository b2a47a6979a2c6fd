"""Routes of the keys of stored secrets."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from redrive.server.problems import problems
from redrive.server.wire import ExactRoute, Service, answer
from redrive.service.secret_views import Rotated, RotateRequest, SecretsStatus

router = APIRouter(tags=["secrets"], route_class=ExactRoute)


@router.get(
    "/secrets", summary="Status of stored secrets", response_model=SecretsStatus, responses=problems(422)
)
async def secrets_status(service: Service) -> Response:
    """Which key seals new secrets, which keys open how many, and what none of them opens. No values."""
    return answer(await service.secrets.status())


@router.post(
    "/secrets/rotate", summary="Rotate the key", response_model=Rotated, responses=problems(409, 422)
)
async def rotate_secrets(service: Service, body: RotateRequest) -> Response:
    """Seal every stored secret and token with a new key, in one transaction; then the old key goes."""
    return answer(await service.secrets.rotate(body))
