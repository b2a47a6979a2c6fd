"""Which database holds the records of a home: the setting `store`, else a file in the home."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from redrive.errors import ConfigInvalid, HomeUnusable
from redrive.store.database import Database
from redrive.store.sqlite import SqliteDatabase

DATABASE: Final = "redrive.db"
SCHEMES: Final = ("postgresql://", "postgres://")
FILE: Final = "file"
"""The store in the home, where a store has to be named."""
MARK: Final = "records-store"
"""File of a home that says where its records are, if they are not in its folder."""


def open_database(home: Path, store: str | None, *, moving: bool = False) -> Database:
    """Nothing is opened yet. A home whose records were once elsewhere is not used without saying
    where: it would go on with old ones (`moving` says that this is meant).

    Errors: `config.invalid` for an address of no known kind, `store.driver` where the package for it
    is not installed, `home.records_elsewhere`.
    """
    if store is None:
        mark = home / MARK
        if not moving and mark.exists():
            raise HomeUnusable(
                f"the records of the home {home} are in {mark.read_text().strip()}, and the setting "
                "`store` does not say so",
                code="home.records_elsewhere",
                hint=f"Set REDRIVE_STORE to it. To go on with the file in the home, remove the file {mark}.",
            )
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


def mark_home(home: Path, database: Database) -> None:
    """Leave in the home where its records are."""
    mark = home / MARK
    if isinstance(database, SqliteDatabase):
        return
    if not mark.exists() or mark.read_text().strip() != str(database):
        mark.write_text(f"{database}\n")
