"""The log of SQLite is copied into its file beside the commits, and begins anew."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from redrive.store import checkpoints
from redrive.store.checkpoints import Checkpoints
from redrive.store.sqlite import connect_writer

PATIENCE_S = 30


class Told:
    """A connection that tells of each statement when it has ended."""

    def __init__(self, connection: sqlite3.Connection, ended: Callable[[Any], None]) -> None:
        self._connection = connection
        self._ended = ended

    def execute(self, text: str) -> Any:
        found = self._connection.execute(text).fetchone()
        self._ended(found)
        return self

    def fetchone(self) -> Any:
        return 0, checkpoints.LONG_PAGES + 1, 0

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "LEAST_S", 0.0)
    monkeypatch.setattr(checkpoints, "MOST_S", 0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.db"


@pytest.fixture
def writer(path: Path) -> Iterator[sqlite3.Connection]:
    connection = connect_writer(path)
    connection.execute("CREATE TABLE t (a)")
    yield connection
    connection.close()


def log_of(writer: sqlite3.Connection) -> tuple[int, int]:
    """Pages in the log, and how many of them are in the file."""
    _, pages, copied = writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return pages, copied


def test_what_was_committed_is_copied_without_the_writer(path: Path, writer: sqlite3.Connection) -> None:
    found: list[Any] = []
    seen = threading.Event()

    def ended(row: Any) -> None:
        found.append(row)
        seen.set()

    upkeep = Checkpoints(lambda: Told(connect_writer(path), ended))  # type: ignore[arg-type,return-value]
    try:
        writer.execute("INSERT INTO t VALUES (1)")
        upkeep.wrote(writer)
        assert seen.wait(PATIENCE_S)
    finally:
        upkeep.close()
    busy, pages, copied = found[0]
    assert (busy, pages) == (0, copied)
    assert pages > 0


def test_the_writer_begins_a_long_log_anew(
    path: Path, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "LONG_PAGES", 0)
    done = threading.Event()
    upkeep = Checkpoints(lambda: Told(connect_writer(path), lambda _row: done.set()))  # type: ignore[arg-type,return-value]
    try:
        for number in range(50):
            writer.execute("INSERT INTO t VALUES (?)", (number,))
        upkeep.wrote(writer)
        assert done.wait(PATIENCE_S)
    finally:
        upkeep.close()
    writer.execute("INSERT INTO t VALUES (50)")
    upkeep.wrote(writer)  # it has been told that little is left
    writer.execute("INSERT INTO t VALUES (51)")
    pages, copied = log_of(writer)
    assert pages == copied < 10
    assert writer.execute("SELECT count(*) FROM t").fetchone() == (52,)


def test_what_goes_wrong_stays_with_the_thread(path: Path, writer: sqlite3.Connection) -> None:
    tried = threading.Semaphore(0)

    def connect() -> sqlite3.Connection:
        tried.release()
        raise sqlite3.OperationalError("disk I/O error")

    upkeep = Checkpoints(connect)
    try:
        for _ in range(2):  # and it goes on
            upkeep.wrote(writer)
            assert tried.acquire(timeout=PATIENCE_S)
    finally:
        upkeep.close()
    assert path.exists()


def test_none_is_under_way_while_it_is_paused(path: Path, writer: sqlite3.Connection) -> None:
    seen, opened = threading.Event(), threading.Event()

    def connect() -> Any:
        opened.set()
        return Told(connect_writer(path), lambda _row: seen.set())

    upkeep = Checkpoints(connect)
    try:
        with upkeep.paused():
            upkeep.wrote(writer)
            assert opened.wait(PATIENCE_S)
            assert not seen.is_set()
        assert seen.wait(PATIENCE_S)
    finally:
        upkeep.close()
