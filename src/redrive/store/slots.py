"""Statements of the limits of a connection, shared by processes: requests in a span, and at the same time.

A connection has so many slots as requests may leave within a span: each says when it is free again. It
has so many places as requests may be under way: each says who holds it, and until when that counts. Who
takes one locks the connection's row first, so two never get the same.
"""

from __future__ import annotations

from sqlalchemy import bindparam, delete, select, update

from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.statements import Insert, Statement

_s = tables.connection_slots
_OF = (_s.c.connection == bindparam("name"), _s.c.kind == bindparam("of_kind"))
_ONE = (*_OF, _s.c.slot == bindparam("of_slot"))

_BEGIN = Insert(_s, conflict="ignore")
_PUT = Insert(_s, conflict="replace")
_LOCK = Statement(update(_s).where(*_OF).values(until=_s.c.until))
_SLOTS = Statement(select(_s.c.slot, _s.c.holder, _s.c.until).where(*_OF).order_by(_s.c.slot))
_DROP = Statement(delete(_s).where(*_OF, _s.c.slot >= bindparam("from_slot")))
_KEEP = Statement(
    update(_s).where(*_ONE, _s.c.holder == bindparam("by_holder")).values(until=bindparam("b_until"))
)
_FREE = Statement(update(_s).where(*_ONE, _s.c.holder == bindparam("by_holder")).values(holder=None, until=0))
_PAUSE = Statement(
    update(_s).where(*_OF, _s.c.until < bindparam("b_until")).values(until=bindparam("b_until"))
)


def _lock(transaction: Transaction, connection: str) -> int:
    """Alone with the connection until the commit; until when it is paused."""
    transaction.insert(_BEGIN, (connection, "pause", 0, None, 0))
    transaction.run(_LOCK, name=connection, of_kind="pause")
    found = transaction.one(_SLOTS, name=connection, of_kind="pause")
    return int(found[2]) if found is not None else 0


def reserve(transaction: Transaction, connection: str, requests: int, span_us: int, now: int) -> int:
    """The instant at which one more request may leave, so that no span holds more than `requests`."""
    paused_until = _lock(transaction, connection)
    slots = {slot: until for slot, _, until in transaction.all(_SLOTS, name=connection, of_kind="rate")}
    if len(slots) > requests:  # the limit is lower than it was: the latest stay
        latest = sorted(slots.values())[-requests:]
        transaction.run(_DROP, name=connection, of_kind="rate", from_slot=0)
        slots = dict(enumerate(latest))
        transaction.insert_many(_PUT, [(connection, "rate", n, None, until) for n, until in slots.items()])
    if len(slots) < requests:
        slot, at = len(slots), max(now, paused_until)
    else:
        slot, free_at = min(slots.items(), key=lambda one: (one[1], one[0]))
        at = max(now, paused_until, free_at)
    transaction.insert(_PUT, (connection, "rate", slot, None, at + span_us))
    return at


def take_place(
    transaction: Transaction, connection: str, places: int, holder: str, now: int, lease_us: int
) -> int | None:
    """A place among the requests under way; None where none is free."""
    _lock(transaction, connection)
    held = {
        slot
        for slot, by, until in transaction.all(_SLOTS, name=connection, of_kind="place")
        if by is not None and until > now
    }
    free = next((slot for slot in range(places) if slot not in held), None)
    if free is not None:
        transaction.insert(_PUT, (connection, "place", free, holder, now + lease_us))
    return free


def keep_place(transaction: Transaction, connection: str, slot: int, holder: str, until: int) -> bool:
    """False where somebody else has it by now."""
    return (
        transaction.run(
            _KEEP, name=connection, of_kind="place", of_slot=slot, by_holder=holder, b_until=until
        )
        > 0
    )


def free_place(transaction: Transaction, connection: str, slot: int, holder: str) -> None:
    transaction.run(_FREE, name=connection, of_kind="place", of_slot=slot, by_holder=holder)


def pause(transaction: Transaction, connection: str, until: int) -> None:
    """The system asked everybody to wait."""
    _lock(transaction, connection)
    transaction.run(_PAUSE, name=connection, of_kind="pause", b_until=until)
