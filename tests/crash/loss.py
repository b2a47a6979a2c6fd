"""What a loss of power leaves of a home: what was made durable is there, of the rest any part.

A process that works under `watched` notes each fsync of a file or folder. Its home can then be made to
look as after a power loss: names that no fsync of their folder has covered are gone, files that none has
covered are cut. Of SQLite's log, every COMMIT that has returned is durable (`synchronous=FULL`); what
stands behind it may be there in part.
"""

from __future__ import annotations

import json
import os
import sqlite3
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from redrive.store import sqlite as sqlite_module
from redrive.store.sqlite import SqliteDatabase

NOTES = "durable.json"
HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24


class Watched:
    """The fsyncs of this process below a home. `still` keeps everything as it is meanwhile."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.still = threading.RLock()
        self.files: set[int] = set()
        self.names: dict[str, list[str]] = {}

    def fsynced(self, descriptor: int) -> None:
        found = os.fstat(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.is_dir():
            self.names[str(path)] = os.listdir(path)  # noqa: PTH208 - names
        else:
            self.files.add(found.st_ino)

    def write(self) -> None:
        notes = {"files": sorted(self.files), "names": self.names}
        (self._home.parent / NOTES).write_text(json.dumps(notes))


@contextmanager
def watched(home: Path) -> Iterator[Watched]:
    """Notes what is made durable, and has the log of SQLite filled before a COMMIT, not only by it."""
    watch = Watched(home)
    fsync, replace = os.fsync, Path.replace
    commit, connect = SqliteDatabase.commit, sqlite_module.connect_writer

    def noted_fsync(descriptor: int) -> None:
        with watch.still:
            fsync(descriptor)
            watch.fsynced(descriptor)

    def still_replace(self: Path, target: Any) -> Path:
        with watch.still:
            return replace(self, target)

    def still_commit(self: SqliteDatabase, connection: Any) -> None:
        with watch.still:
            commit(self, connection)

    def small(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute("PRAGMA cache_size=5")
        connection.execute("PRAGMA wal_autocheckpoint=60")
        return connection

    os.fsync, Path.replace = noted_fsync, still_replace  # type: ignore[assignment, method-assign]
    SqliteDatabase.commit, sqlite_module.connect_writer = still_commit, small  # type: ignore[method-assign]
    try:
        yield watch
    finally:
        os.fsync, Path.replace = fsync, replace  # type: ignore[method-assign]
        SqliteDatabase.commit, sqlite_module.connect_writer = commit, connect  # type: ignore[method-assign]


class Log(NamedTuple):
    """SQLite's log: where its whole frames end, and which of these ends are commits."""

    frames: list[int]
    commits: list[int]
    end: int
    """Of the file: what is behind the last frame is of an earlier round, or nothing."""


def log_of(home: Path) -> Log:
    data = (home / "redrive.db-wal").read_bytes() if (home / "redrive.db-wal").exists() else b""
    if len(data) < HEADER_BYTES:
        return Log([], [], len(data))
    magic, _, page, _, salt1, salt2, sum1, sum2 = struct.unpack(">8I", data[:HEADER_BYTES])
    order = ">" if magic & 1 else "<"
    sums = _sums(order, data[: HEADER_BYTES - 8], (0, 0))
    assert sums == (sum1, sum2)
    frames, commits, at = [], [], HEADER_BYTES
    while at + FRAME_HEADER_BYTES + page <= len(data):
        frame = data[at : at + FRAME_HEADER_BYTES + page]
        _, size, one, two, sum1, sum2 = struct.unpack(">6I", frame[:FRAME_HEADER_BYTES])
        sums = _sums(order, frame[:8], sums)
        sums = _sums(order, frame[FRAME_HEADER_BYTES:], sums)
        if (one, two) != (salt1, salt2) or sums != (sum1, sum2):
            break
        at += len(frame)
        frames.append(at)
        if size:
            commits.append(at)
    return Log(frames, commits, len(data))


def _sums(order: str, data: bytes, start: tuple[int, int]) -> tuple[int, int]:
    one, two = start
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return one, two


def lose(home: Path, copy: Path, chance: Random, *, keep: bool) -> int:
    """Take away from a copy of a home what nothing had made durable there; with `keep`, only a part of
    it. How many files that were.
    """
    notes = json.loads((home.parent / NOTES).read_text())
    lost = 0
    for path in sorted((home / "objects").glob("*/*")) + sorted((home / "temp").iterdir()):
        durable = path.name in notes["names"].get(str(path.parent), ())
        if path.parent.parent.name == "objects":
            durable &= path.parent.name in notes["names"].get(str(path.parent.parent), ())
        there = copy / path.relative_to(home)
        if not durable and not (keep and chance.random() < 0.5):
            there.unlink()
            lost += 1
        elif path.stat().st_ino not in notes["files"]:
            _tear(there, chance)
            lost += 1
    return lost


def _tear(path: Path, chance: Random) -> None:
    data = bytearray(path.read_bytes())
    kept = chance.randint(0, len(data))
    if chance.random() < 0.5:
        path.write_bytes(data[:kept])  # its tail never came to the disk
    else:
        data[kept:] = bytes(len(data) - kept)  # its size did, its bytes did not
        path.write_bytes(data)


def tables_of(home: Path) -> dict[str, list[Any]]:
    """All rows of all tables: what is committed."""
    connection = sqlite3.connect(home / "redrive.db")
    try:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {
            name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr)
            for (name,) in names
        }
    finally:
        connection.close()
