"""Statements of caches: entries of one or more pages, each a reference to content.

`CACHED_DIGESTS` lists the contents that pages refer to: what removes content must keep these. Pages
whose time is over refer to none (`DROP_EXPIRED` takes them away). Caches of a run go with the run
(`DROP_OF_RUN`, `DROP_PAGES_OF_RUN`).
"""

from __future__ import annotations

import msgspec
from sqlalchemy import and_, bindparam, delete, func, or_, select

from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.statements import Insert, Statement

_c, _p = tables.caches, tables.cache_pages

INSERT = Insert(_c, conflict="ignore")
INSERT_PAGE = Insert(_p)
FIND = Statement(
    select(_c.c.id).where(
        _c.c.name == bindparam("name"),
        _c.c.scope == bindparam("scope"),
        _c.c.flow == bindparam("flow"),
        _c.c.run_id == bindparam("run_id"),
    )
)
CACHED_DIGESTS = Statement(
    select(_p.c.digest).where(or_(_p.c.expires_at.is_(None), _p.c.expires_at > bindparam("now")))
)
_ENTRY = (_p.c.cache_id == bindparam("cache_id"), _p.c.entry == bindparam("entry"))
_IN_TIME = or_(_p.c.expires_at.is_(None), _p.c.expires_at > bindparam("now"))
PAGES = Statement(select(_p).where(*_ENTRY, _IN_TIME).order_by(_p.c.id))
TOTALS = Statement(select(func.count(), func.sum(_p.c.size_bytes)).where(*_ENTRY, _IN_TIME))
_WRITER = and_(_p.c.run_id == bindparam("run_id"), _p.c.step == bindparam("step"))
OF_WRITER = Statement(select(func.count()).select_from(_p).where(*_ENTRY, _WRITER))
DROP_ENTRY = Statement(delete(_p).where(*_ENTRY))
DROP_ENTRY_EXPIRED = Statement(delete(_p).where(*_ENTRY, _p.c.expires_at <= bindparam("now")))
DROP_PAGE = Statement(
    delete(_p).where(*_ENTRY, _WRITER, _p.c.payload == bindparam("payload"), _p.c.item == bindparam("item"))
)
DROP_PAGES = Statement(delete(_p).where(_p.c.cache_id == bindparam("cache_id")))
DROP_EXPIRED = Statement(delete(_p).where(_p.c.expires_at <= bindparam("now")))
DROP_EXPIRED_OF = Statement(
    delete(_p).where(_p.c.cache_id == bindparam("cache_id"), _p.c.expires_at <= bindparam("now"))
)
DELETE = Statement(delete(_c).where(_c.c.id == bindparam("cache_id")))
_BY_ID = Statement(select(_c).where(_c.c.id == bindparam("cache_id")))
_BY_NAME = Statement(select(_c).where(_c.c.name == bindparam("name")).order_by(_c.c.id).limit(2))
_OF_RUN = select(_c.c.id).where(_c.c.run_id == bindparam("run_id"), _c.c.scope == "run")
DROP_PAGES_OF_RUN = Statement(delete(_p).where(_p.c.cache_id.in_(_OF_RUN)))
DROP_OF_RUN = Statement(delete(_c).where(_c.c.run_id == bindparam("run_id"), _c.c.scope == "run"))


class CacheRow(msgspec.Struct, frozen=True):
    id: int
    name: str
    scope: str
    flow: str
    run_id: int
    created_at: int


class PageRow(msgspec.Struct, frozen=True):
    id: int
    cache_id: int
    entry: str
    run_id: int
    step: str
    payload: int
    item: int
    digest: bytes
    size_bytes: int
    items: int | None
    media_type: str
    items_path: str
    meta: bytes | None
    appended: bool
    at: int
    expires_at: int | None


class EntryRow(msgspec.Struct, frozen=True):
    """An entry as a whole: how many pages, how large, when the last one was added."""

    entry: str
    pages: int
    size_bytes: int
    at: int
    expires_at: int | None


def find(source: Rows | Transaction, name: str, scope: str, flow: str, run_id: int) -> int | None:
    found = source.one(FIND, name=name, scope=scope, flow=flow, run_id=run_id)
    return int(found[0]) if found else None


def by_id(source: Rows | Transaction, cache_id: int) -> list[CacheRow]:
    return [CacheRow(*row) for row in source.all(_BY_ID, cache_id=cache_id)]


def by_name(source: Rows | Transaction, name: str) -> list[CacheRow]:
    """Up to two: whether there are several is all that matters."""
    return [CacheRow(*row) for row in source.all(_BY_NAME, name=name)]


def pages(source: Rows | Transaction, cache_id: int, entry: str, now: int) -> list[PageRow]:
    """The pages of an entry whose time is not over, oldest first."""
    return [_page(row) for row in source.all(PAGES, cache_id=cache_id, entry=entry, now=now)]


def _page(row: tuple[object, ...]) -> PageRow:
    values = list(row)
    values[7] = bytes(values[7])  # type: ignore[call-overload]
    values[13] = bool(values[13])
    values[12] = None if values[12] is None else bytes(values[12])  # type: ignore[call-overload]
    return PageRow(*values)  # type: ignore[arg-type]


def totals(source: Rows | Transaction, cache_id: int, entry: str, now: int) -> tuple[int, int]:
    """Pages and bytes of an entry."""
    found = source.one(TOTALS, cache_id=cache_id, entry=entry, now=now) or (0, 0)
    return int(found[0]), int(found[1] or 0)


def caches_page(
    rows: Rows, scope: str | None, name: str | None, after: int | None, at_most: int
) -> list[CacheRow]:
    """The newest first."""
    query = select(_c).order_by(_c.c.id.desc()).limit(at_most)
    if scope is not None:
        query = query.where(_c.c.scope == scope)
    if name is not None:
        query = query.where(_c.c.name == name)
    if after is not None:
        query = query.where(_c.c.id < after)
    return [CacheRow(*row) for row in rows.query(query)]


def entries_page(
    rows: Rows, cache_id: int, *, text: str | None, now: int, after: str | None, at_most: int
) -> list[EntryRow]:
    """The entries of a cache by name, without those whose time is over."""
    query = (
        select(
            _p.c.entry, func.count(), func.sum(_p.c.size_bytes), func.max(_p.c.at), func.max(_p.c.expires_at)
        )
        .where(_p.c.cache_id == cache_id, or_(_p.c.expires_at.is_(None), _p.c.expires_at > now))
        .group_by(_p.c.entry)
        .order_by(_p.c.entry)
        .limit(at_most)
    )
    if text is not None:
        query = query.where(_p.c.entry.contains(text, autoescape=True))
    if after is not None:
        query = query.where(_p.c.entry > after)
    return [EntryRow(row[0], int(row[1]), int(row[2]), row[3], row[4]) for row in rows.query(query)]
