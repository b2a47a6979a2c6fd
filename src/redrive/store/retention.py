"""Statements of retention: what is due, who holds a bucket, and taking away piece by piece.

Every piece is one short transaction that can be repeated. A content is taken away in three steps: it
is condemned by the transaction that takes the last known reference away; a scan of all references
pardons those that are still named; what is left is deleted if it is still condemned. A commit that
shares a content sets it free (`Insert(..., conflict="share")`, `pin`), so none of the steps has to
keep the others out.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
from sqlalchemy import Column, Table, bindparam, delete, func, or_, select, text, tuple_, update

from redrive.core.run import Plan, StepRun
from redrive.errors import PayloadGone
from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.runs import step_runs
from redrive.store.statements import Statement
from redrive.store.sweep import condemn

Source: TypeAlias = Rows | Transaction

WHOLE: Final = 0
EXPIRING: Final = 1
EXPIRED: Final = 2
DELETING: Final = 3
NONE: Final = b""
"""The digest of a payload whose content was taken away."""
MOST: Final = (1 << 63) - 1

_r, _s, _p, _b, _c = tables.runs, tables.step_runs, tables.payloads, tables.buckets, tables.contents
_x, _l, _f, _e = (
    tables.exchanges,
    tables.log_lines,
    tables.failed_payloads,
    tables.edits,
)
_v, _d = tables.delivery_events, tables.deliveries

# ---- what is due

_NEXT_FLOW = Statement(select(func.min(_r.c.flow_id)).where(_r.c.flow_id > bindparam("after")))
_RUNS_OF_FLOW = Statement(
    select(_r.c.id, _r.c.status, _r.c.finished_at, _r.c.pinned, _r.c.retention)
    .where(_r.c.flow_id == bindparam("flow_id"), _r.c.id < bindparam("before"))
    .order_by(_r.c.id.desc())
    .limit(bindparam("at_most"))
)
_NEWEST_OF_FLOW = Statement(
    select(_r.c.flow, _r.c.version)
    .where(_r.c.flow_id == bindparam("flow_id"))
    .order_by(_r.c.id.desc())
    .limit(1)
)
_WEIGHT = Statement(
    select(func.sum(_s.c.bytes_out)).where(_s.c.run_id == bindparam("run_id"), _s.c.status != "kept")
)
# Written out as the partial index says it, or the planner does not use it.
_UNDER_WAY = Statement(
    select(_r.c.id).where(text("runs.retention IN (1, 3)")).order_by(_r.c.id).limit(bindparam("at_most"))
)
_FLOWS_VERSION = Statement(
    select(tables.flow_versions.c.number).where(
        tables.flow_versions.c.flow_id == bindparam("flow_id"), tables.flow_versions.c.state == "deployed"
    )
)


class Due(msgspec.Struct, frozen=True):
    """A run as retention sees it."""

    id: int
    status: str
    finished_at: int | None
    pinned: bool
    retention: int


def next_flow(source: Source, after: int) -> int | None:
    """The flow with the next id that has runs."""
    found = source.one(_NEXT_FLOW, after=after)
    return None if found is None or found[0] is None else int(found[0])


def newest_of_flow(source: Source, flow_id: int) -> tuple[str, int] | None:
    """Name and version of the newest run of a flow."""
    found = source.one(_NEWEST_OF_FLOW, flow_id=flow_id)
    return (found[0], int(found[1])) if found else None


def deployed_number(source: Source, flow_id: int) -> int | None:
    found = source.one(_FLOWS_VERSION, flow_id=flow_id)
    return int(found[0]) if found else None


def runs_of_flow(source: Source, flow_id: int, before: int, at_most: int) -> list[Due]:
    """Runs of a flow, the newest first."""
    rows = source.all(_RUNS_OF_FLOW, flow_id=flow_id, before=before, at_most=at_most)
    return [Due(row[0], row[1], row[2], bool(row[3]), row[4]) for row in rows]


def weight(source: Source, run_id: int) -> int:
    """Bytes of what the steps of a run put out."""
    found = source.one(_WEIGHT, run_id=run_id)
    return int(found[0] or 0) if found else 0


def under_way(source: Source) -> list[int]:
    """Runs that a retention which was cut off has begun to take away."""
    return [int(row[0]) for row in source.all(_UNDER_WAY, at_most=1000)]


# ---- one run

_LOOK = Statement(
    select(_r.c.status, _r.c.finished_at, _r.c.pinned, _r.c.retention, _r.c.root_run, _r.c.plan, _r.c.family)
    .where(_r.c.id == bindparam("run_id"))
    .with_for_update()
)
_OPEN_DELIVERY = Statement(
    select(_d.c.id)
    .where(text("deliveries.status IN ('begun', 'unknown')"), _d.c.run_id == bindparam("run_id"))
    .limit(1)
)
_SET_RETENTION = Statement(
    update(_r).where(_r.c.id == bindparam("run_id")).values(retention=bindparam("b_retention"))
)
_PIN = Statement(update(_r).where(_r.c.id == bindparam("run_id")).values(pinned=bindparam("b_pinned")))
_FAMILY = Statement(
    select(_r.c.id, _r.c.retention, _r.c.plan)
    .where(
        or_(
            _r.c.root_run == bindparam("root"),
            _r.c.id == bindparam("root_too"),
            _r.c.family == bindparam("root_of_calls"),
        )
    )
    .order_by(_r.c.id)
)
_OWNER = Statement(
    select(_b.c.run_id, _r.c.retention)
    .select_from(_b.outerjoin(_r, _r.c.id == _b.c.run_id))
    .where(_b.c.id == bindparam("bucket"))
)
_LOCK_BUCKET = Statement(select(_b.c.id).where(_b.c.id == bindparam("bucket")).with_for_update())
_original = _p.alias("original")
_EDITED_FROM = Statement(
    select(_original.c.bucket)
    .distinct()
    .select_from(_p.join(_e, _e.c.payload_id == _p.c.id).join(_original, _original.c.id == _e.c.original_id))
    .where(_p.c.bucket == bindparam("bucket"))
)


class Look(NamedTuple):
    status: str
    finished_at: int | None
    pinned: bool
    retention: int
    root_run: int | None
    plan: bytes | None
    family: int | None


def look(source: Source, run_id: int) -> Look | None:
    found = source.one(_LOOK, run_id=run_id)
    return Look(found[0], found[1], bool(found[2]), *found[3:]) if found else None


def has_open_delivery(source: Source, run_id: int) -> bool:
    """Whether a delivery of the run is still to be settled: its request may have to be sent again."""
    return source.one(_OPEN_DELIVERY, run_id=run_id) is not None


def set_retention(transaction: Transaction, run_id: int, stage: int) -> None:
    transaction.run(_SET_RETENTION, run_id=run_id, b_retention=stage)


def set_pinned(transaction: Transaction, run_id: int, *, pinned: bool) -> None:
    transaction.run(_PIN, run_id=run_id, b_pinned=pinned)


def named_by(source: Source, run_id: int, plan: bytes | None) -> set[int]:
    """The buckets that a run wrote, reads or would read again."""
    found: set[int] = set()
    for step in step_runs(source, run_id):
        found |= _of_step(step)
    handed: list[int] = []
    if plan:
        decoded = msgspec.json.decode(plan, type=Plan)
        handed = decoded.waiting
        found.update(decoded.buckets)
    for bucket in handed:
        found.update(row[0] for row in source.all(_EDITED_FROM, bucket=bucket))
    return found


def _of_step(step: StepRun) -> set[int]:
    found: set[int] = set()
    for named in (step.inputs, step.outputs, step.paths, step.joined):
        if named:
            _collect(msgspec.json.decode(named), found)
    if step.bucket is not None:
        found.add(step.bucket)
    return found


def _collect(value: Any, found: set[int]) -> None:
    """The bucket ids in lists and mappings of any depth."""
    if isinstance(value, int) and not isinstance(value, bool):
        found.add(value)
    elif isinstance(value, list):
        for one in value:
            _collect(one, found)
    elif isinstance(value, dict):
        for one in value.values():
            _collect(one, found)


def held(source: Source, run_id: int, root: int, bucket: int, *, listed: bool = False) -> bool:
    """Whether another run that is whole needs the bucket: its owner, or one of the same lineage.
    `listed`: or one that has expired, and shows its records.
    """
    stages = (WHOLE, EXPIRING, EXPIRED) if listed else (WHOLE,)
    owner = source.one(_OWNER, bucket=bucket)
    if owner is not None and owner[0] != run_id and owner[1] in stages:
        return True
    return any(
        other != run_id and stage in stages and bucket in named_by(source, other, plan)
        for other, stage, plan in source.all(_FAMILY, root=root, root_too=root, root_of_calls=root)
    )


# ---- taking contents away

_PAYLOADS = Statement(
    select(_p.c.position, _p.c.digest)
    .where(_p.c.bucket == bindparam("bucket"), _p.c.position >= bindparam("start"))
    .order_by(_p.c.position)
    .limit(bindparam("at_most"))
)
_STRIP = Statement(
    update(_p)
    .where(
        _p.c.bucket == bindparam("bucket"),
        _p.c.position >= bindparam("start"),
        _p.c.position <= bindparam("stop"),
    )
    .values(digest=bindparam("b_digest"))
)
_BODIES = Statement(
    select(_x.c.id, _x.c.request_body, _x.c.response_body)
    .where(
        _x.c.run_id == bindparam("run_id"),
        _x.c.id > bindparam("after"),
        or_(_x.c.request_body.is_not(None), _x.c.response_body.is_not(None)),
    )
    .order_by(_x.c.id)
    .limit(bindparam("at_most"))
)
_STRIP_BODIES = Statement(
    update(_x)
    .where(_x.c.run_id == bindparam("run_id"), _x.c.id > bindparam("after"), _x.c.id <= bindparam("stop"))
    .values(request_body=None, response_body=None)
)


def lock_bucket(transaction: Transaction, bucket: int) -> None:
    """Let nobody strip a bucket while a run that reads it is queued, or the other way round."""
    transaction.one(_LOCK_BUCKET, bucket=bucket)


def strip_bucket(transaction: Transaction, bucket: int, start: int, at_most: int) -> int | None:
    """Take the contents of some payloads away; their records stay. Where to go on, None at the end."""
    lock_bucket(transaction, bucket)
    page = transaction.all(_PAYLOADS, bucket=bucket, start=start, at_most=at_most)
    if not page:
        return None
    condemn(transaction, {bytes(digest) for _, digest in page if digest})
    transaction.run(_STRIP, bucket=bucket, start=start, stop=page[-1][0], b_digest=NONE)
    return int(page[-1][0]) + 1 if len(page) == at_most else None


def strip_exchanges(transaction: Transaction, run_id: int, after: int, at_most: int) -> int | None:
    """As `strip_bucket`, the bodies of the exchanges of a run."""
    page = transaction.all(_BODIES, run_id=run_id, after=after, at_most=at_most)
    if not page:
        return None
    condemn(transaction, {bytes(body) for _, *bodies in page for body in bodies if body})
    transaction.run(_STRIP_BODIES, run_id=run_id, after=after, stop=page[-1][0])
    return int(page[-1][0]) if len(page) == at_most else None


# ---- deleting a run

_PAYLOAD_IDS = Statement(
    select(_p.c.id, _p.c.position, _p.c.digest)
    .where(_p.c.bucket == bindparam("bucket"))
    .order_by(_p.c.position)
    .limit(bindparam("at_most"))
)
_DELETE_EDIT = Statement(delete(_e).where(_e.c.payload_id == bindparam("payload_id")))
_DELETE_PAYLOADS = Statement(
    delete(_p).where(_p.c.bucket == bindparam("bucket"), _p.c.position <= bindparam("stop"))
)
_DELETE_BUCKET = Statement(delete(_b).where(_b.c.id == bindparam("bucket")))


def delete_bucket(transaction: Transaction, bucket: int, at_most: int) -> bool:
    """Delete some payloads of a bucket, and when none is left the bucket. Whether it is gone."""
    lock_bucket(transaction, bucket)
    page = transaction.all(_PAYLOAD_IDS, bucket=bucket, at_most=at_most)
    condemn(transaction, {bytes(digest) for _, _, digest in page if digest})
    for payload_id, _, _ in page:
        transaction.run(_DELETE_EDIT, payload_id=payload_id)
    if page:
        transaction.run(_DELETE_PAYLOADS, bucket=bucket, stop=page[-1][1])
    if len(page) < at_most:
        transaction.run(_DELETE_BUCKET, bucket=bucket)
        return True
    return False


class _Piece:
    """Deletes the rows of one table that belong to a run, some at a time, in the order of its key."""

    def __init__(self, table: Table, *order: Column[Any]) -> None:
        self._columns = len(order)
        self._upto = Statement(
            select(*order)
            .where(table.c.run_id == bindparam("run_id"))
            .order_by(*order)
            .limit(1)
            .offset(bindparam("place"))
        )
        key = tuple_(*order)
        self._some = Statement(
            delete(table).where(
                table.c.run_id == bindparam("run_id"),
                key <= tuple_(*[bindparam(f"upto_{n}", type_=c.type) for n, c in enumerate(order)]),
            )
        )
        self._rest = Statement(delete(table).where(table.c.run_id == bindparam("run_id")))

    def __call__(self, transaction: Transaction, run_id: int, at_most: int) -> bool:
        """Whether all are gone."""
        found = transaction.one(self._upto, run_id=run_id, place=at_most - 1)
        if found is None:
            transaction.run(self._rest, run_id=run_id)
            return True
        transaction.run(self._some, run_id=run_id, **{f"upto_{n}": value for n, value in enumerate(found)})
        return False


PIECES: Final = (
    _Piece(_x, _x.c.id),
    _Piece(_l, _l.c.sequence),
    _Piece(_f, _f.c.position, _f.c.number),
    _Piece(_v, _v.c.position, _v.c.delivery_id, _v.c.sequence),
    _Piece(tables.answers, tables.answers.c.payload_id),
    _Piece(tables.pool_claims, tables.pool_claims.c.pool_id, tables.pool_claims.c.key),
)
"""What belongs to a run by its id, but its steps and itself. Deliveries stay: they are the flow's."""

_DELETE_STEPS = Statement(delete(_s).where(_s.c.run_id == bindparam("run_id")))
_DELETE_RUN = Statement(delete(_r).where(_r.c.id == bindparam("run_id")))


def delete_run(transaction: Transaction, run_id: int) -> None:
    """The record itself, last: a retention that is cut off before goes on from it."""
    transaction.run(_DELETE_STEPS, run_id=run_id)
    transaction.run(_DELETE_RUN, run_id=run_id)


# ---- drafts

_STRIPPED = Statement(
    select(_p.c.id)
    .where(_p.c.bucket == bindparam("bucket"), _p.c.digest == bindparam("digest"))
    .order_by(_p.c.position)
    .limit(1)
)


def require_whole(transaction: Transaction, bucket: int) -> None:
    """Errors: `payload.expired` if a payload of a bucket that a new run reads has gone."""
    lock_bucket(transaction, bucket)
    if transaction.one(_STRIPPED, bucket=bucket, digest=NONE) is not None:
        raise PayloadGone(
            "a payload that the run would begin with has expired or was erased meanwhile",
            hint="Logs outlive payloads; give the data with --payload, or start from the beginning.",
        )
