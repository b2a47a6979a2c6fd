"""Statements of API tokens. Of a token's text only the hash is kept."""

from __future__ import annotations

from typing import TypeAlias

import msgspec
from sqlalchemy import bindparam, delete, select

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


_INSERT = Insert(_t)
_LIST = Statement(select(_t).order_by(_t.c.id))
_BY_DIGEST = Statement(select(_t).where(_t.c.digest == bindparam("digest")))
_DELETE = Statement(delete(_t).where(_t.c.id == bindparam("token_id")))


def insert_token(transaction: Transaction, token: TokenRow) -> None:
    transaction.insert(_INSERT, row(token))


def tokens(source: Source) -> list[TokenRow]:
    return [TokenRow(**dict(zip(TokenRow.__struct_fields__, one, strict=True))) for one in source.all(_LIST)]


def by_digest(source: Source, digest: bytes) -> TokenRow | None:
    found = source.one(_BY_DIGEST, digest=digest)
    return TokenRow(**dict(zip(TokenRow.__struct_fields__, found, strict=True))) if found else None


def delete_token(transaction: Transaction, token_id: int) -> bool:
    """Whether there was one."""
    return transaction.run(_DELETE, token_id=token_id) > 0
