"""Routes of API tokens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from redrive.server.problems import problems
from redrive.server.wire import ExactRoute, Service, TokenBody, answer
from redrive.service.views import NewToken, Page, TokenView

router = APIRouter(tags=["tokens"], route_class=ExactRoute)


@router.get("/tokens", summary="List tokens", response_model=Page[TokenView], responses=problems())
async def list_tokens(service: Service) -> Response:
    """One's own; with the right `people` everybody's."""
    return answer(await service.tokens.list())


@router.post(
    "/tokens", summary="Create a token", status_code=201, response_model=NewToken, responses=problems(409)
)
async def create_token(service: Service, body: TokenBody) -> Response:
    """Make an API token. Its text is in this answer and nowhere else. It can never do more than its maker."""
    return answer(await service.tokens.create(body.name, days=body.days, scopes=body.scopes), status=201)


@router.delete(
    "/tokens/{token_id}",
    summary="Revoke a token",
    status_code=204,
    response_class=Response,
    responses=problems(404),
)
async def revoke_token(service: Service, token_id: Annotated[str, Path(max_length=200)]) -> Response:
    await service.tokens.revoke(token_id)
    return Response(status_code=204)
