"""Tokens that a connection gets by itself: one is asked for at a time, over all tasks and processes."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

import msgspec
from blake3 import blake3

from redrive.connectors.rest.answer import Failure
from redrive.connectors.rest.mask import MASKED, Masker
from redrive.connectors.rest.render import Body, Rendered
from redrive.connectors.rest.scope import Scopes
from redrive.errors import AuthFailed, RateLimited, RemoteUnavailable, StepError
from redrive.sdk import Answer, Content, Payload, Request, Token, TokenStore, decode

EARLY_S: Final = 30.0
"""A token counts as ended so long before it ends: a request takes time, and clocks differ."""
POLL_S: Final = 0.1
MOST_WAIT_S: Final = 90.0
MOST_ANSWER_BYTES: Final = 1 << 20

_SECRET_NAME = re.compile(
    r"token|secret|password|passwd|session|jwt|assertion|(^|_)code$|api_?key|credential", re.IGNORECASE
)
_ERROR_CODE = re.compile(r"[A-Za-z0-9_.-]{1,60}\Z")


class TokenContext(Protocol):
    """What of a step's context a token request needs."""

    def wall_now(self) -> datetime: ...

    async def store(self, data: bytes) -> Content: ...

    def exchange(self, request: Request, answer: Answer, *, payload: Payload | None = None) -> str: ...

    async def sleep(self, seconds: float) -> None: ...


class Private(msgspec.Struct):
    """An answer that holds secrets: in memory only, and small."""

    status: int | None = None
    headers: Sequence[tuple[str, str]] = ()
    data: bytes = b""
    failure: Failure | None = None
    duration_ms: float = 0.0
    media_type: str = ""

    def values(self) -> Any:
        """The body, where it is JSON or a form; else null."""
        try:
            return decode(self.data)
        except ValueError:
            if "form-urlencoded" in self.media_type or self.media_type == "text/plain":
                return dict(parse_qsl(self.data.decode(errors="replace")))
        return None


class Asker(Protocol):
    """The client, as far as a token request needs it."""

    name: str
    scopes: Scopes
    masker: Masker

    async def private(self, rendered: Rendered, body: Body | None, ctx: TokenContext) -> Private:
        """One request outside of the pace, recorded nowhere. Errors: `connection.host`."""


class Grant(Protocol):
    """One way to a new token."""

    def digest(self) -> str:
        """Of the credentials: a token that was got with others is not used."""

    async def ask(self, old: Token | None, ctx: TokenContext, payload: Payload | None) -> Token:
        """A new token. Errors: `auth.failed`, `remote.*`, `answer.invalid`, `connection.incomplete`."""


class Keeper:
    """The present token of one connection, which is renewed when it ends or was refused."""

    def __init__(self, grant: Grant, store: TokenStore, asker: Asker) -> None:
        self._grant = grant
        self._store = store
        self._asker = asker
        self._token: Token | None = None
        self._refused = -1
        self._one = asyncio.Lock()
        self._holder = secrets.token_hex(8)
        self._of: str | None = None

    @property
    def token(self) -> Token:
        assert self._token is not None
        return self._token

    async def ready(self, ctx: TokenContext, payload: Payload | None) -> None:
        """Afterwards `token` is one that holds. Errors: those of the grant; `auth.busy`."""
        if self._token is not None and self._holds(self._token, ctx):
            return
        async with self._one:
            if self._token is not None and self._holds(self._token, ctx):
                return
            token = await self._leased(ctx)
            if token is None:
                token = await self._renewed(ctx, payload)
            self._take(token)

    def refused(self, serial: int) -> None:
        """The system did not accept the token with this serial."""
        self._refused = max(self._refused, serial)

    def _holds(self, token: Token, ctx: TokenContext) -> bool:
        if self._of is None:
            self._of = self._grant.digest()
        ended = token.expires_at is not None and token.expires_at <= ctx.wall_now().timestamp()
        return token.of == self._of and token.serial > self._refused and not ended

    async def _leased(self, ctx: TokenContext) -> Token | None:
        """A token that somebody else got; None: it is now on us to ask for one."""
        waited = 0.0
        while True:
            token = await self._store.load()
            if token is not None and self._usable(token, ctx):
                return token
            if await self._store.lease(self._holder):
                token = await self._store.load()
                if token is not None and self._usable(token, ctx):
                    await self._store.release(self._holder)
                    return token
                return None
            if waited > MOST_WAIT_S:
                raise RemoteUnavailable(
                    f"another process asks for a token of connection {self._asker.name!r} and does not end",
                    code="auth.busy",
                    hint="It is tried again.",
                )
            waited += POLL_S
            await ctx.sleep(POLL_S)

    def _usable(self, token: Token, ctx: TokenContext) -> bool:
        return self._holds(token, ctx) and bool(token.values.get("access_token"))

    async def _renewed(self, ctx: TokenContext, payload: Payload | None) -> Token:
        try:
            old = await self._store.load()
            mine = old if old is not None and old.of == self._grant.digest() else None
            token = await self._grant.ask(mine, ctx, payload)
            return await self._store.save(token, self._holder)
        except BaseException:
            await self._store.release(self._holder)
            raise

    def _take(self, token: Token) -> None:
        self._token = token
        for name, value in token.values.items():
            self._asker.masker.learn(name, value)


async def recorded(
    asker: Asker,
    rendered: Rendered,
    body: Body | None,
    ctx: TokenContext,
    payload: Payload | None,
    *,
    hidden: Sequence[str] = (),
    found: Callable[[Private], str] | None = None,
) -> Private:
    """A token request with its exchange, in which nothing secret stands.

    `hidden`: values that are secrets and that nobody else knows of (a code, a verifier). `found`: where
    the token stands in the answer.
    """
    answer = await asker.private(rendered, body, ctx)
    masker = Masker({}, over=asker.masker)
    for value in (*hidden, *_secrets_in(answer.values()), found(answer) if found is not None else ""):
        masker.learn("", value)
    shown_body = await ctx.store(masker.hidden_bytes(answer.data)) if answer.data else None
    ctx.exchange(
        Request(
            method=rendered.method,
            url=masker.url(rendered.url),
            headers=masker.headers(rendered.headers, ("authorization",)),
            body=body.content if body is not None else None,
        ),
        Answer(
            status=answer.status,
            headers=[
                (name, MASKED if _SECRET_NAME.search(name) else value)
                for name, value in masker.headers(answer.headers, ("set-cookie",))
            ],
            body=shown_body,
            error=answer.failure.sentence if answer.failure else None,
            duration_ms=answer.duration_ms,
        ),
        payload=payload,
    )
    return answer


def _secrets_in(value: Any, name: str = "") -> list[str]:
    """The texts in an answer that stand under the name of a secret."""
    if isinstance(value, Mapping):
        return [one for key, member in value.items() for one in _secrets_in(member, str(key))]
    if isinstance(value, list):
        return [one for element in value for one in _secrets_in(element, name)]
    # `token_type: Bearer` is none.
    if isinstance(value, str) and _SECRET_NAME.search(name) and not name.casefold().endswith("_type"):
        return [value]
    return []


def accepted(name: str, answer: Private, what: str, hint: str) -> Any:
    """The values of an answer to a token request that is a success. Errors: what else it may be."""
    label = f"the {what} of connection {name!r}"
    if answer.failure is not None:
        raise RemoteUnavailable(f"{label}: {answer.failure.sentence}", hint="It is tried again.")
    status = answer.status or 0
    values = answer.values()
    said = values.get("error") if isinstance(values, Mapping) else None
    reason = f" ({said})" if isinstance(said, str) and _ERROR_CODE.match(said) else ""
    if status == 429:
        raise RateLimited(f"{label} answered 429 Too Many Requests", hint="It is tried again.")
    if status >= 500 or status == 408:
        raise RemoteUnavailable(f"{label} answered {status}", hint="It is tried again.")
    if not 200 <= status < 300 or said:
        raise AuthFailed(f"{label} answered {status}{reason}", hint=hint)
    return values


def lasting(seconds: Any, now: float) -> float | None:
    """When a token counts as ended that lasts for so many seconds."""
    try:
        lasts = float(seconds)
    except (TypeError, ValueError):
        return None
    if not 0 < lasts < 1e10:
        return None
    return now + lasts - min(EARLY_S, lasts / 10)


def digest_of(*parts: str) -> str:
    """Of credentials, so that a token is known to belong to them."""
    hasher = blake3()
    for part in parts:
        data = part.encode()
        hasher.update(len(data).to_bytes(4, "big") + data)
    return hasher.hexdigest(16)


def no_token(name: str, what: str) -> StepError:
    """The answer of a token request names no token."""
    return RemoteUnavailable(
        f"the {what} of connection {name!r} was answered without a token where one should be",
        code="answer.invalid",
        hint="Look at the exchange, and mend `authentication` of the connector.",
    )
