"""Statements of the queue: what waits in which order, what overlaps, pauses, open circuits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import bindparam, delete, func, or_, select, text, tuple_, update

from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.statements import Insert, Statement

Source: TypeAlias = Rows | Transaction

_r, _f, _p, _o, _c = tables.runs, tables.flows, tables.pauses, tables.circuits, tables.connections
# As the index of the queue has it, so that it is the one that is taken.
_IS_QUEUED = text("runs.status || '' = 'queued'")
_PLACE = tuple_(_r.c.turn, _r.c.id)
_AFTER = _PLACE.__gt__(tuple_(bindparam("turn"), bindparam("after")))


class Waiting(msgspec.Struct, frozen=True):
    """A row of the queue."""

    id: int
    turn: int
    flow_id: int
    flow: str
    version: int
    priority: int
    queued_at: int
    overlap: str | None
    lane: str | None
    parent_run: int | None
    source_run: int | None


_FIELDS = [_r.c[name] for name in Waiting.__struct_fields__]
_QUEUED = select(*_FIELDS).where(_IS_QUEUED).order_by(_r.c.turn, _r.c.id)
QUEUED = Statement(_QUEUED.where(_AFTER).limit(bindparam("at_most")))
_CALLED = Statement(
    select(*_FIELDS).where(_r.c.status == "queued", _r.c.parent_run.is_not(None)).order_by(_r.c.turn, _r.c.id)
)
_OF_STATUS = select(*_FIELDS).where(_r.c.status == bindparam("status")).order_by(_r.c.id)
RUNNING = Statement(_OF_STATUS)
_ONE = Statement(select(*_FIELDS).where(_r.c.id == bindparam("run_id")))
AHEAD = Statement(
    select(func.count())
    .select_from(_r)
    .where(_IS_QUEUED, _PLACE.__lt__(tuple_(bindparam("turn"), bindparam("before"))))
)
FIRST = Statement(select(_r.c.turn).where(_IS_QUEUED).order_by(_r.c.turn, _r.c.id).limit(1))
MOVE = Statement(
    update(_r)
    .where(_r.c.id == bindparam("run_id"), _r.c.status == "queued")
    .values(turn=bindparam("b_turn"), priority=bindparam("b_priority"))
)
_PARENT = Statement(select(_r.c.parent_run).where(_r.c.id == bindparam("run_id")))

# Whoever looks for overlapping runs before it adds one: one after the other, also between processes.
_ALONE = Statement(update(_f).where(_f.c.id == bindparam("flow_id")).values(created_at=_f.c.created_at))
_RUNNING_OF_FLOW = Statement(
    select(_r.c.id, _r.c.status, _r.c.lane, _r.c.epoch)
    .where(_r.c.status == "running", _r.c.flow_id == bindparam("flow_id"))
    .order_by(_r.c.id)
)
_QUEUED_OF_LANE = Statement(
    select(_r.c.id, _r.c.status, _r.c.lane, _r.c.epoch)
    .where(
        or_(
            _r.c.lane == bindparam("lane"),
            # Where the lane is the whole flow, those with keys are in it too.
            (_r.c.lane > bindparam("from_lane")) & (_r.c.lane < bindparam("to_lane")),
        ),
        _r.c.status == "queued",
    )
    .order_by(_r.c.id)
)
CANCEL_QUEUED = Statement(
    update(_r)
    .where(_r.c.id == bindparam("run_id"), _r.c.status == "queued", _r.c.epoch == 0)
    .values(status="stopped", finished_at=bindparam("b_finished_at"), summary=bindparam("b_summary"))
)

_PUT_PAUSE = Insert(_p, conflict="replace")
_DROP_PAUSE = Statement(delete(_p).where(_p.c.kind == bindparam("kind"), _p.c.name == bindparam("name")))
_PAUSES = Statement(select(_p).order_by(_p.c.kind, _p.c.name))

_PUT_CIRCUIT = Insert(_o, conflict="replace")
_CIRCUITS = Statement(select(_o).order_by(_o.c.connection))
_DROP_CIRCUIT = Statement(delete(_o).where(_o.c.connection == bindparam("name")))
_PROBE = Statement(
    update(_o)
    .where(
        _o.c.connection == bindparam("name"),
        _o.c.until <= bindparam("now"),
        or_(_o.c.probe.is_(None), _o.c.probe_at < bindparam("lapsed")),
    )
    .values(probe=bindparam("b_probe"), probe_at=bindparam("b_probe_at"))
)
_NO_PROBES = Statement(update(_o).values(probe=None, probe_at=None))
_LIMITS = Statement(select(_c.c.name, _c.c.limits).where(_c.c.limits.is_not(None)))


# ---- the queue


def waiting(source: Source, after: tuple[int, int], at_most: int) -> list[Waiting]:
    """What waits behind a place (turn and id), in order."""
    return [Waiting(*row) for row in source.all(QUEUED, turn=after[0], after=after[1], at_most=at_most)]


def waiting_but(
    rows: Rows, after: tuple[int, int], at_most: int, flows: Collection[int], lanes: Collection[str]
) -> list[Waiting]:
    """The same without ordinary starts of these flows, and those that wait for such a lane."""
    wanted = _QUEUED.where(_PLACE.__gt__(tuple_(*after))).limit(at_most)
    special = or_(_r.c.source_run.is_not(None), _r.c.parent_run.is_not(None))
    if flows:
        wanted = wanted.where(or_(_r.c.flow_id.not_in(flows), special))
    if lanes:
        free = or_(_r.c.lane.is_(None), _r.c.overlap.is_(None), _r.c.lane.not_in(lanes))
        wanted = wanted.where(or_(free, special))
    return [Waiting(*row) for row in rows.query(wanted)]


def called(source: Source) -> list[Waiting]:
    """Queued runs that steps have started."""
    return [Waiting(*row) for row in source.all(_CALLED)]


def running(source: Source) -> list[Waiting]:
    return [Waiting(*row) for row in source.all(RUNNING, status="running")]


def of_run(source: Source, run_id: int) -> Waiting | None:
    found = source.one(_ONE, run_id=run_id)
    return Waiting(*found) if found is not None else None


def callers(source: Source, parent: int | None) -> frozenset[int]:
    """The run that called, the one that called that, and so on."""
    found: set[int] = set()
    while parent is not None and parent not in found:
        found.add(parent)
        row = source.one(_PARENT, run_id=parent)
        parent = row[0] if row is not None else None
    return frozenset(found)


# ---- overlapping runs


def overlapping(transaction: Transaction, flow_id: int, lane: str, keyed: bool) -> list[tuple[int, str, int]]:
    """Runs of the lane that have not ended: id, status, epoch. Nobody else looks until the commit."""
    transaction.run(_ALONE, flow_id=flow_id)
    queued = transaction.all(
        _QUEUED_OF_LANE,
        lane=lane,
        from_lane="" if keyed else f"{flow_id}/",
        to_lane="" if keyed else f"{flow_id}0",
    )
    running = [
        row for row in transaction.all(_RUNNING_OF_FLOW, flow_id=flow_id) if not keyed or row[2] == lane
    ]
    return [(row[0], row[1], row[3]) for row in [*running, *queued]]


# ---- pauses


class Pause(msgspec.Struct, frozen=True):
    kind: str
    name: str
    reason: str
    actor: str
    at: int


def pauses(source: Source) -> list[Pause]:
    return [Pause(*row) for row in source.all(_PAUSES)]


def put_pause(transaction: Transaction, pause: Pause) -> None:
    transaction.insert(_PUT_PAUSE, msgspec.structs.astuple(pause))


def drop_pause(transaction: Transaction, kind: str, name: str) -> bool:
    """Whether it was paused."""
    return transaction.run(_DROP_PAUSE, kind=kind, name=name) > 0


# ---- circuits


class OpenCircuit(msgspec.Struct, frozen=True):
    connection: str
    opened_at: int
    until: int
    wait_us: int
    failures: int
    error: str
    probe: str | None = None
    probe_at: int | None = None


def circuits(source: Source) -> list[OpenCircuit]:
    return [OpenCircuit(*row) for row in source.all(_CIRCUITS)]


def put_circuit(transaction: Transaction, circuit: OpenCircuit) -> None:
    transaction.insert(_PUT_CIRCUIT, msgspec.structs.astuple(circuit))


def drop_circuit(transaction: Transaction, connection: str) -> bool:
    """Close it. Whether it was open."""
    return transaction.run(_DROP_CIRCUIT, name=connection) > 0


def take_probe(transaction: Transaction, connection: str, by: str, now: int, lapsed: int) -> bool:
    """Whether this process may now try the target: one at a time, whoever asks."""
    return transaction.run(_PROBE, name=connection, now=now, lapsed=lapsed, b_probe=by, b_probe_at=now) > 0


def forget_probes(transaction: Transaction) -> None:
    """Of processes that are gone: whoever holds the runner lock knows that."""
    transaction.run(_NO_PROBES)


def connection_limits(source: Source) -> dict[str, dict[str, Any]]:
    """What connection documents say about runs and circuits, by connection."""
    rows: Sequence[tuple[Any, ...]] = source.all(_LIMITS)
    return {name: msgspec.json.decode(bytes(limits)) for name, limits in rows}
