"""Reads a table from its beginning to its end, page by page in the order of its key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from sqlalchemy import Column, Table, bindparam, select, tuple_

from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.statements import Statement

Source: TypeAlias = Rows | Transaction


class Pages:
    """`page` gives the columns of the key and then those that are asked for."""

    def __init__(self, table: Table, columns: Sequence[Column[Any]]) -> None:
        self.table = table
        self.key = list(table.primary_key.columns)
        self.columns = columns
        chosen = select(*[c.label(f"k{n}") for n, c in enumerate(self.key)], *columns)
        self._first = Statement(chosen.order_by(*self.key).limit(bindparam("at_most")))
        key = tuple_(*self.key) if len(self.key) > 1 else self.key[0]
        given = [bindparam(f"after_{c.name}", type_=c.type) for c in self.key]
        after = tuple_(*given) if len(given) > 1 else given[0]
        self._next = Statement(chosen.where(key > after).order_by(*self.key).limit(bindparam("at_most")))

    def page(self, source: Source, after: Sequence[Any] | None, at_most: int) -> list[tuple[Any, ...]]:
        """Rows behind the key `after`; None: from the first."""
        if after is None:
            return source.all(self._first, at_most=at_most)
        given = {f"after_{column.name}": value for column, value in zip(self.key, after, strict=True)}
        return source.all(self._next, at_most=at_most, **given)
