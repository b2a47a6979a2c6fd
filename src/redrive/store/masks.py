"""Statements of masking rules."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec
from sqlalchemy import bindparam, delete, select

from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.statements import Insert, Statement, row

Source: TypeAlias = Rows | Transaction

_t = tables.masks


class MaskRow(msgspec.Struct, frozen=True, kw_only=True):
    """`flow` None: for all flows. `fields` is a JSON list of names."""

    id: int
    name: str
    flow: str | None
    fields: bytes
    pattern: str | None
    note: str | None
    created_at: int


_PUT = Insert(_t, conflict="replace")
_LIST = Statement(select(_t).order_by(_t.c.name))
_GET = Statement(select(_t).where(_t.c.name == bindparam("name")))
_DELETE = Statement(delete(_t).where(_t.c.name == bindparam("name")))


def put(transaction: Transaction, mask: MaskRow) -> None:
    """A new rule, or what one has become."""
    transaction.insert(_PUT, row(mask))


def masks(source: Source) -> list[MaskRow]:
    """All of them, by name."""
    return [_mask(one) for one in source.all(_LIST)]


def mask(source: Source, name: str) -> MaskRow | None:
    found = source.one(_GET, name=name)
    return _mask(found) if found is not None else None


def remove(transaction: Transaction, name: str) -> bool:
    """Whether there was one."""
    return transaction.run(_DELETE, name=name) > 0


def _mask(found: tuple[Any, ...]) -> MaskRow:
    fields = dict(zip(MaskRow.__struct_fields__, found, strict=True))
    return MaskRow(**fields | {"fields": bytes(fields["fields"])})
