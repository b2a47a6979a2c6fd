"""Statements of bulk: jobs that start many runs, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import msgspec
from sqlalchemy import bindparam, delete, func, select, update

from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.statements import Insert, Statement, row

Source: TypeAlias = Rows | Transaction

RUNNING: Final = "running"
PAUSED: Final = "paused"
CANCELLED: Final = "cancelled"
ENDED: Final = "ended"
KEPT_US: Final = 90 * 86_400_000_000
"""How long it is known what became of each run of a job that has ended."""

_b, _o, _r = tables.bulks, tables.bulk_runs, tables.runs


class Bulk(msgspec.Struct, kw_only=True):
    """One job. The fields are the columns, in their order."""

    id: int
    at: int
    ended_at: int | None = None
    actor: str
    kind: str
    state: str
    per_minute: int | None
    runs: int
    request: bytes | None
    problem: bytes | None = None
    start_key: str | None = None
    digest: bytes | None = None


class Outcome(msgspec.Struct, frozen=True):
    position: int
    source_run: int
    run_id: int | None
    status: str | None
    summary: str
    problem: bytes | None


_INSERT = Insert(_b)
_INSERT_RUN = Insert(_o)
_GET = Statement(select(_b).where(_b.c.id == bindparam("bulk_id")))
_BY_KEY = Statement(select(_b).where(_b.c.start_key == bindparam("key")))
_LIST = Statement(
    select(_b).where(_b.c.id < bindparam("before")).order_by(_b.c.id.desc()).limit(bindparam("at_most"))
)
_RUNNING = Statement(select(_b.c.id).where(_b.c.state == RUNNING).order_by(_b.c.id))
_SET = Statement(
    update(_b)
    .where(_b.c.id == bindparam("bulk_id"), _b.c.state == bindparam("was"))
    .values(state=bindparam("b_state"), problem=bindparam("b_problem"))
)
_END = Statement(
    update(_b)
    .where(_b.c.id == bindparam("bulk_id"), _b.c.ended_at.is_(None))
    .values(state=bindparam("b_state"), ended_at=bindparam("b_at"), request=None)
)
_NEXT = Statement(
    select(_o.c.position, _o.c.source_run)
    .where(
        _o.c.bulk_id == bindparam("bulk_id"),
        _o.c.position > bindparam("after"),
        _o.c.run_id.is_(None),
        _o.c.problem.is_(None),
    )
    .order_by(_o.c.position)
    .limit(1)
)
_STARTED = Statement(
    update(_o)
    .where(
        _o.c.bulk_id == bindparam("bulk_id"),
        _o.c.position == bindparam("position"),
        _o.c.run_id.is_(None),
        _o.c.problem.is_(None),
    )
    .values(run_id=bindparam("b_run_id"))
)
_REFUSED = Statement(
    update(_o)
    .where(
        _o.c.bulk_id == bindparam("bulk_id"),
        _o.c.position == bindparam("position"),
        _o.c.run_id.is_(None),
    )
    .values(problem=bindparam("b_problem"))
)
_COUNT_REFUSED = Statement(
    select(func.count()).where(_o.c.bulk_id == bindparam("bulk_id"), _o.c.problem.is_not(None))
)
# A run that was started and deleted since has no row any more: it counts under no state.
_COUNT_STARTED = Statement(
    select(_r.c.status, func.count())
    .select_from(_o.outerjoin(_r, _r.c.id == _o.c.run_id))
    .where(_o.c.bulk_id == bindparam("bulk_id"), _o.c.run_id.is_not(None))
    .group_by(_r.c.status)
)
_OUTCOMES = Statement(
    select(_o.c.position, _o.c.source_run, _o.c.run_id, _r.c.status, _r.c.summary, _o.c.problem)
    .select_from(_o.outerjoin(_r, _r.c.id == _o.c.run_id))
    .where(_o.c.bulk_id == bindparam("bulk_id"), _o.c.position > bindparam("after"))
    .order_by(_o.c.position)
    .limit(bindparam("at_most"))
)
_OLD = Statement(select(_b.c.id).where(_b.c.ended_at < bindparam("before")).order_by(_b.c.id).limit(20))
_FORGET_RUNS = Statement(delete(_o).where(_o.c.bulk_id == bindparam("bulk_id")))
_FORGET = Statement(delete(_b).where(_b.c.id == bindparam("bulk_id")))


def begin(transaction: Transaction, bulk: Bulk, sources: Sequence[int]) -> None:
    transaction.insert(_INSERT, row(bulk))
    transaction.insert_many(
        _INSERT_RUN, [(bulk.id, position, source, None, None) for position, source in enumerate(sources)]
    )


def get(source: Source, bulk_id: int) -> Bulk | None:
    return _bulk(source.one(_GET, bulk_id=bulk_id))


def by_key(source: Source, key: str) -> Bulk | None:
    return _bulk(source.one(_BY_KEY, key=key))


def listed(source: Source, before: int, at_most: int) -> list[Bulk]:
    found = source.all(_LIST, before=before, at_most=at_most)
    return [bulk for one in found if (bulk := _bulk(one)) is not None]


def under_way(source: Source) -> list[int]:
    """Those that are to go on, the oldest first."""
    return [int(one) for (one,) in source.all(_RUNNING)]


def change(
    transaction: Transaction, bulk_id: int, was: str, state: str, problem: bytes | None = None
) -> bool:
    """From one state to another; False where it is in neither."""
    return bool(transaction.run(_SET, bulk_id=bulk_id, was=was, b_state=state, b_problem=problem))


def end(transaction: Transaction, bulk_id: int, state: str, at: int) -> bool:
    """It starts nothing more: how it would is not known here any longer."""
    return bool(transaction.run(_END, bulk_id=bulk_id, b_state=state, b_at=at))


def following(source: Source, bulk_id: int, after: int) -> tuple[int, int] | None:
    """Position and run of the next that is to be started."""
    found = source.one(_NEXT, bulk_id=bulk_id, after=after)
    return (int(found[0]), int(found[1])) if found else None


def started(transaction: Transaction, bulk_id: int, position: int, run_id: int) -> bool:
    """False where somebody else has started it."""
    return bool(transaction.run(_STARTED, bulk_id=bulk_id, position=position, b_run_id=run_id))


def refused(transaction: Transaction, bulk_id: int, position: int, problem: bytes) -> None:
    transaction.run(_REFUSED, bulk_id=bulk_id, position=position, b_problem=problem)


def counts(source: Source, bulk_id: int) -> tuple[int, dict[str | None, int]]:
    """How many were refused; how many were started, by the state of the new run."""
    found = source.one(_COUNT_REFUSED, bulk_id=bulk_id)
    by_state = {one: int(many) for one, many in source.all(_COUNT_STARTED, bulk_id=bulk_id)}
    return (int(found[0]) if found else 0), by_state


def outcomes(source: Source, bulk_id: int, after: int, at_most: int) -> list[Outcome]:
    return [
        Outcome(one[0], one[1], one[2], one[3], one[4] or "", bytes(one[5]) if one[5] is not None else None)
        for one in source.all(_OUTCOMES, bulk_id=bulk_id, after=after, at_most=at_most)
    ]


def forget(transaction: Transaction, before: int) -> None:
    """A few of those that ended before that time."""
    for (bulk_id,) in transaction.all(_OLD, before=before):
        transaction.run(_FORGET_RUNS, bulk_id=bulk_id)
        transaction.run(_FORGET, bulk_id=bulk_id)


def _bulk(found: tuple[Any, ...] | None) -> Bulk | None:
    if found is None:
        return None
    values = dict(zip(Bulk.__struct_fields__, found, strict=True))
    for name in ("request", "problem", "digest"):
        values[name] = bytes(values[name]) if values[name] is not None else None
    return Bulk(**values)
