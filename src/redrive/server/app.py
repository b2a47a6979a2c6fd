"""Puts the HTTP API together: routes, guard, problems, page and OpenAPI document."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol, cast

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from redrive import __version__
from redrive.server.auth import API, HOOKS, Access, is_open
from redrive.server.guard import Guard
from redrive.server.page import CSP, reference_page
from redrive.server.problems import ProblemDetails, install
from redrive.server.rights import OPEN, RIGHT_OF, UNDECLARED, check_right
from redrive.server.routes import (
    accounts,
    audit,
    backups,
    bulks,
    caches,
    connectors,
    erasures,
    flows,
    groups,
    health,
    hooks,
    insights,
    ledger,
    lookups,
    masks,
    payloads,
    pools,
    queue,
    redrives,
    retention,
    runs,
    search,
    secrets,
    sign_in,
    tests,
    tokens,
    triggers,
)
from redrive.server.webpage import WebPage, routes
from redrive.service.interface import Services
from redrive.service.rights import role_for

_NOUNS = (
    connectors,
    flows,
    triggers,
    retention,
    backups,
    erasures,
    runs,
    insights,
    queue,
    payloads,
    redrives,
    bulks,
    search,
    ledger,
    lookups,
    pools,
    caches,
    groups,
    tests,
    sign_in,
    accounts,
    secrets,
    tokens,
    masks,
    audit,
    health,
)
_DESCRIPTION = """Everything that Redrive does, over HTTP.

Each route names the right that it needs (`x-redrive-right`): 401 `auth.required` says that nobody has
signed in, 403 `auth.forbidden` that the caller lacks it. But for those that are open, every call wants
`Authorization: Bearer TOKEN` or a browser session. Lists are `{"items": [...], "next": cursor}`; give `next`
back as `cursor` for the page after. Every start takes an `Idempotency-Key`. Every failure is
`application/problem+json` with `code`, `at`, `hint` and `request_id`.
Instants are UTC; numbers keep their digits."""


class SettingsRows(Protocol):
    """What the server needs of the settings: their rows."""

    def rows(self) -> list[dict[str, Any]]: ...


class _Application(FastAPI):
    """Calls of hooks go past everything that only the API needs."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(HOOKS) and scope["method"] in hooks.METHODS:
            scope["app"] = self
            await self.state.hooks(scope, receive, send)
            return
        await super().__call__(scope, receive, send)


def create_app(
    service: Services,
    settings: SettingsRows,
    *,
    access: Access | None = None,
    closing: asyncio.Event | None = None,
    web: WebPage | None = None,
) -> FastAPI:
    """The ASGI application. Without `access` nobody comes in but through the open routes.

    `closing` is set when the server is told to end, so that live streams end too.
    """
    app = _Application(
        title="Redrive",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        dependencies=[Depends(check_right)],
    )
    app.state.service = service
    app.state.settings = settings
    app.state.access = access or Access()
    app.state.closing = closing or asyncio.Event()
    app.state.hooks = Guard(hooks.HookEndpoint(), access=app.state.access)
    install(app)
    app.add_middleware(Guard, access=app.state.access)

    app.router.routes.insert(0, hooks.route)  # the first that is looked at
    api = APIRouter(prefix=API)
    for noun in _NOUNS:
        api.include_router(noun.router)
    app.include_router(api)
    app.include_router(health.probes)
    app.include_router(sign_in.links)
    app.include_router(_reference())
    app.router.routes += routes(web or WebPage())
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's own way to replace it
    return app


def openapi_document() -> dict[str, Any]:
    """The OpenAPI document, made without a home."""
    return create_app(cast("Services", None), cast("SettingsRows", None)).openapi()


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        parts = document["components"]
        schemas = parts["schemas"]
        problem = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(problem.pop("$defs", {}))
        schemas["ProblemDetails"] = problem
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        parts["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer"},
            "session": {
                "type": "apiKey",
                "in": "cookie",
                "name": "redrive_session_PORT",
                "description": "Set by signing in; PORT is that of the server, if it has one. A call that "
                "changes something needs the server's own Origin too.",
            },
        }
        document["security"] = [{"token": []}, {"session": []}]
        for path, methods in document["paths"].items():
            for operation in methods.values():
                _tell_right(operation, path)
        app.openapi_schema = document
    return app.openapi_schema


def _tell_right(operation: dict[str, Any], path: str) -> None:
    """Write into an operation which right it needs."""
    right = RIGHT_OF.get(operation["operationId"], UNDECLARED)
    operation["x-redrive-right"] = right
    if right == OPEN or is_open(path):
        operation["security"] = []
        return
    role = role_for(right)
    text = f"Needs the right `{right}`" + (f", which the role {role} has." if right != "self" else ".")
    operation["description"] = "\n\n".join(filter(None, [operation.get("description"), text]))


def _reference() -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get(f"{API}/docs")
    async def reference(request: Request) -> Response:
        page = reference_page(request.app.openapi())
        return HTMLResponse(page, headers={"Content-Security-Policy": CSP})

    @router.get(f"{API}/openapi.json")
    async def document(request: Request) -> Response:
        return JSONResponse(request.app.openapi())

    return router
