"""Statements of payloads: where one stands, what it was edited from, uploads."""

from __future__ import annotations

import msgspec
from sqlalchemy import and_, bindparam, select

from redrive.core.run import PayloadRow
from redrive.store import tables
from redrive.store.database import Rows
from redrive.store.runs import GET_PAYLOAD, payload_record
from redrive.store.statements import Statement

_b, _r, _s, _e = tables.buckets, tables.runs, tables.step_runs, tables.edits
_p, _c = tables.payloads, tables.contents

UPLOAD, HANDED = 0, -1
"""Run of an upload's bucket; position of a bucket that was handed to a run."""

_PLACE = Statement(
    select(_b.c.run_id, _b.c.position, _s.c.step, _r.c.start_step, _r.c.plan)
    .select_from(
        _b.outerjoin(_r, _r.c.id == _b.c.run_id).outerjoin(
            _s, and_(_s.c.run_id == _b.c.run_id, _s.c.position == _b.c.position)
        )
    )
    .where(_b.c.id == bindparam("bucket"))
)
_EDIT = Statement(
    select(_e.c.original_id, _e.c.patch, _e.c.reason).where(_e.c.payload_id == bindparam("payload_id"))
)

GONE = Statement(
    select(_p.c.id)
    .select_from(_p.outerjoin(_c, _c.c.digest == _p.c.digest))
    .where(_p.c.bucket == bindparam("bucket"), _p.c.size_bytes > 0, _c.c.digest.is_(None))
    .order_by(_p.c.position)
    .limit(1)
)
"""The first payload of a bucket whose bytes are no longer kept."""
KEPT = Statement(select(_c.c.size_bytes).where(_c.c.digest == bindparam("digest")))


class Place(msgspec.Struct, frozen=True):
    """Which step of which run wrote a bucket; `step` is None where that is not recorded."""

    run_id: int
    position: int
    step: str | None
    start_step: str | None
    plan: bytes | None


class EditRow(msgspec.Struct, frozen=True):
    original_id: int
    patch: bytes | None
    reason: str | None


def get_payload(rows: Rows, payload_id: int) -> PayloadRow | None:
    found = rows.one(GET_PAYLOAD, payload_id=payload_id)
    return payload_record(found) if found else None


def place_of(rows: Rows, payload: PayloadRow) -> Place | None:
    found = rows.one(_PLACE, bucket=payload.bucket)
    return Place(*found) if found else None


def edit_of(rows: Rows, payload: PayloadRow) -> EditRow | None:
    """The edit that made this payload, if one did."""
    found = rows.one(_EDIT, payload_id=payload.id)
    return EditRow(*found) if found else None
