"""Rows for any table: something that fits each column."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Boolean, LargeBinary, Table, Text
from sqlalchemy.types import TypeEngine

from redrive.store.committer import Transaction
from redrive.store.statements import Insert


def row_of(table: Table, **given: Any) -> tuple[Any, ...]:
    """A row with these values, and elsewhere 7, `seven`, or nothing."""
    return tuple(
        given[column.name] if column.name in given else None if column.nullable else _plain(column.type)
        for column in table.columns
    )


def _plain(kind: TypeEngine[Any]) -> Any:
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, LargeBinary):
        return b'"seven"'
    return "seven" if isinstance(kind, Text) else 7


def put(table: Table, **given: Any) -> Callable[[Transaction], None]:
    insert = Insert(table, whole=True)
    return lambda transaction: transaction.insert(insert, row_of(table, **given))
