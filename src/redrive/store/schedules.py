"""Statements of schedules: up to when their times are decided, and which of them started runs."""

from __future__ import annotations

from typing import Final, TypeAlias

from sqlalchemy import and_, bindparam, delete, func, select

from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.flows import DEPLOYED
from redrive.store.statements import Insert, Statement

Source: TypeAlias = Rows | Transaction
Key: TypeAlias = tuple[int, str]
"""A flow's id and the rule of its schedule."""
KEPT_US: Final = 40 * 86_400_000_000
"""How long it is known which time started which run."""

_f, _v, _m, _s = tables.flows, tables.flow_versions, tables.schedule_marks, tables.schedule_starts

_ACTIVE = Statement(
    select(_f.c.id, _v.c.number)
    .select_from(_f.join(_v, and_(_v.c.flow_id == _f.c.id, _v.c.state == DEPLOYED)))
    .where(_f.c.enabled)
    .order_by(_f.c.id)
)
_ACTIVE_ONE = Statement(
    select(_v.c.number)
    .select_from(_f.join(_v, and_(_v.c.flow_id == _f.c.id, _v.c.state == DEPLOYED)))
    .where(_f.c.enabled, _f.c.id == bindparam("flow_id"))
)
_MARKS = Statement(select(_m.c.flow_id, _m.c.schedule, _m.c.at).order_by(_m.c.flow_id, _m.c.schedule))
_MARK = Statement(
    select(_m.c.at).where(_m.c.flow_id == bindparam("flow_id"), _m.c.schedule == bindparam("schedule"))
)
_PUT_MARK = Insert(_m, conflict="replace")
_DROP_MARK = Statement(
    delete(_m).where(_m.c.flow_id == bindparam("flow_id"), _m.c.schedule == bindparam("schedule"))
)
_OF = and_(_s.c.flow_id == bindparam("flow_id"), _s.c.schedule == bindparam("schedule"))
_STARTED = Statement(select(_s.c.run_id).where(_OF, _s.c.due == bindparam("due")))
_LAST = Statement(select(func.max(_s.c.due)).where(_OF))
_INSERT_START = Insert(_s)
_FORGET = Statement(delete(_s).where(_OF, _s.c.due < bindparam("before")))
_ACTIVE_MARK = select(_m.c.at).where(_m.c.flow_id == _s.c.flow_id, _m.c.schedule == _s.c.schedule)
_FORGET_GONE = Statement(delete(_s).where(_s.c.due < bindparam("before"), ~_ACTIVE_MARK.exists()))


def active(source: Source) -> list[tuple[int, int]]:
    """Id and deployed version of the flows whose triggers start runs."""
    return [(flow_id, number) for flow_id, number in source.all(_ACTIVE)]


def active_version(source: Source, flow_id: int) -> int | None:
    found = source.one(_ACTIVE_ONE, flow_id=flow_id)
    return found[0] if found is not None else None


def marks(source: Source) -> dict[Key, int]:
    return {(flow_id, schedule): at for flow_id, schedule, at in source.all(_MARKS)}


def mark(source: Source, key: Key) -> int | None:
    """Up to which instant the schedule's times have been decided."""
    found = source.one(_MARK, flow_id=key[0], schedule=key[1])
    return found[0] if found is not None else None


def put_mark(transaction: Transaction, key: Key, at: int) -> None:
    transaction.insert(_PUT_MARK, (*key, at))


def drop_mark(transaction: Transaction, key: Key) -> None:
    transaction.run(_DROP_MARK, flow_id=key[0], schedule=key[1])


def started(source: Source, key: Key, due: int) -> int | None:
    """The run that this time has started."""
    found = source.one(_STARTED, flow_id=key[0], schedule=key[1], due=due)
    return found[0] if found is not None else None


def last(source: Source, key: Key) -> tuple[int, int] | None:
    """The latest time that started a run, and that run."""
    found = source.one(_LAST, flow_id=key[0], schedule=key[1])
    if found is None or found[0] is None:
        return None
    run_id = started(source, key, found[0])
    return (found[0], run_id) if run_id is not None else None


def insert_start(transaction: Transaction, key: Key, due: int, run_id: int) -> None:
    """Fails where this time has started a run already."""
    transaction.insert(_INSERT_START, (*key, due, run_id))


def forget_gone(transaction: Transaction, before: int) -> None:
    """The times of schedules that are no longer there."""
    transaction.run(_FORGET_GONE, before=before)


def forget_starts(transaction: Transaction, key: Key, before: int) -> None:
    transaction.run(_FORGET, flow_id=key[0], schedule=key[1], before=before)
