"""What only PostgreSQL can do: go away, refuse, and belong to somebody else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator

import psycopg
import pytest

from redrive.errors import ConfigInvalid, Fault, HomeUnusable
from redrive.store import flows
from redrive.store.committer import Transaction
from redrive.store.opening import open_database
from redrive.store.postgres import PostgresDatabase
from tests.contract.store.conftest import Store
from tests.contract.store.test_definitions import flow
from tests.contract.store.test_runner_lock import end_sessions
from tests.postgres import PostgresServer

pytestmark = [pytest.mark.usefixtures("store"), pytest.mark.parametrize("store", ["postgres"], indirect=True)]


def put(name: str) -> Callable[[Transaction], None]:
    return lambda transaction: flows.insert_flow(transaction, flow(abs(hash(name)), name))


async def test_a_reader_that_lost_its_connection_asks_again(here: Store) -> None:
    await here.write(put("orders"))
    rows = here.reader.rows()
    assert flows.names(rows) == ["orders"]
    assert await here.read(flows.names) == ["orders"]
    end_sessions(here.database, "redrive reader")
    assert flows.names(rows) == ["orders"]
    assert await here.read(flows.names) == ["orders"]
    assert here.reader.here(flows.names) == ["orders"]


async def test_a_snapshot_that_is_lost_in_the_middle_is_read_again_whole(here: Store) -> None:
    seen = []

    def read(rows: object) -> list[str]:
        seen.append(flows.names(rows))
        if len(seen) == 1:
            end_sessions(here.database, "redrive reader")
        return flows.names(rows)

    assert await here.read(read) == []
    assert len(seen) == 2


async def test_a_writer_that_lost_its_connection_ends_and_says_what_to_do(here: Store) -> None:
    loop = asyncio.get_running_loop()
    told: asyncio.Future[Exception] = loop.create_future()
    here.committer.on_failure = lambda error: loop.call_soon_threadsafe(told.set_result, error)
    await here.write(put("before"))
    end_sessions(here.database, "redrive writer")
    with pytest.raises(Fault) as caught:
        await here.write(put("after"))
    assert caught.value.code == "store.unreachable"
    assert caught.value.exit_code == 3
    assert await asyncio.wait_for(told, 10) is here.committer.failed
    with pytest.raises(Fault):
        await here.write(put("later"))
    assert await here.read(flows.names) == ["before"]


async def test_a_group_is_whole_or_not_there_when_the_connection_breaks_in_it(
    opened: Callable[..., Store],
) -> None:
    store = opened(
        failpoint=lambda name: name == "commit.before" and end_sessions(store.database, "redrive writer")
    )
    ended = await asyncio.gather(*(store.write(put(f"f{n}")) for n in range(5)), return_exceptions=True)
    assert {type(one) for one in ended} == {Fault}
    assert await store.read(flows.names) == []


async def test_the_writer_survives_power_loss_whatever_the_server_defaults_to(
    here: Store, postgres: PostgresServer
) -> None:
    name = os.environ["REDRIVE_STORE"].split("?")[0].rsplit("/", 1)[1]
    try:
        for default, expected in (("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")):
            postgres.run(f"ALTER DATABASE {name} SET synchronous_commit = {default}")
            session = here.database.connect_writer()
            assert session.execute("SHOW synchronous_commit").fetchone() == (expected,)
            session.close()
    finally:
        postgres.run(f"ALTER DATABASE {name} RESET synchronous_commit")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgresql://ann:hunter2@127.0.0.1:1/none", "postgresql://ann@127.0.0.1:1/none"),
        ("postgresql://ann:hunter2@no-such-host.invalid/none", "no-such-host.invalid"),
    ],
)
def test_a_server_out_of_reach(address: str, words: str) -> None:
    with pytest.raises(Fault) as caught:
        PostgresDatabase(address).migrate()
    error = caught.value
    assert (error.code, error.exit_code) == ("store.unreachable", 3)
    assert words in error.detail
    assert error.hint
    assert "hunter2" not in error.detail + error.hint + str(PostgresDatabase(address))


@pytest.mark.parametrize(
    "address",
    [
        "mysql://ann:hunter2@host/db",
        "hunter2",
        "postgres://[hunter2",
    ],
)
def test_an_address_that_is_none_is_not_repeated(address: str, tmp_path: object) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        open_database(tmp_path, address)
    assert caught.value.exit_code == 2
    assert "hunter2" not in f"{caught.value.detail} {caught.value.hint} {caught.value.at}"


@pytest.fixture
def empty(postgres: PostgresServer) -> Iterator[str]:
    address = postgres.empty()
    yield address
    postgres.drop(address)


def test_a_database_of_another_program_is_left_alone(empty: str) -> None:
    with psycopg.connect(empty) as connection:
        connection.execute("CREATE TABLE theirs (id int)")
    with pytest.raises(HomeUnusable, match="another program") as caught:
        PostgresDatabase(empty).migrate()
    assert "search_path" in (caught.value.hint or "")
    with psycopg.connect(empty) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num text)")
        connection.execute("INSERT INTO alembic_version VALUES ('ae1027a6acf')")
    with pytest.raises(HomeUnusable, match="another program"):
        PostgresDatabase(empty).migrate()


def test_a_schema_of_its_own_beside_another_program(empty: str) -> None:
    with psycopg.connect(empty) as connection:
        connection.execute("CREATE TABLE runs (id int)")
        connection.execute("CREATE SCHEMA redrive")
    database = PostgresDatabase(f"{empty}&options=-csearch_path%3Dredrive")
    database.migrate()
    assert database.migrate() is None
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT count(*) FROM redrive.runs").fetchone() == (0,)
        assert connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone() == (1,)


def test_a_database_of_a_newer_release_is_refused(database: PostgresDatabase) -> None:
    change = "UPDATE alembic_version SET version_num = '{}'"
    with psycopg.connect(database._address) as connection:
        connection.execute(change.format("9999"))
    try:
        with pytest.raises(HomeUnusable) as caught:
            database.migrate()
        assert caught.value.code == "home.newer"
    finally:
        with psycopg.connect(database._address) as connection:
            connection.execute(change.format("0001"))


def test_a_user_without_rights_is_told_what_is_missing(postgres: PostgresServer, empty: str) -> None:
    postgres.run("DROP ROLE IF EXISTS guest")
    postgres.run("CREATE ROLE guest LOGIN PASSWORD 'hunter2'")
    with pytest.raises(HomeUnusable) as caught:
        PostgresDatabase(empty.replace("postgres@", "guest:hunter2@")).migrate()
    assert (caught.value.code, caught.value.exit_code) == ("store.forbidden", 3)
    assert "GRANT" in (caught.value.hint or "")
    postgres.run("DROP ROLE guest")


def test_a_database_that_cannot_hold_every_text_is_refused(postgres: PostgresServer) -> None:
    postgres.run("CREATE DATABASE narrow TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
    address = postgres.address("narrow")
    try:
        with pytest.raises(HomeUnusable, match="LATIN1"):
            PostgresDatabase(address).migrate()
    finally:
        postgres.drop(address)


def test_the_driver_that_is_not_installed(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in [name for name in sys.modules if name.startswith("redrive.store.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigInvalid) as caught:
        open_database(tmp_path, "postgresql://host/db")
    assert caught.value.code == "store.driver"
    assert "redrive[postgres]" in (caught.value.hint or "")
