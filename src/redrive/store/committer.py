"""Group commit: one thread, one write connection, one transaction for all that waits.

Work is a function of a `Transaction`. Whatever has been submitted when the thread becomes free
is applied in the order of submission and committed together; nobody is answered before COMMIT
has returned. There is no delay: a single waiter pays for one commit, many share one.

Work that nobody waits for yet may say how long it can wait for company (`within_s`): it rides
along with the next group, or is committed alone when that time is over.

If one piece of work fails, the group is rolled back and each piece is applied again in a
transaction of its own, so only its author gets the error: work must therefore be repeatable.
A failed COMMIT, an I/O error or a lost connection ends the committer (`Fault`): the process has to
open the store anew, because what it holds is not known any more.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar, cast

from redrive.errors import Fault, RedriveError, StoreBusy
from redrive.log import get_logger
from redrive.store.database import Connection, Database, fit
from redrive.store.statements import Dialect, Insert, Statement

T = TypeVar("T")

_log = get_logger(__name__)

MAX_GROUP = 512
LINGER_S = 0.05
"""So long after a commit the thread looks by itself for what can wait: most such work need not wake it."""


class Transaction:
    """The write side of the store inside one group. Inserts are buffered per table.

    `epochs` is what the group knows of the runs it writes for: one read for all pieces of a run,
    and buffers that are not sent before each of them.
    """

    __slots__ = ("_buffer", "_connection", "after_commit", "dialect", "epochs")

    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self._connection = connection
        self.dialect = dialect
        self._buffer: dict[Insert, list[tuple[Any, ...]]] = {}
        self.after_commit: list[Callable[[], None]] = []
        self.epochs: dict[int, int | None] = {}

    def insert(self, statement: Insert, row: tuple[Any, ...]) -> None:
        rows = self._buffer.get(statement)
        if rows is None:
            self._buffer[statement] = [row]
        else:
            rows.append(row)

    def insert_many(self, statement: Insert, rows: Iterable[tuple[Any, ...]]) -> None:
        self._buffer.setdefault(statement, []).extend(rows)

    def flush(self) -> None:
        """Send what is buffered."""
        if self._buffer:
            buffer, self._buffer = self._buffer, {}
            for statement, rows in buffer.items():
                self._connection.executemany(statement.on(self.dialect).text, rows)

    def _before(self, statement: Statement) -> None:
        """What a statement looks at is sent before it, so that work sees what came before it. Nothing
        else: the more rows of a table go together, the less each costs.
        """
        buffer = self._buffer
        if not buffer:
            return
        tables = statement.looks_at
        if not tables:
            self.flush()
            return
        for insert in [one for one in buffer if one.table in tables]:
            self._connection.executemany(insert.on(self.dialect).text, buffer.pop(insert))

    def run(self, statement: Statement, **parameters: Any) -> int:
        """Execute; the number of rows it changed."""
        self._before(statement)
        compiled = statement.on(self.dialect)
        changed: int = self._connection.execute(compiled.text, compiled.row(parameters)).rowcount
        return changed

    def all(self, statement: Statement, **parameters: Any) -> list[tuple[Any, ...]]:
        self._before(statement)
        compiled = statement.on(self.dialect)
        found = self._connection.execute(compiled.text, compiled.row(parameters)).fetchall()
        return cast("list[tuple[Any, ...]]", found)

    def one(self, statement: Statement, **parameters: Any) -> tuple[Any, ...] | None:
        self._before(statement)
        compiled = statement.on(self.dialect)
        found = self._connection.execute(compiled.text, compiled.row(parameters)).fetchone()
        return cast("tuple[Any, ...] | None", found)


class _Fitting:
    """A connection for a group that has a text in it which the database cannot hold as it is."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, text: str, row: tuple[Any, ...] = (), /) -> Any:
        return self._connection.execute(text, fit(row))

    def executemany(self, text: str, rows: Iterable[tuple[Any, ...]], /) -> Any:
        return self._connection.executemany(text, [fit(row) for row in rows])

    def close(self) -> None:
        self._connection.close()


class _Work(Generic[T]):
    __slots__ = ("error", "function", "future", "loop", "outside", "result")

    def __init__(self, function: Callable[[Any], T], loop: asyncio.AbstractEventLoop) -> None:
        self.outside = False
        self.function = function
        self.loop = loop
        self.future: asyncio.Future[T] = loop.create_future()
        self.result: T | None = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
            # Somebody who does not wait must not make the loop complain: the committer's own
            # failure is reported through `failed`.
            self.future.exception()
        else:
            self.future.set_result(cast("T", self.result))


class Committer:
    """Owns the write connection. `submit` may be called from any event loop's thread."""

    def __init__(self, database: Database, failpoint: Callable[[str], None] = lambda _name: None) -> None:
        self._database = database
        self._failpoint = failpoint
        self._queue: deque[_Work[Any]] = deque()
        self._deadline = math.inf
        self._wake = threading.Condition()
        self._looks_at = 0.0
        self._reminding: asyncio.AbstractEventLoop | None = None
        self._closing = False
        self.failed: RedriveError | None = None
        self.on_failure: Callable[[RedriveError], None] = lambda _error: None
        self.groups = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._main, name="redrive-committer", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self.failed is not None:
            raise self.failed

    def submit(self, function: Callable[[Transaction], T], *, within_s: float = 0.0) -> asyncio.Future[T]:
        """Queue work; the future ends after COMMIT. Order of submission is order of application."""
        deadline = time.monotonic() + within_s if within_s else 0.0
        work = _Work(function, asyncio.get_running_loop())
        with self._wake:
            if self.failed is not None or self._closing:
                work.error = self.failed or Fault("the store is closed", code="store.closed")
                work.settle()
                return work.future
            self._queue.append(work)
            self._due(deadline, work.loop)
        return work.future

    def hasten(self, within_s: float = 0.0) -> None:
        """What waits for company is committed within that time."""
        deadline = time.monotonic() + within_s if within_s else 0.0
        if deadline < self._deadline:
            with self._wake:
                if self._queue:
                    self._due(deadline, asyncio.get_running_loop())

    def _due(self, deadline: float, loop: asyncio.AbstractEventLoop) -> None:
        """Have the thread begin by then. It is woken where it would not look in time, and once for all that
        this turn of the loop hands over: to wake a thread costs more than most pieces of work.
        """
        if deadline >= self._deadline:
            return
        self._deadline = deadline
        if deadline < self._looks_at and self._reminding is not loop:
            self._reminding = loop
            loop.call_soon(self._notify)

    def _notify(self) -> None:
        with self._wake:
            self._reminding = None
            self._wake.notify()

    def outside(self, function: Callable[[Connection], T]) -> asyncio.Future[T]:
        """Run something with the connection itself, in no transaction: what waits behind it waits for
        its end. Its errors are its author's.
        """
        work = _Work(function, asyncio.get_running_loop())
        work.outside = True
        with self._wake:
            if self.failed is not None or self._closing:
                work.error = self.failed or Fault("the store is closed", code="store.closed")
                work.settle()
                return work.future
            self._queue.append(work)
            self._deadline = 0.0
            self._wake.notify()
        return work.future

    def close(self) -> None:
        """Commit what waits, then end."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _next_group(self) -> list[_Work[Any]]:
        with self._wake:
            lingers = time.monotonic() + LINGER_S
            while not self._closing and (now := time.monotonic()) < self._deadline:
                self._looks_at = min(self._deadline, lingers if now < lingers else math.inf)
                self._wake.wait(None if self._looks_at == math.inf else self._looks_at - now)
            self._looks_at = 0.0
            group: list[_Work[Any]] = []
            while self._queue and len(group) < MAX_GROUP and not (group and self._queue[0].outside):
                group.append(self._queue.popleft())
                if group[-1].outside:
                    break
            self._deadline = 0.0 if self._queue else math.inf
            return group

    def _main(self) -> None:
        try:
            connection = self._database.connect_writer()
        except self._database.errors as error:
            self.failed = self._database.error(error)
            return
        except RedriveError as error:
            self.failed = error
            return
        finally:
            self._ready.set()
        try:
            while group := self._next_group():
                if group[0].outside:
                    self._answer([self._run_outside(connection, group[0])])
                    continue
                self._commit(connection, group)
                if self.failed is not None:
                    break
        finally:
            with self._wake:
                rest = list(self._queue)
                self._queue.clear()
            self._answer(rest, self.failed or Fault("the store is closed", code="store.closed"))
            connection.close()

    def _answer(self, group: list[_Work[Any]], error: RedriveError | None = None) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[_Work[Any]]] = {}
        for work in group:
            if error is not None:
                work.error = error
            by_loop.setdefault(work.loop, []).append(work)
        for loop, works in by_loop.items():
            try:
                loop.call_soon_threadsafe(_settle, works)
            except RuntimeError:
                continue  # that loop has ended: nobody waits there any more

    def _commit(self, connection: Connection, group: list[_Work[Any]]) -> None:
        database = self._database
        try:
            self._apply(connection, group)
        except database.fatal as error:
            fault = database.error(error)
            database.rollback(connection)
            if isinstance(fault, StoreBusy):
                self._answer(group, fault)
                return
            self._fail(group, fault)
            return
        except Exception:  # noqa: BLE001 - one piece of the group failed: find out which
            database.rollback(connection)
            if len(group) == 1:
                self._answer([self._alone(connection, group[0])])
                return
            for n, work in enumerate(group):
                self._answer([self._alone(connection, work)])
                if self.failed is not None:
                    self._answer(group[n + 1 :], self.failed)
                    return
            return
        self._answer(group)

    def _run_outside(self, connection: Connection, work: _Work[Any]) -> _Work[Any]:
        try:
            work.result = work.function(connection)
        except self._database.errors as error:
            work.error = self._database.error(error)
        except Exception as error:  # noqa: BLE001 - handed to its author
            work.error = error
        return work

    def _apply(self, connection: Connection, group: list[_Work[Any]]) -> None:
        self.groups += 1
        database = self._database
        try:
            transaction = self._fill(connection, connection, group)
        except UnicodeEncodeError:
            database.rollback(connection)
            transaction = self._fill(connection, _Fitting(connection), group)
        self._failpoint("commit.before")
        database.commit(connection)
        self._failpoint("commit.after")
        for function in transaction.after_commit:
            try:
                function()
            except Exception as error:  # noqa: BLE001 - what is committed must not be applied again
                _log.error("commit.after_failed", error=error)

    def _fill(self, connection: Connection, through: Connection, group: list[_Work[Any]]) -> Transaction:
        transaction = Transaction(through, self._database.dialect)
        connection.execute(self._database.begin_write)
        for work in group:
            work.result = work.function(transaction)
        transaction.flush()
        return transaction

    def _alone(self, connection: Connection, work: _Work[Any]) -> _Work[Any]:
        database = self._database
        try:
            self._apply(connection, [work])
        except database.fatal as error:
            database.rollback(connection)
            fault = database.error(error)
            work.error = fault
            if not isinstance(fault, StoreBusy):
                self._fail([], fault)
        except Exception as error:  # noqa: BLE001 - handed to its author
            database.rollback(connection)
            work.error = error
        return work

    def _fail(self, group: list[_Work[Any]], fault: RedriveError) -> None:
        with self._wake:
            self.failed = fault
        self._answer(group, fault)
        self.on_failure(fault)


def _settle(works: list[_Work[Any]]) -> None:
    for work in works:
        work.settle()
