"""The highest id that a store has: where the ids of a process begin if its clock is behind."""

from __future__ import annotations

from sqlalchemy import func, select

from redrive.store import tables
from redrive.store.database import Rows
from redrive.store.statements import Statement

# Those that are made all the time, and those whose order people see.
_HIGHEST = [
    Statement(select(func.max(table.c.id)))
    for table in (tables.runs, tables.payloads, tables.exchanges, tables.deliveries, tables.audit)
]


def highest(rows: Rows) -> int | None:
    """None in a new store."""
    found = [row[0] for row in (rows.one(statement) for statement in _HIGHEST) if row and row[0] is not None]
    return max(found, default=None)
