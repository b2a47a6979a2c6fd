"""What is done to the whole database, outside of any transaction."""

from __future__ import annotations

import sqlite3


def rewrite(connection: sqlite3.Connection) -> None:
    """Write the file anew, without what was deleted. Needs as much free disk as the file has; nobody
    writes meanwhile, reading goes on.
    """
    # In memory the copy would be as large as the file.
    connection.execute("PRAGMA temp_store=FILE")
    try:
        connection.execute("VACUUM")
    finally:
        connection.execute("PRAGMA temp_store=MEMORY")


def empty_log(connection: sqlite3.Connection) -> bool:
    """Move what the write-ahead log holds to its place and cut it to nothing. False while somebody still
    reads an older state.
    """
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy
