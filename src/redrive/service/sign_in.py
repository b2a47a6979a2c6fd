"""How people come in: with name and password, or by a one-time link; slow for those who guess."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from typing import Final

import msgspec

from redrive.errors import Forbidden, TooManyTries
from redrive.service.accounts import folded
from redrive.service.actors import ANYBODY, Actor, acting
from redrive.service.kernel import Kernel
from redrive.service.passwords import Passwords, outdated
from redrive.service.people_views import Me, NewSession, SignInRequest, WaysIn
from redrive.service.sessions import Sessions
from redrive.service.throttle import Throttle
from redrive.store import accounts as store
from redrive.store.accounts import AccountRow
from redrive.store.committer import Transaction

WINDOW_S: Final = 900.0
MOST_BY_NAME: Final = 5
"""Failures of one name from one address within the window."""
MOST_BY_ADDRESS: Final = 30
MOST_FOR_NAME: Final = 100
"""Failures of one name from all addresses: many machines guess together."""
MOST_LINKS: Final = 1_000


class SignIns:
    """The doors of one running home. Links and counts of failures end with the process."""

    def __init__(self, kernel: Kernel, sessions: Sessions, passwords: Passwords) -> None:
        self._kernel = kernel
        self._sessions = sessions
        self._passwords = passwords
        clock = time.monotonic
        self._pairs = Throttle(MOST_BY_NAME, WINDOW_S, clock)
        self._addresses = Throttle(MOST_BY_ADDRESS, WINDOW_S, clock)
        self._names = Throttle(MOST_FOR_NAME, WINDOW_S, clock)
        self._links: dict[str, int | None] = {}

    # ---- name and password

    async def by_password(
        self, request: SignInRequest, *, address: str | None, agent: str | None
    ) -> NewSession:
        """A new session. An unknown name, a wrong password and a disabled account get the same answer in the
        same time.

        Errors: `sign_in.failed`, `sign_in.too_many`.
        """
        name = folded(request.name)
        who = Actor(name=request.name[:100], rights=frozenset(), via="nothing", address=address)
        self._slow(who, name, address)
        found = await self._kernel.deps.reader.run(lambda rows: store.account(rows, name))
        right = await self._passwords.fits(found.password if found else None, request.password)
        if found is None or not right or not found.enabled:
            for throttle, key in self._keys(name, address):
                throttle.failed(key)
            self._kernel.note(
                "sign_in", request.name[:100], {"way": "password"}, result="sign_in.failed", actor=who
            )
            raise Forbidden(
                "the name or the password is not right",
                code="sign_in.failed",
                hint="An administrator sets a new one: `redrive user password NAME`.",
            )
        self._pairs.forget(f"{name}\0{address}")
        if found.password is not None and outdated(found.password):
            await self._rehash(found, request.password)
        with acting(_self(found, address)):
            return await self._sessions.begin(found, "password", address=address, agent=agent)

    def _keys(self, name: str, address: str | None) -> list[tuple[Throttle, str]]:
        return [
            (self._pairs, f"{name}\0{address}"),
            (self._addresses, str(address)),
            (self._names, name),
        ]

    def _slow(self, who: Actor, name: str, address: str | None) -> None:
        wait_s = max(throttle.wait_s(key) for throttle, key in self._keys(name, address))
        if wait_s:
            self._kernel.note("sign_in", who.name, {"way": "password"}, result="sign_in.too_many", actor=who)
            raise TooManyTries(
                f"too many tries to sign in; the next one counts in {wait_s} s",
                code="sign_in.too_many",
                hint="Wait, or have an administrator set a new password.",
                after_s=wait_s,
            )

    async def _rehash(self, account: AccountRow, password: str) -> None:
        made = await self._passwords.hashed(password)

        def work(transaction: Transaction) -> None:
            now = store.account_of(transaction, account.id)
            if now is not None and now.password == account.password:
                store.put_account(transaction, msgspec.structs.replace(now, password=made))

        await self._kernel.write(work)

    # ---- one-time links

    def new_code(self) -> str:
        """A code for `/login/{code}`; it works once, for the account of who acts, else for the local
        administrator.
        """
        code = secrets.token_urlsafe(32)
        if len(self._links) >= MOST_LINKS:
            self._links.pop(next(iter(self._links)))
        self._links[code] = self._kernel.acting.account
        return code

    async def by_link(self, code: str, *, address: str | None, agent: str | None) -> NewSession | None:
        """A new session; None where the code is unknown or used."""
        if code not in self._links:
            who = replace(ANYBODY, address=address)
            self._kernel.note("sign_in", "link", {"way": "link"}, result="login.used", actor=who)
            return None
        number = self._links.pop(code)
        account = None
        if number is not None:
            account = await self._kernel.deps.reader.run(lambda rows: store.account_of(rows, number))
            if account is None or not account.enabled:
                return None
        with acting(_self(account, address)):
            return await self._sessions.begin(account, "link", address=address, agent=agent)

    # ---- who one is

    async def me(self, actor: Actor | None, ways_in: WaysIn) -> Me:
        """Who calls, as far as anybody has signed in."""
        count = await self._kernel.deps.reader.run(store.count)
        if actor is None:
            return Me(signed_in=False, first_start=count == 0, ways_in=ways_in)
        with acting(actor):
            session = await self._sessions.current()
        return Me(
            signed_in=True,
            name=actor.name,
            account=actor.name if actor.account is not None else None,
            role=actor.role,
            rights=sorted(actor.rights),
            via=actor.via,
            session=session,
            first_start=count == 0,
            ways_in=ways_in,
        )

    def refused(self, actor: Actor, action: str, subject: str, code: str) -> None:
        """Write into the audit log that somebody tried what is not allowed, or what failed."""
        self._kernel.note(action, subject, result=code, actor=actor)


def _self(account: AccountRow | None, address: str | None) -> Actor:
    return Actor(
        name=account.name if account else "local",
        rights=frozenset(),
        via="session",
        address=address,
        account=account.id if account else None,
    )
