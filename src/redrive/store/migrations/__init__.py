"""Migrations of the record store, run by Alembic without a file of its own on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, event


def upgrade(path: Path, revision: str = "head") -> None:
    """Bring the SQLite database at `path` to a revision, in one transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _leave_transactions_to_us)
    event.listen(engine, "begin", _begin)
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    finally:
        engine.dispose()


def _leave_transactions_to_us(connection: Any, _record: object) -> None:
    # The driver begins none before a CREATE TABLE: a process that dies in the middle would leave a
    # database that is neither old nor new.
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
