"""Statements of insights: outcomes and durations of runs by hour and flow, derived from the runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from sqlalchemy import BigInteger, bindparam, delete, func, literal_column, select

from redrive.core.insights import SLOTS
from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.statements import Insert, Statement

Source: TypeAlias = Rows | Transaction

_i, _r = tables.insights, tables.runs
OUTCOMES: Final = ("success", "partial_success", "failure", "stopped")
_COUNTS = [_i.c[name] for name in OUTCOMES]
_SLOTS = [_i.c[f"d{slot}"] for slot in range(SLOTS)]
_SUMS = [func.sum(column) for column in (*_COUNTS, *_SLOTS)]
_AT = {"hour": _i.c.hour, "day": _i.c.hour // literal_column("24", BigInteger)}

_RUNS = Statement(
    select(_r.c.id, _r.c.flow, _r.c.status, _r.c.started_at, _r.c.finished_at)
    .where(_r.c.id >= bindparam("low", type_=BigInteger), _r.c.id < bindparam("high", type_=BigInteger))
    .order_by(_r.c.id)
    .limit(bindparam("at_most", type_=BigInteger))
)
_FIRST = Statement(select(func.min(_r.c.id)).where(_r.c.id >= bindparam("low", type_=BigInteger)))
_PUT = Insert(_i, conflict="replace")
_OLDEST = Statement(select(func.min(_i.c.hour)))
_FORGET = Statement(delete(_i).where(_i.c.hour < bindparam("before", type_=BigInteger)))


def _summed(width: str, *, of_flow: bool) -> Statement:
    at = _AT[width].label("at")
    found = select(at, _i.c.flow, *_SUMS).where(_i.c.hour >= bindparam("since", type_=BigInteger))
    if of_flow:
        found = found.where(_i.c.flow == bindparam("flow"))
    return Statement(found.group_by(_AT[width], _i.c.flow).order_by(_AT[width], _i.c.flow))


_SUMMED = {(width, of_flow): _summed(width, of_flow=of_flow) for width in _AT for of_flow in (True, False)}


def runs(source: Source, low: int, high: int, at_most: int) -> list[tuple[Any, ...]]:
    """`(id, flow, status, started_at, finished_at)` of runs from `low` to below `high`, by id."""
    return source.all(_RUNS, low=low, high=high, at_most=at_most)


def first_run(source: Source, low: int) -> int | None:
    """The least id of a run from `low` on."""
    found = source.one(_FIRST, low=low)
    return found[0] if found else None


def put(transaction: Transaction, hour: int, flow: str, counts: Sequence[int]) -> None:
    """The hour of one flow, anew; `counts` are the outcomes, then the slots."""
    transaction.insert(_PUT, (hour, flow, *counts))


def forget(transaction: Transaction, before: int, at_most: int) -> bool:
    """Take away so many of the oldest hours from before `before`; whether there are more."""
    found = transaction.one(_OLDEST)
    if found is None or found[0] is None or found[0] >= before:
        return False
    upto = min(before, found[0] + at_most)
    transaction.run(_FORGET, before=upto)
    return bool(upto < before)


def summed(source: Source, width: str, since: int, flow: str | None) -> list[tuple[Any, ...]]:
    """`(hour or day, flow, outcomes…, slots…)` of hours from `since` on, by time and flow."""
    statement = _SUMMED[width, flow is not None]
    more = {} if flow is None else {"flow": flow}
    return source.all(statement, since=since, **more)
