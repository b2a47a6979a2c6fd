"""Routes of API tokens and of sign-in by a one-time link."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import RedirectResponse, Response

from redrive.errors import Forbidden
from redrive.server.auth import SESSION_S, Access, cookie_name
from redrive.server.problems import problem_response, problems, request_id_of
from redrive.server.wire import ExactRoute, Service, TokenBody, answer
from redrive.service.views import LoginLink, NewToken, Page, TokenView

router = APIRouter(tags=["tokens"], route_class=ExactRoute)
sign_in = APIRouter()


@router.get("/tokens", summary="List tokens", response_model=Page[TokenView], responses=problems())
async def list_tokens(service: Service) -> Response:
    return answer(await service.tokens.list())


@router.post(
    "/tokens", summary="Create a token", status_code=201, response_model=NewToken, responses=problems(409)
)
async def create_token(service: Service, body: TokenBody) -> Response:
    """Make an API token. Its text is in this answer and nowhere else."""
    return answer(await service.tokens.create(body.name, days=body.days), status=201)


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


@router.post(
    "/login-links",
    summary="Make a one-time link",
    status_code=201,
    response_model=LoginLink,
    responses=problems(),
)
async def new_link(request: Request) -> Response:
    """An address that signs one browser in, once."""
    access: Access = request.app.state.access
    link = f"{request.url.scheme}://{request.headers['host']}/login/{access.new_code()}"
    return answer(LoginLink(link=link), status=201)


@router.delete(
    "/session",
    summary="Sign out",
    status_code=204,
    response_class=Response,
    responses=problems(),
)
async def sign_out(request: Request) -> Response:
    """End the session of this browser."""
    access: Access = request.app.state.access
    host = request.headers["host"]
    access.end_session(request.headers.get("cookie"), host)
    response = Response(status_code=204)
    response.delete_cookie(cookie_name(host), path="/", httponly=True, samesite="strict")
    return response


@sign_in.get("/login/{code}", include_in_schema=False)
async def login(request: Request, code: str) -> Response:
    access: Access = request.app.state.access
    session = access.redeem(code)
    if session is None:
        return problem_response(
            Forbidden(
                "The link is not known or was used before",
                code="login.used",
                hint="`redrive token link` makes a new one; a new `redrive up` prints one.",
            ),
            request_id_of(request),
        )
    host = request.headers["host"]
    response = RedirectResponse("/", status_code=303)
    response.set_cookie(
        cookie_name(host),
        session,
        max_age=SESSION_S,
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response
