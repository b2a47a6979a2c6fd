"""A request made from the templates of a connector document."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import quote, quote_plus, urlsplit
from xml.sax.saxutils import escape

from blake3 import blake3

from redrive.connectors.rest.bodies import (
    BOUNDARY,
    EXPRESSION,
    FORM,
    JSON,
    SLOT,
    TEXT,
    Slot,
    compile_call,
)
from redrive.connectors.rest.mask import Masker, Place
from redrive.connectors.rest.parts import Call
from redrive.connectors.rest.scope import Scopes, missing_path
from redrive.connectors.rest.subject import Subject
from redrive.errors import PayloadError, StepError
from redrive.sdk import (
    CHUNK_BYTES,
    CONNECTOR_ROOTS,
    Content,
    Lenient,
    StepContext,
    Templated,
    TemplateMissing,
    as_text,
    compile_value,
    encode,
    is_json,
    is_xml,
)

_PATH_SAFE = "/%:@!$&'()*+,;=~?"
_LINE_BREAK = re.compile(r"[\r\n\0]")
_DECLARATION = re.compile(r"^\ufeff?\s*<\?xml[^>]*\?>\s*")


@dataclass(frozen=True, slots=True)
class Body:
    """A body as it is recorded: `content` holds no secret. `masked`: put the secrets back to send it."""

    content: Content
    media_type: str
    masked: bool = False
    compress: str | None = None

    @property
    def place(self) -> Place:
        """How secrets are spelt in it."""
        return body_place(self.media_type)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A request before credentials are added. Its body still has to be made."""

    method: str
    url: str
    headers: list[tuple[str, str]]


class Renderer:
    """Everything about one `request` of the document that does not vary, worked out once."""

    def __init__(
        self,
        call: Call,
        headers: Mapping[str, Templated],
        scopes: Scopes,
        masker: Masker,
        *,
        cursor: str | None = None,
    ) -> None:
        self.method = call.sends_by
        self._scopes = scopes
        self._masker = masker
        self._path = tuple(_path_parts(call.path))
        self._query = tuple(call.query.items())
        folded = {name.casefold() for name in call.headers}
        inherited = {name: value for name, value in headers.items() if name.casefold() not in folded}
        self._headers = (*inherited.items(), *call.headers.items())
        self._form = call.form
        self._body = compile_call(call, cursor)
        if self._body is not None:
            present = {name.casefold() for name, _ in self._headers}
            self._headers += tuple(
                (name, compile_value(value, CONNECTOR_ROOTS))
                for name, value in self._body.headers
                if name.casefold() not in present
            )
        self.compress = call.compress
        self.roots = self._roots()

    def _roots(self) -> frozenset[str]:
        """The roots that must hold decoded values. A whole `{{ payload }}` body needs none."""
        values: list[Templated] = [value for _, value in (*self._query, *self._headers)]
        values += [part for part in self._path if not isinstance(part, str)]
        values += (self._form or {}).values()
        own = self._body.roots if self._body is not None else frozenset()
        return own | frozenset(root for value in values for root in value.roots)

    @property
    def passes_bytes(self) -> bool:
        """Whether the body is the payload itself, in which nothing is ever masked."""
        return self._body is not None and self._body.pieces == (SLOT,)

    def render(
        self,
        base_url: str,
        scope: Mapping[str, Any],
        ctx: StepContext,
        parameters: Iterable[tuple[str, str]] = (),
    ) -> Rendered:
        """Method, URL and headers; `parameters` (of the pagination) replace those of the same name.

        Errors: `template.missing`, `connection.incomplete`, `request.path_empty`,
        `request.header_invalid`.
        """
        own = dict(parameters)
        query = [
            *(pair for pair in self._query_pairs(scope, ctx) if pair[0] not in own),
            *own.items(),
        ]
        url = _joined(base_url, "".join(self._path_texts(scope, ctx)))
        if query:
            coded = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
            url += f"{'&' if '?' in url else '?'}{coded}"
        return Rendered(self.method, url, self.headers(scope, ctx))

    def headers(self, scope: Mapping[str, Any], ctx: StepContext) -> list[tuple[str, str]]:
        pairs: list[tuple[str, str]] = []
        for name, value in self._headers:
            text = as_text(self._optional(value, scope, ctx, f"header {name}"))
            if _LINE_BREAK.search(text):
                raise PayloadError(
                    f"the value of header {name!r} holds a line break",
                    code="request.header_invalid",
                    at=f"header {name}",
                    hint="Take the value from a field that holds one line.",
                )
            if text:
                pairs.append((name, text))
        return pairs

    async def body(self, scope: Mapping[str, Any], subject: Subject | None, ctx: StepContext) -> Body | None:
        """As `_made`, to be compressed on its way where the document says so."""
        made = await self._made(scope, subject, ctx)
        return replace(made, compress=self.compress) if made is not None and self.compress else made

    async def _made(self, scope: Mapping[str, Any], subject: Subject | None, ctx: StepContext) -> Body | None:
        """The body, stored, with secrets masked. A `{{ payload }}` alone is the stored payload itself."""
        if self._form is not None:
            pairs = [
                f"{quote_plus(name)}={quote_plus(one)}"
                for name, value in self._form.items()
                for one in _texts(self._optional(value, scope, ctx, f"form field {name}"))
            ]
            return await self._kept(["&".join(pairs).encode()], FORM, ctx)
        if self._body is None:
            return None
        made = self._body
        if made.text:
            (only,) = made.pieces
            if only is SLOT:
                return await self._handed_over(subject, ctx)
            assert isinstance(only, Templated)
            value = self._value(only, scope, ctx, "body")
            if isinstance(value, str):
                return await self._kept([value.encode()], TEXT, ctx)
            return await self._kept([encode(value)], JSON, ctx)
        pieces: list[bytes | Subject] = []
        for part in made.pieces:
            if isinstance(part, bytes):
                pieces.append(part)
            elif isinstance(part, Slot):
                pieces.append(await _embedded(subject, made.slots))
            else:
                pieces.append(made.spell(self._value(part, scope, ctx, "body")))
        if made.media_type != "multipart/form-data":
            return await self._kept(pieces, made.media_type, ctx)
        boundary = _boundary(pieces, subject)
        pieces = [boundary if piece is BOUNDARY else piece for piece in pieces]
        return await self._kept(pieces, f"{made.media_type}; boundary={boundary.decode()}", ctx)

    async def _handed_over(self, subject: Subject | None, ctx: StepContext) -> Body | None:
        if subject is None:
            return None
        if (content := subject.unchanged) is not None:
            return Body(content, subject.media_type) if content.size_bytes else None
        data = [chunk async for chunk in subject.stream()] if subject.alone else None
        content = await ctx.store(data[0] if data else subject.stream())
        return Body(content, subject.media_type)

    async def _kept(self, pieces: Sequence[bytes | Subject], media_type: str, ctx: StepContext) -> Body:
        hide = self._masker.hidden_bytes
        shown = [hide(piece) if isinstance(piece, bytes) else piece for piece in pieces]
        masked = any(a is not b for a, b in zip(pieces, shown, strict=True))
        fixed = [piece for piece in shown if isinstance(piece, bytes)]
        if len(fixed) == len(shown):
            return Body(await ctx.store(b"".join(fixed)), media_type, masked)
        return Body(await ctx.store(_streamed(shown)), media_type, masked)

    def _query_pairs(self, scope: Mapping[str, Any], ctx: StepContext) -> list[tuple[str, str]]:
        return [
            (name, text)
            for name, value in self._query
            for text in _texts(self._optional(value, scope, ctx, f"query parameter {name}"))
        ]

    def _path_texts(self, scope: Mapping[str, Any], ctx: StepContext) -> Iterable[str]:
        for part in self._path:
            if isinstance(part, str):
                yield part
                continue
            text = as_text(self._value(part, scope, ctx, "path"))
            if text in {"", ".", ".."}:
                raise PayloadError(
                    "a template in the path of the request gives "
                    + ("nothing" if not text else "only dots")
                    + "; the request would go to another address",
                    code="request.path_empty",
                    at="path",
                    hint="Give the variable or field a value.",
                )
            yield quote(text, safe="")

    def _value(self, value: Templated, scope: Mapping[str, Any], ctx: StepContext, where: str) -> Any:
        try:
            return value.render(scope)
        except TemplateMissing as missing:
            self._scopes.missed(missing, where, ctx)
            return value.render(Lenient(scope))
        except ValueError as error:
            raise PayloadError(
                f"the template in the {where} of the request fails: {error}", code="template.failed", at=where
            ) from None

    def _optional(self, value: Templated, scope: Mapping[str, Any], ctx: StepContext, where: str) -> Any:
        """As `_value`, but a parameter that the step does not give (`with.x`) counts as null."""
        try:
            return value.render(scope)
        except TemplateMissing as missing:
            if missing_path(missing).startswith("with."):
                return value.render(Lenient(scope)) if value.roots == {"with"} else None
        except ValueError:
            pass
        return self._value(value, scope, ctx, where)


@lru_cache(maxsize=256)
def check_base_url(text: str, connection: str) -> str:
    """A base URL that may be used, without a slash at the end.

    Errors: `connection.base_url` where it is no HTTP(S) URL, holds credentials, or points at a
    link-local address (there cloud machines keep their credentials).
    """
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    wrong = None
    if parts.scheme not in {"http", "https"} or not host:
        wrong = "is not an http:// or https:// URL"
    elif parts.username is not None or parts.password is not None:
        wrong = "holds a user name or password; these belong into the secrets of the connection"
    elif parts.query or parts.fragment:
        wrong = "ends in a query or fragment; parameters belong to the endpoints"
    elif link_local(host):
        wrong = "points at a link-local address, which connections may not reach"
    if wrong:
        raise StepError(
            f"the base URL of connection {connection!r} {wrong}",
            code="connection.base_url",
            hint="Mend the connection's settings.",
            stops_step=True,
        )
    return text.rstrip("/")


@lru_cache(maxsize=1024)
def link_local(host: str) -> bool:
    """Whether it is an address of the link-local range, spelt as a number."""
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_link_local or bool(mapped and mapped.is_link_local)


def body_place(media_type: str) -> Place:
    """How a secret is spelt in a body of this media type."""
    if is_json(media_type):
        return "json"
    return "form" if media_type == FORM else "plain"


def _path_parts(path: str) -> Iterable[str | Templated]:
    at = 0
    for match in EXPRESSION.finditer(path):
        if literal := path[at : match.start()]:
            yield quote(literal, safe=_PATH_SAFE)
        yield compile_value(match.group(), CONNECTOR_ROOTS)
        at = match.end()
    if literal := path[at:]:
        yield quote(literal, safe=_PATH_SAFE)


def _joined(base_url: str, path: str) -> str:
    return f"{base_url}/{path.removeprefix('/')}" if path else base_url


def _texts(value: Any) -> list[str]:
    many = value if isinstance(value, (list, tuple)) else [value]
    return [text for one in many if (text := as_text(one))]


def _boundary(pieces: Sequence[bytes | Subject], subject: Subject | None) -> bytes:
    """The same for the same content, so that a repeat has the same bytes; nobody can write content that
    holds its own hash.
    """
    hasher = blake3(b"".join(piece for piece in pieces if isinstance(piece, bytes)))
    if subject is not None:
        hasher.update(subject.item.raw if subject.alone and subject.item else subject.payload.content.digest)
    return b"redrive-" + hasher.hexdigest(16).encode()


async def _embedded(
    subject: Subject | None, slots: Literal["json", "xml", "plain"] = "json"
) -> bytes | Subject:
    """The payload inside of a body.

    JSON: JSON as it stands, anything else as a JSON text. XML: XML without its declaration.
    """
    if slots == "plain":
        return subject if subject is not None else b""
    if slots == "xml":
        value = await subject.value() if subject is not None else ""
        if subject is not None and is_xml(subject.media_type):
            return _DECLARATION.sub("", str(value)).encode()
        if isinstance(value, (dict, list)):
            raise PayloadError(
                "a payload that is an object or a list cannot stand in XML",
                code="request.body_invalid",
                at="body",
                hint="Name its fields in the body, or put a convert step to xml before this one.",
            )
        return escape(as_text(value)).encode()
    if subject is None or (subject.unchanged is not None and not subject.unchanged.size_bytes):
        return b"null"
    return subject if subject.is_json else encode(await subject.value())


async def _streamed(pieces: Sequence[bytes | Subject]) -> AsyncIterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        if isinstance(piece, bytes):
            waiting.append(piece)
            size += len(piece)
        else:
            async for data in piece.stream():
                waiting.append(data)
                size += len(data)
                if size >= CHUNK_BYTES:
                    yield b"".join(waiting)
                    waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)
