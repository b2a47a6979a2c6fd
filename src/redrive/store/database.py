"""The port of the record store: how a database is opened, read, written, watched, migrated and locked.

Two implementations, `store.sqlite` and `store.postgres`, with one meaning: writing transactions
come one after the other, also those of different processes, and each sees all that came before.
"""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from redrive.errors import Fault, RedriveError
from redrive.store.lock import RunnerLock
from redrive.store.statements import Dialect, Statement, compiled_once
from redrive.store.texts import storable

T = TypeVar("T")

SCHEMA = "0001"
"""The newest migration. A store that says otherwise is migrated, or refused where it is newer."""

READERS = 2


class Connection(Protocol):
    """What the store needs of a driver's connection (`sqlite3` has it as it is)."""

    def execute(self, text: str, parameters: Any = ..., /) -> Any: ...

    def executemany(self, text: str, rows: Any, /) -> Any: ...

    def close(self) -> None: ...


class Watch(Protocol):
    """Tells whether something was committed."""

    def version(self) -> int:
        """A number that changes when another connection has committed something. Never waits."""

    def close(self) -> None: ...


class Database(ABC):
    """One database of records. `str` names it, without its password."""

    dialect: ClassVar[Dialect]
    begin_read: ClassVar[str]
    begin_write: str
    errors: type[Exception]
    """What the driver raises."""
    fatal: tuple[type[Exception], ...]
    """What says that a whole transaction failed, not one piece of work in it."""

    remedy: ClassVar[str]
    """What a person does about `complaints`."""

    @abstractmethod
    def connect_writer(self) -> Connection:
        """A connection whose COMMIT is durable."""

    @abstractmethod
    def connect_reader(self, *, scans: bool = False) -> Connection:
        """`scans`: it is to read much at a time, else single rows."""

    @abstractmethod
    def commit(self, connection: Connection) -> None: ...

    @abstractmethod
    def rollback(self, connection: Connection) -> None:
        """Never fails: a connection that cannot is about to be given up."""

    @abstractmethod
    def error(self, error: Exception) -> RedriveError:
        """The driver's error in our words."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether a home has its records here. Errors: `home.unusable` where somebody else has."""

    def lost(self, connection: Connection) -> bool:
        """Whether a reading connection went away; it comes back by itself when a transaction begins."""
        return False

    @abstractmethod
    def watch(self) -> Watch: ...

    @abstractmethod
    def runner_lock(self) -> RunnerLock: ...

    @abstractmethod
    def migrate(self) -> Path | None:
        """Bring it to `SCHEMA`, before anything else is opened. The path of the copy that was made of
        an existing one, where one was.

        Errors: `home.newer` where a newer release has written it, `home.unusable` where it is not
        ours: nothing is changed.
        """

    @abstractmethod
    def rewrite(self, connection: Connection) -> None:
        """Write everything anew, without what was deleted. Needs as much room as the records take;
        nobody writes meanwhile. In no transaction.
        """

    @abstractmethod
    def empty_log(self, connection: Connection) -> bool:
        """Take what was deleted out of the log too, as far as that is in our hands. False while somebody
        still reads an older state.
        """

    @abstractmethod
    def complaints(self, rows: Rows) -> list[str]:
        """What is wrong with it, as far as it can tell itself; for `doctor`."""

    @abstractmethod
    def size_bytes(self, rows: Rows) -> int: ...


class Rows:
    """A reading connection inside one `Reader.run`: every statement sees the same snapshot."""

    __slots__ = ("_connection", "dialect")

    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self.dialect = dialect

    def all(self, statement: Statement, **parameters: Any) -> list[tuple[Any, ...]]:
        compiled = statement.on(self.dialect)
        found: list[tuple[Any, ...]] = self._execute(compiled.text, compiled.row(parameters)).fetchall()
        return found

    def one(self, statement: Statement, **parameters: Any) -> tuple[Any, ...] | None:
        compiled = statement.on(self.dialect)
        found: tuple[Any, ...] | None = self._execute(compiled.text, compiled.row(parameters)).fetchone()
        return found

    def query(self, expression: Any) -> list[tuple[Any, ...]]:
        """A Core select made for this one call (lists with filters)."""
        found: list[tuple[Any, ...]] = self._execute(*compiled_once(expression, self.dialect)).fetchall()
        return found

    def _execute(self, text: str, row: tuple[Any, ...]) -> Any:
        try:
            return self._connection.execute(text, row)
        except UnicodeEncodeError:
            return self._connection.execute(text, fit(row))


def fit(row: Sequence[Any]) -> tuple[Any, ...]:
    """The row with every text in it as a database can hold it."""
    return tuple([storable(value) if isinstance(value, str) else value for value in row])


class Reader:
    """Reads off the event loop: a few threads with a connection each."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._local = threading.local()
        self._guard = threading.Lock()
        self._all: list[Connection] = []
        self._reading: list[Connection] = []
        self._closed = False
        self._watch: Watch | None = None
        self._pool = ThreadPoolExecutor(READERS, "redrive-reader", initializer=self._scans)

    def _scans(self) -> None:
        self._local.scans = True

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self.database.connect_reader(
                scans=getattr(self._local, "scans", False)
            )
            with self._guard:
                self._all.append(connection)
        return connection

    @contextmanager
    def _in_use(self) -> Iterator[Connection]:
        """A connection that `close` leaves to its thread: a driver may crash where one is closed under a
        statement.
        """
        connection = self._connection()
        with self._guard:
            self._reading.append(connection)
        try:
            if self._closed:
                raise Fault("the store is closed", code="store.closed")
            yield connection
        finally:
            with self._guard:
                self._reading.remove(connection)
                left = self._closed
            if left:
                connection.close()

    def rows(self) -> Rows:
        """For single look-ups by key in the calling thread: a hop to another one costs many times
        what they do. Each statement sees the newest commit.
        """
        database = self.database
        try:
            return Rows(self._connection(), database.dialect)
        except database.errors as error:
            raise database.error(error) from error

    def here(self, function: Callable[[Rows], T]) -> T:
        """Run in the calling thread; all statements see the same commit. Where the connection is lost
        in the middle, all of it is read again, once, on a new one.
        """
        database = self.database
        try:
            with self._in_use() as connection:
                try:
                    return self._read(connection, function)
                except database.errors:
                    if not database.lost(connection):
                        raise
                    return self._read(connection, function)
        except database.errors as error:
            raise database.error(error) from error

    def look(self, function: Callable[[Rows], T]) -> T:
        """As `here`, but each statement sees the newest commit: two of them may see two."""
        database = self.database
        try:
            return function(Rows(self._connection(), database.dialect))
        except database.errors as error:
            raise database.error(error) from error

    def _read(self, connection: Connection, function: Callable[[Rows], T]) -> T:
        connection.execute(self.database.begin_read)
        try:
            return function(Rows(connection, self.database.dialect))
        finally:
            connection.execute("COMMIT")

    def data_version(self) -> int:
        """A number that changes when another connection has committed something."""
        if self._watch is None:
            self._watch = self.database.watch()
        return self._watch.version()

    async def run(self, function: Callable[[Rows], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.here, function)

    def close(self) -> None:
        """What another thread reads at this moment it reads to its end."""
        self._pool.shutdown(wait=True)
        if self._watch is not None:
            self._watch.close()
        with self._guard:
            self._closed = True
            idle = [one for one in self._all if one not in self._reading]
        for connection in idle:
            connection.close()
