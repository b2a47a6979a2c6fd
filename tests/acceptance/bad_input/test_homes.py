"""Homes that cannot be used, each with one clear error and exit code 3; nothing in them is changed."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from redrive.errors import HomeUnusable
from redrive.store import sqlite
from redrive.store.sqlite import migrate
from tests.acceptance.bad_input.store import change, held
from tests.acceptance.product import SOURCE, Command, opened


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "home").write_text("mine")
    redrive = Command(tmp_path / "home")
    for arguments in (("runs",), ("up", "--port", "0"), ("run", "x"), ("doctor",)):
        error = redrive.refused(*arguments, code=3)
        assert error["code"] == "home.not_writable", arguments
        assert str(tmp_path / "home") in error["detail"]
        assert "--home" in error["hint"]
    assert (tmp_path / "home").read_text() == "mine"
    below = Command(tmp_path / "home" / "below")
    assert below.refused("runs", code=3)["code"] == "home.not_writable"


@pytest.fixture
def closed(tmp_path):
    """A folder in which nothing can be made. Root may write in every other one."""
    if os.geteuid() == 0:
        yield Path("/sys")
        return
    place = tmp_path / "closed"
    place.mkdir(mode=0o555)
    yield place
    place.chmod(0o755)


def test_a_home_that_is_not_writable(closed):
    home = closed / "home"
    for arguments in (("runs",), ("up", "--port", "0"), ("run", "x", "--no-wait")):
        error = Command(home).refused(*arguments, code=3)
        assert error["code"] == "home.not_writable"
        assert str(home) in error["detail"]
        assert "permi" in error["detail"]
    assert not home.exists()


async def test_a_home_of_a_newer_release(home, redrive):
    async with opened(home):
        pass
    change(home, "UPDATE alembic_version SET version_num = '9999'")
    before = (home / "redrive.db").read_bytes()
    for arguments in (("runs",), ("up", "--port", "0")):
        error = redrive.refused(*arguments, code=3)
        assert error["code"] == "home.newer"
        assert "9999" in error["detail"]
        assert "newer" in error["hint"]
    with pytest.raises(HomeUnusable):
        async with opened(home):
            pytest.fail("opened")
    assert (home / "redrive.db").read_bytes() == before


def test_a_home_whose_database_is_something_else(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "redrive.db").write_bytes(b"not a database, but larger than nothing" * 100)
    error = Command(home).refused("runs", code=3)
    assert error["code"] == "home.unusable"
    assert error["hint"]
    assert (home / "redrive.db").read_bytes().startswith(b"not a database")


def test_a_home_with_another_programs_tables(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    with closing(sqlite3.connect(home / "redrive.db")) as database, database:
        database.execute("CREATE TABLE runs (x)")
        database.execute("INSERT INTO runs VALUES ('theirs')")
    error = Command(home).refused("runs", code=3)
    assert error["code"] == "home.unusable"
    assert "another program" in error["detail"]
    with closing(sqlite3.connect(home / "redrive.db")) as database:
        assert database.execute("SELECT x FROM runs").fetchall() == [("theirs",)]


def test_a_first_start_that_dies_half_way_leaves_nothing(home, redrive, monkeypatch):
    # The tables are made by then, in a transaction that does not come to its end.
    monkeypatch.setattr(sqlite, "_VERSION_TABLE", "CREATE TABLE")
    home.mkdir()
    with pytest.raises(sqlite3.OperationalError):
        migrate(home / "redrive.db")
    monkeypatch.undo()
    with closing(sqlite3.connect(home / "redrive.db")) as database:
        assert database.execute("SELECT name FROM sqlite_schema").fetchall() == []
    assert redrive.json("runs")["items"] == []


def test_settings_that_are_wrong(tmp_path, redrive, home):
    home.mkdir()
    (home / "redrive.toml").write_text("prot = 1\n")
    error = redrive.refused("up")
    assert error["code"] == "config.invalid"
    assert "port" in error["hint"]
    (home / "redrive.toml").write_text("port = 'x")
    assert redrive.refused("runs")["code"] == "config.invalid"


def test_a_server_that_is_not_there(redrive):
    ended = subprocess.run(
        [sys.executable, "-m", "redrive", "runs", "--url", "http://127.0.0.1:1", "--json"],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 3
    assert b'"server.unreachable"' in ended.stderr
    assert not redrive.home.exists()


async def test_an_executing_home_stays_whole_when_asked_by_many(home, redrive):
    async with opened(home):
        before = held(home)
    asking = [redrive.begun("runs", "--json") for _ in range(3)]
    for process in asking:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, b'{"items":[],"next":null}\n'), err
    assert held(home) == before
