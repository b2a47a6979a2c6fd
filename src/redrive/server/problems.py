"""Every failure as `application/problem+json`: ours, the framework's, and the unforeseen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from redrive.core.jsonvalue import encode
from redrive.errors import Fault, Forbidden, RedriveError, StoreBusy, TooManyTries, UserError
from redrive.service.views import ProblemView

MEDIA_TYPE = "application/problem+json"


class ProblemDetails(BaseModel):
    """The body of every answer that is not a success (RFC 9457, with the error object of the CLI)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    at: str | None = None
    hint: str | None = None
    request_id: str
    problems: list[ProblemView] | None = None


_MEANINGS = {
    400: "The request is wrong",
    401: "No token and no session",
    403: "Not allowed",
    404: "There is no such thing",
    409: "Not possible in the present state, or it needs a confirmation",
    410: "The payload is no longer kept",
    412: "The thing has changed",
    413: "The body is too large",
    416: "The range lies outside the content",
    429: "Tried too often",
    422: "The document or request is not valid",
    500: "Redrive or its machine is in trouble",
    503: "The store is busy or the home cannot be used",
}

_FRAMEWORK_CODES = {
    404: ("route.unknown", "There is no such route"),
    405: ("method.not_allowed", "The route does not take this method"),
    413: ("body.too_large", "The body is too large"),
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error answers of a route for the OpenAPI document; every route can give the common ones."""
    return {
        status: {
            "description": _MEANINGS[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
        }
        for status in sorted({400, 401, 403, 422, 500, 503, *statuses})
    }


def problem_response(
    error: RedriveError,
    request_id: str,
    *,
    status: int | None = None,
    title: str | None = None,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Response:
    """The answer that says what `error` says. `status` and `title` override those of its class."""
    body = error.as_dict()
    number = status or error.status
    problem = {
        "type": f"urn:redrive:problem:{error.code}",
        "title": title or body.pop("title"),
        "status": number,
        **{key: value for key, value in body.items() if key != "title"},
        "request_id": request_id,
        **(extra or {}),
    }
    all_headers = dict(headers or {})
    if isinstance(error, TooManyTries):
        all_headers.setdefault("Retry-After", str(error.after_s))
    if isinstance(error, StoreBusy):
        all_headers.setdefault("Retry-After", "1")
    if number == 401:
        all_headers.setdefault("WWW-Authenticate", 'Bearer realm="redrive"')
    return Response(encode(problem), status_code=number, headers=all_headers, media_type=MEDIA_TYPE)


def unauthorised(detail: str = "This needs a token or a session") -> Forbidden:
    return Forbidden(
        detail,
        code="auth.required",
        hint="Send `Authorization: Bearer TOKEN` (`redrive token create` makes one), or sign in with an "
        "account or the one-time link that `redrive up` printed.",
    )


def unforeseen(request_id: str) -> Fault:
    return Fault(
        "The server met a fault that it does not foresee",
        code="server.error",
        hint=f"The server's log tells more under request {request_id}.",
    )


def request_id_of(request: Request) -> str:
    return str(request.scope.get("redrive_request_id", ""))


def install(app: FastAPI) -> None:
    """Register the handlers, so that no route and no framework answer has another form."""

    async def ours(request: Request, error: Exception) -> Response:
        if not isinstance(error, RedriveError):
            raise error
        request.scope["redrive_problem"] = error.code  # for the audit log
        return problem_response(error, request_id_of(request))

    async def invalid(request: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError):
            raise error
        return _invalid_request(error, request_id_of(request))

    async def framework(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        return _framework_problem(error, request)

    app.add_exception_handler(RedriveError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, framework)


def _invalid_request(error: RequestValidationError, request_id: str) -> Response:
    faults = []
    for fault in error.errors():
        place = [str(part) for part in fault["loc"]]
        faults.append(
            ProblemView(
                code=f"request.{fault['type']}",
                # The value itself stays out of the answer: it may be a payload or a secret.
                title=str(fault["msg"]),
                setting=".".join(place),
            ).model_dump()
        )
    first = faults[0] if faults else {"setting": None, "title": "it cannot be read"}
    named = UserError(
        f"{first['setting']}: {first['title']}" if first["setting"] else str(first["title"]),
        code="request.invalid",
        at="/" + str(first["setting"]).replace(".", "/") if first["setting"] else None,
        hint="The reference at /api/v1/docs lists what each route takes.",
    )
    return problem_response(
        named, request_id, status=422, title="The request is not valid", extra={"problems": faults}
    )


def _framework_problem(error: HTTPException, request: Request) -> Response:
    code, title = _FRAMEWORK_CODES.get(error.status_code, ("request.invalid", "The request is wrong"))
    cause = error.__cause__
    detail = f"The body does not parse as JSON: {cause}" if isinstance(cause, ValueError) else title
    if error.status_code in _FRAMEWORK_CODES:
        detail = f"{title}: {request.method} {request.url.path}"
    return problem_response(
        UserError(detail, code=code, hint="The reference at /api/v1/docs lists all routes."),
        request_id_of(request),
        status=error.status_code,
        title=title,
        headers=error.headers,
    )
