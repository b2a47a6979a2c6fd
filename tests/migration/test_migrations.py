"""The migrations add up to the declared schema, on each database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, create_engine, inspect
from sqlalchemy.pool import NullPool

from redrive.store.database import SCHEMA
from redrive.store.migrations import upgrade_sqlite
from redrive.store.opening import open_database
from redrive.store.postgres import PostgresDatabase
from redrive.store.sqlite import SqliteDatabase, migrate
from redrive.store.tables import metadata
from tests.postgres import PostgresServer


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str | None]:
    """Where nothing is yet: None is the file in the home."""
    if request.param == "sqlite":
        yield None
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    address = server.empty()
    yield address
    server.drop(address)


def connected(home: Path, address: str | None) -> Any:
    if address is None:
        return create_engine(f"sqlite:///{home / 'redrive.db'}", poolclass=NullPool).begin()
    return create_engine(
        "postgresql+psycopg://", creator=PostgresDatabase(address)._for_alembic, poolclass=NullPool
    ).begin()


def described(connection: Connection) -> dict[str, Any]:
    """Every table as the database itself describes it."""
    look = inspect(connection)
    return {
        table: {
            "columns": [
                (one["name"], str(one["type"]), getattr(one["type"], "collation", None), one["nullable"])
                for one in look.get_columns(table)
            ],
            "key": look.get_pk_constraint(table),
            "unique": sorted(str(one) for one in look.get_unique_constraints(table)),
            "indexes": sorted(str(_plain(one)) for one in look.get_indexes(table)),
        }
        for table in look.get_table_names()
        if table != "alembic_version"
    }


def _plain(index: Any) -> Any:
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return sorted({**index, "dialect_options": options}.items())


def test_the_migrations_give_the_declared_schema(address: str | None, tmp_path: Path, postgres: Any) -> None:
    if address is None:
        upgrade_sqlite(tmp_path / "redrive.db")
    assert open_database(tmp_path, address).migrate() is None
    with connected(tmp_path, address) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        migrated = described(connection)
    (tmp_path / "redrive.db").unlink(missing_ok=True)
    with connected(tmp_path, address) as connection:
        found = MetaData()
        found.reflect(connection)
        found.drop_all(connection)
        metadata.create_all(connection)
        assert described(connection) == migrated
    assert set(migrated) == set(metadata.tables)


def test_a_new_file_is_what_the_migrations_give(tmp_path: Path) -> None:
    found = []
    for folder, make in ((tmp_path / "a", upgrade_sqlite), (tmp_path / "b", migrate)):
        folder.mkdir()
        make(folder / "redrive.db")
        with connected(folder, None) as connection:
            version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").all()
            found.append((described(connection), version, inspect(connection).get_columns("alembic_version")))
    assert str(found[0]) == str(found[1])


def test_every_text_sorts_by_code_points(postgres: PostgresServer) -> None:
    address = postgres.migrated()
    with connected(Path(), address) as connection:
        found = described(connection)
    texts = [one for table in found.values() for one in table["columns"] if one[1].startswith("TEXT")]
    assert len(texts) > 30
    assert [one for one in texts if one[2] != "C"] == []
    postgres.give_back(address)


def test_a_second_process_that_migrates_at_once_finds_it_done(address: str | None, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        done = [threads.submit(open_database(tmp_path, address).migrate) for _ in range(4)]
        assert [one.result(60) for one in done] == [None] * 4
    with connected(tmp_path, address) as connection:
        assert set(described(connection)) == set(metadata.tables)


def test_an_older_file_is_copied_before_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = SqliteDatabase(tmp_path / "redrive.db")
    database.migrate()
    with closing(sqlite3.connect(database.path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
        connection.execute("INSERT INTO audit VALUES (1, 2, 'ann', 'did', 'this', NULL, NULL, NULL, 'ok')")
    upgraded: list[Path] = []
    monkeypatch.setattr("redrive.store.migrations.upgrade_sqlite", upgraded.append)
    copy = database.migrate()
    assert copy is not None
    assert copy.name == f"redrive-before-{SCHEMA}.db"
    assert upgraded == [database.path]
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT actor FROM audit").fetchall() == [("ann",)]


def test_a_migration_of_postgres_that_fails_leaves_nothing(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic import op

    address = postgres.empty()
    made: list[object] = []
    create_table = op.create_table

    def create(*arguments: Any, **more: Any) -> None:
        if len(made) == 4:
            raise RuntimeError("killed")
        made.append(create_table(*arguments, **more))

    with monkeypatch.context() as patch:
        patch.setattr(op, "create_table", create)
        with pytest.raises(RuntimeError):
            PostgresDatabase(address).migrate()
    with connected(Path(), address) as connection:
        assert inspect(connection).get_table_names() == []
    PostgresDatabase(address).migrate()
    postgres.drop(address)
