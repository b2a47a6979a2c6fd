"""Statements that list deliveries and tell their history."""

from __future__ import annotations

import msgspec
from sqlalchemy import Select, and_, bindparam, select, text

from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.statements import Statement

_d, _t, _s, _e, _r = (
    tables.deliveries,
    tables.targets,
    tables.step_runs,
    tables.delivery_events,
    tables.runs,
)
# Written out as the partial index says it, or the planner does not use it.
_OPEN = text("deliveries.status IN ('begun', 'unknown')")
OPEN = frozenset({"begun", "unknown"})

_CLAIM = Statement(
    select(_d.c.status, _d.c.run_id, _d.c.position, _d.c.payload_id, _d.c.item, _r.c.finished_at)
    .select_from(_d.outerjoin(_r, _r.c.id == _d.c.run_id))
    .where(_d.c.id == bindparam("delivery_id"))
)
_HISTORY = Statement(
    select(_e.c.sequence, _e.c.run_id, _e.c.status, _e.c.at)
    .where(_e.c.delivery_id == bindparam("delivery_id"))
    .order_by(_e.c.run_id.desc(), _e.c.sequence.desc())
    .limit(bindparam("at_most"))
)


_KEYS = Statement(
    select(_d.c.key)
    .select_from(_e.join(_d, _d.c.id == _e.c.delivery_id))
    .where(
        _e.c.run_id == bindparam("run_id"),
        _e.c.position == bindparam("position"),
        _e.c.status == "delivered",
    )
    .order_by(_e.c.payload_id, _e.c.item, _e.c.sequence)
)


class DeliveryRow(msgspec.Struct, frozen=True):
    """A delivery, its target, and the step of its latest claim."""

    id: int
    ledger: str
    connection: str
    endpoint: str
    key: str
    status: str
    run_id: int
    step: str | None
    payload_id: int | None
    item: int | None
    at: int
    field: str | None
    """Of the item whose value the key is."""


def keys_delivered(rows: Rows, run_id: int, position: int) -> list[str]:
    """The keys that a step of a run delivered, in the order of its payloads and items."""
    return [key for (key,) in rows.all(_KEYS, run_id=run_id, position=position)]


class Claim(msgspec.Struct, frozen=True):
    """The latest claim of a delivery; `finished_at` is of its run."""

    status: str
    run_id: int
    position: int
    payload_id: int | None
    item: int | None
    finished_at: int | None


class EventRow(msgspec.Struct, frozen=True):
    sequence: int
    run_id: int
    status: str
    at: int


def _deliveries() -> Select[tuple[object, ...]]:
    joined = _d.join(_t, _t.c.id == _d.c.target_id).outerjoin(
        _s, and_(_s.c.run_id == _d.c.run_id, _s.c.position == _d.c.position)
    )
    return select(
        _d.c.id, _t.c.ledger, _t.c.connection, _t.c.endpoint, _d.c.key, _d.c.status, _d.c.run_id, _s.c.step,
        _d.c.payload_id, _d.c.item, _d.c.at, _t.c.key_field,
    ).select_from(joined)  # fmt: skip


def deliveries_page(
    rows: Rows, status: str | None, key: str | None, before: int | None, at_most: int
) -> list[DeliveryRow]:
    """The newest first: by when their key was first claimed."""
    query = _deliveries().order_by(_d.c.id.desc()).limit(at_most)
    if status is not None:
        query = query.where(_d.c.status == status)
        if status in OPEN:
            query = query.where(_OPEN)
    if key is not None:
        query = query.where(_d.c.key == key)
    if before is not None:
        query = query.where(_d.c.id < before)
    return [DeliveryRow(*row) for row in rows.query(query)]


def get_delivery(rows: Rows, delivery_id: int) -> DeliveryRow | None:
    found = rows.query(_deliveries().where(_d.c.id == delivery_id))
    return DeliveryRow(*found[0]) if found else None


def history(rows: Rows, delivery_id: int, at_most: int) -> list[EventRow]:
    """The newest events of a delivery, oldest first."""
    found = [EventRow(*row) for row in rows.all(_HISTORY, delivery_id=delivery_id, at_most=at_most)]
    return sorted(found, key=lambda event: event.sequence)


def claim_of(transaction: Transaction, delivery_id: int) -> Claim | None:
    found = transaction.one(_CLAIM, delivery_id=delivery_id)
    return Claim(*found) if found else None
