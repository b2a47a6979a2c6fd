"""Migrations of the record store, run by Alembic without a file of its own on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool


def upgrade_sqlite(path: Path, revision: str = "head") -> None:
    """Bring the SQLite database at `path` to a revision, in one transaction."""
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    event.listen(engine, "connect", _leave_transactions_to_us)
    event.listen(engine, "begin", _begin)
    with engine.begin() as connection:
        _upgrade(connection, revision)


def upgrade_postgres(connect: Callable[[], Any], lock: str, revision: str = "head") -> None:
    """Bring a PostgreSQL database to a revision, in one transaction that holds `lock` (a statement
    that takes it): a second process waits, and then finds nothing to do.
    """
    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(lock)
        _upgrade(connection, revision)


def _upgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _leave_transactions_to_us(connection: Any, _record: object) -> None:
    # The driver begins none before a CREATE TABLE: a process that dies in the middle would leave a
    # database that is neither old nor new.
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
