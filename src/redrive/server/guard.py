"""The outermost layer of every call: request id, Host and Origin, sign-in, size limit, safe headers.

It stands before routing, so a route that is added later cannot forget it, and an unknown path tells a
stranger nothing.
"""

from __future__ import annotations

import random
import re
import uuid
from dataclasses import replace
from functools import partial
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from redrive.errors import Forbidden, RedriveError, UserError
from redrive.log import get_logger
from redrive.server.auth import HOOKS, Access, is_open
from redrive.server.problems import problem_response, unforeseen
from redrive.server.webpage import is_page
from redrive.service.actors import ANYBODY, Actor, acting

log = get_logger(__name__)

MAX_BODY_BYTES: Final = 8 * 1024 * 1024
UPLOAD_PATH: Final = "/api/v1/uploads"
_random = random.Random()  # noqa: S311 - names a call in the log: no secret
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})

_SAFE_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox",
    "Cache-Control": "no-store",
}


_HOOK_HEADERS: Final = [
    (name.lower().encode(), _SAFE_HEADERS[name].encode())
    for name in ("X-Content-Type-Options", "Content-Security-Policy", "Cache-Control")
]


class _Refused(Exception):
    def __init__(self, error: RedriveError, status: int | None = None) -> None:
        self.error = error
        self.status = status


class Guard:
    """ASGI middleware. An unforeseen fault is logged once, under the request id that its answer names."""

    def __init__(self, app: ASGIApp, *, access: Access, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._access = access
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            return  # a socket is closed by the server when the app returns without an answer
        elif scope["path"].startswith(HOOKS):
            await self._hook(scope, receive, send)
        else:
            await self._call(scope, receive, send)

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope["redrive_request_id"] = request_id
        started = False
        status = 0

        async def send_safely(message: Message) -> None:
            nonlocal started, status
            if message["type"] == "http.response.start":
                started = True
                status = message["status"]
                answer = MutableHeaders(scope=message)
                for name, value in _SAFE_HEADERS.items():
                    answer.setdefault(name, value)
                answer["X-Request-Id"] = request_id
            await send(message)

        try:
            actor = scope["redrive_actor"] = await self._admit(scope, headers)
            scope["redrive_allowed"] = partial(
                self._access.still,
                actor,
                authorization=headers.get("authorization"),
                cookie=headers.get("cookie"),
                host=headers.get("host") or "",
            )
            receive = await self._bounded(scope, headers, receive)
            with acting(actor):
                await self._app(scope, receive, send_safely)
            if status >= 400:
                self._tell(scope, actor)
        except _Refused as refused:
            answer = problem_response(refused.error, request_id, status=refused.status)
            await answer(scope, receive, send_safely)
        except Exception as error:
            log.error("request.failed", error=error, request_id=request_id, path=scope["path"])
            if started:
                raise  # the server then cuts the answer, so that nobody takes a part for the whole
            await problem_response(unforeseen(request_id), request_id)(scope, receive, send_safely)

    async def _hook(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A call of a hook: from any host and origin, because it proves itself; its body goes to the store
        in pieces.
        """
        # No uuid4: the system call for it gives the interpreter away, and each call would wait for its turn.
        request_id = scope["redrive_request_id"] = f"{_random.getrandbits(128):032x}"
        address = self._address(scope, Headers(scope=scope))
        hook = Actor(name="hook", rights=frozenset(), via="hook", address=address)
        scope["redrive_actor"] = hook
        answered = False

        async def send_safely(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                message["headers"] = [
                    *message["headers"],
                    *_HOOK_HEADERS,
                    (b"x-request-id", request_id.encode()),
                ]
            await send(message)

        try:
            with acting(hook):
                await self._app(scope, receive, send_safely)
        except Exception as error:
            # Not the path: there may be a token in it.
            log.error("request.failed", error=error, request_id=request_id, path=HOOKS)
            if answered:
                raise
            await problem_response(unforeseen(request_id), request_id)(scope, receive, send_safely)

    def _address(self, scope: Scope, headers: Headers) -> str | None:
        peer = scope.get("client")
        forwarded = headers.get("x-forwarded-for") if self._access.has_proxies else None
        return self._access.address_of(peer[0] if peer else None, forwarded)

    async def _admit(self, scope: Scope, headers: Headers) -> Actor:
        host = headers.get("host") or ""
        origin = headers.get("origin")
        names = self._access.names
        address = self._address(scope, headers)
        authorization, cookie = headers.get("authorization"), headers.get("cookie")
        try:
            names.check_host(host)
            names.check_origin(origin, host)
            if is_open(scope["path"]) or is_page(scope["method"], scope["path"], headers.get("accept")):
                known = await self._access.recognise(
                    authorization=authorization, cookie=cookie, host=host, address=address
                )
                return known or replace(ANYBODY, address=address)
            return await self._access.identify(
                authorization=authorization,
                cookie=cookie,
                host=host,
                method=scope["method"],
                origin=origin,
                fetch_site=headers.get("sec-fetch-site"),
                address=address,
            )
        except Forbidden as error:
            raise _Refused(error, 401 if error.code == "auth.required" else 403) from None
        except RedriveError as error:
            raise _Refused(error) from None

    def _tell(self, scope: Scope, actor: Actor) -> None:
        """Write down a change that failed, and whatever was not allowed."""
        code = scope.get("redrive_problem")
        route = scope.get("route")
        if code is None or route is None or self._access.doors is None or actor.via == "nothing":
            return
        if scope["method"] in _WITH_BODY or code == "auth.forbidden":
            self._access.doors.sign_ins.refused(actor, f"failed.{route.name}", scope["path"], code)

    async def _bounded(self, scope: Scope, headers: Headers, receive: Receive) -> Receive:
        """Read the body of a call that is not an upload, as far as the limit, and hand it on whole."""
        if scope["method"] not in _WITH_BODY or scope["path"] == UPLOAD_PATH:
            return receive
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self._max_body_bytes:
            raise self._too_large()
        parts: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return _replay(message, receive)
            part = message.get("body", b"")
            size += len(part)
            if size > self._max_body_bytes:
                raise self._too_large()
            parts.append(part)
            more = message.get("more_body", False)
        return _replay({"type": "http.request", "body": b"".join(parts), "more_body": False}, receive)

    def _too_large(self) -> _Refused:
        error = UserError(
            f"The body is larger than {self._max_body_bytes} bytes",
            code="body.too_large",
            hint=f"Payloads of any size go to {UPLOAD_PATH}.",
        )
        return _Refused(error, 413)


def _replay(first: Message, receive: Receive) -> Receive:
    waiting: list[Message] = [first]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed
