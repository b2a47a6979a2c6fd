"""Credentials on a request: one small class per method of authentication."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final, Protocol
from urllib.parse import quote, urlsplit

import msgspec

from redrive.connectors.rest.authentication import (
    ApiKey,
    Authentication,
    Basic,
    Bearer,
    Hmac,
    NoAuthentication,
    OAuth1,
    TokenPlace,
)
from redrive.connectors.rest.bodies import FORM
from redrive.connectors.rest.scope import text_of
from redrive.connectors.rest.tokens import Keeper, TokenContext
from redrive.errors import StepError
from redrive.sdk import Payload, as_text

Headers = list[tuple[str, str]]
SIGNED_BODY_BYTES: Final = 4 << 20
"""`request.body` of a larger one cannot be signed as text; its hashes can."""


class Sealed(msgspec.Struct, frozen=True):
    """A body as signatures see it. `text`: None where it is too large for that."""

    text: bytes | None
    sha256: bytes
    md5: bytes

    @staticmethod
    async def of(pieces: AsyncIterator[bytes]) -> Sealed:
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        kept: list[bytes] = []
        size = 0
        async for piece in pieces:
            size += len(piece)
            sha256.update(piece)
            md5.update(piece)
            if size <= SIGNED_BODY_BYTES:
                kept.append(piece)
        text = b"".join(kept) if size <= SIGNED_BODY_BYTES else None
        return Sealed(text, sha256.digest(), md5.digest())


class Leaving(msgspec.Struct, frozen=True):
    """A request at the moment when it leaves."""

    method: str
    url: str
    headers: Headers
    body: Sealed
    at: datetime


class Authenticator(Protocol):
    """Adds credentials to a request.

    `credentials` are the names of the headers that hold them, which are never recorded.
    `renews` is true where a refused request is worth a second try with fresh credentials.
    `late`: credentials depend on the moment, so they are added when the request leaves; `needs_body`:
    and on the body.
    """

    credentials: tuple[str, ...]
    renews: bool
    late: bool
    needs_body: bool

    def sign(self, url: str, headers: Headers, scope: Mapping[str, Any]) -> tuple[str, Headers]:
        """URL and headers with credentials; those that stood there before are replaced. Of a `late` one
        they are what is recorded.
        """

    async def ready(self, ctx: TokenContext, payload: Payload | None) -> None:
        """Gets what a `late` one needs. Errors: `auth.failed`, `remote.*`."""

    def leave(self, request: Leaving, scope: Mapping[str, Any]) -> tuple[str, Headers]:
        """URL and headers with the credentials of this moment, for a `late` one."""

    @property
    def serial(self) -> int:
        """Of the token that `leave` has just used."""

    def refused(self, serial: int) -> None:
        """A request with that token was answered with 401."""


class _Plain:
    """Credentials that never change."""

    credentials: tuple[str, ...] = ()
    renews = True
    late = False
    needs_body = False
    serial = 0

    def sign(self, url: str, headers: Headers, scope: Mapping[str, Any]) -> tuple[str, Headers]:
        return url, headers

    async def ready(self, ctx: TokenContext, payload: Payload | None) -> None:
        pass

    def leave(self, request: Leaving, scope: Mapping[str, Any]) -> tuple[str, Headers]:
        return request.url, request.headers

    def refused(self, serial: int) -> None:
        pass


class _None(_Plain):
    renews = False


class _Basic(_Plain):
    credentials: tuple[str, ...] = ("authorization",)

    def __init__(self, settings: Basic) -> None:
        self._settings = settings

    def sign(self, url: str, headers: Headers, scope: Mapping[str, Any]) -> tuple[str, Headers]:
        user = text_of(self._settings.username, scope)
        password = text_of(self._settings.password, scope)
        coded = base64.b64encode(f"{user}:{password}".encode()).decode()
        return url, _with(headers, "Authorization", f"Basic {coded}")


class _Bearer(_Plain):
    credentials: tuple[str, ...] = ("authorization",)

    def __init__(self, settings: Bearer) -> None:
        self._settings = settings

    def sign(self, url: str, headers: Headers, scope: Mapping[str, Any]) -> tuple[str, Headers]:
        token = text_of(self._settings.token, scope)
        return url, _with(headers, "Authorization", f"Bearer {token}")


class _ApiKey(_Plain):
    def __init__(self, settings: ApiKey) -> None:
        self._settings = settings
        self.credentials: tuple[str, ...] = (settings.header.casefold(),) if settings.header else ()

    def sign(self, url: str, headers: Headers, scope: Mapping[str, Any]) -> tuple[str, Headers]:
        value = text_of(self._settings.value, scope)
        if self._settings.header is not None:
            return url, _with(headers, self._settings.header, value)
        assert self._settings.query is not None
        return with_parameter(url, self._settings.query, value), headers


class _Token(_Plain):
    """A token that the connection gets by itself: OAuth 2 and logins."""

    late = True
    RECORDED: Final = "[secret access_token]"

    def __init__(self, settings: TokenPlace, keeper: Keeper, cookie: str | None = None) -> None:
        self._query = settings.query if cookie is None else None
        self._header = settings.header if cookie is None else "Cookie"
        self._prefix = (f"{settings.prefix} " if settings.prefix else "") if cookie is None else f"{cookie}="
        self._keeper = keeper
        self.credentials: tuple[str, ...] = () if self._query else (self._header.casefold(),)

    def sign(self, url: str, headers: Headers, scope: Mapping[str, Any]) -> tuple[str, Headers]:
        return self._placed(url, headers, self.RECORDED)

    async def ready(self, ctx: TokenContext, payload: Payload | None) -> None:
        await self._keeper.ready(ctx, payload)

    def leave(self, request: Leaving, scope: Mapping[str, Any]) -> tuple[str, Headers]:
        return self._placed(request.url, request.headers, self._keeper.token.values["access_token"])

    @property
    def serial(self) -> int:  # type: ignore[override]  # of a plain one it is a constant
        return self._keeper.token.serial

    def refused(self, serial: int) -> None:
        self._keeper.refused(serial)

    def _placed(self, url: str, headers: Headers, token: str) -> tuple[str, Headers]:
        if self._query is not None:
            return with_parameter(url, self._query, token), headers
        return url, _with(headers, self._header, f"{self._prefix}{token}")


class _OAuth1(_Plain):
    late = True
    needs_body = True
    credentials: tuple[str, ...] = ("authorization",)

    def __init__(self, settings: OAuth1) -> None:
        self._settings = settings

    def sign(self, url: str, headers: Headers, scope: Mapping[str, Any]) -> tuple[str, Headers]:
        return url, _with(headers, "Authorization", "OAuth [masked]")

    def leave(self, request: Leaving, scope: Mapping[str, Any]) -> tuple[str, Headers]:
        from redrive.connectors.rest.oauth1 import signed  # noqa: PLC0415 - few connections need authlib

        kind = next((v for name, v in request.headers if name.casefold() == "content-type"), "")
        body = (request.body.text or b"") if kind.startswith(FORM) else b""
        value = signed(self._settings, scope, method=request.method, url=request.url, form=body)
        return request.url, _with(request.headers, "Authorization", value)


class _Hmac(_Plain):
    late = True
    needs_body = True

    def __init__(self, settings: Hmac) -> None:
        self._settings = settings
        self.credentials: tuple[str, ...] = (settings.header.casefold(),) if settings.header else ()

    def sign(self, url: str, headers: Headers, scope: Mapping[str, Any]) -> tuple[str, Headers]:
        settings = self._settings
        if settings.header is not None:
            return url, _with(headers, settings.header, "[masked]")
        assert settings.query_parameter is not None
        return with_parameter(url, settings.query_parameter, "[masked]"), headers

    def leave(self, request: Leaving, scope: Mapping[str, Any]) -> tuple[str, Headers]:
        settings = self._settings
        seen = _seen(request, request.url)
        given: dict[str, Any] = {"connection": scope["connection"], "request": seen}
        url = request.url
        if settings.query_parameter is not None:
            url = without_parameter(url, settings.query_parameter)
        for name, value in settings.query.items():
            url = with_parameter(url, name, as_text(value.render(given)))
        # The same moment and nonce, at the address that has the parameters.
        given["request"] = {**seen, "url": url, "query": urlsplit(url).query}
        headers = request.headers
        for name, value in settings.headers.items():
            headers = _with(headers, name, as_text(value.render(given)))
        signature = self._signature(as_text(settings.sign.render(given)), scope)
        shown = text_of(settings.value, {**given, "signature": signature}) if settings.value else signature
        if settings.header is not None:
            return url, _with(headers, settings.header, shown)
        assert settings.query_parameter is not None
        return with_parameter(url, settings.query_parameter, shown), headers

    def _signature(self, text: str, scope: Mapping[str, Any]) -> str:
        settings = self._settings
        given = text_of(settings.secret, scope)
        try:
            written = settings.secret_encoding
            if written == "hex":
                key = bytes.fromhex(given)
            elif written == "base64":
                key = base64.b64decode(given, validate=True)
            else:
                key = given.encode()
        except ValueError:
            raise StepError(
                f"the key of the signature is not written in {settings.secret_encoding}",
                code="connection.incomplete",
                hint="Mend the secret of the connection, or `secret_encoding` of the connector.",
                stops_step=True,
            ) from None
        digest = hmac.new(key, text.encode(), settings.algorithm).digest()
        if settings.encoding == "hex":
            return digest.hex()
        if settings.encoding == "base64":
            return base64.b64encode(digest).decode()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _seen(request: Leaving, url: str) -> dict[str, Any]:
    """The root `request` of what is signed."""
    seconds = request.at.timestamp()
    parts = urlsplit(url)
    body = request.body
    seen = {
        "method": request.method,
        "url": url,
        "path": parts.path or "/",
        "query": parts.query,
        "host": parts.netloc,
        "timestamp": int(seconds),
        "timestamp_ms": int(seconds * 1000),
        "date": format_datetime(request.at.astimezone(UTC), usegmt=True),
        "iso_date": request.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "nonce": secrets.token_hex(16),
        "content_type": next((v for name, v in request.headers if name.casefold() == "content-type"), ""),
        "body_sha256": body.sha256.hex(),
        "body_sha256_base64": base64.b64encode(body.sha256).decode(),
        "body_md5_base64": base64.b64encode(body.md5).decode(),
    }
    if body.text is not None:
        seen["body"] = body.text.decode(errors="surrogateescape")
    return seen


def authenticator(settings: Authentication) -> Authenticator:
    """The one for settings that need no token of their own."""
    if isinstance(settings, Basic):
        return _Basic(settings)
    if isinstance(settings, Bearer):
        return _Bearer(settings)
    if isinstance(settings, ApiKey):
        return _ApiKey(settings)
    if isinstance(settings, OAuth1):
        return _OAuth1(settings)
    if isinstance(settings, Hmac):
        return _Hmac(settings)
    assert isinstance(settings, NoAuthentication)
    return _None()


def by_token(settings: TokenPlace, keeper: Keeper, cookie: str | None = None) -> Authenticator:
    """The one for a token that the connection gets by itself."""
    return _Token(settings, keeper, cookie)


def with_parameter(url: str, name: str, value: str) -> str:
    """`url` with this query parameter, in place of one of the same name."""
    base = without_parameter(url, name)
    # What stands for a secret in a record is left readable.
    shown = value if value.startswith("[secret ") else quote(value, safe="")
    return f"{base}{'&' if '?' in base else '?'}{quote(name, safe='')}={shown}"


def without_parameter(url: str, name: str) -> str:
    base, _, query = url.partition("?")
    coded = quote(name, safe="")
    kept = [part for part in query.split("&") if part and part.partition("=")[0] != coded]
    return f"{base}?{'&'.join(kept)}" if kept else base


def _with(headers: Headers, name: str, value: str) -> Headers:
    folded = name.casefold()
    return [*(pair for pair in headers if pair[0].casefold() != folded), (name, value)]
