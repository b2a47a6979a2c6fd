"""Statements that find where a value stood: tracked fields, and keys of deliveries.

Places of a value are ordered by run, step, payload and item; the index of each source gives them
in that order, so that a page costs the same however often the value stands somewhere.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from sqlalchemy import bindparam, func, select, text, tuple_

from redrive.store import tables
from redrive.store.database import Rows
from redrive.store.statements import Statement

_k, _d, _e, _t = tables.tracked, tables.deliveries, tables.delivery_events, tables.targets
_p = tables.payloads


NEWEST = (1 << 63) - 1
"""After every sequence number and run."""

Outcomes = dict[tuple[int, int], tuple[int, str]]
"""Of each item (payload id, item) of a step: a sequence number that rises, and the outcome."""


class Place(NamedTuple):
    """An item in the input of a step of a run."""

    run_id: int
    position: int
    payload_id: int
    item: int


class KeyedDelivery(msgspec.Struct, frozen=True):
    """A delivery with the key that is looked for, and its present claim."""

    id: int
    field: str | None
    status: str
    place: Place
    at: int

    @property
    def open(self) -> bool:
        """Being sent right now: the claim is the only record of it."""
        return self.status == "begun" and self.place.item >= 0


class Event(msgspec.Struct, frozen=True):
    place: Place
    sequence: int
    status: str
    at: int


class OutputRow(msgspec.Struct, frozen=True):
    """What tracing needs of a payload that a step put out."""

    id: int
    position: int
    items: int | None
    lineage: bytes | None
    edited_from: int | None


def _fields() -> Statement:
    # From field to field in the index, however many items each has.
    one, more = _k.alias("one"), _k.alias("more")
    seen = select(func.min(one.c.field).label("field")).where(one.c.value == bindparam("value"))
    fields = seen.cte("fields", recursive=True)
    after = select(func.min(more.c.field)).where(
        more.c.value == bindparam("value"), more.c.field > fields.c.field
    )
    fields = fields.union_all(select(after.scalar_subquery()).where(fields.c.field.is_not(None)))
    return Statement(select(fields.c.field).where(fields.c.field.is_not(None)))


_FIELDS = _fields()
_place = tuple_(_k.c.run_id, _k.c.position, _k.c.payload_id, _k.c.item)
_DELIVERIES = Statement(
    select(
        _d.c.id, _t.c.key_field, _d.c.status, _d.c.run_id, _d.c.position, _d.c.payload_id, _d.c.item, _d.c.at
    )
    .select_from(_d.join(_t, _t.c.id == _d.c.target_id))
    .where(_d.c.key == bindparam("key"))
    .order_by(_d.c.id)
)
_RUNS_OF = Statement(
    select(_e.c.run_id)
    .distinct()
    .where(_e.c.delivery_id == bindparam("delivery_id"), _e.c.run_id <= bindparam("upto"), _e.c.item >= 0)
    .order_by(_e.c.run_id.desc())
    .limit(bindparam("at_most"))
)
_EVENTS = Statement(
    select(_e.c.run_id, _e.c.position, _e.c.payload_id, _e.c.item, _e.c.sequence, _e.c.status, _e.c.at)
    .where(
        _e.c.delivery_id == bindparam("delivery_id"),
        _e.c.run_id >= bindparam("first"),
        _e.c.run_id <= bindparam("upto"),
        _e.c.item >= 0,
    )
    .order_by(_e.c.sequence)
)
_OUTCOMES = Statement(
    select(_e.c.payload_id, _e.c.item, _e.c.sequence, _e.c.status).where(
        _e.c.run_id == bindparam("run_id"), _e.c.position == bindparam("position")
    )
)
# Written out as the partial index says it, or the planner does not use it.
_CLAIMS = Statement(
    select(_d.c.payload_id, _d.c.item).where(
        text("deliveries.status IN ('begun', 'unknown')"),
        _d.c.status == "begun",
        _d.c.run_id == bindparam("run_id"),
        _d.c.position == bindparam("position"),
    )
)
_OUTPUT = Statement(
    select(_p.c.id, _p.c.position, _p.c["items"], _p.c.lineage, _p.c.edited_from)
    .where(_p.c.bucket == bindparam("bucket"))
    .order_by(_p.c.position)
)


def tracked_fields(rows: Rows, value: str) -> list[str]:
    """The fields in which a value was tracked."""
    return [row[0] for row in rows.all(_FIELDS, value=value)]


def tracked_page(
    rows: Rows, value: str, field: str, before: Place | None, at_most: int, *, with_it: bool
) -> list[Place]:
    """Items with that value in that field, newest run first, before a place (`with_it`: or there)."""
    query = (
        select(_k.c.run_id, _k.c.position, _k.c.payload_id, _k.c.item)
        .where(_k.c.value == value, _k.c.field == field)
        .order_by(_k.c.run_id.desc(), _k.c.position.desc(), _k.c.payload_id.desc(), _k.c.item.desc())
        .limit(at_most)
    )
    if before is not None:
        query = query.where(_place <= tuple_(*before) if with_it else _place < tuple_(*before))
    return [Place(*row) for row in rows.query(query)]


def deliveries_of(rows: Rows, key: str) -> list[KeyedDelivery]:
    """The deliveries with that key, whatever their target."""
    return [
        KeyedDelivery(
            row[0],
            row[1],
            row[2],
            Place(row[3], row[4], row[5] or 0, -1 if row[6] is None else row[6]),
            row[7],
        )
        for row in rows.all(_DELIVERIES, key=key)
    ]


def newest_events(rows: Rows, delivery_id: int, upto: int, at_most: int) -> list[Event]:
    """What became of a delivery in the newest runs, up to the run `upto`: all of each, oldest first."""
    runs = rows.all(_RUNS_OF, delivery_id=delivery_id, upto=upto, at_most=at_most)
    if not runs:
        return []
    found = rows.all(_EVENTS, delivery_id=delivery_id, first=runs[-1][0], upto=upto)
    return [Event(Place(*row[:4]), *row[4:]) for row in found]


def events_in(rows: Rows, delivery_id: int, run_id: int) -> list[Event]:
    """What became of a delivery in one run, oldest first."""
    found = rows.all(_EVENTS, delivery_id=delivery_id, first=run_id, upto=run_id)
    return [Event(Place(*row[:4]), *row[4:]) for row in found]


def outcomes_of_step(rows: Rows, run_id: int, position: int) -> Outcomes:
    """The latest outcome of each item of a send step."""
    found: Outcomes = {}
    for payload_id, item, sequence, status in rows.all(_OUTCOMES, run_id=run_id, position=position):
        place = (payload_id, item)
        if place not in found or found[place][0] < sequence:
            found[place] = (sequence, status)
    return found


def claims_of_step(rows: Rows, run_id: int, position: int) -> Outcomes:
    """The items of a send step that are being sent right now."""
    claims = rows.all(_CLAIMS, run_id=run_id, position=position)
    return {(payload_id or 0, item): (NEWEST, "begun") for payload_id, item in claims if item is not None}


def output_rows(rows: Rows, bucket: int) -> list[OutputRow]:
    return [OutputRow(*row) for row in rows.all(_OUTPUT, bucket=bucket)]
