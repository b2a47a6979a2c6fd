"""What a process on PostgreSQL watches: whether anything was committed, and its runner lock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import psycopg

from redrive.errors import Fault, RedriveError
from redrive.store.lock import RunnerLock
from redrive.store.postgres_session import Session

POLL_S: Final = 0.1
_SNAPSHOT: Final = "SELECT pg_current_snapshot()::text"


class SnapshotWatch:
    """Asks in a thread of its own which transactions have ended; the answer changes with every commit.

    Not LISTEN and NOTIFY: a notification makes all commits of the server queue at one lock, and would
    wake this process for each commit of its own.
    """

    def __init__(self, connect: Callable[[], Session]) -> None:
        self._session = connect()
        self._seen = self._snapshot()
        self._version = 1
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._main, name="redrive-watch", daemon=True)
        self._thread.start()

    def _snapshot(self) -> str:
        found: str = self._session.execute(_SNAPSHOT, ()).fetchone()[0]
        return found

    def version(self) -> int:
        return self._version

    def _main(self) -> None:
        while not self._closing.wait(POLL_S):
            try:
                seen = self._snapshot()
            except psycopg.Error:
                continue  # the session opens itself anew; who writes or executes says what is wrong
            if seen != self._seen:
                self._seen = seen
                self._version += 1

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self._session.close()


class PostgresRunnerLock(RunnerLock):
    """An advisory lock of a session: gone with the session, so a thread looks after it.

    A second one tells that the holder serves (`redrive up`), to whoever asks.
    """

    def __init__(
        self,
        connect: Callable[[], Session],
        keys: tuple[int, int],
        told: Callable[[Exception], RedriveError],
    ) -> None:
        super().__init__()
        self._connect = connect
        self._key, self._served_key = keys
        self._told = told
        self._session: Session | None = None
        self._held = False
        self._released = threading.Event()
        self._thread: threading.Thread | None = None

    def _ask(self, text: str) -> bool:
        try:
            if self._session is None or self._session.lost:
                self._session = self._connect()
            return bool(self._session.execute(text, ()).fetchone()[0])
        except psycopg.Error as error:
            raise self._told(error) from error

    def acquire(self, *, serve: bool = False) -> bool:
        if not self._ask(f"SELECT pg_try_advisory_lock({self._key})"):
            return False
        if serve:
            self._ask(f"SELECT pg_try_advisory_lock({self._served_key})")
        self._held = True
        self._released.clear()
        self._thread = threading.Thread(target=self._look_after, name="redrive-lock", daemon=True)
        self._thread.start()
        return True

    def _look_after(self) -> None:
        session = self._session
        assert session is not None
        while not self._released.wait(POLL_S):
            try:
                session.execute("SELECT 1", ())
            except psycopg.Error as error:
                if not self._released.is_set():
                    self._held = False
                    cause = self._told(error)
                    self.on_lost(
                        Fault(
                            f"the runner lock is lost: {cause.detail}",
                            code="store.lock_lost",
                            hint="Unfinished runs go on with the process that has the lock next:"
                            " start this one again when the server is back.",
                        )
                    )
                return

    def release(self) -> None:
        self._released.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if not self._held:
            return
        self._held = False
        assert self._session is not None
        try:
            self._session.execute("SELECT pg_advisory_unlock_all()")
        except psycopg.Error:
            self._session.close()  # the lock went with the session

    @property
    def held(self) -> bool:
        return self._held

    def served(self) -> bool:
        if not self._ask(f"SELECT pg_try_advisory_lock({self._served_key})"):
            return True
        self._ask(f"SELECT pg_advisory_unlock({self._served_key})")
        return False

    def close(self) -> None:
        self.release()
        if self._session is not None:
            self._session.close()
            self._session = None
