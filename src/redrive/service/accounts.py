"""Accounts of people: made, listed, changed and deleted; never without an administrator again."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import msgspec

from redrive.core.ids import ACCOUNT, to_text
from redrive.engine.clock import instant
from redrive.errors import Forbidden, NotFound, StateConflict, UsageError
from redrive.service.cursors import cursor_of, page, page_size, place_of
from redrive.service.kernel import Kernel
from redrive.service.passwords import Passwords, check
from redrive.service.people_views import AccountChange, AccountRequest, AccountView, PasswordChange
from redrive.service.reference_views import Removed
from redrive.service.views import Page
from redrive.store import accounts as store
from redrive.store import tokens as token_store
from redrive.store.accounts import AccountRow
from redrive.store.committer import Transaction

Changed = Callable[[], None]
LOCAL = "local"
"""The local administrator's name: no account has it."""


class Accounts:
    """The noun `accounts`. `changed` is told when somebody's rights may be others than before."""

    def __init__(self, kernel: Kernel, passwords: Passwords, changed: Changed) -> None:
        self._kernel = kernel
        self._passwords = passwords
        self._changed = changed

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[AccountView]:
        """Errors: `limit.invalid`, `cursor.invalid`."""
        size = page_size(limit)
        (after,) = place_of(cursor, str) or ("",)
        found = await self._kernel.deps.reader.run(lambda rows: store.accounts(rows, after, size + 1))
        return page(found, size, account_view, lambda one: cursor_of(one.folded))

    async def get(self, name: str) -> AccountView:
        """Errors: `account.unknown`."""
        return account_view(await self._row(name))

    async def create(self, request: AccountRequest) -> AccountView:
        """Errors: `account.name_taken`, `password.weak`, `usage`."""
        name = checked_name(request.name)
        if request.password is not None:
            check(request.password, name)
        account = AccountRow(
            id=self._kernel.deps.ids.next(),
            name=name,
            folded=folded(name),
            role=request.role,
            reveal=request.reveal,
            enabled=True,
            password=await self._passwords.hashed(request.password) if request.password else None,
            issuer=None,
            subject=None,
            created_at=self._kernel.deps.clock.micros(),
            signed_in_at=None,
        )
        await self.insert(account)
        return account_view(account)

    async def insert(self, account: AccountRow) -> None:
        """Errors: `account.name_taken`."""

        def work(transaction: Transaction) -> None:
            if store.account(transaction, account.folded) is not None:
                raise StateConflict(
                    f"there is an account {account.name!r} already",
                    code="account.name_taken",
                    at="name",
                    hint="Names that differ in case only count as the same.",
                )
            store.put_account(transaction, account)
            self._kernel.audit(
                transaction,
                "account.created",
                account.name,
                role=account.role,
                reveal=account.reveal,
                issuer=account.issuer,
            )

        await self._kernel.write(work)

    async def change(self, name: str, request: AccountChange) -> AccountView:
        """A new password or a disabled account ends its sessions.

        Errors: `account.unknown`, `account.last_admin`, `password.weak`.
        """
        if request.password is not None:
            check(request.password, name)
        password = await self._passwords.hashed(request.password) if request.password else None
        given = request.model_dump(exclude_none=True, exclude={"password"})

        def work(transaction: Transaction) -> AccountRow:
            before = _known(store.account(transaction, folded(name)), name)
            after = msgspec.structs.replace(before, **given, password=password or before.password)
            if _is_admin(before) and not _is_admin(after):
                _keep_one(transaction, name)
            store.put_account(transaction, after)
            if password is not None or not after.enabled:
                store.end_sessions(transaction, after.id)
            self._kernel.audit(
                transaction, "account.changed", after.name, **given, password=password is not None
            )
            return after

        changed = await self._kernel.write(work)
        self._changed()
        return account_view(changed)

    async def change_password(self, request: PasswordChange) -> None:
        """One's own password. Errors: `password.wrong`, `password.weak`, `account.none`."""
        actor = self._kernel.acting
        found = None
        if (number := actor.account) is not None:
            found = await self._kernel.deps.reader.run(lambda rows: store.account_of(rows, number))
        if found is None:
            raise StateConflict(
                f"{actor.name} is no account and has no password",
                code="account.none",
                hint="Sign in with an account.",
            )
        if not await self._passwords.fits(found.password, request.current):
            self._kernel.note("account.password", found.name, result="password.wrong")
            raise Forbidden("the present password is another one", code="password.wrong", at="current")
        check(request.password, found.name)
        password = await self._passwords.hashed(request.password)

        def work(transaction: Transaction) -> None:
            now = _known(store.account_of(transaction, found.id), found.name)
            store.put_account(transaction, msgspec.structs.replace(now, password=password))
            store.end_sessions(transaction, found.id, but=actor.session or 0)
            self._kernel.audit(transaction, "account.password", found.name)

        await self._kernel.write(work)
        self._changed()

    async def delete(self, name: str) -> Removed:
        """The account, its sessions and its tokens. Errors: `account.unknown`, `account.last_admin`."""

        def work(transaction: Transaction) -> None:
            account = _known(store.account(transaction, folded(name)), name)
            if _is_admin(account):
                _keep_one(transaction, name)
            store.end_sessions(transaction, account.id)
            token_store.delete_tokens(transaction, account.id)
            store.delete_account(transaction, account.id)
            self._kernel.audit(transaction, "account.deleted", account.name)

        await self._kernel.write(work)
        self._changed()
        return Removed(removed=1)

    async def administrators(self) -> int:
        """How many administrators can sign in."""
        return await self._kernel.deps.reader.run(store.admins)

    async def _row(self, name: str) -> AccountRow:
        return _known(
            await self._kernel.deps.reader.run(lambda rows: store.account(rows, folded(name))), name
        )


def folded(name: str) -> str:
    """A name as it is looked up: case and the ways to write an accent do not count."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def account_view(account: AccountRow) -> AccountView:
    return AccountView(
        id=to_text(ACCOUNT, account.id),
        name=account.name,
        role=account.role,  # type: ignore[arg-type]  # checked by pydantic
        reveal=account.reveal,
        enabled=account.enabled,
        password=account.password is not None,
        issuer=account.issuer,
        created_at=instant(account.created_at),
        signed_in_at=None if account.signed_in_at is None else instant(account.signed_in_at),
    )


def _is_admin(account: AccountRow) -> bool:
    return account.role == "admin" and account.enabled


def _keep_one(transaction: Transaction, name: str) -> None:
    if store.admins(transaction) < 2:
        raise StateConflict(
            f"{name} is the last administrator",
            code="account.last_admin",
            hint="Make another account an administrator first: `redrive user set NAME --role admin`.",
        )


def _known(account: AccountRow | None, name: str) -> AccountRow:
    if account is None:
        raise NotFound(
            f"there is no account {name!r}", code="account.unknown", hint="`redrive user list` lists them."
        )
    return account


def checked_name(name: str) -> str:
    """The name of a new account. Errors: `usage`."""
    name = name.strip()
    if not name or len(name) > 100 or not name.isprintable() or "/" in name or folded(name) == LOCAL:
        raise UsageError(
            f"{name!r} cannot be the name of an account",
            at="name",
            hint=f"Up to 100 printable characters, no slash; `{LOCAL}` is the local administrator.",
        )
    return name
