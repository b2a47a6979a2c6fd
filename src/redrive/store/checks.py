"""What `doctor` asks of the record store: is it whole, and what in it waits for somebody."""

from __future__ import annotations

from typing import TypeAlias

from sqlalchemy import bindparam, func, select, text

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
