"""Statements of what the search index has yet to take up: runs that wait, and their payloads.

A run waits from the transaction that queues it. It leaves the queue after the index has durably taken
up all of it: the queue is the durable position of the index, and the order of commits does not matter.

For whoever takes payloads away or changes them: `look_again(transaction, run_id)` in that
transaction; with `erase=True` nothing of what the index knew is left in its files afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

from sqlalchemy import bindparam, delete, exists, func, or_, select

from redrive.core.run import ENDED, PayloadRow
from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.retention import named_by
from redrive.store.runs import payload_record, step_runs
from redrive.store.statements import Insert, Statement

Source: TypeAlias = Rows | Transaction

NEW: Final = 0
AGAIN: Final = 1
ERASED: Final = 2
COUNTED: Final = 5_000
"""How far is counted what waits: that many are told as that many or more."""
_ONE: Final = 1

_q, _r, _s, _b, _p, _w = (
    tables.search_queue,
    tables.runs,
    tables.step_runs,
    tables.buckets,
    tables.payloads,
    tables.search_state,
)
_v = tables.flow_versions

ENQUEUE = Insert(_q, conflict="ignore")
_REQUEUE = Insert(_q, conflict="replace")
PUT_STATE = Insert(_w, conflict="replace")
_STATE = Statement(select(_w.c.generation, _w.c.mark).where(_w.c.id == _ONE))
_WAITING = Statement(
    select(_q.c.run_id, _q.c.again, _r.c.status, _r.c.flow_id, _r.c.version, _r.c.started_at)
    .select_from(_q.outerjoin(_r, _r.c.id == _q.c.run_id))
    .where(
        _q.c.run_id > bindparam("after"),
        or_(_r.c.status.is_(None), _r.c.status != "queued"),
    )
    .order_by(_q.c.run_id)
    .limit(bindparam("at_most"))
)
# The runs that wait are cut off first and then looked up one by one: planned as a join, it may begin
# with all the runs there are.
_first = select(_q.c.run_id).order_by(_q.c.run_id).limit(bindparam("at_most")).subquery("first")
_begun = exists().where(_r.c.id == _first.c.run_id, _r.c.status != "queued").correlate(_first)
_ended_at = select(_r.c.finished_at).where(_r.c.id == _first.c.run_id).correlate(_first).scalar_subquery()
_put_out = (
    select(func.sum(_s.c.payloads_out))
    .where(_s.c.run_id == _first.c.run_id, _s.c.bucket.is_not(None))
    .correlate(_first)
    .scalar_subquery()
)
_LEFT = Statement(
    select(func.count(), func.min(_ended_at), func.sum(_put_out)).select_from(_first).where(_begun)
)
_OLDER_LEFT = Statement(
    select(func.count()).select_from(
        select(_r.c.id).where(_r.c.id < bindparam("before")).limit(bindparam("at_most")).subquery()
    )
)
_DONE = Statement(delete(_q).where(_q.c.run_id == bindparam("run_id"), _q.c.again == bindparam("again")))
_EMPTY = Statement(
    delete(_q).where(
        _q.c.run_id.in_(
            select(_q.c.run_id)
            .select_from(_q.outerjoin(_r, _r.c.id == _q.c.run_id))
            .where(or_(_r.c.status.is_(None), _r.c.finished_at.is_not(None)))
            .order_by(_q.c.run_id)
            .limit(bindparam("at_most"))
        )
    )
)
_OLDER = Statement(
    select(_r.c.id, _r.c.status, _r.c.flow_id, _r.c.version, _r.c.started_at)
    .where(_r.c.id < bindparam("before"))
    .order_by(_r.c.id.desc())
    .limit(bindparam("at_most"))
)
_RUN = Statement(
    select(_r.c.id, _r.c.status, _r.c.flow_id, _r.c.version, _r.c.started_at).where(
        _r.c.id == bindparam("run_id")
    )
)
_DEPLOYED = Statement(
    select(_v.c.number).where(_v.c.flow_id == bindparam("flow_id"), _v.c.state == "deployed")
)
_DOCUMENT = Statement(
    select(_v.c.document, _v.c.file).where(
        _v.c.flow_id == bindparam("flow_id"), _v.c.number == bindparam("number")
    )
)
_NEWEST = Statement(select(func.max(_r.c.id)))
_RUN_OF = Statement(
    select(_b.c.run_id)
    .select_from(_p.join(_b, _b.c.id == _p.c.bucket))
    .where(_p.c.id == bindparam("payload_id"))
)
_PLAN = Statement(select(_r.c.plan).where(_r.c.id == bindparam("run_id")))
_OWN = Statement(select(_b.c.id).where(_b.c.id == bindparam("bucket"), _b.c.run_id == bindparam("run_id")))
_PAYLOADS = Statement(
    select(_p)
    .where(
        _p.c.bucket == bindparam("bucket"),
        _p.c.position >= bindparam("first"),
        _p.c.position < bindparam("stop"),
    )
    .order_by(_p.c.position)
    .limit(bindparam("at_most"))
)
WHOLE: Final = 1 << 31


class Waiting(NamedTuple):
    """A run that waits. `status` is None where it is gone."""

    run_id: int
    again: int
    status: str | None
    flow_id: int | None
    version: int | None
    started_at: int | None

    @property
    def ended(self) -> bool:
        return self.status is None or self.status in ENDED


class State(NamedTuple):
    generation: int
    mark: int


def changed(transaction: Transaction, payload_id: int, *, erase: bool = False) -> None:
    """As `look_again`, for the run that put out a payload."""
    found = transaction.one(_RUN_OF, payload_id=payload_id)
    if found is not None and found[0]:
        look_again(transaction, found[0], erase=erase)


def look_again(transaction: Transaction, run_id: int, *, erase: bool = False) -> None:
    """What the index knows of a run is no longer so."""
    transaction.insert(_REQUEUE, (run_id, ERASED if erase else AGAIN))


def state(source: Source) -> State:
    found = source.one(_STATE)
    return State(int(found[0]), int(found[1])) if found else State(0, 0)


def waiting(source: Source, after: int, at_most: int) -> list[Waiting]:
    """Runs that have begun and wait, in the order in which they were made."""
    return [Waiting(*row) for row in source.all(_WAITING, after=after, at_most=at_most)]


def left(source: Source) -> tuple[int, int, int | None]:
    """Of the oldest `COUNTED` runs that wait: how many have begun, their payloads, and when the first of them
    ended.
    """
    runs, since, payloads = source.one(_LEFT, at_most=COUNTED) or (0, None, None)
    return int(runs), int(payloads or 0), since


def count_older(source: Source, before: int) -> int:
    """Runs made before that one, as far as `COUNTED`."""
    found = source.one(_OLDER_LEFT, before=before, at_most=COUNTED) if before else None
    return int(found[0]) if found else 0


def done(transaction: Transaction, taken: Iterable[tuple[int, int]], generation: int, mark: int) -> None:
    """These (run, `again`) are in the index; one that was queued anew meanwhile stays."""
    for run_id, again in taken:
        transaction.run(_DONE, run_id=run_id, again=again)
    transaction.insert(PUT_STATE, (_ONE, generation, mark))


def empty(transaction: Transaction, at_most: int) -> int:
    """There is no index: nothing waits for it, and the next one is built from the runs."""
    transaction.insert(PUT_STATE, (_ONE, 0, 0))
    return transaction.run(_EMPTY, at_most=at_most)


def older(source: Source, before: int, at_most: int) -> list[Waiting]:
    """Runs made before that one, the newest first."""
    return [Waiting(row[0], NEW, *row[1:]) for row in source.all(_OLDER, before=before, at_most=at_most)]


def run(source: Source, run_id: int) -> Waiting:
    found = source.one(_RUN, run_id=run_id)
    return Waiting(found[0], NEW, *found[1:]) if found else Waiting(run_id, NEW, None, None, None, None)


def deployed_number(source: Source, flow_id: int) -> int | None:
    """The deployed version of a flow."""
    found = source.one(_DEPLOYED, flow_id=flow_id)
    return int(found[0]) if found else None


def document(source: Source, flow_id: int, number: int) -> tuple[bytes, str] | None:
    """The document of a flow version, and the name of its file."""
    found = source.one(_DOCUMENT, flow_id=flow_id, number=number)
    return (bytes(found[0]), found[1]) if found else None


def newest(source: Source) -> int:
    found = source.one(_NEWEST)
    return int(found[0] or 0) if found else 0


def buckets_of_run(source: Source, run_id: int, *, ended: bool) -> dict[int, int]:
    """The buckets that a run wrote or was handed, each with how many of its payloads stay for certain.

    Of a run that has not ended those that its steps wrote.
    """
    found: dict[int, int] = {}
    if ended:
        plan = source.one(_PLAN, run_id=run_id)
        found = dict.fromkeys(named_by(source, run_id, plan[0] if plan is not None else None), WHOLE)
    else:
        for step in step_runs(source, run_id):
            if step.bucket is not None:
                found[step.bucket] = step.out if step.status in {"pending", "running"} else WHOLE
    return {
        bucket: stays
        for bucket, stays in sorted(found.items())
        if source.one(_OWN, bucket=bucket, run_id=run_id) is not None
    }


def payloads_of(source: Source, bucket: int, first: int, stop: int, at_most: int) -> list[PayloadRow]:
    found = source.all(_PAYLOADS, bucket=bucket, first=first, stop=stop, at_most=at_most)
    return [payload_record(row) for row in found]
