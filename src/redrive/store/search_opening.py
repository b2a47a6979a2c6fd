"""Which search index a database of records has."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from redrive.store.search_sqlite import FILE, SqliteSearchIndex
from redrive.store.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from redrive.store.database import Database
    from redrive.store.search_index import SearchIndex


def open_search_index(database: Database) -> SearchIndex:
    """Nothing is read or made before it is used."""
    if isinstance(database, SqliteDatabase):
        return SqliteSearchIndex(database.path.with_name(FILE))
    from redrive.store.postgres import PostgresDatabase  # noqa: PLC0415 - the driver is an extra
    from redrive.store.search_postgres import PostgresSearchIndex  # noqa: PLC0415

    assert isinstance(database, PostgresDatabase)
    return PostgresSearchIndex(database.session, partial(database.lock_key, "search"))
