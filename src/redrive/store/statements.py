"""SQL compiled once for each kind of database: Core expressions turned into text and a parameter order.

The writer runs these through the driver with row tuples; Core on the hot path costs several
times what the driver does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Final, cast

import msgspec
from sqlalchemy import Table, bindparam, text
from sqlalchemy.sql import visitors
from sqlalchemy.sql.expression import ClauseElement, Executable


class Dialect:
    """How statements are spelt for one kind of database; loaded when the first one is compiled."""

    __slots__ = ("_class", "_module", "_paramstyle", "core", "insert", "name")

    def __init__(self, name: str, module: str, class_: str, paramstyle: str) -> None:
        self.name = name
        self._module = module
        self._class = class_
        self._paramstyle = paramstyle

    def __getattr__(self, name: str) -> Any:
        if name not in {"core", "insert"}:
            raise AttributeError(name)
        module = import_module(f"sqlalchemy.dialects.{self._module}")
        self.insert = module.insert
        self.core = getattr(module.base, self._class)(paramstyle=self._paramstyle)
        return getattr(self, name)


SQLITE: Final = Dialect("SQLite", "sqlite", "SQLiteDialect", "qmark")
# The dialect of no driver: it writes no casts, and a parameter's type is that of where it stands.
POSTGRES: Final = Dialect("PostgreSQL", "postgresql", "PGDialect", "format")


class Compiled:
    """The text of a statement for one dialect; `names` are its parameters in order."""

    __slots__ = ("_defaults", "names", "text")

    def __init__(self, text: str, names: Sequence[str], defaults: Mapping[str, Any]) -> None:
        self.text = text
        self.names = names
        self._defaults = defaults

    def row(self, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        if not self._defaults:
            return tuple([parameters[name] for name in self.names])
        defaults = self._defaults
        return tuple([parameters[n] if n in parameters else defaults[n] for n in self.names])


class Statement:
    """One statement, compiled for a dialect on first use.

    Values that the expression holds itself (`status == "begun"`) stay; `bindparam`s must be given.
    No `in_`: a list has no fixed text.
    """

    __slots__ = ("_compiled", "_expression", "_looks_at")

    def __init__(self, expression: Executable | ClauseElement) -> None:
        self._expression = expression
        self._compiled: dict[Dialect, Compiled] = {}
        self._looks_at: frozenset[Table] | None = None

    @property
    def looks_at(self) -> frozenset[Table]:
        """The tables that it reads or changes. Of one that is written as text: none that is known."""
        found = self._looks_at
        if found is None:
            inside = visitors.iterate(cast("ClauseElement", self._expression))
            found = self._looks_at = frozenset(one for one in inside if isinstance(one, Table))
        return found

    def on(self, dialect: Dialect) -> Compiled:
        """As that kind of database takes it."""
        return self._compiled.get(dialect) or self._compile(dialect)

    def _expression_on(self, dialect: Dialect) -> Any:
        return self._expression

    def _compile(self, dialect: Dialect) -> Compiled:
        compiled: Any = self._expression_on(dialect).compile(dialect=dialect.core)
        names = tuple(compiled.positiontup or ())
        defaults = {
            name: compiled.params[name]
            for name in names
            if name not in compiled.binds or not compiled.binds[name].required
        }
        found = self._compiled[dialect] = Compiled(str(compiled), names, defaults)
        return found


class Insert(Statement):
    """Insert of whole rows: parameters are a tuple in the table's column order.

    `conflict` is "error", "ignore" (the row that stands stays), "replace" (it is overwritten) or "share"
    (it stays, and is no longer condemned). Columns with a default of the database's own are
    left out unless the rows are `whole`.
    """

    __slots__ = ("_columns", "_conflict", "table")

    def __init__(self, table: Table, conflict: str = "error", *, whole: bool = False) -> None:
        super().__init__(table)
        self.table = table
        self._conflict = conflict
        self._columns = [c for c in table.columns if whole or c.server_default is None]

    def _expression_on(self, dialect: Dialect) -> Any:
        table = self.table
        statement = dialect.insert(table).values({c.name: bindparam(c.name) for c in self._columns})
        keys = [c.name for c in table.primary_key.columns]
        if self._conflict == "ignore":
            return statement.on_conflict_do_nothing()
        if self._conflict == "replace":
            return statement.on_conflict_do_update(
                index_elements=keys,
                set_={c.name: statement.excluded[c.name] for c in table.columns if c.name not in keys},
            )
        if self._conflict == "share":
            return statement.on_conflict_do_update(
                index_elements=keys, set_={"condemned": text("0")}, where=table.c.condemned > text("0")
            )
        return statement


def compiled_once(expression: Any, dialect: Dialect) -> tuple[str, tuple[Any, ...]]:
    """Text and parameters of a select that was made for one call."""
    compiled = expression.compile(dialect=dialect.core, compile_kwargs={"render_postcompile": True})
    return str(compiled), tuple(compiled.params[name] for name in compiled.positiontup or ())


def row(record: msgspec.Struct) -> tuple[Any, ...]:
    """A record as a row: its fields stand in the order of the columns."""
    return msgspec.structs.astuple(record)
