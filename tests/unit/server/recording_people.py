"""People of a service that keeps nothing: sessions and links in memory, one token, no accounts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from redrive.errors import Forbidden, StateConflict, StoreBusy
from redrive.service.actors import Actor
from redrive.service.people_views import AccountView, AuditLine, Me, NewSession, SessionView, WaysIn
from redrive.service.reference_views import Removed
from redrive.service.rights import EVERY_RIGHT, rights_of
from redrive.service.views import Page

AT = datetime(2026, 11, 20, 9, 15, 2, tzinfo=UTC)
ROLES = {"viewer": "viewer", "operator": "operator", "builder": "builder"}


def session_view(**more: Any) -> SessionView:
    return SessionView(
        id="s1",
        account=None,
        way="link",
        created_at=AT,
        seen_at=AT,
        expires_at=AT.replace(year=2126),
        **more,
    )


class Doors:
    """What `Access` asks. A token named after a role has that role's rights."""

    def __init__(self) -> None:
        self.tokens = self
        self.sessions = self
        self.sign_ins = self
        self.live: set[str] = set()
        self.links: set[str] = set()
        self.told: list[tuple[str, str, str]] = []

    async def verify(self, token: str, address: str | None = None) -> Actor:
        if token == "store-busy":
            raise StoreBusy("Another process holds the store")
        if token in ROLES:
            return Actor(name=token, rights=rights_of(token), via=f"token {token}", address=address)
        if token != "rd_secret":
            raise Forbidden("The token is not known")
        return Actor(name="ci", rights=EVERY_RIGHT, via="token ci", address=address)

    async def identify(self, text: str, address: str | None, *, used: bool = True) -> Actor | None:
        if text not in self.live:
            return None
        return Actor(name="local", rights=EVERY_RIGHT, role="admin", via="session", address=address)

    async def sign_out(self, text: str) -> None:
        self.live.discard(text)

    def new_code(self) -> str:
        self.links.add(f"code{len(self.links)}")
        return f"code{len(self.links) - 1}"

    async def by_link(self, code: str, *, address: str | None, agent: str | None) -> NewSession | None:
        if code not in self.links:
            return None
        self.links.discard(code)
        self.live.add(f"session of {code}".replace(" ", "-"))
        return NewSession(f"session-of-{code}", session_view())

    async def me(self, actor: Actor | None, ways_in: WaysIn) -> Me:
        return Me(
            signed_in=actor is not None, name=actor.name if actor else None, first_start=True, ways_in=ways_in
        )

    name = None
    """Of an identity provider: there is none."""

    async def start(self, redirect_uri: str, to: str) -> tuple[str, str]:
        raise StateConflict("there is no identity provider", code="oidc.off")

    async def finish(self, *_given: Any, **_more: Any) -> tuple[NewSession, str]:
        raise StateConflict("there is no identity provider", code="oidc.off")

    def refused(self, actor: Actor, action: str, subject: str, code: str) -> None:
        self.told.append((actor.name, action, code))


class NoAccounts:
    """A home on its first start."""

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[AccountView]:
        return Page[AccountView](items=[])

    async def administrators(self) -> int:
        return 0


class OneSession:
    def __init__(self, doors: Doors) -> None:
        self.identify = doors.identify
        self.sign_out = doors.sign_out

    async def list(self, *, everybody: bool = False) -> Page[SessionView]:
        return Page[SessionView](items=[session_view()])

    async def end(self, session_id: str) -> Removed:
        return Removed(removed=1)


class NoAudit:
    async def list(self, **_given: Any) -> Page[AuditLine]:
        return Page[AuditLine](items=[])
