"""The search index in a file of its own: SQLite's full-text index (FTS5), which keeps no text.

Documents stand on shelves of so many, each with an FTS5 table. A hit says no more than the number of
a document. Nothing can be taken out of such a table, so a document that goes is only forgotten,
and a shelf that is mostly forgotten, or that knew something which was erased, is thrown away; the runs
that live on are taken up anew.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from filelock import FileLock, Timeout

from redrive.core.searching import Query
from redrive.log import get_logger
from redrive.store.search_index import (
    EVERYTHING,
    ORIGIN,
    Changes,
    Document,
    IndexState,
    SearchIndex,
    packed,
    unpacked,
)

FILE: Final = "search.db"
FORM: Final = 1
"""Of the file. Another one is thrown away and built anew."""
SHELF: Final = 50_000

Identity: TypeAlias = tuple[int, int] | None
"""Device and number of a file."""

_log = get_logger(__name__)
_DIGITS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS: Final = [one + two for one in _DIGITS for two in _DIGITS]
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS documents (id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL, parts BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS documents_run_id ON documents (run_id);
CREATE TABLE IF NOT EXISTS shelves (
    number INTEGER PRIMARY KEY, documents INTEGER NOT NULL, dead INTEGER NOT NULL, erased INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS progress (run_id INTEGER PRIMARY KEY, buckets BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS rewrites (run_id INTEGER PRIMARY KEY);
"""
_FACTS: Final = ("form", "generation", "mark", "before", "top", "bottom")


def spelt(token: int) -> str:
    """A token as a word for FTS5: six letters."""
    return _PAIRS[token >> 20] + _PAIRS[token >> 10 & 1023] + _PAIRS[token & 1023]


class SqliteSearchIndex(SearchIndex):
    """`shelf` is how many documents stand on one."""

    def __init__(self, path: Path, *, shelf: int = SHELF) -> None:
        self._path = path
        self._shelf = shelf
        # Taken by one thread, given back by another.
        self._lock = FileLock(path.with_suffix(".lock"), thread_local=False)
        self._claimed = False
        self._damaged = False
        self._writer: sqlite3.Connection | None = None
        self._written: Identity = None
        self._reader: sqlite3.Connection | None = None
        self._read: Identity = None
        # A question does not wait for a change that is being made.
        self._writing, self._asking = threading.RLock(), threading.Lock()

    # ---- the file

    def claim(self) -> bool:
        if not self._claimed:
            try:
                self._lock.acquire(timeout=0)
            except (Timeout, OSError):
                return False
            self._claimed = True
        return True

    def release(self) -> None:
        with self._writing:
            self._close_writer()
            if self._claimed:
                self._claimed = False
                self._lock.release()

    def close(self) -> None:
        with self._asking:
            self._close_reader()
        self.release()

    def _identity(self) -> Identity:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return (found.st_dev, found.st_ino)

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _opened(self) -> sqlite3.Connection:
        """The connection that writes; the file is made where it is not there. Needs the claim."""
        if self._writer is not None and self._written != self._identity():
            self._close_writer()
        if self._writer is None:
            writer = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=10)
            try:
                self._path.chmod(0o600)
                writer.execute("PRAGMA journal_mode=WAL")
                # The queue is emptied after a commit here: it must not be lost with the power.
                writer.execute("PRAGMA synchronous=FULL")
                writer.execute("PRAGMA cache_size=-8000")
                writer.executescript(_SCHEMA)
            except BaseException:
                writer.close()
                raise
            self._writer, self._written = writer, self._identity()
        return self._writer

    def _asked(self) -> sqlite3.Connection | None:
        """The connection that reads; None where there is no index."""
        if self._reader is not None and self._read != self._identity():
            self._close_reader()
        if self._reader is None:
            if (identity := self._identity()) is None:
                return None
            reader = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=10)
            reader.execute("PRAGMA query_only=1")
            reader.execute("PRAGMA mmap_size=268435456")
            self._reader, self._read = reader, identity
        return self._reader

    def _remove(self) -> None:
        self._close_writer()
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._damaged = False

    # ---- what it holds

    def state(self) -> IndexState:
        if not self._claimed:
            with self._asking:
                try:
                    connection = self._asked()
                    return _state(connection) if connection is not None else IndexState()
                except sqlite3.DatabaseError as error:
                    if not _is_damage(error):
                        raise
                    return IndexState()
        with self._writing:
            if self._identity() is None:  # a question makes no file
                self._close_writer()
                return IndexState()
            try:
                if not self._damaged:
                    return _state(self._opened())
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
            _log.warning("search.damaged", file=str(self._path))
            self._remove()
            return IndexState()

    def begin(self, generation: int, before: int) -> None:
        with self._writing:
            self._remove()
            values = (FORM, generation, 0, before, ORIGIN, ORIGIN - 1)
            with self._transaction() as connection:
                connection.executemany("INSERT INTO facts VALUES (?, ?)", zip(_FACTS, values, strict=True))

    def clear(self) -> None:
        with self._writing:
            self._remove()

    def taken(self, run_id: int) -> bool:
        ((found,),) = self._rows(
            "SELECT EXISTS (SELECT 1 FROM documents WHERE run_id = ?1)"
            " AND NOT EXISTS (SELECT 1 FROM progress WHERE run_id = ?1)",
            run_id,
        )
        return bool(found)

    def progress(self, run_id: int) -> bytes | None:
        found = self._rows("SELECT buckets FROM progress WHERE run_id = ?", run_id)
        return found[0][0] if found else None

    def rewrites(self, at_most: int) -> list[int]:
        found = self._rows("SELECT run_id FROM rewrites ORDER BY run_id DESC LIMIT ?", at_most)
        return [run_id for (run_id,) in found]

    def _rows(self, statement: str, value: int) -> list[tuple[Any, ...]]:
        # A connection that another thread closes under a statement ends the process.
        with self._writing:
            return self._opened().execute(statement, (value,)).fetchall()

    def size_bytes(self) -> int:
        total = 0
        for suffix in ("", "-wal"):
            try:
                total += self._path.with_name(self._path.name + suffix).stat().st_size
            except OSError:
                continue
        return total

    # ---- changes

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._opened()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException as error:
            self._damaged = self._damaged or _is_damage(error)
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def apply(self, changes: Changes) -> int:
        with self._writing, self._transaction() as connection:
            facts = dict(connection.execute("SELECT name, value FROM facts"))
            erased = set(changes.erased)
            for run_id in changes.dropped:
                self._drop(connection, run_id, erased=run_id in erased)
            for entry in changes.entries:
                if entry.old:
                    number, facts["bottom"] = facts["bottom"], facts["bottom"] - 1
                else:
                    number, facts["top"] = facts["top"], facts["top"] + 1
                self._add(connection, number, entry.run_id, packed(entry.parts), entry.tokens)
            for run_id, buckets in changes.progress.items():
                connection.execute("DELETE FROM rewrites WHERE run_id = ?", (run_id,))
                if buckets is None:
                    connection.execute("DELETE FROM progress WHERE run_id = ?", (run_id,))
                else:
                    connection.execute("INSERT OR REPLACE INTO progress VALUES (?, ?)", (run_id, buckets))
            facts["mark"] += 1
            if changes.before is not None:
                facts["before"] = changes.before
            connection.executemany(
                "UPDATE facts SET value = ? WHERE name = ?", [(value, name) for name, value in facts.items()]
            )
            return int(facts["mark"])

    def _add(
        self, connection: sqlite3.Connection, number: int, run_id: int, parts: bytes, tokens: Collection[int]
    ) -> None:
        shelf = number // self._shelf
        changed = connection.execute(
            "UPDATE shelves SET documents = documents + 1 WHERE number = ?", (shelf,)
        ).rowcount
        if not changed:
            connection.execute(
                f"CREATE VIRTUAL TABLE tokens_{shelf} USING fts5"
                "(t, content='', columnsize=0, detail=none, tokenize='ascii')"
            )
            connection.execute("INSERT INTO shelves VALUES (?, 1, 0, 0)", (shelf,))
        connection.execute("INSERT INTO documents VALUES (?, ?, ?)", (number, run_id, parts))
        connection.execute(
            f"INSERT INTO tokens_{shelf} (rowid, t) VALUES (?, ?)",  # noqa: S608 - our number
            (number, " ".join(map(spelt, sorted(tokens)))),
        )

    def _drop(self, connection: sqlite3.Connection, run_id: int, *, erased: bool) -> None:
        for (number,) in connection.execute(
            "SELECT id FROM documents WHERE run_id = ?", (run_id,)
        ).fetchall():
            connection.execute("DELETE FROM documents WHERE id = ?", (number,))
            connection.execute(
                "UPDATE shelves SET dead = dead + 1, erased = erased + ? WHERE number = ?",
                (erased, number // self._shelf),
            )
        connection.execute("DELETE FROM progress WHERE run_id = ?", (run_id,))
        connection.execute("DELETE FROM rewrites WHERE run_id = ?", (run_id,))

    def compact(self) -> bool:
        with self._writing:
            connection = self._opened()
            found = connection.execute(
                "SELECT number, erased FROM shelves WHERE erased > 0 OR dead * 2 > documents LIMIT 1"
            ).fetchone()
            if found is None:
                return False
            shelf, erased = found
            if erased:  # also what the file holds no more is overwritten
                connection.execute("PRAGMA secure_delete=ON")
            try:
                with self._transaction():
                    first, stop = shelf * self._shelf, (shelf + 1) * self._shelf
                    runs = connection.execute(
                        "SELECT DISTINCT run_id FROM documents WHERE id >= ? AND id < ?", (first, stop)
                    ).fetchall()
                    # A run may stand on two shelves: it is taken up anew as a whole.
                    for (run_id,) in runs:
                        self._drop(connection, run_id, erased=False)
                        connection.execute("INSERT OR IGNORE INTO rewrites VALUES (?)", (run_id,))
                    connection.execute(f"DROP TABLE tokens_{shelf}")
                    connection.execute("DELETE FROM shelves WHERE number = ?", (shelf,))
            finally:
                if erased:
                    connection.execute("PRAGMA secure_delete=OFF")
            if erased:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            return True

    # ---- asking

    def find(self, query: Query, before: int, at_most: int) -> Sequence[Document]:
        wanted = _expression(query)
        with self._asking:
            try:
                connection = self._asked()
                return [] if connection is None else self._found(connection, wanted, before, at_most)
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                self._damaged = True
                self._close_reader()
                return []

    def _found(
        self, connection: sqlite3.Connection, wanted: str, before: int, at_most: int
    ) -> list[Document]:
        found: list[Document] = []
        connection.execute("BEGIN")
        try:
            shelves = connection.execute(
                "SELECT number FROM shelves WHERE number <= ? ORDER BY number DESC",
                (min(before, EVERYTHING) // self._shelf,),
            ).fetchall()
            for (shelf,) in shelves:
                rows: list[tuple[Any, ...]] = connection.execute(
                    f"SELECT d.id, d.run_id, d.parts FROM tokens_{shelf} AS t"  # noqa: S608 - our number
                    f" JOIN documents AS d ON d.id = t.rowid WHERE tokens_{shelf} MATCH ? AND t.rowid < ?"
                    " ORDER BY t.rowid DESC LIMIT ?",
                    (wanted, before, at_most - len(found)),
                ).fetchall()
                found += [Document(number, run_id, unpacked(parts)) for number, run_id, parts in rows]
                if len(found) >= at_most:
                    break
        finally:
            if connection.in_transaction:
                connection.execute("COMMIT")
        return found


def _state(connection: sqlite3.Connection) -> IndexState:
    facts = dict(connection.execute("SELECT name, value FROM facts"))
    if facts.get("form") != FORM:
        return IndexState()
    documents, rewriting = connection.execute(
        "SELECT (SELECT coalesce(sum(documents - dead), 0) FROM shelves), (SELECT count(*) FROM rewrites)"
    ).fetchone()
    return IndexState(facts["generation"], facts["mark"], facts["before"], documents, rewriting)


def _is_damage(error: BaseException) -> bool:
    """Whether it says that the file is not what it was."""
    name = getattr(error, "sqlite_errorname", None) or ""
    return name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or (
        isinstance(error, sqlite3.OperationalError) and "no such" in str(error)
    )


def _expression(query: Query) -> str:
    # Quoted, or a word such as "and" would be an operator.
    words = [f'"{spelt(token)}"' for token in query.words]
    asked = [f"({' AND '.join(words)})"] if words else []
    if query.whole is not None:
        asked.insert(0, f'"{spelt(query.whole)}"')
    return " OR ".join(asked)
