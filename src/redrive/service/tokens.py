"""API tokens: made, listed, revoked and checked. Their text is shown once and never kept."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final, cast

from blake3 import blake3

from redrive.core.ids import TOKEN, to_text
from redrive.core.jsonvalue import decode, encode
from redrive.engine.clock import instant
from redrive.errors import Forbidden, NotFound, StateConflict, UsageError
from redrive.service.actors import Actor
from redrive.service.kernel import Kernel, number_of
from redrive.service.rights import RIGHTS, ROLES, Role, rights_of, rights_of_scopes
from redrive.service.views import NewToken, Page, TokenView
from redrive.store import tokens as store
from redrive.store.accounts import AccountRow, account_of
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.tokens import TokenRow

PREFIX: Final = "rdt_"
_DAY_MICROS: Final = 24 * 3600 * 1_000_000
_MOST_DAYS: Final = 36_500
_MOST_NAME: Final = 100
_USED_EVERY_US: Final = 60_000_000


class Tokens:
    """The noun `tokens` on a home in this process."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def create(
        self, name: str, *, days: int | None = None, scopes: Sequence[str] | None = None
    ) -> NewToken:
        """A new token of who acts; without `days` it does not expire, without `scopes` it may do what its
        maker's role may. It can never do more than its maker, now or later.

        Errors: `token.name_taken`, `token.scope`, `auth.forbidden`, `usage`.
        """
        if not name.strip() or len(name) > _MOST_NAME or not name.isprintable():
            raise UsageError(
                "a token needs a name",
                hint=f"At most {_MOST_NAME} characters that say who will use it, such as `ci`.",
            )
        if days is not None and not 1 <= days <= _MOST_DAYS:
            raise UsageError(f"a token is valid for 1 to {_MOST_DAYS} days, not {days}")
        actor = self._kernel.acting
        chosen = _checked(actor, scopes)
        text = PREFIX + secrets.token_urlsafe(32)
        now = self._kernel.deps.clock.micros()
        token = TokenRow(
            id=self._kernel.deps.ids.next(),
            name=name,
            digest=_digest(text),
            created_at=now,
            expires_at=None if days is None else now + days * _DAY_MICROS,
            account_id=actor.account,
            scopes=encode(chosen),
        )

        def work(transaction: Transaction) -> None:
            if any(one.name == name and not _expired(one, now) for one in store.tokens(transaction)):
                raise StateConflict(
                    f"there is a token {name!r} already",
                    code="token.name_taken",
                    hint="Revoke it, or give the new one a name of its own.",
                )
            store.insert_token(transaction, token)
            self._kernel.audit(
                transaction, "token.created", to_text(TOKEN, token.id), name=name, days=days, scopes=chosen
            )

        await self._kernel.write(work)
        account = actor.name if actor.account is not None else None
        return NewToken(**_view(token, account).model_dump(), token=text)

    async def list(self) -> Page[TokenView]:
        """One's own tokens, expired ones too, the oldest first; with the right `people` everybody's."""
        actor = self._kernel.acting
        found = await self._kernel.deps.reader.run(_with_accounts)
        return Page[TokenView](
            items=[
                _view(token, account.name if account else None)
                for token, account in found
                if actor.may("people") or _owns(actor, token)
            ]
        )

    async def revoke(self, token_id: str) -> None:
        """A token of one's own; another's needs the right `people`. Errors: `token.unknown`."""
        number = number_of(TOKEN, token_id, "token")
        actor = self._kernel.acting

        def work(transaction: Transaction) -> None:
            token = store.token_of(transaction, number)
            if token is None or not (actor.may("people") or _owns(actor, token)):
                raise NotFound(f"there is no token {token_id!r}", code="token.unknown")
            store.delete_token(transaction, number)
            self._kernel.audit(transaction, "token.revoked", to_text(TOKEN, number))

        await self._kernel.write(work)

    async def verify(self, token: str, address: str | None = None) -> Actor:
        """Who comes with a valid token. Errors: `token.invalid`, `token.expired`."""
        # Found by hash, so the time that it takes tells nothing of a token's text.
        digest = _digest(token)
        found = await self._kernel.deps.reader.run(lambda rows: _with_account(rows, digest))
        if found is None:
            raise Forbidden(
                "the token is not known or was revoked",
                code="token.invalid",
                hint="`redrive token create` makes a new one.",
            )
        row, account = found
        now = self._kernel.deps.clock.micros()
        if _expired(row, now) or (account is not None and not account.enabled):
            raise Forbidden(
                f"the token {row.name!r} has expired"
                if _expired(row, now)
                else f"the account of the token {row.name!r} is disabled",
                code="token.expired",
                hint="`redrive token create` makes a new one.",
            )
        if now - (row.last_used_at or 0) > _USED_EVERY_US:
            self._kernel.deps.committer.submit(lambda tx: store.used(tx, row.id, now), within_s=1.0)
        return _actor(row, account, address)


def _checked(actor: Actor, scopes: Sequence[str] | None) -> list[str]:
    """Errors: `token.scope` for a name that is neither role nor right, `auth.forbidden` for more than the
    maker has.
    """
    if not scopes:
        return [actor.role] if actor.role else sorted(actor.rights)
    for scope in scopes:
        if scope not in ROLES and scope not in RIGHTS:
            near = get_close_matches(scope, [*ROLES, *RIGHTS], n=1)
            raise UsageError(
                f"{scope!r} is neither a role nor a right",
                code="token.scope",
                at="scopes",
                hint=f"Did you mean {near[0]}?" if near else f"Roles: {', '.join(ROLES)}.",
            )
    for right in sorted(rights_of_scopes(scopes)):
        actor.require(right)
    return list(dict.fromkeys(scopes))


def _actor(token: TokenRow, account: AccountRow | None, address: str | None) -> Actor:
    rights = rights_of_scopes(decode(token.scopes))
    if account is not None:
        rights &= rights_of(cast("Role", account.role), reveal=account.reveal)
    return Actor(
        name=account.name if account is not None else token.name,
        rights=rights,
        via=f"token {token.name}",
        address=address,
        account=account.id if account is not None else None,
    )


def _owns(actor: Actor, token: TokenRow) -> bool:
    return actor.account is not None and token.account_id == actor.account


def _with_account(rows: Rows, digest: bytes) -> tuple[TokenRow, AccountRow | None] | None:
    """None too where the account of the token is gone."""
    token = store.by_digest(rows, digest)
    if token is None:
        return None
    account = account_of(rows, token.account_id) if token.account_id is not None else None
    return None if token.account_id is not None and account is None else (token, account)


def _with_accounts(rows: Rows) -> list[tuple[TokenRow, AccountRow | None]]:
    return [
        (token, account_of(rows, token.account_id) if token.account_id is not None else None)
        for token in store.tokens(rows)
    ]


def _digest(text: str) -> bytes:
    return blake3(text.encode("utf-8", "surrogatepass")).digest()


def _expired(token: TokenRow, now: int) -> bool:
    return token.expires_at is not None and token.expires_at <= now


def _view(token: TokenRow, account: str | None) -> TokenView:
    return TokenView(
        id=to_text(TOKEN, token.id),
        name=token.name,
        account=account,
        scopes=list(decode(token.scopes)),
        last_used_at=None if token.last_used_at is None else instant(token.last_used_at),
        created_at=instant(token.created_at),
        expires_at=None if token.expires_at is None else instant(token.expires_at),
    )
