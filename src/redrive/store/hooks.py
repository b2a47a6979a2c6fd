"""Statements of hooks: whose they are, which calls were there already, what callbacks answered."""

from __future__ import annotations

from typing import TypeAlias

import msgspec
from sqlalchemy import and_, bindparam, delete, func, select

from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.flows import DEPLOYED
from redrive.store.statements import Insert, Statement

Source: TypeAlias = Rows | Transaction

_f, _v, _r, _k, _a = tables.flows, tables.flow_versions, tables.runs, tables.hook_keys, tables.answers

_OWNER = Statement(
    select(_f.c.id, _f.c.enabled, _v.c.number)
    .select_from(_f.outerjoin(_v, and_(_v.c.flow_id == _f.c.id, _v.c.state == DEPLOYED)))
    .where(_f.c.name == bindparam("name"))
)
_KEY = Statement(
    select(_k.c.run_id, _k.c.at).where(_k.c.digest == bindparam("digest"), _k.c.expires_at > bindparam("now"))
)
PUT_KEY = Insert(_k, conflict="replace")
_EXPIRED = Statement(delete(_k).where(_k.c.expires_at <= bindparam("now")))
_WAITING = select(_r.c.id).where(_r.c.status == "queued").limit(bindparam("at_most")).subquery()
_QUEUED = Statement(select(func.count()).select_from(_WAITING))
PUT_ANSWER = Insert(_a, conflict="ignore")
_ANSWER = Statement(select(_a).where(_a.c.run_id == bindparam("run_id")))


class Owner(msgspec.Struct, frozen=True):
    """The flow that an address names; `deployed` is the number of its deployed version."""

    flow_id: int
    enabled: bool
    deployed: int | None


class AnswerRow(msgspec.Struct, frozen=True):
    """What a step answered to whoever waited. `headers` is JSON, the body that of a payload."""

    run_id: int
    step: str
    status: int
    headers: bytes
    payload_id: int
    at: int


def owner(source: Source, name: str) -> Owner | None:
    found = source.one(_OWNER, name=name)
    return Owner(found[0], bool(found[1]), found[2]) if found is not None else None


def known_call(source: Source, digest: bytes, now: int) -> tuple[int, int] | None:
    """The run that a call with this key has started, and when."""
    found = source.one(_KEY, digest=digest, now=now)
    return (found[0], found[1]) if found is not None else None


def forget_calls(transaction: Transaction, now: int) -> int:
    """Remove keys whose time is over; how many."""
    return transaction.run(_EXPIRED, now=now)


def queued(source: Source, at_most: int) -> int:
    """How many runs wait to begin, counted as far as `at_most`."""
    found = source.one(_QUEUED, at_most=at_most)
    return int(found[0]) if found else 0


def answer(source: Source, run_id: int) -> AnswerRow | None:
    found = source.one(_ANSWER, run_id=run_id)
    if found is None:
        return None
    run_id, step, status, headers, payload_id, at = found
    return AnswerRow(run_id, step, status, bytes(headers), payload_id, at)
