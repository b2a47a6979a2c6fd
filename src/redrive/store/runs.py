"""Statements of runs, step runs, buckets and payloads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update

from redrive.core.run import PayloadRow, Run, StepRun
from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.statements import Insert, Statement

_r, _s, _p, _b = tables.runs, tables.step_runs, tables.payloads, tables.buckets

INSERT_RUN = Insert(_r)
PUT_STEP_RUN = Insert(_s, conflict="replace")
INSERT_BUCKET = Insert(_b, conflict="ignore")
INSERT_PAYLOAD = Insert(_p)
INSERT_FAILED = Insert(tables.failed_payloads, conflict="replace")
INSERT_LOG = Insert(tables.log_lines)
INSERT_TRACKED = Insert(tables.tracked, conflict="ignore")
INSERT_EXCHANGE = Insert(tables.exchanges)
INSERT_EDIT = Insert(tables.edits)

ANSWER_EXCHANGE = Statement(
    update(tables.exchanges)
    .where(tables.exchanges.c.id == bindparam("exchange_id"))
    .values(
        status=bindparam("b_status"),
        response=bindparam("b_response"),
        response_body=bindparam("b_response_body"),
        response_bytes=bindparam("b_response_bytes"),
        duration_us=bindparam("b_duration_us"),
    )
)
UPDATE_RUN = Statement(
    update(_r)
    .where(_r.c.id == bindparam("run_id"), _r.c.epoch == bindparam("old_epoch"))
    .values(
        status=bindparam("b_status"),
        epoch=bindparam("b_epoch"),
        losses=bindparam("b_losses"),
        started_at=bindparam("b_started_at"),
        finished_at=bindparam("b_finished_at"),
        warnings=bindparam("b_warnings"),
        summary=bindparam("b_summary"),
        clock=bindparam("b_clock"),
        connectors=bindparam("b_connectors"),
    )
)
EPOCH = Statement(select(_r.c.epoch).where(_r.c.id == bindparam("run_id")))
STOP = Statement(
    update(_r)
    .where(
        _r.c.id == bindparam("run_id"),
        _r.c.finished_at.is_(None),
        _r.c.stop < bindparam("b_stop"),
    )
    .values(stop=bindparam("b_stop"))
)
STOP_QUEUED = Statement(
    update(_r)
    .where(_r.c.id == bindparam("run_id"), _r.c.status == "queued", _r.c.epoch == 0)
    .values(status="stopped", finished_at=bindparam("b_finished_at"), summary="stopped before it began")
)
CONNECTOR_DIGESTS = Statement(select(tables.connectors.c.name, tables.connectors.c.digest))
RECENT = Statement(select(_r.c.id).order_by(_r.c.id.desc()).limit(bindparam("at_most")))
STOPS = Statement(select(_r.c.id, _r.c.stop).where(_r.c.status == "running", _r.c.stop > 0))
CALLED_BY = Statement(
    select(_r.c.id, _r.c.parent_step)
    .where(_r.c.parent_run == bindparam("run_id"), _r.c.id > bindparam("after"))
    .order_by(_r.c.id)
    .limit(bindparam("at_most"))
)
GET_RUN = Statement(select(_r).where(_r.c.id == bindparam("run_id")))
_ENDED = Statement(select(_r.c.finished_at).where(_r.c.id == bindparam("run_id")))
GET_STEP_RUNS = Statement(select(_s).where(_s.c.run_id == bindparam("run_id")).order_by(_s.c.position))
DROP_PAYLOADS = Statement(
    delete(_p).where(_p.c.bucket == bindparam("bucket"), _p.c.position >= bindparam("keep"))
)
DROP_TRACKED = Statement(
    delete(tables.tracked).where(
        tables.tracked.c.run_id == bindparam("run_id"),
        tables.tracked.c.position == bindparam("position"),
        tables.tracked.c.payload_id == bindparam("payload_id"),
    )
)
PAYLOADS_FROM = Statement(
    select(_p)
    .where(_p.c.bucket == bindparam("bucket"), _p.c.position >= bindparam("start"))
    .order_by(_p.c.position)
    .limit(bindparam("at_most"))
)
_LAST_POSITION = Statement(select(func.max(_p.c.position)).where(_p.c.bucket == bindparam("bucket")))
_TOTALS = Statement(
    select(func.count(), func.sum(func.coalesce(_p.c["items"], 1)), func.sum(_p.c.size_bytes)).where(
        _p.c.bucket == bindparam("bucket")
    )
)
GET_PAYLOAD = Statement(select(_p).where(_p.c.id == bindparam("payload_id")))
GET_BUCKET = Statement(select(_b.c.run_id, _b.c.position).where(_b.c.id == bindparam("bucket")))
FAILED_OF_STEP = Statement(
    select(
        tables.failed_payloads.c.number,
        tables.failed_payloads.c.payload_id,
        tables.failed_payloads.c.attempts,
        tables.failed_payloads.c.error,
        tables.failed_payloads.c.checkpoint,
    )
    .where(
        tables.failed_payloads.c.run_id == bindparam("run_id"),
        tables.failed_payloads.c.position == bindparam("position"),
        tables.failed_payloads.c.number >= bindparam("start"),
    )
    .order_by(tables.failed_payloads.c.number)
    .limit(bindparam("at_most"))
)
_f = tables.failed_payloads
_FAILED_WITH_PAYLOAD = Statement(
    select(_f.c.number, _f.c.error, _p)
    .select_from(_f.outerjoin(_p, _p.c.id == _f.c.payload_id))
    .where(
        _f.c.run_id == bindparam("run_id"),
        _f.c.position == bindparam("position"),
        _f.c.number >= bindparam("start"),
    )
    .order_by(_f.c.number)
    .limit(bindparam("at_most"))
)
FAIL_RUN = Statement(
    update(_r)
    .where(
        _r.c.id == bindparam("run_id"),
        _r.c.finished_at.is_(None),
        _r.c.epoch <= bindparam("b_epoch"),
    )
    .values(status="failure", summary=bindparam("b_summary"), finished_at=bindparam("b_finished_at"))
)
LAST_SUCCESS = Statement(
    update(tables.flows)
    .where(tables.flows.c.id == bindparam("flow_id"))
    .values(last_success=bindparam("b_clock"))
)
_ev = tables.delivery_events
OUTCOMES_OF_STEP = Statement(
    select(_ev.c.payload_id, _ev.c.item, _ev.c.status)
    .where(_ev.c.run_id == bindparam("run_id"), _ev.c.position == bindparam("position"))
    .order_by(_ev.c.sequence)
)
GET_LAST_SUCCESS = Statement(
    select(tables.flows.c.last_success).where(tables.flows.c.id == bindparam("flow_id"))
)
INTERRUPTED = Statement(
    select(
        tables.exchanges.c.id,
        tables.exchanges.c.request,
        tables.exchanges.c.request_body,
        tables.exchanges.c.request_bytes,
    )
    .where(
        tables.exchanges.c.run_id == bindparam("run_id"),
        tables.exchanges.c.position == bindparam("position"),
        tables.exchanges.c.payload_id == bindparam("payload_id"),
        tables.exchanges.c.response.is_(None),
    )
    .order_by(tables.exchanges.c.id)
)
EXCHANGE_REQUEST = Statement(
    select(
        tables.exchanges.c.request,
        tables.exchanges.c.request_body,
        tables.exchanges.c.request_bytes,
        tables.exchanges.c.status,
    ).where(tables.exchanges.c.id == bindparam("exchange_id"))
)

_RUN_FIELDS = Run.__struct_fields__
_STEP_FIELDS = StepRun.__struct_fields__
_PAYLOAD_FIELDS = PayloadRow.__struct_fields__


def run_record(row: Sequence[Any]) -> Run:
    run = Run(**dict(zip(_RUN_FIELDS, row, strict=True)))
    run.overridden = bool(run.overridden)
    run.pinned = bool(run.pinned)
    return run


def step_record(row: Sequence[Any]) -> StepRun:
    return StepRun(**dict(zip(_STEP_FIELDS, row, strict=True)))


def payload_record(row: Sequence[Any]) -> PayloadRow:
    return PayloadRow(**dict(zip(_PAYLOAD_FIELDS, row, strict=True)))


def get_run(source: Rows | Transaction, run_id: int) -> Run | None:
    found = source.one(GET_RUN, run_id=run_id)
    return run_record(found) if found else None


def has_ended(source: Rows | Transaction, run_id: int) -> bool:
    """Whether it has; also of a run that is gone, or never was."""
    found = source.one(_ENDED, run_id=run_id)
    return found is None or found[0] is not None


def step_runs(source: Rows | Transaction, run_id: int) -> list[StepRun]:
    return [step_record(row) for row in source.all(GET_STEP_RUNS, run_id=run_id)]


def bucket_count(source: Rows | Transaction, bucket: int) -> int:
    """Payloads in a bucket: their positions have no gaps."""
    found = source.one(_LAST_POSITION, bucket=bucket)
    return 0 if found is None or found[0] is None else int(found[0]) + 1


def totals(source: Rows | Transaction, bucket: int) -> tuple[int, int, int]:
    """Payloads, items (of unknown form: one) and bytes in a bucket."""
    found = source.one(_TOTALS, bucket=bucket) or (0, 0, 0)
    return int(found[0]), int(found[1] or 0), int(found[2] or 0)


def payloads_from(source: Rows | Transaction, bucket: int, start: int, at_most: int) -> list[PayloadRow]:
    rows = source.all(PAYLOADS_FROM, bucket=bucket, start=start, at_most=at_most)
    return [payload_record(row) for row in rows]


def failed_with_payload(
    source: Rows | Transaction, run_id: int, position: int, start: int, at_most: int
) -> list[tuple[int, bytes, PayloadRow | None]]:
    """Failed payloads of a step by number, with error; None for the empty one of a start without data."""
    found = source.all(_FAILED_WITH_PAYLOAD, run_id=run_id, position=position, start=start, at_most=at_most)
    return [(row[0], bytes(row[1]), payload_record(row[2:]) if row[2] is not None else None) for row in found]
