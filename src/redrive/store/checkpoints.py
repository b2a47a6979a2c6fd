"""Moves what was committed from SQLite's log into its file, beside the commits instead of inside one of them.

A COMMIT that finds the log long copies all of it back before it returns, and whoever waits for that commit
waits for that too. Here a thread with a connection of its own does it while others write. They may be ahead
of it for ever, and then the log would only grow: once it is long, the writer copies the little that is left
itself, and begins the log anew.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from redrive.log import get_logger
from redrive.store.database import Connection

AIM_PAGES: Final = 2_000
"""So many pages of the log are copied back together: one that was written often is copied once."""
LONG_PAGES: Final = 6_000
LEAST_S: Final = 0.05
MOST_S: Final = 1.0
_CHECKPOINT: Final = "PRAGMA wal_checkpoint(PASSIVE)"

_log = get_logger(__name__)


class Checkpoints:
    """One per committer. `connect` opens its connection, in its thread."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._written = threading.Event()
        self._closing = threading.Event()
        self._working = threading.Lock()
        self._little_left = False
        self._thread = threading.Thread(target=self._main, name="redrive-checkpoints", daemon=True)
        self._thread.start()

    def wrote(self, writer: Connection) -> None:
        """Something was committed with that connection. Of its thread."""
        if self._little_left:
            self._little_left = False
            try:
                writer.execute(_CHECKPOINT)
            except sqlite3.Error as error:  # what is committed stays so
                _log.warning("store.checkpoint_failed", error=error)
        elif not self._written.is_set():
            self._written.set()

    def paused(self) -> AbstractContextManager[object]:
        """None is under way as long as this is held."""
        return self._working

    def close(self) -> None:
        self._closing.set()
        self._written.set()
        self._thread.join()

    def _main(self) -> None:
        connection: sqlite3.Connection | None = None
        pause, last, before = MOST_S, time.monotonic(), 0
        try:
            while self._wait(pause):
                try:
                    connection = connection or self._connect()
                    with self._working:
                        _, pages, _ = connection.execute(_CHECKPOINT).fetchone()
                except sqlite3.Error as error:
                    # The commit that finds the log too long tries again.
                    _log.warning("store.checkpoint_failed", error=error)
                    pause = MOST_S
                    continue
                self._little_left = pages > LONG_PAGES
                new = pages - before if pages >= before else pages
                now = time.monotonic()
                pause = min(max((now - last) * AIM_PAGES / max(new, 1), LEAST_S), MOST_S)
                last, before = now, pages
        finally:
            if connection is not None:
                connection.close()

    def _wait(self, pause: float) -> bool:
        """Until it is time again; False at the end."""
        self._written.wait()
        self._written.clear()
        return not self._closing.wait(pause)
