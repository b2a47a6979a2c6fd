"""Who may come in: the local token, API tokens, and browser sessions made by a one-time link."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from redrive.errors import Forbidden
from redrive.server.problems import unauthorised

SESSION_S: Final = 7 * 24 * 3600
COOKIE: Final = "redrive_session"
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

OPEN_PATHS: Final = frozenset({"/", "/healthz", "/readyz"})
OPEN_PREFIXES: Final = ("/login/", "/static/")
HOOKS: Final = "/hooks/"
"""Webhooks and callbacks: each call proves itself by its own token or signature."""


def is_open(path: str) -> bool:
    """Whether a path is served to anybody: the page, its static files, sign-in and the probes."""
    return path in OPEN_PATHS or path.startswith(OPEN_PREFIXES)


def is_loopback(host: str) -> bool:
    """Whether a host name or address (with or without brackets) means this machine only."""
    name = host.strip("[]").lower().rstrip(".")
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def check_host(host: str | None) -> None:
    """Refuse a Host header that is not this machine: a name that was rebound to 127.0.0.1.

    The port may be any, so that a tunnel from another port works.
    """
    try:
        parts = urlsplit(f"//{host or ''}")
        # A part before an @ is no host; a port that is no number makes an error.
        name = parts.hostname if parts.username is None and parts.port != 0 else None
    except ValueError:
        name = None
    if name is None or not is_loopback(name):
        raise Forbidden(
            "The Host header does not name this machine",
            code="host.not_allowed",
            hint="Use http://127.0.0.1:PORT or http://localhost:PORT.",
        )


def check_origin(origin: str | None, host: str) -> None:
    """Refuse a call that a page of another origin makes, another port of this machine included."""
    if origin is None:
        return
    if origin not in {f"http://{host}", f"https://{host}"}:
        raise Forbidden(
            "The call comes from a page of another origin",
            code="origin.not_allowed",
            hint="Call the API from the page of this server, or from a program with a token.",
        )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def cookie_name(host: str) -> str:
    """The session cookie's name. Cookies ignore ports, so two servers on one machine need two names."""
    port = urlsplit(f"//{host}").port
    return f"{COOKIE}_{port}" if port else COOKIE


class Access:
    """The credentials of one running server. Sessions and links end with it.

    `verify` gives the name of an API token or raises `forbidden`; `local_token` is the one that `up`
    leaves in the home.
    """

    def __init__(
        self,
        local_token: str | None = None,
        verify: Callable[[str], Awaitable[str]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._local = _digest(local_token) if local_token else None
        self._verify = verify
        self._clock = clock
        self._codes: set[bytes] = set()
        self._sessions: dict[bytes, float] = {}

    def new_code(self) -> str:
        """A code for `/login/{code}`; it works once."""
        code = secrets.token_urlsafe(32)
        self._codes.add(_digest(code))
        return code

    def redeem(self, code: str) -> str | None:
        """Turn a code into the text of a new session; None where the code is unknown or used."""
        digest = _digest(code)
        if digest not in self._codes:
            return None
        self._codes.discard(digest)
        session = secrets.token_urlsafe(32)
        now = self._clock()
        self._sessions = {key: until for key, until in self._sessions.items() if until > now}
        self._sessions[_digest(session)] = now + SESSION_S
        return session

    def end_session(self, cookie_header: str | None, host: str) -> None:
        if (session := _cookie(cookie_header, host)) is not None:
            self._sessions.pop(_digest(session), None)

    def has_session(self, cookie_header: str | None, host: str) -> bool:
        session = _cookie(cookie_header, host)
        return session is not None and self._sessions.get(_digest(session), 0.0) > self._clock()

    async def identify(
        self,
        *,
        authorization: str | None,
        cookie: str | None,
        host: str,
        method: str,
        origin: str | None,
    ) -> str:
        """Who calls. A token wins over a cookie. Errors: `auth.required`, `origin.required`."""
        if authorization is not None:
            return await self._by_token(authorization)
        if not self.has_session(cookie, host):
            raise unauthorised()
        if method not in _SAFE_METHODS and origin is None:
            # SameSite does not tell two ports of one machine apart; a browser's Origin does.
            raise Forbidden(
                "A call with a session that changes something needs an Origin header",
                code="origin.required",
                hint="Programs use a token: `redrive token create`.",
            )
        return "session"

    async def _by_token(self, authorization: str) -> str:
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise unauthorised("The Authorization header is not `Bearer TOKEN`")
        if self._local is not None and hmac.compare_digest(_digest(token), self._local):
            return "local"
        if self._verify is None:
            raise unauthorised("The token is not known, was revoked, or has expired")
        try:
            return await self._verify(token)
        except Forbidden:
            raise unauthorised("The token is not known, was revoked, or has expired") from None


def _cookie(header: str | None, host: str) -> str | None:
    if not header:
        return None
    try:
        jar = SimpleCookie(header)
        name = cookie_name(host)
    except (CookieError, ValueError):
        return None
    return jar[name].value if name in jar else None
