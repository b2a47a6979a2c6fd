"""Statements of the tokens that connections got by themselves: one row for each connection."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, select, update

from redrive.store import tables
from redrive.store.statements import Insert, Statement

_t = tables.connection_tokens
_OF = _t.c.connection == bindparam("connection_name")
_HELD = (_OF, _t.c.holder == bindparam("by_holder"))

BEGIN = Insert(_t, conflict="ignore")
GET = Statement(select(_t.c.serial, _t.c.token).where(_OF))
LEASE = Statement(select(_t.c.holder, _t.c.held_at).where(_OF))
TAKE = Statement(update(_t).where(_OF).values(holder=bindparam("b_holder"), held_at=bindparam("b_held_at")))
RELEASE = Statement(update(_t).where(*_HELD).values(holder=None, held_at=None))
SAVE = Statement(update(_t).where(_OF).values(serial=bindparam("b_serial"), token=bindparam("b_token")))
PENDING = Statement(select(_t.c.pending).where(_OF))
PEND = Statement(update(_t).where(_OF).values(pending=bindparam("b_pending")))
DROP = Statement(delete(_t).where(_OF))
