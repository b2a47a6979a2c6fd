"""What a store holds, looked at from outside."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

# What somebody asked for is written down also where it came to nothing, and what is done in the background
# says how far it is.
GROWS = {"audit", "facts", "search_state"}


def held(home: Path) -> dict[str, int]:
    """The number of rows of each table; the database must be whole."""
    with closing(sqlite3.connect(home / "redrive.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {
            name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
            for name in tables
            if name not in GROWS
        }


def change(home: Path, statement: str) -> None:
    """One statement by another hand, while nobody has the home open."""
    with closing(sqlite3.connect(home / "redrive.db")) as database, database:
        database.execute(statement)
