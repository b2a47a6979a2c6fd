"""The record store on PostgreSQL.

Writers of all processes wait for each other by an advisory lock of their transaction, so that a
piece of work finds what it found on SQLite: nobody else writes between its look and its write. A
group commit makes that cheap; the lock is taken with BEGIN and given back by COMMIT.
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from redrive.errors import HomeUnusable, RedriveError
from redrive.store.database import SCHEMA, Connection, Database, Rows, Watch
from redrive.store.lock import RunnerLock
from redrive.store.postgres_lock import PostgresRunnerLock, SnapshotWatch
from redrive.store.postgres_session import (
    READER,
    WRITER,
    ReadSession,
    Session,
    checked,
    postgres_error,
    shown,
)
from redrive.store.statements import POSTGRES, Statement

# A table that every release has: a version table without it is another program's.
_OURS: Final = "step_runs"
_SIZE = Statement(
    text(
        "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c"
        " WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace"
    )
)
_SETTING = "SELECT current_setting('fsync'), current_setting('full_page_writes')"


class PostgresDatabase(Database):
    """`address` is a libpq URL or connection string; what it leaves open comes from libpq's own
    environment variables and files. Tables lie in the first schema of the search path.
    """

    dialect = POSTGRES
    begin_read = "BEGIN"
    errors = psycopg.Error
    # Not DataError, IntegrityError and what follows from them: those are one piece's own fault.
    fatal = (psycopg.OperationalError, psycopg.InterfaceError)
    remedy = "Set it on in the server's configuration and restart the server."

    def __init__(self, address: str) -> None:
        self._address = checked(address)
        self._place = shown(address)
        self._schema: str | None = None

    def __str__(self) -> str:
        return self._place

    # ---- sessions

    def connect_writer(self) -> Connection:
        session = Session(self._address, role="writer", settings=WRITER)
        self.begin_write = f"BEGIN; SELECT pg_advisory_xact_lock({self._key(session, 'write')})"
        return session

    def connect_reader(self, *, scans: bool = False) -> Connection:
        try:
            return ReadSession(self._address, role="reader", settings=READER)
        except psycopg.Error as error:
            raise self.error(error) from error

    def _key(self, session: Session, what: str) -> int:
        """The number of an advisory lock; stores in other schemas of the database have others."""
        if self._schema is None:
            found = session.execute("SELECT current_schema()").fetchone()[0]
            if found is None:
                raise HomeUnusable(
                    f"the store {self} has no schema in its search path",
                    code="store.forbidden",
                    hint="Create the schema that the address names, or grant its use.",
                )
            self._schema = str(found)
        name = f"redrive {what} {self._schema}".encode()
        return int.from_bytes(hashlib.sha256(name).digest()[:8], "big", signed=True)

    def commit(self, connection: Connection) -> None:
        ended = connection.execute("COMMIT")
        if ended.statusmessage != "COMMIT":
            # An error that a piece of work has swallowed: the server has rolled back, without a word.
            raise psycopg.InternalError("the transaction was rolled back")

    def rollback(self, connection: Connection) -> None:
        session = cast("Session", connection)
        if not session.lost and not session.idle:
            try:
                session.execute("ROLLBACK")
            except psycopg.Error:
                return  # a lost session has rolled back

    def error(self, error: Exception) -> RedriveError:
        return postgres_error(error, self._place)

    def lost(self, connection: Connection) -> bool:
        return cast("Session", connection).lost

    def watch(self) -> Watch:
        try:
            return SnapshotWatch(partial(ReadSession, self._address, role="watch", settings=READER))
        except psycopg.Error as error:
            raise self.error(error) from error

    def runner_lock(self) -> RunnerLock:
        session = self._opened("lock")
        keys = self._key(session, "runner"), self._key(session, "served")
        session.close()
        return PostgresRunnerLock(partial(Session, self._address, role="runner"), keys, self.error)

    def _opened(self, role: str) -> Session:
        try:
            return Session(self._address, role=role)
        except psycopg.Error as error:
            raise self.error(error) from error

    # ---- for what lies beside the records

    def session(self, role: str) -> Session:
        """A session of its own, without a transaction."""
        return self._opened(role)

    def lock_key(self, what: str) -> int:
        """The number of an advisory lock of this store."""
        session = self._opened(what)
        try:
            return self._key(session, what)
        finally:
            session.close()

    # ---- schema

    def exists(self) -> bool:
        session = self._opened("migration")
        try:
            self._check(session)
            return self._present(session) is not None
        except psycopg.Error as error:
            raise self.error(error) from error
        finally:
            session.close()

    def migrate(self) -> Path | None:
        session = self._opened("migration")
        try:
            self._check(session)
            present = self._present(session)
            if present == SCHEMA:
                return None
            if present is not None and present > SCHEMA:
                raise HomeUnusable(
                    f"the store {self} was written by a newer release "
                    f"(schema {present}; this one knows {SCHEMA})",
                    code="home.newer",
                    hint="Install that release or a newer one, or name another database.",
                )
            from redrive.store.migrations import upgrade_postgres  # noqa: PLC0415 - Alembic is only needed here

            lock = f"SELECT pg_advisory_xact_lock({self._key(session, 'migration')})"
            upgrade_postgres(self._for_alembic, lock)
        except psycopg.Error as error:
            raise self.error(error) from error
        except DBAPIError as error:
            raise self.error(cast("Exception", error.orig)) from error
        finally:
            session.close()
        return None

    def _for_alembic(self) -> psycopg.Connection[Any]:
        connection = self._opened("migration").raw
        connection.autocommit = False
        return connection

    def _check(self, session: Session) -> None:
        encoding = session.execute("SHOW server_encoding").fetchone()[0]
        if encoding != "UTF8":
            raise HomeUnusable(
                f"the database of the store {self} has the encoding {encoding}",
                hint="Create one with ENCODING 'UTF8' (TEMPLATE template0) and name that.",
            )
        self._key(session, "write")

    def _present(self, session: Session) -> str | None:
        """The migration that the database stands at; None for an empty one."""
        tables = {
            row[0]
            for row in session.execute(
                "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p')"
                " AND c.relnamespace = current_schema()::regnamespace AND NOT EXISTS"
                " (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
            )
        }
        if not tables:
            return None
        if _OURS not in tables or "alembic_version" not in tables:
            raise HomeUnusable(
                f"the schema {self._schema} of {self} holds tables of another program",
                hint="Name an empty database, or a schema of its own: ?options=-csearch_path%3Dredrive",
            )
        found = session.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(found[0]) if found else None

    # ---- for doctor

    def rewrite(self, connection: Connection) -> None:
        connection.execute("VACUUM FULL")

    def empty_log(self, connection: Connection) -> bool:
        return True  # the server's, and its archive

    def complaints(self, rows: Rows) -> list[str]:
        fsync, full_pages = rows.one(Statement(text(_SETTING))) or ("on", "on")
        found = []
        if fsync != "on":
            found.append("the server runs with fsync = off: a power loss may destroy the database")
        if full_pages != "on":
            found.append("the server runs with full_page_writes = off: a torn page cannot be repaired")
        return found

    def size_bytes(self, rows: Rows) -> int:
        found = rows.one(_SIZE)
        return int(found[0]) if found else 0
