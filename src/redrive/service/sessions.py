"""Browser sessions: begun, recognised, listed and ended. They outlive a restart; their text is not kept."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from typing import Final

from blake3 import blake3

from redrive.core.ids import SESSION, from_text, to_text
from redrive.engine.clock import instant
from redrive.errors import NotFound
from redrive.service.accounts import LOCAL
from redrive.service.actors import Actor
from redrive.service.kernel import Kernel
from redrive.service.people_views import NewSession, SessionView, Way
from redrive.service.reference_views import Removed
from redrive.service.rights import EVERY_RIGHT, rights_of
from redrive.service.views import Page
from redrive.store import accounts as store
from redrive.store.accounts import AccountRow, SessionRow
from redrive.store.committer import Transaction
from redrive.store.database import Rows

_HOUR_US: Final = 3_600_000_000
_SEEN_EVERY_US: Final = 60_000_000
_SEEN_WITHIN_S: Final = 1.0
_REMEMBERED_S: Final = 1.0
_MOST_REMEMBERED: Final = 10_000
_MOST_AGENT: Final = 200


class Sessions:
    """The noun `sessions`, and the check of each call that comes with one."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._remembered: dict[bytes, tuple[Actor, float]] = {}

    # ---- begin and end

    async def begin(
        self, account: AccountRow | None, way: Way, *, address: str | None, agent: str | None
    ) -> NewSession:
        """A session of an account, or of the local administrator; sessions whose time is over go."""
        settings = self._kernel.deps.settings
        text = secrets.token_urlsafe(32)
        now = self._kernel.deps.clock.micros()
        session = SessionRow(
            id=self._kernel.deps.ids.next(),
            digest=_digest(text),
            account_id=account.id if account else None,
            way=way,
            address=address,
            agent=agent[:_MOST_AGENT] if agent else None,
            created_at=now,
            seen_at=now,
            expires_at=now + int(settings.session_days * 24 * _HOUR_US),
        )

        def work(transaction: Transaction) -> None:
            store.forget_sessions(transaction, now, now - self._idle_us)
            store.insert_session(transaction, session)
            if account is not None:
                store.signed_in(transaction, account.id, now)
            self._kernel.audit(transaction, "sign_in", account.name if account else LOCAL, way=way)

        await self._kernel.write(work)
        return NewSession(text, _view(session, account.name if account else None, current=True))

    async def sign_out(self, text: str) -> None:
        digest = _digest(text)

        def work(transaction: Transaction) -> None:
            session = store.session(transaction, digest)
            if session is not None:
                store.end_session(transaction, session.id)
                self._kernel.audit(transaction, "sign_out", self._kernel.actor)

        await self._kernel.write(work)
        self.forget()

    def forget(self) -> None:
        """Look everybody up again: somebody's rights may be others than before."""
        self._remembered.clear()

    # ---- recognise

    async def identify(self, text: str, address: str | None, *, used: bool = True) -> Actor | None:
        """Who calls; None where the session is not known, has ended, or its account is disabled. `used`:
        somebody was there, so that its idle time begins anew.
        """
        digest = _digest(text)
        known = self._remembered.get(digest)
        if known is not None and known[1] > time.monotonic():
            return replace(known[0], address=address)
        now = self._kernel.deps.clock.micros()
        found = await self._kernel.deps.reader.run(lambda rows: _with_account(rows, digest))
        if found is None:
            return None
        session, account = found
        if session.expires_at <= now or session.seen_at <= now - self._idle_us:
            return None
        if account is not None and not account.enabled:
            return None
        if used and now - session.seen_at > _SEEN_EVERY_US:
            number = session.id
            self._kernel.deps.committer.submit(
                lambda transaction: store.seen(transaction, number, now), within_s=_SEEN_WITHIN_S
            )
        actor = _actor(session, account)
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[digest] = actor, time.monotonic() + _REMEMBERED_S
        return replace(actor, address=address)

    @property
    def _idle_us(self) -> int:
        return int(self._kernel.deps.settings.session_idle_hours * _HOUR_US)

    # ---- list

    async def list(self, *, everybody: bool = False) -> Page[SessionView]:
        """One's own sessions, the newest first; `everybody` (the right `people`): all of them."""
        actor = self._kernel.acting
        if everybody:
            actor.require("people")
        now = self._kernel.deps.clock.micros()
        found = await self._kernel.deps.reader.run(_all)
        return Page[SessionView](
            items=[
                _view(session, account.name if account else None, current=session.id == actor.session)
                for session, account in found
                if (everybody or _owns(actor, session))
                and session.expires_at > now
                and session.seen_at > now - self._idle_us
            ]
        )

    async def current(self) -> SessionView | None:
        """The session that this call came with."""
        number = self._kernel.acting.session
        if number is None:
            return None
        found = await self._kernel.deps.reader.run(lambda rows: store.session_of(rows, number))
        actor = self._kernel.acting
        return _view(found, actor.name if actor.account else None, current=True) if found else None

    async def end(self, session_id: str) -> Removed:
        """End a session of one's own; another's needs the right `people`. Errors: `session.unknown`."""
        actor = self._kernel.acting
        number = from_text(SESSION, session_id)

        def work(transaction: Transaction) -> None:
            session = store.session_of(transaction, number) if number is not None else None
            if session is None or not (_owns(actor, session) or actor.may("people")):
                raise NotFound(
                    f"there is no session {session_id!r}",
                    code="session.unknown",
                    hint="`redrive user sessions` lists them.",
                )
            store.end_session(transaction, session.id)
            self._kernel.audit(transaction, "session.ended", to_text(SESSION, session.id))

        await self._kernel.write(work)
        self.forget()
        return Removed(removed=1)


def _owns(actor: Actor, session: SessionRow) -> bool:
    """Those of no account are the local administrator's."""
    if session.account_id is None:
        return actor.account is None and actor.may("people")
    return session.account_id == actor.account


def _with_account(rows: Rows, digest: bytes) -> tuple[SessionRow, AccountRow | None] | None:
    session = store.session(rows, digest)
    if session is None:
        return None
    if session.account_id is None:
        return session, None
    account = store.account_of(rows, session.account_id)
    return (session, account) if account is not None else None


def _all(rows: Rows) -> list[tuple[SessionRow, AccountRow | None]]:
    found = store.sessions(rows)
    numbers = {one.account_id for one in found if one.account_id is not None}
    accounts = {number: store.account_of(rows, number) for number in numbers}
    return [(one, accounts.get(one.account_id) if one.account_id is not None else None) for one in found]


def _actor(session: SessionRow, account: AccountRow | None) -> Actor:
    if account is None:
        return Actor(name=LOCAL, rights=EVERY_RIGHT, role="admin", via="session", session=session.id)
    role = account.role
    return Actor(
        name=account.name,
        rights=rights_of(role, reveal=account.reveal),  # type: ignore[arg-type]  # as it was stored
        role=role,  # type: ignore[arg-type]
        via="session",
        account=account.id,
        session=session.id,
    )


def _view(session: SessionRow, account: str | None, *, current: bool) -> SessionView:
    return SessionView(
        id=to_text(SESSION, session.id),
        account=account,
        way=session.way,  # type: ignore[arg-type]  # checked by pydantic
        address=session.address,
        agent=session.agent,
        created_at=instant(session.created_at),
        seen_at=instant(session.seen_at),
        expires_at=instant(session.expires_at),
        current=current,
    )


def _digest(text: str) -> bytes:
    return blake3(text.encode("utf-8", "surrogatepass")).digest()
