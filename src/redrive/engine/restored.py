"""What a home that was restored from a backup must not go on with by itself, and what it says instead.

What happened after the backup's moment is not known here: so nothing is sent, and nobody is signed in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from sqlalchemy import bindparam, delete, select, update

from redrive.core.ids import to_text
from redrive.core.jsonvalue import encode
from redrive.store import ledger, notices, pools, tables
from redrive.store.audit import INSERT_AUDIT
from redrive.store.committer import Transaction
from redrive.store.statements import Statement

_r, _s, _b, _n = tables.runs, tables.step_runs, tables.backups, tables.notices
_UNFINISHED = Statement(select(_r.c.id, _r.c.epoch).where(_r.c.finished_at.is_(None)).order_by(_r.c.id))
_STOP_RUN = Statement(
    update(_r)
    .where(_r.c.id == bindparam("run_id"))
    .values(status="stopped", finished_at=bindparam("b_at"), summary=bindparam("b_summary"))
)
_STOP_STEPS = Statement(
    update(_s)
    .where(_s.c.run_id == bindparam("run_id"), _s.c.status == "running")
    .values(status="stopped", finished_at=bindparam("b_at"), next_attempt_at=None)
)
_END_BACKUP = Statement(update(_b).where(_b.c.state == "running").values(state="done"))
_END_SESSIONS = Statement(delete(tables.sessions))
_FREE_SLOTS = Statement(delete(tables.connection_slots))
_HOLD_NOTICES = Statement(
    update(_n).where(_n.c.status == notices.WAITING).values(status=notices.FAILED, error=bindparam("b_error"))
)
STOPPED: Final = "stopped by a restore: it had not ended when the backup was made"
NOT_SENT: Final = "not sent: the home was restored from a backup; it may have been sent since"
_EVENTS: Final = 100_000
_ELSEWHERE: Final = re.compile(rb"^[ \t]*(store|objects)[ \t]*=", re.MULTILINE)


class Settled(NamedTuple):
    stopped: int
    unknown: int


def settle(
    transaction: Transaction, now: int, block: Callable[[int], range], *, actor: str, made_at: int
) -> Settled:
    """Stop what had not ended. `block` gives so many new ids."""
    stopped = unknown = 0
    for run_id, epoch in transaction.all(_UNFINISHED):
        events = block(_EVENTS).start
        why = "the home was restored from a backup"
        unknown += ledger.abandon(transaction, run_id, epoch + 1, now, events, why)
        transaction.run(pools.DROP_CLAIMS_OF_RUN, run_id=run_id)
        transaction.run(_STOP_STEPS, run_id=run_id, b_at=now)
        transaction.run(_STOP_RUN, run_id=run_id, b_at=now, b_summary=STOPPED)
        stopped += 1
    transaction.run(_END_BACKUP)
    transaction.run(_END_SESSIONS)
    transaction.run(_FREE_SLOTS)
    transaction.run(_HOLD_NOTICES, b_error=NOT_SENT)
    made = encode({"made_at": made_at, "stopped": stopped})
    line, subject = block(2)
    transaction.insert(
        INSERT_AUDIT,
        (line, now, actor, "home.restore", to_text("b", subject), made, "process", None, "ok"),
    )
    return Settled(stopped, unknown)


def at_home(settings: bytes) -> tuple[bytes, list[str]]:
    """The settings file without the addresses of stores: they are those of the home that was backed up,
    and two homes on one store would take each other's records and objects away. Also their names.
    """
    names = [found[1].decode() for found in _ELSEWHERE.finditer(settings)]
    return _ELSEWHERE.sub(rb"# of the home that was backed up: \1 =", settings), names
