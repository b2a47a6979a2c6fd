"""Who may come in: the local token, API tokens, and browser sessions; and under which names and origins."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Final, Protocol
from urllib.parse import urlsplit

from redrive.errors import Forbidden
from redrive.server.problems import unauthorised
from redrive.service.accounts import LOCAL
from redrive.service.actors import Actor
from redrive.service.interface import CheckedSessions, CheckedTokens, SignIns
from redrive.service.rights import EVERY_RIGHT

COOKIE: Final = "redrive_session"
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

API: Final = "/api/v1"
OPEN_PATHS: Final = frozenset(
    {"/", "/healthz", "/readyz", f"{API}/me", f"{API}/sign-in", f"{API}/oidc/start", f"{API}/oidc/callback"}
)
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
    address = _address(name)
    return address is not None and ip_address(address).is_loopback


class Names:
    """By which names this server may be called, and which pages may call it.

    On loopback: those of this machine. `wide`: also any IP address, which no foreign name can be rebound
    to unseen, and the names that are configured.
    """

    def __init__(
        self, *, wide: bool = False, names: Iterable[str] = (), public_url: str | None = None
    ) -> None:
        self._wide = wide
        public = urlsplit(public_url or "")
        self._names = {name.lower().rstrip(".") for name in (*names, public.hostname or "") if name}
        self._public = f"{public.scheme}://{public.netloc}" if public_url else None

    def check_host(self, host: str | None) -> None:
        """Refuse a Host header that is not this server: a name that was rebound to its address.

        The port may be any, so that a tunnel from another port works.
        """
        try:
            parts = urlsplit(f"//{host or ''}")
            # A part before an @ is no host; a port that is no number makes an error.
            name = parts.hostname if parts.username is None and parts.port != 0 else None
        except ValueError:
            name = None
        if name is None or not self._known(name):
            raise Forbidden(
                "The Host header does not name this machine",
                code="host.not_allowed",
                hint="Use http://127.0.0.1:PORT or http://localhost:PORT, or name the host in the setting "
                "`public_url` or `host_names`.",
            )

    def _known(self, name: str) -> bool:
        if is_loopback(name) or name.rstrip(".") in self._names:
            return True
        return self._wide and _address(name) is not None

    def check_origin(self, origin: str | None, host: str) -> None:
        """Refuse a call that a page of another origin makes, another port of this machine included."""
        if origin is None or origin in {f"http://{host}", f"https://{host}"} or origin == self._public:
            return
        raise Forbidden(
            "The call comes from a page of another origin",
            code="origin.not_allowed",
            hint="Call the API from the page of this server, or from a program with a token.",
        )

    def is_secure(self, scheme: str, host: str) -> bool:
        """Whether the browser came by https, itself or up to a proxy."""
        return scheme == "https" or self._public == f"https://{host}"

    def base(self, scheme: str, host: str) -> str:
        """The address of this server as the browser knows it."""
        return self._public or f"{scheme}://{host}"


def _address(name: str) -> str | None:
    try:
        return str(ip_address(name))
    except ValueError:
        return None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def cookie_name(host: str, of: str = COOKIE) -> str:
    """A cookie's name. Cookies ignore ports, so two servers on one machine need two names."""
    port = urlsplit(f"//{host}").port
    return f"{of}_{port}" if port else of


class Doors(Protocol):
    """What recognises people and their programs."""

    @property
    def tokens(self) -> CheckedTokens: ...
    @property
    def sessions(self) -> CheckedSessions: ...
    @property
    def sign_ins(self) -> SignIns: ...


class Access:
    """The credentials of one running server.

    `local_token` is the one that `up` leaves in the home: whoever can read it may do everything. Without
    `doors` nobody else comes in.
    """

    def __init__(
        self,
        local_token: str | None = None,
        doors: Doors | None = None,
        *,
        names: Names | None = None,
        proxies: Iterable[str] = (),
    ) -> None:
        self._local = _digest(local_token) if local_token else None
        self.doors = doors
        self.names = names or Names()
        self._proxies = frozenset(proxies)
        self.has_proxies = bool(self._proxies)

    def address_of(self, peer: str | None, forwarded: str | None) -> str | None:
        """From where a call comes: behind a proxy that is trusted, what that says."""
        hops = [hop.strip() for hop in (forwarded or "").split(",") if hop.strip()]
        address = peer
        while address in self._proxies and hops:
            address = hops.pop()
        return address[:100] if address else None

    async def recognise(
        self, *, authorization: str | None, cookie: str | None, host: str, address: str | None
    ) -> Actor | None:
        """Who calls an open route, if anybody: nothing is refused there."""
        try:
            if authorization is not None:
                return await self._by_token(authorization, address)
        except Forbidden:
            return None
        return await self._by_session(cookie, host, address)

    async def identify(
        self,
        *,
        authorization: str | None,
        cookie: str | None,
        host: str,
        method: str,
        origin: str | None,
        fetch_site: str | None = None,
        address: str | None = None,
    ) -> Actor:
        """Who calls. A token wins over a cookie.

        Errors: `auth.required`, `origin.required`, `origin.not_allowed`.
        """
        if authorization is not None:
            return await self._by_token(authorization, address)
        actor = await self._by_session(cookie, host, address)
        if actor is None:
            raise unauthorised()
        if method not in _SAFE_METHODS:
            check_own_page(origin, fetch_site)
        return actor

    async def still(self, actor: Actor, *, authorization: str | None, cookie: str | None, host: str) -> bool:
        """Whether the credentials of a call that goes on are as good as when it began. To be asked does not
        count as being used: a page that is left open does not keep its session alive.
        """
        try:
            now = (
                await self._by_token(authorization, actor.address)
                if authorization is not None
                else await self._by_session(cookie, host, actor.address, used=False)
            )
        except Forbidden:
            return False
        return now is not None and (now.account, now.rights) == (actor.account, actor.rights)

    async def _by_session(
        self, cookie: str | None, host: str, address: str | None, *, used: bool = True
    ) -> Actor | None:
        session = cookie_of(cookie, host)
        if session is None or self.doors is None:
            return None
        return await self.doors.sessions.identify(session, address, used=used)

    async def _by_token(self, authorization: str, address: str | None) -> Actor:
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise unauthorised("The Authorization header is not `Bearer TOKEN`")
        if self._local is not None and hmac.compare_digest(_digest(token), self._local):
            return Actor(name=LOCAL, rights=EVERY_RIGHT, role="admin", via="local token", address=address)
        if self.doors is None:
            raise unauthorised("The token is not known, was revoked, or has expired")
        try:
            return await self.doors.tokens.verify(token, address)
        except Forbidden:
            raise unauthorised("The token is not known, was revoked, or has expired") from None


def check_own_page(origin: str | None, fetch_site: str | None) -> None:
    """Refuse a change that does not come from a page of this server. That the origin is the server's own
    was checked before.
    """
    if fetch_site is not None and fetch_site != "same-origin":
        raise Forbidden(
            "The call comes from a page of another origin",
            code="origin.not_allowed",
            hint="Call the API from the page of this server, or from a program with a token.",
        )
    if origin is None:
        # SameSite does not tell two ports of one machine apart; a browser's Origin does.
        raise Forbidden(
            "A call with a session that changes something needs an Origin header",
            code="origin.required",
            hint="Programs use a token: `redrive token create`.",
        )


def cookie_of(header: str | None, host: str, of: str = COOKIE) -> str | None:
    if not header:
        return None
    try:
        jar = SimpleCookie(header)
        name = cookie_name(host, of)
    except (CookieError, ValueError):
        return None
    return jar[name].value if name in jar else None
