"""The HTTP client of one connection: one session, its credentials, its pace, its secrets."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from redrive.connectors.rest.answer import Arriving, Failure, PlayedBody, Reply, read_body
from redrive.connectors.rest.auth import Authenticator, Leaving, Sealed, authenticator, by_token
from redrive.connectors.rest.authentication import Login, OAuth2AuthorizationCode, OAuth2ClientCredentials
from redrive.connectors.rest.coding import ACCEPTED, Unpacked, codings, packed
from redrive.connectors.rest.gate import Gate
from redrive.connectors.rest.hosts import Hosts
from redrive.connectors.rest.login import LoginGrant
from redrive.connectors.rest.manifest import ConnectorModel
from redrive.connectors.rest.mask import Masker
from redrive.connectors.rest.network import proxy_of, session
from redrive.connectors.rest.oauth2 import AuthorizationCode, ClientCredentials
from redrive.connectors.rest.parts import Timeouts
from redrive.connectors.rest.render import Body, Rendered, Renderer, check_base_url
from redrive.connectors.rest.rules import spent_s, status_text
from redrive.connectors.rest.scope import Scopes
from redrive.connectors.rest.tokens import MOST_ANSWER_BYTES, Keeper, Private, TokenContext
from redrive.errors import StateConflict
from redrive.sdk import (
    CHUNK_BYTES,
    ConnectionInfo,
    Content,
    MemoryTokens,
    Payload,
    Playback,
    PlayedFailure,
    Request,
    StepContext,
    TemplateMissing,
    as_text,
)

PLAYED: Final[dict[PlayedFailure, str]] = {
    "unsent": "it cannot be reached (no connection)",
    "timeout": "the answer did not come in time",
    "cut": "the connection was cut before an answer came",
}

_NO_ANSWER: Final = frozenset({"timeout", "cut"})
_UNAVAILABLE: Final = 503
_GATEWAY: Final = frozenset({502, 504})
_NOTHING: Final = Sealed(b"", hashlib.sha256().digest(), hashlib.md5(usedforsecurity=False).digest())
_LIMITS: Final = re.compile("limit-remaining|^ratelimit$", re.IGNORECASE)
_AUTOMATIC: Final = (("Accept", "*/*"), ("Accept-Encoding", ACCEPTED), ("User-Agent", "redrive"))


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request that is ready to leave, and `shown`, how it is recorded."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: Body | None
    shown: Request
    signs: bool = True


class Client:
    """Shared by all runs that use the connection."""

    def __init__(self, info: ConnectionInfo, model: ConnectorModel) -> None:
        self.scopes = Scopes(info)
        self.masker = Masker(info.secrets)
        self._info = info
        self._model = model
        self._hosts = Hosts(info.name, info.allowed_hosts)
        self.name = info.name
        self._tokens = info.tokens or MemoryTokens()
        self._grant: AuthorizationCode | None = None
        self._auth = self._authenticator(model)
        self._gate = Gate(model.rate_limit, model.concurrency, info.allowance)
        self._timeouts: dict[Timeouts, aiohttp.ClientTimeout] = {}
        self._session: aiohttp.ClientSession | None = None
        self._proxy: str | None = None

    @property
    def renews(self) -> bool:
        """Whether a refusal of the credentials is worth one more try."""
        return self._auth.renews

    def _authenticator(self, model: ConnectorModel) -> Authenticator:
        settings = model.authentication
        if isinstance(settings, OAuth2ClientCredentials):
            return by_token(settings, Keeper(ClientCredentials(settings, self), self._tokens, self))
        if isinstance(settings, OAuth2AuthorizationCode):
            self._grant = AuthorizationCode(settings, self, self._tokens)
            return by_token(settings, Keeper(self._grant, self._tokens, self))
        if isinstance(settings, Login):
            renderer = Renderer(settings.request, model.headers, self.scopes, self.masker)
            grant = LoginGrant(settings, self, renderer, lambda: self.base_url(self.scopes.alone()))
            return by_token(settings, Keeper(grant, self._tokens, self), settings.token_cookie)
        return authenticator(settings)

    @property
    def authorizing(self) -> AuthorizationCode:
        """What a person has to agree to. Errors: `auth.not_needed`."""
        if self._grant is None:
            raise StateConflict(
                f"connection {self._info.name!r} needs nobody's agreement: its connector "
                f"{self._info.connector!r} authenticates by {self._model.authentication.method}",
                code="auth.not_needed",
            )
        return self._grant

    def allows(self, url: str) -> bool:
        """Whether its host may be reached."""
        return self._hosts.allows(url)

    async def ready(self, ctx: StepContext, payload: Payload | None) -> None:
        """Gets the token that the next request needs. Errors: `auth.failed`, `remote.*`."""
        if self._auth.late and self._info.playback is None:
            await self._auth.ready(ctx, payload)

    def refused(self, reply: Reply) -> None:
        """Its credentials were not accepted: the next `ready` gets other ones."""
        self._auth.refused(reply.serial)

    @asynccontextmanager
    async def place(self, ctx: StepContext) -> AsyncIterator[None]:
        """A place among the requests under way, kept while the context lasts."""
        await ctx.go_ahead(self.name)
        async with self._gate.place(ctx):
            yield

    def heard(self, reply: Reply, ctx: StepContext, *, reads: bool) -> None:
        """Tell how the target is. `reads`: an answer that did not come is one that nothing came of."""
        failure = reply.failure
        if failure is not None:
            if failure.kind == "unsent" or (reads and failure.kind in _NO_ANSWER):
                ctx.heard(self.name, failure.sentence)
        elif reply.status == _UNAVAILABLE or (reads and reply.status in _GATEWAY):
            ctx.heard(self.name, f"it answered {status_text(reply.status)}")
        else:
            ctx.heard(self.name)

    async def again(self, ctx: StepContext) -> None:
        """Waits until a further request within a place may leave."""
        await self._gate.again(ctx)

    def pause(self, seconds: float) -> None:
        """The system asked everybody to wait."""
        self._gate.pause(seconds)

    def base_url(self, scope: Mapping[str, Any]) -> str:
        """Errors: `connection.incomplete`, `connection.base_url`."""
        try:
            text = as_text(self._model.base_url.render(scope))
        except TemplateMissing as missing:
            raise self.scopes.incomplete(missing) from None
        return check_base_url(text, self._info.name)

    def outgoing(
        self,
        rendered: Rendered,
        body: Body | None,
        *,
        idempotency: tuple[str, str] | None = None,
        sign: bool = True,
        part: int = 0,
    ) -> Outgoing:
        """Adds what every request has: credentials, content type, the idempotency key.

        Errors: `connection.host`, `connection.incomplete`.
        """
        self._hosts.check(rendered.url)
        headers = list(rendered.headers)
        present = {name.casefold() for name, _ in headers}
        if idempotency is not None:
            headers = [pair for pair in headers if pair[0].casefold() != idempotency[0].casefold()]
            headers.append(idempotency)
        if body is not None and "content-type" not in present:
            headers.append(("Content-Type", body.media_type))
        if body is not None and body.compress is not None and "content-encoding" not in present:
            headers.append(("Content-Encoding", body.compress))
        headers += [pair for pair in _AUTOMATIC if pair[0].casefold() not in present]
        url = rendered.url
        if sign:
            try:
                url, headers = self._auth.sign(url, headers, self.scopes.alone())
            except TemplateMissing as missing:
                raise self.scopes.incomplete(missing) from None
        shown = Request(
            method=rendered.method,
            url=self.masker.url(url),
            headers=self.masker.headers(headers, self._auth.credentials if sign else ()),
            body=body.content if body else None,
            idempotency_key=idempotency[1] if idempotency else None,
            part=part,
        )
        return Outgoing(rendered.method, url, headers, body, shown, sign)

    async def send(
        self,
        outgoing: Outgoing,
        ctx: StepContext,
        *,
        items_path: str | None = None,
        timeouts: Timeouts | None = None,
        beside: bool = False,
    ) -> Reply:
        """One request and its answer, or why there is none. Raises only if cancelled or the store fails;
        where answers are played back also `exchange.unmatched`.

        `beside`: a success need not be kept yet (`Reply.settle`).
        """
        if self._info.playback is not None:
            return await self._played(self._info.playback, outgoing, ctx, items_path)
        loop = asyncio.get_running_loop()
        reply = Reply(url=outgoing.url)
        url, headers = outgoing.url, outgoing.headers
        if outgoing.signs and self._auth.late:
            url, headers = await self._leaving(outgoing, ctx)
            reply.serial = self._auth.serial
        begun = loop.time()
        try:
            async with await self._asked(
                outgoing.method, url, headers, outgoing.body, timeouts or self._model.timeouts
            ) as response:
                reply.status = response.status
                reply.headers = list(response.headers.items())
                reply.media_type = (
                    (response.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
                )
                successful = 200 <= response.status < 300
                await read_body(
                    _unpacked(response),
                    reply,
                    ctx,
                    self.masker,
                    items_path=items_path if successful else None,
                    most_bytes=self._model.max_answer_bytes,
                    beside=beside and successful,
                )
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            failure = failure_of(error)
            if failure is None:
                raise
            reply.failure = failure
        reply.duration_ms = (loop.time() - begun) * 1000
        if any(_LIMITS.search(name) for name, _ in reply.headers):
            wait = spent_s(reply.flat_headers(), ctx.wall_now())
            if wait:
                self.pause(wait)
        return reply

    async def _leaving(self, outgoing: Outgoing, ctx: StepContext) -> tuple[str, list[tuple[str, str]]]:
        """Address and headers with the credentials of this moment."""
        sealed = _NOTHING
        if self._auth.needs_body and outgoing.body is not None:
            sealed = await Sealed.of(self._revealed(outgoing.body))
        leaving = Leaving(outgoing.method, outgoing.url, outgoing.headers, sealed, ctx.wall_now())
        try:
            return self._auth.leave(leaving, self.scopes.alone())
        except TemplateMissing as missing:
            raise self.scopes.incomplete(missing) from None

    async def _asked(
        self,
        method: str,
        url: str,
        headers: list[tuple[str, str]],
        body: Body | None,
        timeouts: Timeouts,
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """A request that is about to leave."""
        data, length = await self._data(body)
        given = CIMultiDict(headers)
        if length is not None:
            given["Content-Length"] = str(length)
        opened = self._open()
        return opened.request(
            method,
            URL(url, encoded=True),
            headers=given,
            data=data,
            allow_redirects=False,
            timeout=self._timeout(timeouts),
            skip_auto_headers=("Content-Type",),
            proxy=self._proxy,
        )

    async def private(self, rendered: Rendered, body: Body | None, ctx: TokenContext) -> Private:
        """One request outside of the pace, whose answer is a secret: it stays in memory.

        Errors: `connection.host`.
        """
        self._hosts.check(rendered.url)
        loop = asyncio.get_running_loop()
        present = {name.casefold() for name, _ in rendered.headers}
        automatic = [pair for pair in _AUTOMATIC if pair[0].casefold() not in present]
        found = Private()
        begun = loop.time()
        try:
            async with await self._asked(
                rendered.method, rendered.url, rendered.headers + automatic, body, self._model.timeouts
            ) as response:
                found.status = response.status
                found.headers = list(response.headers.items())
                found.media_type = (
                    (response.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
                )
                parts: list[bytes] = []
                size = 0
                async for data in _unpacked(response).content.iter_any():
                    size += len(data)
                    if size > MOST_ANSWER_BYTES:
                        found.failure = Failure("too_large", "its answer is too large for one with a token")
                        response.close()
                        break
                    parts.append(data)
                found.data = b"".join(parts)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            failure = failure_of(error)
            if failure is None:
                raise
            found.failure = failure
        found.duration_ms = (loop.time() - begun) * 1000
        return found

    async def _played(
        self, playback: Playback, outgoing: Outgoing, ctx: StepContext, items_path: str | None
    ) -> Reply:
        """The recorded answer, read as one from the network would be."""
        reply = Reply(url=outgoing.url)
        played = await playback.answer(ctx.step, outgoing.shown)
        if played.status is not None:
            reply.status = played.status
            reply.headers = list(played.headers)
            reply.media_type = (reply.header("content-type") or "").partition(";")[0].strip().lower()
            await read_body(
                PlayedBody(played.body),
                reply,
                ctx,
                self.masker,
                items_path=items_path if 200 <= played.status < 300 else None,
                most_bytes=self._model.max_answer_bytes,
            )
        if played.failure is not None:
            reply.failure = Failure(played.failure, PLAYED[played.failure])
        return reply

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _timeout(self, timeouts: Timeouts) -> aiohttp.ClientTimeout:
        known = self._timeouts.get(timeouts)
        if known is None:
            known = self._timeouts[timeouts] = aiohttp.ClientTimeout(
                total=timeouts.total_s, connect=timeouts.connect_s, sock_read=timeouts.read_s
            )
        return known

    async def _data(self, body: Body | None) -> tuple[bytes | AsyncIterator[bytes] | None, int | None]:
        """What is sent, and its length where it is known and the body is streamed."""
        if body is None:
            return None, None
        content = body.content
        if body.compress is not None:
            pieces = packed(body.compress, self._revealed(body))
            if content.size_bytes > CHUNK_BYTES:
                return pieces, None
            return b"".join([piece async for piece in pieces]), None
        if content.size_bytes <= CHUNK_BYTES:
            data = await content.read()
            if body.masked:
                data = b"".join([piece async for piece in self._revealed(body)])
            return data, None
        if body.masked:
            return self._revealed(body), None
        return _passed(content), content.size_bytes

    def _revealed(self, body: Body) -> AsyncIterator[bytes]:
        return self.masker.reveal_stream(body.content.stream(), body.place)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            alone = self.scopes.alone()
            try:
                self._proxy = proxy_of(self._model, self.name, alone)
                self._session = session(self._model, self.name, alone)
            except TemplateMissing as missing:
                raise self.scopes.incomplete(missing) from None
        return self._session


def _tls_reason(error: Exception) -> str:
    """What OpenSSL says of a certificate: a sentence of its own, and our own host name."""
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
    reason = getattr(inner, "verify_message", None)
    return f": {str(reason).rstrip('.')}" if reason else ""


def failure_of(error: Exception) -> Failure | None:
    """What an exception of the HTTP library says about a request; None: nothing.

    The sentences hold nothing that the other system sent.
    """
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Failure("unsent", "no connection was made in time")
    if isinstance(error, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError)):
        return Failure("unsent", f"its TLS certificate or handshake is not acceptable{_tls_reason(error)}")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Failure("unsent", "its name cannot be resolved")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return Failure("unsent", f"its proxy answered {error.status}")
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = error.os_error.strerror or "no connection"
        return Failure(
            "unsent", f"it cannot be reached ({reason.partition('[')[0].strip().lower() or 'no connection'})"
        )
    if isinstance(error, aiohttp.InvalidURL):
        return Failure("unsent", "its address is not a URL")
    if isinstance(error, TimeoutError):
        return Failure("timeout", "the answer did not come in time")
    if isinstance(error, aiohttp.ClientResponseError):
        return Failure("garbage", "what it answered is not HTTP")
    if isinstance(error, (aiohttp.ClientError, ConnectionError)):
        return Failure("cut", "the connection was cut before an answer came")
    return None


def _unpacked(response: aiohttp.ClientResponse) -> Arriving:
    """Its body without what it was packed in."""
    names = codings(response.headers.get("Content-Encoding"))
    return Unpacked(response, names) if names else response


async def _passed(content: Content) -> AsyncIterator[bytes]:
    async for data in content.stream():
        yield data


def redirected(rendered: Rendered, url: str) -> Rendered:
    """The same request at another address."""
    return replace(rendered, url=url)
