"""The search index in tables of its own: PostgreSQL's index of arrays (GIN) over the tokens of a document.

Tokens are numbers of an *era*, some tens of thousands of documents that follow each other: a value
that stands everywhere has a bounded list in each era, and the newest eras are asked first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Final

import psycopg
from psycopg import errors as pg

from redrive.core.searching import Query
from redrive.store.postgres_session import Session
from redrive.store.search_index import (
    ORIGIN,
    Changes,
    Document,
    IndexState,
    SearchIndex,
    packed,
    unpacked,
)

FORM: Final = 1
ERA_BITS: Final = 15
_TABLES: Final = ("search_documents", "search_progress", "search_facts")
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS search_facts (name text COLLATE "C" PRIMARY KEY, value bigint NOT NULL);
CREATE TABLE IF NOT EXISTS search_documents (
    id bigint PRIMARY KEY, run_id bigint NOT NULL, parts bytea NOT NULL, tokens integer[] NOT NULL);
CREATE INDEX IF NOT EXISTS search_documents_run_id ON search_documents (run_id);
CREATE INDEX IF NOT EXISTS search_documents_tokens ON search_documents USING gin (tokens);
CREATE TABLE IF NOT EXISTS search_progress (run_id bigint PRIMARY KEY, buckets bytea NOT NULL)
"""
_STATE: Final = (
    "SELECT coalesce((SELECT greatest(reltuples, 0)::bigint FROM pg_class"
    " WHERE oid = 'search_documents'::regclass), 0)"
)


def of_era(token: int, era: int) -> int:
    """The token of a document of that era, as a signed number of 32 bits."""
    mixed = (token * 0x9E3779B1 ^ era * 0x85EBCA77) & 0xFFFFFFFF
    return mixed - 0x100000000 if mixed >= 0x80000000 else mixed


class PostgresSearchIndex(SearchIndex):
    """`connect` opens a session for a role; `key` tells the number of the advisory lock of who writes."""

    def __init__(self, connect: Callable[[str], Session], key: Callable[[], int]) -> None:
        self._connect = connect
        self._key = key
        self._writer: Session | None = None
        self._reader: Session | None = None
        self._writing, self._asking = RLock(), RLock()

    def claim(self) -> bool:
        with self._writing:
            if self._writer is not None and not self._writer.lost:
                return True
            session = self._connect("search")
            if not session.execute(f"SELECT pg_try_advisory_lock({self._key()})").fetchone()[0]:
                session.close()
                return False
            self._writer = session
            return True

    def clear(self) -> None:
        with self._writing, self._transaction() as session:
            for table in _TABLES:
                session.execute(f"DROP TABLE IF EXISTS {table}")

    def release(self) -> None:
        with self._writing:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def close(self) -> None:
        with self._asking:
            if self._reader is not None:
                self._reader.close()
                self._reader = None
        self.release()

    @property
    def _opened(self) -> Session:
        assert self._writer is not None, "claim comes first"
        return self._writer

    def _asked(self) -> Session:
        if self._reader is None or self._reader.lost:
            self._reader = self._connect("search reader")
        return self._reader

    # ---- what it holds

    def state(self) -> IndexState:
        with self._asking:
            try:
                facts = dict(self._asked().execute("SELECT name, value FROM search_facts").fetchall())
                if facts.get("form") != FORM:
                    return IndexState()
                documents = self._asked().execute(_STATE).fetchone()[0]
            except pg.UndefinedTable:
                return IndexState()
            return IndexState(facts["generation"], facts["mark"], facts["before"], int(documents), 0)

    def begin(self, generation: int, before: int) -> None:
        with self._writing, self._transaction() as session:
            for table in _TABLES:
                session.execute(f"DROP TABLE IF EXISTS {table}")
            session.execute(_SCHEMA)
            facts = {"form": FORM, "generation": generation, "mark": 0, "before": before}
            for name, value in {**facts, "top": ORIGIN, "bottom": ORIGIN - 1}.items():
                session.execute("INSERT INTO search_facts VALUES (%s, %s)", (name, value))

    def taken(self, run_id: int) -> bool:
        found = self._opened.execute(
            "SELECT EXISTS (SELECT 1 FROM search_documents WHERE run_id = %s)"
            " AND NOT EXISTS (SELECT 1 FROM search_progress WHERE run_id = %s)",
            (run_id, run_id),
        )
        return bool(found.fetchone()[0])

    def progress(self, run_id: int) -> bytes | None:
        found = self._opened.execute(
            "SELECT buckets FROM search_progress WHERE run_id = %s", (run_id,)
        ).fetchone()
        return bytes(found[0]) if found else None

    def rewrites(self, at_most: int) -> list[int]:
        return []

    def compact(self) -> bool:
        return False  # what is deleted is gone; the server vacuums

    def size_bytes(self) -> int:
        with self._asking:
            try:
                found = self._asked().execute(
                    "SELECT " + " + ".join(f"pg_total_relation_size('{table}')::bigint" for table in _TABLES)
                )
            except pg.UndefinedTable:
                return 0
            return int(found.fetchone()[0])

    # ---- changes

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        session = self._opened
        session.execute("BEGIN")
        try:
            yield session
            session.execute("COMMIT")
        except BaseException:
            if not session.lost and not session.idle:
                session.execute("ROLLBACK")
            raise

    def apply(self, changes: Changes) -> int:
        with self._writing, self._transaction() as session:
            facts = dict(session.execute("SELECT name, value FROM search_facts FOR UPDATE").fetchall())
            for run_id in changes.dropped:
                session.execute("DELETE FROM search_documents WHERE run_id = %s", (run_id,))
                session.execute("DELETE FROM search_progress WHERE run_id = %s", (run_id,))
            rows = []
            for entry in changes.entries:
                if entry.old:
                    number, facts["bottom"] = facts["bottom"], facts["bottom"] - 1
                else:
                    number, facts["top"] = facts["top"], facts["top"] + 1
                era = number >> ERA_BITS
                tokens = [of_era(token, era) for token in entry.tokens]
                rows.append((number, entry.run_id, packed(entry.parts), tokens))
            if rows:
                session.executemany("INSERT INTO search_documents VALUES (%s, %s, %s, %s::int[])", rows)
            for run_id, buckets in changes.progress.items():
                session.execute("DELETE FROM search_progress WHERE run_id = %s", (run_id,))
                if buckets is not None:
                    session.execute("INSERT INTO search_progress VALUES (%s, %s)", (run_id, buckets))
            facts["mark"] += 1
            if changes.before is not None:
                facts["before"] = changes.before
            for name, value in facts.items():
                session.execute("UPDATE search_facts SET value = %s WHERE name = %s", (value, name))
            return int(facts["mark"])

    # ---- asking

    def find(self, query: Query, before: int, at_most: int) -> Sequence[Document]:
        found: list[Document] = []
        with self._asking:
            try:
                session = self._asked()
                ends = session.execute("SELECT min(id), max(id) FROM search_documents").fetchone()
                if ends is None or ends[0] is None:
                    return []
                last = ends[0] >> ERA_BITS
                era = min(before - 1, ends[1]) >> ERA_BITS
                many = 1
                while era >= last and len(found) < at_most:
                    # Of a rare value more eras are asked at once, each time.
                    found += self._in_eras(session, query, range(era, max(era - many, last - 1), -1),
                                           before, at_most - len(found))  # fmt: skip
                    era, many = era - many, min(many * 4, 16)
            except pg.UndefinedTable:
                return []
            except psycopg.OperationalError:
                self._reader = None
                raise
        return found

    def _in_eras(
        self, session: Session, query: Query, eras: range, before: int, at_most: int
    ) -> list[Document]:
        conditions: list[str] = []
        values: list[list[int]] = []
        if query.whole is not None:
            conditions.append("tokens && %s::int[]")
            values.append([of_era(query.whole, era) for era in eras])
        if query.words:
            for era in eras:
                conditions.append("tokens @> %s::int[]")
                values.append([of_era(word, era) for word in query.words])
        rows = session.execute(
            f"SELECT id, run_id, parts FROM search_documents WHERE ({' OR '.join(conditions)})"  # noqa: S608
            " AND id < %s ORDER BY id DESC LIMIT %s",
            (*values, before, at_most),
        ).fetchall()
        return [Document(row[0], row[1], unpacked(bytes(row[2]))) for row in rows]
