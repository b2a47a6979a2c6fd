"""Opening the SQLite database of a home: durability settings, migration, reading threads."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from redrive.errors import HomeUnusable
from redrive.store.committer import store_error
from redrive.store.statements import Statement

T = TypeVar("T")

SCHEMA = "0001"
"""The newest migration. A home that says otherwise is migrated, or refused where it is newer."""

READERS = 2
BUSY_MS = 10_000


def connect_writer(path: Path) -> sqlite3.Connection:
    """A write connection: WAL, and every COMMIT survives a power loss (`synchronous=FULL`)."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_MS / 1000, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA wal_autocheckpoint=4000")
    connection.execute("PRAGMA cache_size=-16000")
    connection.execute("PRAGMA temp_store=MEMORY")
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_MS / 1000, check_same_thread=False)
    connection.execute("PRAGMA query_only=1")
    connection.execute("PRAGMA cache_size=-8000")
    connection.execute("PRAGMA mmap_size=268435456")
    return connection


class Rows:
    """A reading connection inside one `Reader.run`: every statement sees the same snapshot."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def all(self, statement: Statement, **parameters: Any) -> list[tuple[Any, ...]]:
        text = statement.compile().text
        return self._connection.execute(text, statement.row(parameters)).fetchall()

    def one(self, statement: Statement, **parameters: Any) -> tuple[Any, ...] | None:
        text = statement.compile().text
        found: tuple[Any, ...] | None = self._connection.execute(text, statement.row(parameters)).fetchone()
        return found

    def query(self, expression: Any) -> list[tuple[Any, ...]]:
        """A Core select made for this one call (lists with filters)."""
        from sqlalchemy.dialects import sqlite  # noqa: PLC0415 - only lists need the compiler

        compiled = expression.compile(
            dialect=sqlite.dialect(paramstyle="qmark"), compile_kwargs={"render_postcompile": True}
        )
        values = tuple(compiled.params[name] for name in compiled.positiontup or ())
        return self._connection.execute(str(compiled), values).fetchall()


class Reader:
    """Reads off the event loop: a few threads with a connection each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._pool = ThreadPoolExecutor(READERS, "redrive-reader")

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connect_reader(self._path)
            self._all.append(connection)
        return connection

    def rows(self) -> Rows:
        """For single look-ups by key in the calling thread: a hop to another one costs many times
        what they do. Each statement sees the newest commit.
        """
        try:
            return Rows(self._connection())
        except sqlite3.Error as error:
            raise store_error(error) from error

    def here(self, function: Callable[[Rows], T]) -> T:
        """Run in the calling thread; all statements see the same commit."""
        try:
            connection = self._connection()
            connection.execute("BEGIN")
            try:
                return function(Rows(connection))
            finally:
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise store_error(error) from error

    def data_version(self) -> int:
        """A number that changes when another connection has committed something."""
        connection = getattr(self._local, "watch", None)
        if connection is None:
            connection = self._local.watch = connect_reader(self._path)
            self._all.append(connection)
        return int(connection.execute("PRAGMA data_version").fetchone()[0])

    async def run(self, function: Callable[[Rows], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.here, function)

    def close(self) -> None:
        self._pool.shutdown(wait=True)
        for connection in self._all:
            connection.close()


def schema_of(path: Path) -> str | None:
    """The migration that the database stands at; None for a new one."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    connection = sqlite3.connect(path, timeout=BUSY_MS / 1000)
    try:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(found[0]) if found else None
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            if connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is None:
                return None
            raise HomeUnusable(
                f"{path} is a database of another program", hint="Name another home."
            ) from error
        raise HomeUnusable(f"{path} cannot be read: {error}") from error
    except sqlite3.DatabaseError as error:
        raise HomeUnusable(
            f"{path} is not a Redrive database: {error}", hint="Restore a backup or name another home."
        ) from error
    finally:
        connection.close()


def migrate(path: Path) -> Path | None:
    """Bring the database to `SCHEMA`. Before an existing one is changed, it is copied; the copy's
    path is returned.

    Errors: `home.newer` where a newer release has written it: nothing is changed.
    """
    present = schema_of(path)
    if present == SCHEMA:
        return None
    if present is not None and present > SCHEMA:
        raise HomeUnusable(
            f"the home {path.parent} was written by a newer release "
            f"(schema {present}; this one knows {SCHEMA})",
            code="home.newer",
            hint="Install that release or a newer one, or name another home.",
        )
    from redrive.store.migrations import upgrade  # noqa: PLC0415 - Alembic is only needed here

    copy = None
    if present is not None:
        copy = path.with_name(f"{path.stem}-before-{SCHEMA}.db")
        copy.unlink(missing_ok=True)
        source = sqlite3.connect(path, timeout=BUSY_MS / 1000)
        try:
            source.execute("VACUUM INTO ?", (str(copy),))
        finally:
            source.close()
    upgrade(path)
    return copy
