"""The address of webhooks and callbacks: each checks its own token or signature.

A raw ASGI route: on the way of some thousand calls a second there is no framework between the
socket and the service.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import unquote

from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from redrive.errors import Fault, QueueFull, RedriveError, StoreFull
from redrive.log import get_logger
from redrive.server.auth import HOOKS
from redrive.server.problems import problem_response
from redrive.service.hook_calls import HookAnswer, HookCall

if TYPE_CHECKING:
    from redrive.service.interface import HookDoor

METHODS: Final = ("GET", "POST", "PUT")
_STATUS: Final = {
    "hook.refused": 401,
    "hook.stale": 401,
    "hook.method": 405,
    "hook.encoding": 415,
    "callback.late": 504,
}
_RETRY_S: Final = {QueueFull: "5", StoreFull: "60"}

log = get_logger(__name__)


class CallerGone(Exception):
    """The caller has left in the middle of its body."""


class HookEndpoint:
    """One ASGI endpoint for all hooks; the service finds out which."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        door = cast("HookDoor", scope["app"].state.service.hooks)
        request_id = str(scope.get("redrive_request_id", ""))
        call = HookCall(
            method=scope["method"],
            parts=_parts(scope),
            query=scope["query_string"].decode("latin-1"),
            headers=_headers(scope),
            chunks=lambda: _chunks(receive),
        )
        try:
            answer = await door.receive(call)
        except CallerGone:
            return
        except RedriveError as error:
            await _refuse(error, request_id)(scope, receive, send)
            return
        await _send(answer, send)


def _parts(scope: Scope) -> tuple[str, ...]:
    # The raw path: a token with %2F in it is one part.
    raw = scope.get("raw_path") or scope["path"].encode()
    return tuple([unquote(part) for part in raw.decode("latin-1").partition("?")[0].split("/")[2:]])


def _headers(scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise CallerGone
        if body := message.get("body", b""):
            yield body
        if not message.get("more_body", False):
            return


def _refuse(error: RedriveError, request_id: str) -> Response:
    headers = {}
    retry = next((after for kind, after in _RETRY_S.items() if isinstance(error, kind)), None)
    if retry is not None:
        headers["Retry-After"] = retry
    if error.code == "hook.method":
        headers["Allow"] = error.at or ""
    if isinstance(error, Fault) and retry is None and not error.code.startswith("callback."):
        log.error("hook.failed", error=error, request_id=request_id)
    return problem_response(error, request_id, status=_STATUS.get(error.code), headers=headers)


async def _send(answer: HookAnswer, send: Send) -> None:
    body = answer.body
    headers = [
        (b"content-type", answer.media_type.encode("latin-1", "replace")),
        *(
            (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
            for name, value in answer.headers
        ),
    ]
    if isinstance(body, bytes):
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    async for chunk in body:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


route = Route(HOOKS + "{address:path}", HookEndpoint(), methods=METHODS, name="hook", include_in_schema=False)
