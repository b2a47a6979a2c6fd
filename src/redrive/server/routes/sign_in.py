"""Routes of signing in and out: who one is, name and password, one-time links, sessions."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from redrive.errors import Forbidden, RedriveError
from redrive.log import get_logger
from redrive.server.auth import API, Access, cookie_name, cookie_of
from redrive.server.problems import problem_response, problems, request_id_of
from redrive.server.wire import Caller, CheckedService, ExactRoute, Service, answer
from redrive.service.interface import CheckedServices
from redrive.service.people_views import (
    Me,
    NewSession,
    PasswordChange,
    SessionView,
    SignInRequest,
    WaysIn,
)
from redrive.service.reference_views import Removed
from redrive.service.views import LoginLink, Page

router = APIRouter(tags=["sign-in"], route_class=ExactRoute)
links = APIRouter()
log = get_logger(__name__)

OIDC_COOKIE: Final = "redrive_oidc"
CALLBACK: Final = f"{API}/oidc/callback"


@router.get("/me", summary="Show who one is", response_model=Me, responses=problems())
async def me(service: CheckedService, caller: Caller) -> Response:
    """Who calls, with role and rights, and how one can sign in. Open to anybody: a page asks this first."""
    return answer(await service.sign_ins.me(caller, _ways_in(service)))


@router.post("/sign-in", summary="Sign in", response_model=Me, responses=problems(429))
async def sign_in(service: CheckedService, request: Request, body: SignInRequest) -> Response:
    """Begin a session with name and password; the cookie comes with the answer.

    403 `sign_in.failed` does not tell an unknown name from a wrong password; after a few of them 429
    `sign_in.too_many` says in `Retry-After` how long to wait.
    """
    made = await service.sign_ins.by_password(
        body, address=_address(request), agent=request.headers.get("user-agent")
    )
    actor = await service.sessions.identify(made.text, _address(request))
    response = answer(await service.sign_ins.me(actor, _ways_in(service)))
    set_session(request, response, made)
    return response


@router.get(
    "/oidc/start",
    summary="Begin a sign-in by OIDC",
    status_code=303,
    response_class=Response,
    responses=problems(409),
)
async def oidc_start(
    service: CheckedService,
    request: Request,
    to: Annotated[str, Query(max_length=2000, description="Path to go to afterwards.")] = "/",
) -> Response:
    """Lead the browser to the identity provider, which leads it back to `/oidc/callback`."""
    host = request.headers["host"]
    names = _access(request).names
    redirect_uri = f"{names.base(request.url.scheme, host)}{CALLBACK}"
    url, sealed = await service.oidc.start(redirect_uri, own_path(to))
    response = RedirectResponse(url, status_code=303)
    response.set_cookie(
        cookie_name(host, OIDC_COOKIE),
        sealed,
        max_age=600,
        path=CALLBACK,
        httponly=True,
        samesite="lax",
        secure=names.is_secure(request.url.scheme, host),
    )
    return response


@router.get(
    "/oidc/callback",
    summary="End a sign-in by OIDC",
    status_code=303,
    response_class=Response,
    responses=problems(),
)
async def oidc_callback(service: CheckedService, request: Request) -> Response:
    """Where the identity provider leads back to. Leads on to where the browser wanted to go, signed in; or to
    `/?sign_in=CODE` with the code of the problem.
    """
    host = request.headers["host"]
    try:
        made, to = await service.oidc.finish(
            dict(request.query_params),
            cookie_of(request.headers.get("cookie"), host, OIDC_COOKIE),
            address=_address(request),
            agent=request.headers.get("user-agent"),
        )
    except RedriveError as error:
        log.warning("sign_in.failed", code=error.code, detail=error.detail)
        response = RedirectResponse(f"/?sign_in={quote(error.code)}", status_code=303)
    else:
        response = RedirectResponse(to, status_code=303)
        set_session(request, response, made)
    response.delete_cookie(cookie_name(host, OIDC_COOKIE), path=CALLBACK, httponly=True, samesite="lax")
    return response


def own_path(text: str) -> str:
    """A path on this server; anything that could lead elsewhere becomes the front page."""
    plain = text.startswith("/") and text[1:2] not in {"/", "\\"} and text.isprintable() and "\\" not in text
    return text if plain else "/"


@router.delete(
    "/session",
    summary="Sign out",
    status_code=204,
    response_class=Response,
    responses=problems(),
)
async def sign_out(service: CheckedService, request: Request) -> Response:
    """End the session of this browser."""
    host = request.headers["host"]
    session = cookie_of(request.headers.get("cookie"), host)
    if session is not None:
        await service.sessions.sign_out(session)
    response = Response(status_code=204)
    response.delete_cookie(cookie_name(host), path="/", httponly=True, samesite="lax")
    return response


@router.get("/sessions", summary="List sessions", response_model=Page[SessionView], responses=problems())
async def list_sessions(
    service: Service,
    all: Annotated[bool, Query(description="Everybody's; needs the right `people`.")] = False,
) -> Response:
    """One's own sessions, the newest first."""
    return answer(await service.sessions.list(everybody=all))


@router.delete(
    "/sessions/{session_id}", summary="End a session", response_model=Removed, responses=problems(404)
)
async def end_session(service: Service, session_id: Annotated[str, Path(max_length=200)]) -> Response:
    """End one of one's own sessions; that of another needs the right `people`."""
    return answer(await service.sessions.end(session_id))


@router.put(
    "/me/password",
    summary="Change one's password",
    status_code=204,
    response_class=Response,
    responses=problems(409),
)
async def change_password(service: Service, body: PasswordChange) -> Response:
    """Change one's own password. All other sessions of the account end."""
    await service.accounts.change_password(body)
    return Response(status_code=204)


@router.post(
    "/login-links",
    summary="Make a one-time link",
    status_code=201,
    response_model=LoginLink,
    responses=problems(),
)
async def new_link(service: CheckedService, request: Request) -> Response:
    """An address that signs one browser in, once: as one's own account, else as the local administrator."""
    base = _access(request).names.base(request.url.scheme, request.headers["host"])
    return answer(LoginLink(link=f"{base}/login/{service.sign_ins.new_code()}"), status=201)


@links.get("/login/{code}", include_in_schema=False)
async def login(service: CheckedService, request: Request, code: str) -> Response:
    made = await service.sign_ins.by_link(
        code, address=_address(request), agent=request.headers.get("user-agent")
    )
    if made is None:
        return problem_response(
            Forbidden(
                "The link is not known or was used before",
                code="login.used",
                hint="`redrive token link` makes a new one; a new `redrive up` prints one.",
            ),
            request_id_of(request),
        )
    response = RedirectResponse("/", status_code=303)
    set_session(request, response, made)
    return response


def set_session(request: Request, response: Response, made: NewSession) -> None:
    """Put a new session into the browser's cookie. Lax: a link that leads here finds it signed in; what
    changes something wants the page's own Origin.
    """
    host = request.headers["host"]
    response.set_cookie(
        cookie_name(host),
        made.text,
        expires=made.view.expires_at,
        path="/",
        httponly=True,
        samesite="lax",
        secure=_access(request).names.is_secure(request.url.scheme, host),
    )


def _ways_in(service: CheckedServices) -> WaysIn:
    return WaysIn(password=True, oidc=service.oidc.name)


def _access(request: Request) -> Access:
    access: Access = request.app.state.access
    return access


def _address(request: Request) -> str | None:
    address: str | None = request.scope["redrive_actor"].address
    return address
