"""Statements of data pools: their entries, and the claims of runs.

A claim is a provisional entry while its run goes on. The transaction that ends the run turns claims into
entries; what it does not stays with the ended run, counts for nobody, and goes with the run
(`DROP_CLAIMS_OF_RUN`), unless a redrive brings its item to its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import bindparam, delete, func, insert, literal, select, update

from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.statements import Insert, Statement

AT_ONCE = 100

_p, _e, _c, _r = tables.pools, tables.pool_entries, tables.pool_claims, tables.runs

INSERT = Insert(_p, conflict="ignore")
PUT_ENTRY = Insert(_e, conflict="replace")
INSERT_CLAIM = Insert(_c, conflict="ignore")
FIND = Statement(select(_p.c.id).where(_p.c.name == bindparam("name"), _p.c.flow == bindparam("flow")))
# Whoever claims in a pool does so alone: on a database with several writers this row is the lock.
TAKE_TURN = Statement(update(_p).where(_p.c.id == bindparam("pool_id")).values(turn=_p.c.turn + literal(1)))
_KEYS = [bindparam(f"k{n}", type_=_e.c.key.type) for n in range(AT_ONCE)]
_ENTRIES_OF = Statement(
    select(_e.c.key, _e.c.at, _e.c.run_id, _e.c.root_run).where(
        _e.c.pool_id == bindparam("pool_id"), _e.c.key.in_(_KEYS)
    )
)
_CLAIMS_OF = Statement(
    select(_c.c.key, _c.c.run_id, _c.c.position, _c.c.payload, _c.c.item)
    .select_from(_c.join(_r, _r.c.id == _c.c.run_id))
    .where(_c.c.pool_id == bindparam("pool_id"), _c.c.key.in_(_KEYS), _r.c.finished_at.is_(None))
)
CLAIMS_OF_RUN = Statement(
    select(_c.c.position, _c.c.payload, _c.c.item, _c.c.pool_id, _c.c.key)
    .where(_c.c.run_id == bindparam("run_id"))
    .order_by(_c.c.position, _c.c.payload, _c.c.item)
)
_DROP_CLAIM = Statement(
    delete(_c).where(
        _c.c.pool_id == bindparam("pool_id"), _c.c.key == bindparam("key"), _c.c.run_id == bindparam("run_id")
    )
)
DROP_CLAIMS_OF_RUN = Statement(delete(_c).where(_c.c.run_id == bindparam("run_id")))
_GET_CLAIM = Statement(
    select(_c.c.at, func.coalesce(_r.c.root_run, _c.c.run_id))
    .select_from(_c.outerjoin(_r, _r.c.id == _c.c.run_id))
    .where(
        _c.c.pool_id == bindparam("pool_id"), _c.c.key == bindparam("key"), _c.c.run_id == bindparam("run_id")
    )
)
# What stands there already (of the same lineage, or forgotten) is replaced.
_DROP_REPLACED = Statement(
    delete(_e).where(
        _e.c.pool_id == bindparam("pool_id"),
        _e.c.key.in_(
            select(_c.c.key).where(_c.c.run_id == bindparam("run_id"), _c.c.pool_id == bindparam("pool_id"))
        ),
    )
)
_POOLS_OF_RUN = Statement(
    select(_c.c.pool_id).where(_c.c.run_id == bindparam("run_id")).group_by(_c.c.pool_id)
)
_KEEP_CLAIMS = Statement(
    insert(_e).from_select(
        ["pool_id", "key", "at", "run_id", "root_run"],
        select(_c.c.pool_id, _c.c.key, _c.c.at, _c.c.run_id, func.coalesce(_r.c.root_run, _c.c.run_id))
        .select_from(_c.outerjoin(_r, _r.c.id == _c.c.run_id))
        .where(_c.c.run_id == bindparam("run_id")),
    )
)
COUNT = Statement(select(func.count()).select_from(_e).where(_e.c.pool_id == bindparam("pool_id")))
COUNT_CLAIMS = Statement(
    select(func.count())
    .select_from(_c.join(_r, _r.c.id == _c.c.run_id))
    .where(_c.c.pool_id == bindparam("pool_id"), _r.c.finished_at.is_(None))
)
DROP_ENTRY = Statement(delete(_e).where(_e.c.pool_id == bindparam("pool_id"), _e.c.key == bindparam("key")))
DROP_BEFORE = Statement(delete(_e).where(_e.c.pool_id == bindparam("pool_id"), _e.c.at < bindparam("before")))
CREATED_AT = Statement(select(_p.c.created_at).where(_p.c.id == bindparam("pool_id")))
DROP_ENTRIES = Statement(delete(_e).where(_e.c.pool_id == bindparam("pool_id")))
DELETE = Statement(delete(_p).where(_p.c.id == bindparam("pool_id")))
ENTRIES_FROM = Statement(
    select(_e.c.key, _e.c.at, _e.c.run_id)
    .where(_e.c.pool_id == bindparam("pool_id"), _e.c.key > bindparam("after"))
    .order_by(_e.c.key)
    .limit(bindparam("at_most"))
)


class PoolRow(msgspec.Struct, frozen=True):
    id: int
    name: str
    flow: str
    created_at: int


class PoolEntry(msgspec.Struct, frozen=True):
    key: str
    at: int
    run_id: int | None
    provisional: bool = False


class Entry(NamedTuple):
    at: int
    run_id: int | None
    root_run: int | None


class Held(NamedTuple):
    """A claim: which run, and for which item of its step."""

    run_id: int
    position: int
    payload: int
    item: int


def find(source: Rows | Transaction, name: str, flow: str) -> int | None:
    found = source.one(FIND, name=name, flow=flow)
    return int(found[0]) if found else None


def known(
    source: Rows | Transaction, pool_id: int, keys: Sequence[str]
) -> tuple[dict[str, Entry], dict[str, list[Held]]]:
    """The entries and the claims of these keys."""
    entries: dict[str, Entry] = {}
    claims: dict[str, list[Held]] = {}
    for start in range(0, len(keys), AT_ONCE):
        part = keys[start : start + AT_ONCE]
        given = {f"k{n}": part[min(n, len(part) - 1)] for n in range(AT_ONCE)}
        for key, *rest in source.all(_ENTRIES_OF, pool_id=pool_id, **given):
            entries[key] = Entry(*rest)
        for key, *rest in source.all(_CLAIMS_OF, pool_id=pool_id, **given):
            claims.setdefault(key, []).append(Held(*rest))
    return entries, claims


def keep_all(transaction: Transaction, run_id: int) -> None:
    """The claims of a run become entries."""
    for (pool_id,) in transaction.all(_POOLS_OF_RUN, run_id=run_id):
        transaction.run(TAKE_TURN, pool_id=pool_id)
        transaction.run(_DROP_REPLACED, pool_id=pool_id, run_id=run_id)
    transaction.run(_KEEP_CLAIMS, run_id=run_id)
    transaction.run(DROP_CLAIMS_OF_RUN, run_id=run_id)


def keep_some(transaction: Transaction, claims: Iterable[tuple[int, int, str]]) -> None:
    """These claims (run, pool, key) become entries."""
    for run_id, pool_id, key in claims:
        transaction.run(TAKE_TURN, pool_id=pool_id)
        found = transaction.one(_GET_CLAIM, run_id=run_id, pool_id=pool_id, key=key)
        if found is not None:
            transaction.insert(PUT_ENTRY, (pool_id, key, found[0], run_id, found[1]))
            transaction.run(_DROP_CLAIM, run_id=run_id, pool_id=pool_id, key=key)


def pools_page(rows: Rows, after: tuple[str, str] | None, at_most: int) -> list[PoolRow]:
    """By name, then flow."""
    query = (
        select(_p.c.id, _p.c.name, _p.c.flow, _p.c.created_at).order_by(_p.c.name, _p.c.flow).limit(at_most)
    )
    if after is not None:
        name, flow = after
        query = query.where((_p.c.name > name) | ((_p.c.name == name) & (_p.c.flow > flow)))
    return [PoolRow(*row) for row in rows.query(query)]


def entries_page(
    rows: Rows,
    pool_id: int,
    *,
    text: str | None,
    before: int | None,
    after: str | None,
    at_most: int,
) -> list[PoolEntry]:
    """Entries by key; `text`: those that hold it, `before`: tracked before that instant."""
    query = (
        select(_e.c.key, _e.c.at, _e.c.run_id)
        .where(_e.c.pool_id == pool_id)
        .order_by(_e.c.key)
        .limit(at_most)
    )
    if text is not None:
        query = query.where(_e.c.key.contains(text, autoescape=True))
    if before is not None:
        query = query.where(_e.c.at < before)
    if after is not None:
        query = query.where(_e.c.key > after)
    return [PoolEntry(*row) for row in rows.query(query)]


def provisional(rows: Rows, pool_id: int, text: str | None, at_most: int) -> list[PoolEntry]:
    """What runs that are still going on have tracked, by key."""
    query = (
        select(_c.c.key, _c.c.at, _c.c.run_id)
        .select_from(_c.join(_r, _r.c.id == _c.c.run_id))
        .where(_c.c.pool_id == pool_id, _r.c.finished_at.is_(None))
        .order_by(_c.c.key, _c.c.run_id)
        .limit(at_most)
    )
    if text is not None:
        query = query.where(_c.c.key.contains(text, autoescape=True))
    return [PoolEntry(key, at, run_id, provisional=True) for key, at, run_id in rows.query(query)]


def counts(rows: Rows, pool_id: int) -> Mapping[str, int]:
    entries = rows.one(COUNT, pool_id=pool_id) or (0,)
    claims = rows.one(COUNT_CLAIMS, pool_id=pool_id) or (0,)
    return {"entries": int(entries[0]), "provisional": int(claims[0])}
