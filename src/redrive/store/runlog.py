"""Statements of the run log: runs by filters, what stands in one run, the queue."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Boolean, ColumnElement, bindparam, func, literal_column, or_, select, tuple_

from redrive.core.ids import RUN, digits_value, from_text, lowest_at
from redrive.core.run import PayloadRow, Run
from redrive.store import tables
from redrive.store.database import Rows
from redrive.store.functions import position
from redrive.store.runs import EPOCH, bucket_count, payload_record, payloads_from, run_record
from redrive.store.statements import Statement

_r, _s, _p = tables.runs, tables.step_runs, tables.payloads
_x, _l, _f = tables.exchanges, tables.log_lines, tables.failed_payloads
_k = tables.tracked

# Ids are made right before their run is queued, but the clock may be set back in between.
_SLACK_MS = 60_000
_ID_DIGITS = 13
# Shorter words stand in many ids by chance.
_LEAST_DIGITS = 4
_MANY = 5_000
WALK = 4_000
"""Runs that are read at once for a page where no index finds them: some thousandths of a second."""
WALK_APART = 1_500
"""The same for runs of a flow or in a state: they stand apart in the table, and each costs more."""
_MOST = (1 << 63) - 1
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def _flow_ids() -> Statement:
    # One step from flow to flow in the index; runs of a deleted flow keep the name it had.
    here, after, newest = _r.alias("here"), _r.alias("after"), _r.alias("newest")
    seen = select(func.min(here.c.flow_id).label("flow_id")).cte("seen", recursive=True)
    following = select(func.min(after.c.flow_id)).where(after.c.flow_id > seen.c.flow_id)
    seen = seen.union_all(select(following.scalar_subquery()).where(seen.c.flow_id.is_not(None)))
    name = (
        select(newest.c.flow).where(newest.c.flow_id == seen.c.flow_id).order_by(newest.c.id.desc()).limit(1)
    )
    return Statement(select(seen.c.flow_id).where(name.scalar_subquery() == bindparam("flow")))


_FLOW_IDS = _flow_ids()
_COUNT_FLOW = Statement(
    select(func.count()).select_from(
        select(_r.c.id).where(_r.c.flow_id == bindparam("flow_id")).limit(_MANY).subquery()
    )
)
_COUNT_STATUS = Statement(
    select(func.count()).select_from(
        select(_r.c.id).where(_r.c.status == bindparam("status")).limit(_MANY).subquery()
    )
)
# Written out as the partial index says it, or the planner does not use it.
_WARNED: ColumnElement[bool] = literal_column("runs.warnings > 0", Boolean)
STEP_NAMES = Statement(select(_s.c.position, _s.c.step).where(_s.c.run_id == bindparam("run_id")))
REDRIVES = Statement(select(_r.c.id).where(_r.c.source_run == bindparam("source")).order_by(_r.c.id))
_FAILED = Statement(
    select(_f.c.number, _p)
    .select_from(_f.join(_p, _p.c.id == _f.c.payload_id))
    .where(
        _f.c.run_id == bindparam("run_id"),
        _f.c.position == bindparam("position"),
        _f.c.number >= bindparam("start"),
    )
    .order_by(_f.c.number)
    .limit(bindparam("at_most"))
)
BODY = Statement(
    select(
        _x.c.request_body,
        _x.c.request_bytes,
        _x.c.response_body,
        _x.c.response_bytes,
        _x.c.run_id,
        _x.c.request,
        _x.c.response,
    ).where(_x.c.id == bindparam("exchange_id"))
)


class RunFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs a list shows. `since` is in microseconds; None and () let everything through."""

    statuses: tuple[str, ...] = ()
    flow: str | None = None
    trigger: str | None = None
    since: int | None = None
    text: str | None = None
    version: int | None = None
    warnings: bool | None = None
    until: int | None = None
    flow_ids: tuple[int, ...] | None = None
    """Only runs of these flows."""
    value: str | None = None
    """Only runs that have tracked this value."""
    oldest: bool = False
    """The oldest first: then `before` and `down_to` are read from the other end."""


class LogRow(msgspec.Struct, frozen=True):
    sequence: int
    position: int
    at: int
    level: str
    message: str
    data: bytes | None


class ExchangeRow(msgspec.Struct, frozen=True):
    id: int
    run_id: int
    position: int
    payload_id: int | None
    attempt: int
    request: bytes
    request_body: bytes | None
    request_bytes: int
    status: int | None
    response: bytes | None
    response_body: bytes | None
    response_bytes: int
    at: int
    duration_us: int | None


# ---- lists of runs


def horizon(rows: Rows, wanted: RunFilter, before: int | None) -> int | None:
    """How far one page may look back where no index finds what is wanted: every run down to this one
    is read. None: to the end.
    """
    by_index = wanted.text is None and wanted.version is None and not _is_second(wanted)
    by_index = by_index or wanted.value is not None
    if by_index or _whole_id(rows, wanted) is not None:
        return None
    order = _r.c.id.asc() if wanted.oldest else _r.c.id.desc()
    further = [] if before is None else [_beyond(wanted, before)]
    found = [
        rows.query(
            select(_r.c.id)
            .where(*part[:1], *further)
            .order_by(order)
            .limit(1)
            .offset(WALK_APART if part else WALK)
        )
        for part in _parts(rows, wanted)
    ]
    nearest = min if wanted.oldest else max
    return nearest((int(one[0][0]) for one in found if one), default=None)


def _beyond(wanted: RunFilter, place: int) -> ColumnElement[bool]:
    """What follows a place in the order that is wanted."""
    return _r.c.id > place if wanted.oldest else _r.c.id < place


def runs_page(
    rows: Rows, wanted: RunFilter, before: int | None, at_most: int, *, down_to: int | None = None
) -> list[Run]:
    """The runs that fit, newest first, older than the run `before`, as far as `down_to`.

    One query for each flow or each status that is asked for: an index then gives its runs in
    order, and no query reads more than it shows unless a filter without an index asks for it.
    """
    conditions = list(_conditions(wanted))
    if (whole := _whole_id(rows, wanted)) is not None:
        conditions.append(_r.c.id == whole)  # no text has to be looked through
    if before is not None:
        conditions.append(_beyond(wanted, before))
    if down_to is not None:
        conditions.append(_r.c.id <= down_to if wanted.oldest else _r.c.id >= down_to)
    parts = _parts(rows, wanted)
    found: list[tuple[Any, ...]] = []
    for part in parts:
        order = _r.c.id.asc() if wanted.oldest else _r.c.id.desc()
        found += rows.query(select(_r).where(*part, *conditions).order_by(order).limit(at_most))
    if len(parts) > 1:
        found.sort(key=lambda row: int(row[0]), reverse=not wanted.oldest)
    return [run_record(row) for row in found[:at_most]]


def _whole_id(rows: Rows, wanted: RunFilter) -> int | None:
    """The run that the text is the id of."""
    whole = from_text(RUN, wanted.text) if wanted.text else None
    return whole if whole is not None and rows.one(EPOCH, run_id=whole) else None


def _has_first(wanted: RunFilter) -> bool:
    """Whether flow, status or a tracked value lead to the runs."""
    by_flow = wanted.flow is not None or wanted.flow_ids is not None
    return by_flow or bool(wanted.statuses) or wanted.value is not None


def _trigger_is_second(wanted: RunFilter) -> bool:
    """Whether another index leads to the runs, and the trigger is looked at in each."""
    return wanted.trigger is not None and _has_first(wanted)


def _is_second(wanted: RunFilter) -> bool:
    """Whether something is looked at in each run that another index leads to."""
    second = wanted.warnings is not None and _has_first(wanted)
    return second or _trigger_is_second(wanted)


def _parts(rows: Rows, wanted: RunFilter) -> list[list[ColumnElement[bool]]]:
    if wanted.value is not None:
        return [_of_value(rows, wanted, wanted.value)]
    statuses = wanted.statuses
    by_status = [_r.c.status == status for status in statuses]
    flow_ids = _flows_wanted(rows, wanted)
    if flow_ids is None:
        return [[one] for one in by_status] or [[]]
    by_flow = [_r.c.flow_id == flow_id for flow_id in flow_ids]
    if not statuses:
        return [[one] for one in by_flow]
    # Through whichever index is narrower; an expression keeps the planner from taking the other one.
    of_flow = sum(_count(rows, _COUNT_FLOW, flow_id=flow_id) for flow_id in flow_ids)
    of_status = sum(_count(rows, _COUNT_STATUS, status=status) for status in statuses)
    if of_status < of_flow:
        other = (_r.c.flow_id + 0).in_(flow_ids)
        return [[one, other] for one in by_status]
    other = func.coalesce(_r.c.status, "").in_(statuses)
    return [[one, other] for one in by_flow]


def _flows_wanted(rows: Rows, wanted: RunFilter) -> list[int] | None:
    """The flows that are asked for; None: any."""
    if wanted.flow is None:
        return None if wanted.flow_ids is None else [*wanted.flow_ids]
    named = [int(row[0]) for row in rows.all(_FLOW_IDS, flow=wanted.flow)]
    return named if wanted.flow_ids is None else [one for one in named if one in wanted.flow_ids]


def _of_value(rows: Rows, wanted: RunFilter, value: str) -> list[ColumnElement[bool]]:
    """The index of tracked values leads to the runs; expressions keep the planner from another one."""
    found: list[ColumnElement[bool]] = [_r.c.id.in_(select(_k.c.run_id).where(_k.c.value == value))]
    if wanted.statuses:
        found.append(func.coalesce(_r.c.status, "").in_(wanted.statuses))
    flow_ids = _flows_wanted(rows, wanted)
    if flow_ids is not None:
        found.append((_r.c.flow_id + 0).in_(flow_ids))
    return found


def _count(rows: Rows, statement: Statement, **parameters: Any) -> int:
    found = rows.one(statement, **parameters)
    return int(found[0]) if found else 0


def _conditions(wanted: RunFilter) -> Sequence[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.trigger is not None:
        column = func.coalesce(_r.c.trigger, "") if _trigger_is_second(wanted) else _r.c.trigger
        conditions.append(column == wanted.trigger)
    if wanted.version is not None:
        conditions.append(_r.c.version == wanted.version)
    if wanted.warnings is not None:
        conditions.append(_WARNED if wanted.warnings else _r.c.warnings == 0)
    if wanted.since is not None:
        # The id says it too, up to the slack, and ends the walk through the index there.
        conditions.append(_r.c.id >= lowest_at(wanted.since // 1000 - _SLACK_MS))
        conditions.append(_r.c.queued_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(_r.c.id < lowest_at(wanted.until // 1000 + 1 + _SLACK_MS))
        conditions.append(_r.c.queued_at < wanted.until)
    if wanted.text:
        conditions.append(_holds(wanted.text))
    return conditions


def _holds(text: str) -> ColumnElement[bool]:
    """The text stands in summary, flow name or id. `position` knows no wildcards; as in SQL's lower
    only ASCII letters are equal in both cases.
    """
    lowered = text.translate(_LOWER)
    places = [position(func.lower(column), lowered) > 0 for column in (_r.c.summary, _r.c.flow)]
    return or_(*places, *_in_id(lowered))


def _in_id(text: str) -> list[ColumnElement[bool]]:
    """An id is `r` and 13 digits of 5 bits each: a piece of it is a piece of the number."""
    found: list[ColumnElement[bool]] = []
    first = digits_value(text[1:]) if text.startswith("r") and 1 < len(text) <= _ID_DIGITS + 1 else None
    if first is not None and first <= _MOST:
        found.append(_without(5 * (_ID_DIGITS + 1 - len(text))) == first)
    anywhere = digits_value(text) if _LEAST_DIGITS <= len(text) <= _ID_DIGITS else None
    if anywhere is not None and anywhere <= _MOST:
        mask = min((1 << 5 * len(text)) - 1, _MOST)
        found += [
            _without(5 * shift).bitwise_and(mask) == anywhere for shift in range(_ID_DIGITS + 1 - len(text))
        ]
    return found


def _without(bits: int) -> ColumnElement[int]:
    """The id without its lowest bits. Ids are positive; a shift has different operands elsewhere."""
    return _r.c.id // (1 << bits) if bits else _r.c.id


def redrives_of(rows: Rows, run_ids: Sequence[int]) -> dict[int, list[int]]:
    """The runs made from each of these, in the order in which they were made."""
    # One statement for each: to compile one for all of them costs more than fifty of these.
    found = {source: [run_id for (run_id,) in rows.all(REDRIVES, source=source)] for source in run_ids}
    return {source: made for source, made in found.items() if made}


def last_success_before(rows: Rows, run: Run) -> int | None:
    """The clock of the flow's latest successful ordinary run that had ended when this one began."""
    query = select(func.max(_r.c.clock)).where(
        _r.c.flow_id == run.flow_id,
        _r.c.id < run.id,
        _r.c.status == "success",
        _r.c.source_run.is_(None),
        _r.c.overridden.is_(False),
        _r.c.finished_at <= (run.started_at or run.queued_at),
    )
    found = rows.query(query)
    return int(found[0][0]) if found and found[0][0] is not None else None


def names_of_runs(rows: Rows, run_ids: Sequence[int]) -> dict[int, tuple[str, int]]:
    """Flow name and time of queueing of runs."""
    query = select(_r.c.id, _r.c.flow, _r.c.queued_at).where(_r.c.id.in_(run_ids))
    return {row[0]: (row[1], row[2]) for row in rows.query(query)} if run_ids else {}


# ---- one run


def step_names(rows: Rows, run_id: int) -> dict[int, str]:
    """Position to step id, of the steps that have a record."""
    return dict(rows.all(STEP_NAMES, run_id=run_id))


def payloads_page(
    rows: Rows, buckets: Sequence[int], start: int, at_most: int
) -> list[tuple[int, PayloadRow]]:
    """Payloads of the buckets one after the other, numbered through, from number `start` on."""
    found: list[tuple[int, PayloadRow]] = []
    offset = 0
    for bucket in buckets:
        payloads = payloads_from(rows, bucket, max(0, start - offset), at_most - len(found))
        found += [(offset + payload.position, payload) for payload in payloads]
        if len(found) >= at_most:
            break
        offset += bucket_count(rows, bucket)
    return found


def failed_page(
    rows: Rows, run_id: int, position: int, start: int, at_most: int
) -> list[tuple[int, PayloadRow]]:
    """Failed payloads of a step by their number in its input; the empty payload of a start without
    data has no record and is not among them.
    """
    page = rows.all(_FAILED, run_id=run_id, position=position, start=start, at_most=at_most)
    return [(row[0], payload_record(row[1:])) for row in page]


def log_page(rows: Rows, run_id: int, position: int | None, after: int, at_most: int) -> list[LogRow]:
    query = (
        select(_l.c.sequence, _l.c.position, _l.c.at, _l.c.level, _l.c.message, _l.c.data)
        .where(_l.c.run_id == run_id, _l.c.sequence > after)
        .order_by(_l.c.sequence)
        .limit(at_most)
    )
    if position is not None:
        query = query.where(_l.c.position == position)
    return [LogRow(*row) for row in rows.query(query)]


def exchanges_page(
    rows: Rows, run_id: int, position: int | None, after: tuple[int, int], at_most: int
) -> list[ExchangeRow]:
    """In the order of the steps, those of one step in the order in which they were made."""
    query = (
        select(_x)
        .where(_x.c.run_id == run_id, tuple_(_x.c.position, _x.c.id) > tuple_(*after))
        .order_by(_x.c.position, _x.c.id)
        .limit(at_most)
    )
    if position is not None:
        query = query.where(_x.c.position == position)
    return [ExchangeRow(*row) for row in rows.query(query)]
