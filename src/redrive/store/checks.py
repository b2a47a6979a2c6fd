"""What `doctor` asks of the record store: is it whole, and what in it waits for somebody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from sqlalchemy import and_, bindparam, func, select, text

from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.statements import Statement

Source: TypeAlias = Rows | Transaction

_r, _d, _k, _p = tables.runs, tables.deliveries, tables.contents, tables.payloads

_SCHEMA = Statement(text("SELECT version_num FROM alembic_version"))
_RUNS = Statement(select(func.count()).select_from(_r).where(_r.c.status == bindparam("status")))
_DELIVERIES = Statement(
    select(func.count())
    .select_from(_d)
    # Written out as the partial index says it, or the planner does not use it.
    .where(text("deliveries.status IN ('begun', 'unknown')"), _d.c.status == "unknown")
)
_CONTENT = select(_k.c.digest, _k.c.size_bytes)
_NEWEST = Statement(
    # Contents have no time of their own; payloads are numbered in the order in which they are made.
    _CONTENT.join_from(_p, _k, _k.c.digest == _p.c.digest)
    .order_by(_p.c.id.desc())
    .limit(bindparam("at_most"))
)
_NEXT = Statement(
    _CONTENT.where(_k.c.digest > bindparam("after")).order_by(_k.c.digest).limit(bindparam("at_most"))
)


_COUNT = Statement(select(func.count()).select_from(_k))
_p, _b, _s, _x = tables.payloads, tables.buckets, tables.step_runs, tables.exchanges
_n, _h = tables.cache_pages, tables.caches


class Use(NamedTuple):
    """Where a content stands: in a payload (id, run, step), in an exchange (id, run), or in an entry of a
    cache (its name, and who put it there).
    """

    digest: bytes
    payload_id: int | None
    exchange_id: int | None
    run_id: int
    step: str | None
    cache: str | None = None


def count_contents(source: Source) -> int:
    found = source.one(_COUNT)
    return int(found[0]) if found else 0


def uses(rows: Rows, digests: Sequence[bytes], at_most: int) -> list[Use]:
    """Payloads, exchanges and pages of caches that hold these contents, the newest first. Looks at all of
    them: for the few contents that are damaged, not for every one.
    """
    standing = (
        select(_p.c.digest, _p.c.id, _b.c.run_id, _s.c.step)
        .select_from(
            _p.join(_b, _b.c.id == _p.c.bucket).outerjoin(
                _s, and_(_s.c.run_id == _b.c.run_id, _s.c.position == _b.c.position)
            )
        )
        .where(_p.c.digest.in_(digests))
        .order_by(_p.c.id.desc())
        .limit(at_most)
    )
    found = [
        Use(bytes(digest), number, None, run, step) for digest, number, run, step in rows.query(standing)
    ]
    for column in (_x.c.request_body, _x.c.response_body):
        made = select(column, _x.c.id, _x.c.run_id).where(column.in_(digests)).order_by(_x.c.id.desc())
        found += [
            Use(bytes(digest), None, number, run, None)
            for digest, number, run in rows.query(made.limit(at_most))
        ]
    cached = (
        select(_n.c.digest, _n.c.run_id, _n.c.step, _h.c.name)
        .select_from(_n.outerjoin(_h, _h.c.id == _n.c.cache_id))
        .where(_n.c.digest.in_(digests))
        .order_by(_n.c.id.desc())
        .limit(at_most)
    )
    found += [
        Use(bytes(digest), None, None, run, step, name) for digest, run, step, name in rows.query(cached)
    ]
    return found


def schema(rows: Rows) -> str | None:
    """The migration that the database stands at."""
    found = rows.one(_SCHEMA)
    return str(found[0]) if found else None


def count_runs(source: Source, status: str) -> int:
    found = source.one(_RUNS, status=status)
    return int(found[0]) if found else 0


def count_unknown_deliveries(source: Source) -> int:
    found = source.one(_DELIVERIES)
    return int(found[0]) if found else 0


def newest_contents(source: Source, at_most: int) -> list[tuple[bytes, int]]:
    """Hash and size of the contents of the newest payloads, each once; others where there are few."""
    found = {bytes(digest): size for digest, size in source.all(_NEWEST, at_most=at_most)}
    if len(found) < at_most:
        found.update(contents_after(source, b"", at_most))
    return list(found.items())[:at_most]


def contents_after(source: Source, after: bytes, at_most: int) -> list[tuple[bytes, int]]:
    """Hash and size of further contents, in the order of their hashes."""
    return [(bytes(digest), size) for digest, size in source.all(_NEXT, after=after, at_most=at_most)]
