"""Statements of the audit log: lines are added, read, and taken away by their age alone."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec
from sqlalchemy import bindparam, delete, select

from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.statements import Insert, Statement

Source: TypeAlias = Rows | Transaction

_t = tables.audit
INSERT_AUDIT = Insert(_t)

_BATCH = select(_t.c.id).where(_t.c.id < bindparam("before")).order_by(_t.c.id).limit(bindparam("at_most"))
_FORGET = Statement(delete(_t).where(_t.c.id.in_(_BATCH.scalar_subquery())))


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    at: int
    actor: str
    action: str
    subject: str
    data: bytes | None
    via: str | None
    address: str | None
    result: str


def lines(
    rows: Rows,
    *,
    actor: str | None,
    action: str | None,
    subject: str | None,
    since: int | None,
    before: int,
    at_most: int,
) -> list[AuditRow]:
    """The newest first, from before the id `before`. `action` may be a noun (`run`) or all of it."""
    chosen = select(_t).where(_t.c.id < before)
    if since is not None:
        chosen = chosen.where(_t.c.id >= since)
    if actor is not None:
        chosen = chosen.where(_t.c.actor == actor)
    if subject is not None:
        chosen = chosen.where(_t.c.subject == subject)
    if action is not None:
        chosen = chosen.where((_t.c.action == action) | _t.c.action.startswith(f"{action}.", autoescape=True))
    found = rows.query(chosen.order_by(_t.c.id.desc()).limit(at_most))
    return [_line(one) for one in found]


def forget(transaction: Transaction, before: int, at_most: int) -> int:
    """Take away the oldest lines, whose ids are below `before`; how many."""
    return transaction.run(_FORGET, before=before, at_most=at_most)


def _line(found: tuple[Any, ...]) -> AuditRow:
    fields = dict(zip(AuditRow.__struct_fields__, found, strict=True))
    return AuditRow(**fields | {"data": bytes(fields["data"]) if fields["data"] is not None else None})
