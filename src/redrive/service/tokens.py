"""API tokens: made, listed, revoked and checked. Their text is shown once and never kept."""

from __future__ import annotations

import secrets
from typing import Final

from blake3 import blake3

from redrive.core.ids import TOKEN, to_text
from redrive.engine.clock import instant
from redrive.errors import Forbidden, NotFound, StateConflict, UsageError
from redrive.service.kernel import Kernel, number_of
from redrive.service.views import NewToken, Page, TokenView
from redrive.store import tokens as store
from redrive.store.committer import Transaction
from redrive.store.tokens import TokenRow

PREFIX: Final = "rdt_"
_DAY_MICROS: Final = 24 * 3600 * 1_000_000
_MOST_DAYS: Final = 36_500
_MOST_NAME: Final = 100


class Tokens:
    """The noun `tokens` on a home in this process."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def create(self, name: str, *, days: int | None = None) -> NewToken:
        """A new token; without `days` it does not expire. Errors: `token.name_taken`, `usage`."""
        if not name.strip() or len(name) > _MOST_NAME or not name.isprintable():
            raise UsageError(
                "a token needs a name",
                hint=f"At most {_MOST_NAME} characters that say who will use it, such as `ci`.",
            )
        if days is not None and not 1 <= days <= _MOST_DAYS:
            raise UsageError(f"a token is valid for 1 to {_MOST_DAYS} days, not {days}")
        text = PREFIX + secrets.token_urlsafe(32)
        now = self._kernel.deps.clock.micros()
        token = TokenRow(
            id=self._kernel.deps.ids.next(),
            name=name,
            digest=_digest(text),
            created_at=now,
            expires_at=None if days is None else now + days * _DAY_MICROS,
        )

        def work(transaction: Transaction) -> None:
            if any(one.name == name and not _expired(one, now) for one in store.tokens(transaction)):
                raise StateConflict(
                    f"there is a token {name!r} already",
                    code="token.name_taken",
                    hint="Revoke it, or give the new one a name of its own.",
                )
            store.insert_token(transaction, token)
            self._kernel.audit(transaction, "token.created", to_text(TOKEN, token.id), name=name, days=days)

        await self._kernel.write(work)
        return NewToken(**_view(token).model_dump(), token=text)

    async def list(self) -> Page[TokenView]:
        """All tokens, expired ones too, the oldest first."""
        found = await self._kernel.deps.reader.run(store.tokens)
        return Page[TokenView](items=[_view(token) for token in found])

    async def revoke(self, token_id: str) -> None:
        """Errors: `token.unknown`."""
        number = number_of(TOKEN, token_id, "token")

        def work(transaction: Transaction) -> None:
            if not store.delete_token(transaction, number):
                raise NotFound(f"there is no token {token_id!r}", code="token.unknown")
            self._kernel.audit(transaction, "token.revoked", to_text(TOKEN, number))

        await self._kernel.write(work)

    async def verify(self, token: str) -> str:
        """The name of a valid token. Errors: `token.invalid`, `token.expired`."""
        # Found by hash, so the time that it takes tells nothing of a token's text.
        digest = _digest(token)
        found = await self._kernel.deps.reader.run(lambda rows: store.by_digest(rows, digest))
        if found is None:
            raise Forbidden(
                "the token is not known or was revoked",
                code="token.invalid",
                hint="`redrive token create` makes a new one.",
            )
        if _expired(found, self._kernel.deps.clock.micros()):
            raise Forbidden(
                f"the token {found.name!r} has expired",
                code="token.expired",
                hint="`redrive token create` makes a new one.",
            )
        return found.name


def _digest(text: str) -> bytes:
    return blake3(text.encode("utf-8", "surrogatepass")).digest()


def _expired(token: TokenRow, now: int) -> bool:
    return token.expires_at is not None and token.expires_at <= now


def _view(token: TokenRow) -> TokenView:
    return TokenView(
        id=to_text(TOKEN, token.id),
        name=token.name,
        created_at=instant(token.created_at),
        expires_at=None if token.expires_at is None else instant(token.expires_at),
    )
