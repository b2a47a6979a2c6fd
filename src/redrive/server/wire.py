"""What goes over the wire: bodies that routes take, exact JSON both ways, ETags, common parameters."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, ClassVar, Final, Literal, cast
from urllib.parse import quote

from fastapi import Depends, Header, Query, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from starlette.responses import Response

from redrive.core.jsonvalue import decode
from redrive.server.stream import Allowed
from redrive.service.actors import Actor
from redrive.service.csv_table import Form
from redrive.service.interface import CheckedServices, Document, Services
from redrive.service.views import StartRequest, View

MAX_LIMIT: Final = 500


def service_of(request: Request) -> Services:
    return cast("Services", request.app.state.service)


def checked_service_of(request: Request) -> CheckedServices:
    return cast("CheckedServices", request.app.state.service)


def caller_of(request: Request) -> Actor | None:
    """Who calls, if anybody has signed in."""
    actor: Actor = request.scope["redrive_actor"]
    return None if actor.via == "nothing" else actor


def still_allowed(request: Request) -> Allowed:
    """Whether whoever called may go on: the session or token is still good, with the rights it had.

    Rights that have changed end a stream too, for what it shows depends on them; its page opens another.
    """
    return cast("Allowed", request.scope["redrive_allowed"])


Service = Annotated[Services, Depends(service_of)]
CheckedService = Annotated[CheckedServices, Depends(checked_service_of)]
Caller = Annotated[Actor | None, Depends(caller_of)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Most entries of the page.")]
Cursor = Annotated[
    str | None, Query(max_length=2000, description="`next` of the page before; opaque.", min_length=1)
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="The same key with the same body gives the same run, also after a lost answer; another "
        "body is refused with 409. A key is remembered as long as `keep_start_keys_days` says.",
    ),
]


Note: Final[Any] = Field(None, max_length=2000, description="Why; kept with the version.")


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DocumentBody(_Body):
    """One document: its file name, for messages, and its text."""

    filename: str = Field(min_length=1, max_length=1000)
    text: str

    def pair(self) -> Document:
        # A lone surrogate from a \ud800 escape is not text; it becomes a fault of the document.
        return self.filename, self.text.encode("utf-8", "replace")


class CheckBody(_Body):
    documents: list[DocumentBody] = Field(min_length=1)


class ImportBody(CheckBody):
    """`rename` maps names of connections in the documents to those of this home. `based_on` gives, of flows,
    the ETag of the draft that was edited ("" where there was none): where that is not the draft any more,
    nothing is stored.
    """

    deploy: bool = False
    rename: dict[str, str] = {}
    based_on: dict[str, str] = {}
    note: str | None = Note


def _bytes_of(text: Any) -> Any:
    return b64decode(text, validate=True) if isinstance(text, str) else text


class FileBody(_Body):
    """A file that a test names, in base64."""

    name: str = Field(min_length=1, max_length=1000)
    base64: Annotated[
        bytes, BeforeValidator(_bytes_of), WithJsonSchema({"type": "string", "contentEncoding": "base64"})
    ]


class TestsBody(CheckBody):
    """Documents whose tests are run; `only`: names of tests."""

    __test__: ClassVar[bool] = False

    files: list[FileBody] = []
    only: list[str] = []


class FlowTestsBody(_Body):
    version: str | None = Field("draft", max_length=30)
    only: list[str] = []


class MakeTestBody(_Body):
    """`store` puts the test into the flow's draft."""

    name: str | None = Field(None, min_length=1, max_length=200)
    store: bool = False


class ReplayBody(_Body):
    version: str = Field("draft", max_length=30)


class DeployBody(_Body):
    """`version` null deploys the draft."""

    version: int | None = Field(None, ge=1, le=2**53)
    note: str | None = Note


class RestoreBody(_Body):
    version: int = Field(ge=1, le=2**53)
    note: str | None = Note


class AuthorizeBody(_Body):
    redirect_uri: str = Field(
        min_length=1, max_length=2000, description="Where the page leads back to; known to the system."
    )


class AuthorizedBody(_Body):
    url: str = Field(
        min_length=1, max_length=8000, description="The whole address that the page led back to."
    )


class FlowChangeBody(_Body):
    enabled: bool


class StartDocumentBody(StartRequest):
    """A start of a flow document that need not be imported."""

    document: DocumentBody

    def request(self) -> StartRequest:
        return StartRequest(**{name: getattr(self, name) for name in StartRequest.model_fields})


class ContentsBody(_Body):
    """`after`: `next` of the part before. `repair` mends what can be mended."""

    after: str | None = Field(None, max_length=100)
    repair: bool = False


class StopBody(_Body):
    force: bool = False


class ResolveBody(_Body):
    sent: bool
    reason: str = Field(min_length=1, max_length=2000)


class TokenBody(_Body):
    name: str = Field(min_length=1, max_length=200)
    days: int | None = Field(None, ge=1, le=36_500)
    scopes: list[str] | None = Field(None, max_length=30, description="Roles and rights, side by side.")


class KeysBody(_Body):
    keys: list[str] = Field(min_length=1, max_length=10_000)


def _csv_form(
    header: Annotated[
        Literal["auto", "yes", "no"],
        Query(description="Whether the first row names the columns; `auto` knows usual names."),
    ] = "auto",
    column: Annotated[
        list[str] | None, Query(max_length=2, description="Columns to take, by the header, in order.")
    ] = None,
    delimiter: Annotated[str | None, Query(min_length=1, max_length=1)] = None,
    encoding: Annotated[str, Query(max_length=40)] = "utf-8",
    filename: Annotated[str, Query(max_length=1000, description="As messages name it.")] = "csv",
) -> Form:
    return Form(
        header=header,
        columns=tuple(column or ()),
        delimiter=delimiter,
        encoding=encoding,
        filename=filename,
    )


CsvForm = Annotated[Form, Depends(_csv_form)]
CSV_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}},
    }
}
CSV_BYTES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "CSV in UTF-8, with a header", "content": {"text/csv": {}}}
}


def attachment(filename: str) -> dict[str, str]:
    """Headers of bytes that are handed out as a file. The name is one of ours, or quoted."""
    return {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(filename, safe='')}",
        "Cache-Control": "private, no-cache",
    }


class ExactRequest(Request):
    """A request whose JSON numbers keep their digits; NaN and endless nesting do not parse."""

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            self._json = decode(await self.body())
        return self._json


class ExactRoute(APIRoute):
    """Reads JSON bodies through `core.jsonvalue`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def exact(request: Request) -> Response:
            return await handler(ExactRequest(request.scope, request.receive))

        return exact


def answer(view: View, *, status: int = 200, location: str | None = None) -> Response:
    headers = {"Location": location} if location else None
    return Response(view.to_json(), status_code=status, headers=headers, media_type="application/json")


def tagged_answer(request: Request, view: View) -> Response:
    """The view with an ETag of its bytes; 304 where the caller has it already."""
    body = view.to_json()
    tag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def matches(header: str | None, tag: str) -> bool:
    """Whether an If-None-Match header names `tag` (weak comparison)."""
    if header is None:
        return False
    if header.strip() == "*":
        return True
    return tag in {part.removeprefix("W/") for part in re.findall(r'(?:W/)?"[^"]*"', header)}
