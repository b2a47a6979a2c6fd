"""Statements of what no run owns any more: uploads, start keys, values that were tracked; and facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

from sqlalchemy import bindparam, delete, select, tuple_

from redrive.store import caches, tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.statements import Insert, Statement
from redrive.store.sweep import condemn

Source: TypeAlias = Rows | Transaction

ERASING: Final = "erase.secret"
"""The fact with what masks the keys of erased items."""

_r, _b, _k = tables.runs, tables.buckets, tables.tracked
_keys, _facts = tables.start_keys, tables.facts

_UPLOADS = Statement(
    select(_b.c.id)
    .where(_b.c.run_id == 0, _b.c.id > bindparam("after"), _b.c.id < bindparam("before"))
    .order_by(_b.c.id)
    .limit(bindparam("at_most"))
)
_pages, _caches = tables.cache_pages, tables.caches
_OVER = Statement(select(_pages.c.digest).where(_pages.c.expires_at <= bindparam("now")))
_CACHED_OF_RUN = Statement(
    select(_pages.c.digest)
    .select_from(_pages.join(_caches, _caches.c.id == _pages.c.cache_id))
    .where(_caches.c.run_id == bindparam("run_id"), _caches.c.scope == "run")
)
_START_KEYS = Statement(
    select(_keys.c.key, _keys.c.at, _r.c.status)
    .select_from(_keys.outerjoin(_r, _r.c.id == _keys.c.run_id))
    .where(_keys.c.key > bindparam("after"))
    .order_by(_keys.c.key)
    .limit(bindparam("at_most"))
)
_DELETE_START_KEY = Statement(delete(_keys).where(_keys.c.key == bindparam("key")))
_TRACKED_KEY = (_k.c.value, _k.c.field, _k.c.run_id, _k.c.position, _k.c.payload_id, _k.c.item)
_TRACKED = Statement(
    select(*_TRACKED_KEY, _r.c.id)
    .select_from(_k.outerjoin(_r, _r.c.id == _k.c.run_id))
    .where(
        tuple_(*_TRACKED_KEY) > tuple_(*[bindparam(f"after_{c.name}", type_=c.type) for c in _TRACKED_KEY])
    )
    .order_by(*_TRACKED_KEY)
    .limit(bindparam("at_most"))
)
_DELETE_TRACKED = Statement(delete(_k).where(*[column == bindparam(column.name) for column in _TRACKED_KEY]))
TRACKED_START: Final[tuple[Any, ...]] = ("", "", -1, -2, -1, -2)


def uploads(source: Source, after: int, before: int, at_most: int) -> list[int]:
    """Buckets of uploads with ids between."""
    return [int(row[0]) for row in source.all(_UPLOADS, after=after, before=before, at_most=at_most)]


def start_keys(source: Source, after: str, at_most: int) -> list[tuple[str, int, str | None]]:
    """Key, instant, and the state of its run; None where that is gone."""
    rows = source.all(_START_KEYS, after=after, at_most=at_most)
    return [(row[0], int(row[1]), row[2]) for row in rows]


def delete_start_keys(transaction: Transaction, keys: Sequence[str]) -> None:
    for key in keys:
        transaction.run(_DELETE_START_KEY, key=key)


def tracked(source: Source, after: tuple[Any, ...], at_most: int) -> list[tuple[Any, ...]]:
    """Tracked values in the order of their key; the last of each row says whether its run is there."""
    given = {f"after_{column.name}": value for column, value in zip(_TRACKED_KEY, after, strict=True)}
    return source.all(_TRACKED, at_most=at_most, **given)


def expire_cached(transaction: Transaction, now: int) -> None:
    """Take away the pages of caches whose time is over."""
    condemn(transaction, [bytes(digest) for (digest,) in transaction.all(_OVER, now=now)])
    transaction.run(caches.DROP_EXPIRED, now=now)


def drop_cached(transaction: Transaction, run_id: int) -> None:
    """The caches of a run go with it."""
    condemn(transaction, [bytes(digest) for (digest,) in transaction.all(_CACHED_OF_RUN, run_id=run_id)])
    transaction.run(caches.DROP_PAGES_OF_RUN, run_id=run_id)
    transaction.run(caches.DROP_OF_RUN, run_id=run_id)


def delete_tracked(transaction: Transaction, rows: Iterable[Sequence[Any]]) -> None:
    for found in rows:
        given = {column.name: value for column, value in zip(_TRACKED_KEY, found, strict=False)}
        transaction.run(_DELETE_TRACKED, **given)


# ---- facts of the home

_FACT = Statement(select(_facts.c.value).where(_facts.c.name == bindparam("name")))
_PUT_FACT = Insert(_facts, conflict="replace")


def fact(source: Source, name: str) -> bytes | None:
    found = source.one(_FACT, name=name)
    return bytes(found[0]) if found else None


def put_fact(transaction: Transaction, name: str, value: bytes) -> None:
    transaction.insert(_PUT_FACT, (name, value))
