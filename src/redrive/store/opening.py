"""Which database holds the records of a home: the setting `store`, else a file in the home."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from redrive.errors import ConfigInvalid
from redrive.store.database import Database
from redrive.store.sqlite import SqliteDatabase

DATABASE: Final = "redrive.db"
SCHEMES: Final = ("postgresql://", "postgres://")


def open_database(home: Path, store: str | None) -> Database:
    """Nothing is opened yet. Errors: `config.invalid` for an address of no known kind, `store.driver`
    where the package for it is not installed.
    """
    if store is None:
        return SqliteDatabase(home / DATABASE)
    if not store.startswith(SCHEMES):
        raise ConfigInvalid(
            "store must be the address of a PostgreSQL database",
            at="store",
            hint="postgresql://user:password@host:5432/database; unset it for the file in the home.",
        )
    try:
        from redrive.store.postgres import PostgresDatabase  # noqa: PLC0415 - an extra
    except ImportError as error:
        if error.name is None or not error.name.startswith("psycopg"):
            raise
        raise ConfigInvalid(
            "a store on PostgreSQL needs the package psycopg, which is not installed",
            code="store.driver",
            at="store",
            hint="pip install 'redrive[postgres]'",
        ) from error
    return PostgresDatabase(store)
