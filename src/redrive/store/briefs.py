"""What a list tells of a run beyond its row, and counts of the last runs."""

from __future__ import annotations

import msgspec
from sqlalchemy import bindparam, func, or_, select

from redrive.store import tables
from redrive.store.database import Rows
from redrive.store.statements import Statement

_r, _s, _f = tables.runs, tables.step_runs, tables.failed_payloads
_d, _e = tables.deliveries, tables.delivery_events

_STEPS = Statement(
    select(
        _s.c.position, _s.c.step, _s.c.status, _s.c.error, _s.c.failed, _s.c.payloads_out, _s.c.items_out,
        _s.c.bytes_out, _s.c.delivered, _s.c.rejected, _s.c.unknown,
    )
    .where(_s.c.run_id == bindparam("run_id"))
    .order_by(_s.c.position)
)  # fmt: skip
_REFUSED = Statement(
    select(_d.c.key, _e.c.payload_id, _e.c.item)
    .select_from(_e.join(_d, _d.c.id == _e.c.delivery_id))
    .where(
        _e.c.run_id == bindparam("run_id"),
        _e.c.position == bindparam("position"),
        or_(_e.c.status == "rejected", _e.c.status == "unknown"),
    )
    .order_by(_e.c.payload_id, _e.c.item)
    .limit(1)
)
_FAILED = Statement(
    select(_f.c.payload_id)
    .where(_f.c.run_id == bindparam("run_id"), _f.c.position == bindparam("position"))
    .order_by(_f.c.number)
    .limit(1)
)
_COUNT = Statement(
    select(func.count()).select_from(
        select(_r.c.id).where(_r.c.status == bindparam("status")).limit(bindparam("at_most")).subquery()
    )
)
# Compiled once: a view of a day asks it for each hour and state.
_COUNT_BETWEEN = Statement(
    select(func.count()).select_from(
        select(_r.c.id)
        .where(_r.c.status == bindparam("status"), _r.c.id >= bindparam("low"), _r.c.id < bindparam("high"))
        .limit(bindparam("at_most"))
        .subquery()
    )
)


class StepBrief(msgspec.Struct, frozen=True):
    position: int
    step: str
    status: str
    error: bytes | None
    failed: int
    payloads_out: int
    items_out: int
    bytes_out: int
    delivered: int
    rejected: int
    unknown: int


def steps(rows: Rows, run_id: int) -> list[StepBrief]:
    """The steps that a run has reached, in the order of its version."""
    return [StepBrief(*row) for row in rows.all(_STEPS, run_id=run_id)]


def first_refused(rows: Rows, run_id: int, position: int) -> tuple[str, int, int] | None:
    """Key, payload and item of the first record that a step could not deliver."""
    found = rows.one(_REFUSED, run_id=run_id, position=position)
    return (str(found[0]), int(found[1]), int(found[2])) if found else None


def first_failed(rows: Rows, run_id: int, position: int) -> int | None:
    """The first payload that failed in a step."""
    found = rows.one(_FAILED, run_id=run_id, position=position)
    return int(found[0]) if found else None


def count(rows: Rows, status: str, at_most: int) -> int:
    """How many runs are in a state now; no further than `at_most` is counted."""
    found = rows.one(_COUNT, status=status, at_most=at_most)
    return int(found[0]) if found else 0


def counts(rows: Rows, status: str, bounds: list[int], at_most: int) -> list[int]:
    """How many runs of a state have ids from each bound to before the next; the newest `at_most` of them.

    The index of states and ids has them together: nothing else is read.
    """
    found = [0] * (len(bounds) - 1)
    left = at_most
    for place in reversed(range(len(found))):
        if left <= 0:
            break
        one = rows.one(_COUNT_BETWEEN, status=status, low=bounds[place], high=bounds[place + 1], at_most=left)
        found[place] = int(one[0]) if one else 0
        left -= found[place]
    return found
