"""SQL compiled once: SQLAlchemy Core expressions turned into text and a parameter order.

The writer runs these through the driver with row tuples; Core on the hot path costs several
times what the driver does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Table, bindparam, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql.expression import ClauseElement, Executable

_dialect = sqlite.dialect(paramstyle="qmark")


class Statement:
    """One statement; `text` and `names` (its parameters in order) are made on first use.

    Values that the expression holds itself (`status == "begun"`) stay; `bindparam`s must be given.
    No `in_`: a list has no fixed text.
    """

    __slots__ = ("_compiled", "_defaults", "_expression", "names", "text")

    def __init__(self, expression: Executable | ClauseElement) -> None:
        self._expression = expression
        self._compiled = False
        self._defaults: dict[str, Any] = {}
        self.text = ""
        self.names: Sequence[str] = ()

    def compile(self) -> Statement:
        if not self._compiled:
            compiled: Any = self._expression.compile(dialect=_dialect)  # type: ignore[union-attr]
            self.text = str(compiled)
            self.names = tuple(compiled.positiontup or ())
            self._defaults = {
                name: compiled.params[name]
                for name in self.names
                if name not in compiled.binds or not compiled.binds[name].required
            }
            self._compiled = True
        return self

    def row(self, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        if not self._defaults:
            return tuple([parameters[name] for name in self.names])
        defaults = self._defaults
        return tuple([parameters[n] if n in parameters else defaults[n] for n in self.names])


class Insert(Statement):
    """Insert of whole rows: parameters are a tuple in the table's column order.

    `conflict` is "error", "ignore" (the row that stands stays), "replace" (it is overwritten) or "share"
    (it stays, and is no longer condemned). Columns with a default of the database's own are
    left out unless the rows are `whole`.
    """

    __slots__ = ("table",)

    def __init__(self, table: Table, conflict: str = "error", *, whole: bool = False) -> None:
        columns = [c for c in table.columns if whole or c.server_default is None]
        statement = insert(table).values({c.name: bindparam(c.name) for c in columns})
        keys = [c.name for c in table.primary_key.columns]
        if conflict == "ignore":
            statement = statement.on_conflict_do_nothing()
        elif conflict == "replace":
            statement = statement.on_conflict_do_update(
                index_elements=keys,
                set_={c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys},
            )
        elif conflict == "share":
            statement = statement.on_conflict_do_update(
                index_elements=keys, set_={"condemned": text("0")}, where=table.c.condemned > text("0")
            )
        super().__init__(statement)
        self.table = table


def row(record: msgspec.Struct) -> tuple[Any, ...]:
    """A record as a row: its fields stand in the order of the columns."""
    return msgspec.structs.astuple(record)
