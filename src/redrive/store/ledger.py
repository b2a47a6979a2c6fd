"""Statements of the delivery ledger. Every change happens inside a committer's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import bindparam, case, func, select, text, update

from redrive.core.delivery import Known
from redrive.core.erasing import masked_key
from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.loose import ERASING, fact
from redrive.store.statements import Insert, Statement

_t, _d, _e, _r = tables.targets, tables.deliveries, tables.delivery_events, tables.runs

# Written out as the partial index says it, or the planner does not use it.
_OPEN = text("deliveries.status IN ('begun', 'unknown')")

FIND_TARGET = Statement(
    select(_t.c.id).where(
        _t.c.ledger == bindparam("ledger"),
        _t.c.connection == bindparam("connection"),
        _t.c.endpoint == bindparam("endpoint"),
    )
)
INSERT_TARGET = Insert(_t)
INSERT_DELIVERY = Insert(_d)
INSERT_EVENT = Insert(_e)

_GET = Statement(
    select(
        _d.c.id,
        _d.c.status,
        _d.c.run_id,
        _d.c.epoch,
        _d.c.exchange_id,
        # Kept of its own only while it differs from what was claimed last.
        func.coalesce(_d.c.delivered_digest, _d.c.digest),
        _d.c.delivered_at,
        _d.c.delivered_run,
        case((_r.c.root_run.is_not(None), _r.c.root_run), else_=_r.c.id),
    )
    .select_from(_d.outerjoin(_r, _r.c.id == _d.c.delivered_run))
    .where(_d.c.key == bindparam("key"), _d.c.target_id == bindparam("target_id"))
)

CLAIM = Statement(
    update(_d)
    .where(_d.c.id == bindparam("delivery_id"))
    .values(
        status="begun",
        run_id=bindparam("b_run_id"),
        epoch=bindparam("b_epoch"),
        position=bindparam("b_position"),
        exchange_id=bindparam("b_exchange_id"),
        payload_id=bindparam("b_payload_id"),
        item=bindparam("b_item"),
        digest=bindparam("b_digest"),
        delivered_digest=case(
            (_d.c.delivered_at.is_not(None), func.coalesce(_d.c.delivered_digest, _d.c.digest)),
            else_=None,
        ),
        at=bindparam("b_at"),
    )
)
RECLAIM = Statement(
    update(_d)
    .where(
        _OPEN,
        _d.c.exchange_id == bindparam("old_exchange_id"),
        _d.c.id == bindparam("delivery_id"),
    )
    .values(
        status="begun",
        run_id=bindparam("b_run_id"),
        epoch=bindparam("b_epoch"),
        position=bindparam("b_position"),
        exchange_id=bindparam("b_exchange_id"),
        payload_id=bindparam("b_payload_id"),
        item=bindparam("b_item"),
        at=bindparam("b_at"),
    )
)
_HELD = Statement(
    select(_d.c.id).where(_OPEN, _d.c.status == "begun", _d.c.exchange_id == bindparam("exchange_id"))
)
_DELIVERED: dict[str, Any] = {
    "status": "delivered",
    "at": bindparam("b_at"),
    "delivered_digest": None,
    "delivered_at": bindparam("b_at"),
    "delivered_run": bindparam("b_run_id"),
}
_ONE = (
    _d.c.id == bindparam("delivery_id"),
    _d.c.exchange_id == bindparam("b_exchange_id"),
    _d.c.status == "begun",
)
_ALL = (_OPEN, _d.c.exchange_id == bindparam("b_exchange_id"), _d.c.status == "begun")
_SETTLE = Statement(update(_d).where(*_ONE).values(status=bindparam("b_status"), at=bindparam("b_at")))
_SETTLE_DELIVERED = Statement(update(_d).where(*_ONE).values(**_DELIVERED))
_SETTLE_ALL = Statement(update(_d).where(*_ALL).values(status=bindparam("b_status"), at=bindparam("b_at")))
_SETTLE_ALL_DELIVERED = Statement(update(_d).where(*_ALL).values(**_DELIVERED))
RESOLVE = Statement(
    update(_d)
    .where(_d.c.id == bindparam("delivery_id"))
    .values(status=bindparam("b_status"), at=bindparam("b_at"))
)
RESOLVE_DELIVERED = Statement(
    update(_d)
    .where(_d.c.id == bindparam("delivery_id"))
    .values(
        status="delivered",
        at=bindparam("b_at"),
        delivered_digest=None,
        delivered_at=bindparam("b_at"),
        delivered_run=_d.c.run_id,
    )
)
OPEN_OF_RUN = Statement(
    select(_d.c.id, _d.c.position, _d.c.payload_id, _d.c.item).where(
        _OPEN,
        _d.c.status == "begun",
        _d.c.run_id == bindparam("run_id"),
        _d.c.epoch < bindparam("epoch"),
    )
)
OF_EXCHANGE = Statement(
    select(_d.c.id, _d.c.key, _d.c.position, _d.c.payload_id, _d.c.item).where(
        _OPEN, _d.c.exchange_id == bindparam("exchange_id")
    )
)


def secret_of(source: Rows | Transaction) -> bytes | None:
    """What the keys of erased items are masked with; None where nothing was ever erased."""
    return fact(source, ERASING)


def known(source: Rows | Transaction, target_id: int, key: str, secret: bytes | None = None) -> Known | None:
    """What the ledger holds for a key of a target, also where the item was erased."""
    found = source.one(_GET, key=key, target_id=target_id)
    if found is not None:
        return Known(*found)
    if secret is not None:
        found = source.one(_GET, key=masked_key(key, secret), target_id=target_id)
        if found is not None:
            return msgspec.structs.replace(Known(*found), secret=secret)
    return None


def target(source: Rows | Transaction, ledger: str, connection: str, endpoint: str) -> int | None:
    found = source.one(FIND_TARGET, ledger=ledger, connection=connection, endpoint=endpoint)
    return int(found[0]) if found else None


def settle(
    transaction: Transaction, exchange_id: int, outcomes: Mapping[int, str], run_id: int, at: int
) -> set[int]:
    """End the claims of a request: `outcomes` by delivery. The deliveries that were still its own;
    the others were resolved or taken over meanwhile.
    """
    held = {row[0] for row in transaction.all(_HELD, exchange_id=exchange_id)} & outcomes.keys()
    different = set(outcomes.values())
    if len(different) == 1 and len(held) == len(outcomes):
        status = different.pop()
        given = {"b_exchange_id": exchange_id, "b_at": at}
        if status == "delivered":
            transaction.run(_SETTLE_ALL_DELIVERED, b_run_id=run_id, **given)
        else:
            transaction.run(_SETTLE_ALL, b_status=status, **given)
        return held
    for delivery_id in held:
        status = outcomes[delivery_id]
        given = {"delivery_id": delivery_id, "b_exchange_id": exchange_id, "b_at": at}
        if status == "delivered":
            transaction.run(_SETTLE_DELIVERED, b_run_id=run_id, **given)
        else:
            transaction.run(_SETTLE, b_status=status, **given)
    return held


def abandon(
    transaction: Transaction, run_id: int, before_epoch: int, at: int, sequence: int, reason: str
) -> int:
    """The claims of a dead execution become `unknown`; how many there were.

    `sequence` numbers their events from there on.
    """
    rows = transaction.all(OPEN_OF_RUN, run_id=run_id, epoch=before_epoch)
    for n, (delivery_id, position, payload_id, item) in enumerate(rows):
        transaction.run(RESOLVE, delivery_id=delivery_id, b_status="unknown", b_at=at)
        transaction.insert(
            INSERT_EVENT,
            (delivery_id, run_id, position, payload_id, item, sequence + n, "unknown", reason, at),
        )
    return len(rows)
