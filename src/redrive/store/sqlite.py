"""The record store in one file of the home: SQLite in WAL mode."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, cast

from filelock import FileLock, Timeout
from sqlalchemy import text
from sqlalchemy.schema import CreateIndex, CreateTable

from redrive.errors import Fault, HomeUnusable, RedriveError, StoreBusy, StoreFull
from redrive.store.database import SCHEMA, Connection, Database, Rows, Watch
from redrive.store.lock import FileRunnerLock, RunnerLock
from redrive.store.statements import SQLITE, Statement
from redrive.store.tables import metadata

BUSY_MS = 10_000
MIGRATING_S = 60
LOCK = "lock"
"""Held by the one process that executes."""

_VERSION_TABLE = (
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)
"""As Alembic makes it."""

_QUICK_CHECK = Statement(text("PRAGMA quick_check(10)"))
_PAGES = Statement(text("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"))


def connect_writer(path: Path) -> sqlite3.Connection:
    """A write connection: WAL, and every COMMIT survives a power loss (`synchronous=FULL`)."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_MS / 1000, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA wal_autocheckpoint=4000")
    connection.execute("PRAGMA cache_size=-16000")
    connection.execute("PRAGMA temp_store=MEMORY")
    return connection


def connect_reader(path: Path, *, scans: bool = False) -> sqlite3.Connection:
    """`scans`: it reads much at a time, so the file is mapped. After each commit the map is made anew, which
    makes a single look-up two to three times as dear as without one.
    """
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_MS / 1000, check_same_thread=False)
    connection.execute("PRAGMA query_only=1")
    connection.execute("PRAGMA cache_size=-8000")
    if scans:
        connection.execute("PRAGMA mmap_size=268435456")
    return connection


class SqliteDatabase(Database):
    """Writers of all processes wait for each other by `BEGIN IMMEDIATE` and a busy time-out."""

    dialect = SQLITE
    begin_read = "BEGIN"
    begin_write = "BEGIN IMMEDIATE"
    errors = sqlite3.Error
    fatal = (sqlite3.OperationalError,)
    remedy = "Stop everything that uses this home, keep a copy of it, and restore a backup."

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def connect_writer(self) -> Connection:
        return connect_writer(self.path)

    def connect_reader(self, *, scans: bool = False) -> Connection:
        return connect_reader(self.path, scans=scans)

    def commit(self, connection: Connection) -> None:
        connection.execute("COMMIT")

    def rollback(self, connection: Connection) -> None:
        if cast("sqlite3.Connection", connection).in_transaction:
            try:
                connection.execute("ROLLBACK")
            except sqlite3.Error:
                return  # the connection is about to be given up; recovery rolls back

    def error(self, error: Exception) -> RedriveError:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith("SQLITE_FULL"):
            return StoreFull(
                "the disk that holds the home is full",
                hint="Free some space and start again: unfinished runs go on where they stopped.",
            )
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return StoreBusy("another process is writing to the home", hint="Try again in a moment.")
        return Fault(f"the record store failed: {error}", code="store.io")

    def exists(self) -> bool:
        return schema_of(self.path) is not None

    def watch(self) -> Watch:
        return _Watch(self.path)

    def runner_lock(self) -> RunnerLock:
        return FileRunnerLock(self.path.with_name(LOCK))

    def migrate(self) -> Path | None:
        try:
            with FileLock(self.path.with_name("migrate.lock"), timeout=MIGRATING_S):
                return migrate(self.path)
        except Timeout:
            raise HomeUnusable(f"another process is migrating the home {self.path.parent}") from None

    def rewrite(self, connection: Connection) -> None:
        # In memory the copy would be as large as the file.
        connection.execute("PRAGMA temp_store=FILE")
        try:
            connection.execute("VACUUM")
        finally:
            connection.execute("PRAGMA temp_store=MEMORY")

    def empty_log(self, connection: Connection) -> bool:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def complaints(self, rows: Rows) -> list[str]:
        found = [str(line) for (line,) in rows.all(_QUICK_CHECK)]
        return [] if found == ["ok"] else [f"the file is damaged: {line}" for line in found]

    def size_bytes(self, rows: Rows) -> int:
        found = rows.one(_PAGES)
        return int(found[0]) if found else 0


class _Watch:
    """`PRAGMA data_version` of a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._connection = connect_reader(path)

    def version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        self._connection.close()


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
    if present is None:
        create(path)
        return None
    from redrive.store.migrations import upgrade_sqlite  # noqa: PLC0415 - Alembic is only needed here

    copy = path.with_name(f"{path.stem}-before-{SCHEMA}.db")
    copy.unlink(missing_ok=True)
    source = sqlite3.connect(path, timeout=BUSY_MS / 1000)
    try:
        source.execute("VACUUM INTO ?", (str(copy),))
    finally:
        source.close()
    upgrade_sqlite(path)
    return copy


def create(path: Path) -> None:
    """The declared schema in a new file, in one transaction: what the migrations add up to, without the
    half second that the import of Alembic takes.
    """
    ddl: list[Any] = []
    for table in metadata.sorted_tables:
        ddl.append(CreateTable(table))
        ddl += [CreateIndex(index) for index in sorted(table.indexes, key=lambda index: str(index.name))]
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_MS / 1000)
    try:
        connection.execute("BEGIN IMMEDIATE")
        for statement in ddl:
            connection.execute(str(statement.compile(dialect=SQLITE.core)))
        connection.execute(_VERSION_TABLE)
        connection.execute("INSERT INTO alembic_version VALUES (?)", (SCHEMA,))
        connection.execute("COMMIT")
    finally:
        connection.close()
