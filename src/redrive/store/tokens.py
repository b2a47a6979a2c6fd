"""Statements of API tokens. Of a token's text only the hash is kept."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec
from sqlalchemy import BigInteger, bindparam, delete, select, update

from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.statements import Insert, Statement, row

Source: TypeAlias = Rows | Transaction

_t = tables.tokens


class TokenRow(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    digest: bytes
    created_at: int
    expires_at: int | None
    account_id: int | None = None
    scopes: bytes = b"[]"
    last_used_at: int | None = None


_INSERT = Insert(_t)
_LIST = Statement(select(_t).order_by(_t.c.id))
_BY_DIGEST = Statement(select(_t).where(_t.c.digest == bindparam("digest")))
_BY_ID = Statement(select(_t).where(_t.c.id == bindparam("token_id")))
_USED = Statement(
    update(_t).where(_t.c.id == bindparam("token_id")).values(last_used_at=bindparam("now", type_=BigInteger))
)
_DELETE_OF = Statement(delete(_t).where(_t.c.account_id == bindparam("account_id")))
_DELETE = Statement(delete(_t).where(_t.c.id == bindparam("token_id")))


def insert_token(transaction: Transaction, token: TokenRow) -> None:
    transaction.insert(_INSERT, row(token))


def _token(found: tuple[Any, ...]) -> TokenRow:
    fields = dict(zip(TokenRow.__struct_fields__, found, strict=True))
    return TokenRow(**fields | {"digest": bytes(fields["digest"]), "scopes": bytes(fields["scopes"])})


def tokens(source: Source) -> list[TokenRow]:
    return [_token(one) for one in source.all(_LIST)]


def by_digest(source: Source, digest: bytes) -> TokenRow | None:
    found = source.one(_BY_DIGEST, digest=digest)
    return _token(found) if found else None


def token_of(source: Source, token_id: int) -> TokenRow | None:
    found = source.one(_BY_ID, token_id=token_id)
    return _token(found) if found else None


def used(transaction: Transaction, token_id: int, now: int) -> None:
    transaction.run(_USED, token_id=token_id, now=now)


def delete_tokens(transaction: Transaction, account_id: int) -> int:
    """Those of an account; how many."""
    return transaction.run(_DELETE_OF, account_id=account_id)


def delete_token(transaction: Transaction, token_id: int) -> bool:
    """Whether there was one."""
    return transaction.run(_DELETE, token_id=token_id) > 0
