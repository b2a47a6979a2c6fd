"""Statements of the delivery ledger. Every change happens inside a committer's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, case, func, select, text, update

from redrive.core.delivery import Known
from redrive.core.erasing import masked_key
from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.loose import ERASING
from redrive.store.statements import Insert, Statement
from redrive.store.texts import storable

_t, _d, _e, _r, _f = tables.targets, tables.deliveries, tables.delivery_events, tables.runs, tables.facts

# Written out as the partial index says it, or the planner does not use it.
_OPEN = text("deliveries.status IN ('begun', 'unknown')")

INSERT_TARGET = Insert(_t)
INSERT_DELIVERY = Insert(_d)
INSERT_EVENT = Insert(_e)

_PLACE = Statement(
    select(
        select(_t.c.id)
        .where(
            _t.c.ledger == bindparam("ledger"),
            _t.c.connection == bindparam("connection"),
            _t.c.endpoint == bindparam("endpoint"),
        )
        .scalar_subquery(),
        select(_f.c.value).where(_f.c.name == ERASING).scalar_subquery(),
    )
)
_KNOWN = (
    select(
        _d.c.key,
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
    .where(_d.c.target_id == bindparam("target_id"))
)
AT_ONCE: Final = (1, 8, 64)
"""So many keys one statement asks for; where there are fewer, the last one again."""
_GET: Final = tuple(
    Statement(_KNOWN.where(_d.c.key.in_([bindparam(f"k{n}", type_=_d.c.key.type) for n in range(count)])))
    for count in AT_ONCE
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


def place(
    source: Rows | Transaction, ledger: str, connection: str, endpoint: str
) -> tuple[int | None, bytes | None]:
    """The number of a target, if it has one, and what the keys of erased items are masked with, if any
    were ever erased.
    """
    found = source.one(_PLACE, ledger=ledger, connection=connection, endpoint=endpoint)
    assert found is not None
    target_id, secret = found
    return target_id, bytes(secret) if secret is not None else None


def known(
    source: Rows | Transaction, target_id: int, keys: Sequence[str], secret: bytes | None = None
) -> dict[str, Known]:
    """What the ledger holds for keys of a target, also where the item was erased."""
    found = _known(source, target_id, keys)
    if secret is not None:
        masked = {masked_key(key, secret): key for key in keys if key not in found}
        for text, there in _known(source, target_id, list(masked)).items():
            found[masked[text]] = msgspec.structs.replace(there, secret=secret)
    return found


def _known(source: Rows | Transaction, target_id: int, keys: Sequence[str]) -> dict[str, Known]:
    found: dict[str, Known] = {}
    start = 0
    while start < len(keys):
        left = len(keys) - start
        size = next((number for number, count in enumerate(AT_ONCE) if left <= count), len(AT_ONCE) - 1)
        part = keys[start : start + AT_ONCE[size]]
        last = len(part) - 1
        given = {f"k{n}": part[min(n, last)] for n in range(AT_ONCE[size])}
        for key, *rest in source.all(_GET[size], target_id=target_id, **given):
            found[key] = Known(*rest)
        start += len(part)
    if found.keys() - set(keys):  # as the database holds it
        for key in keys:
            if key not in found and (there := found.get(storable(key))) is not None:
                found[key] = there
    return found


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
