"""What one run has to write, in order, through the committer.

The run fills the journal and goes on; `flush` hands all of it over as one piece of work. Order is
kept, so whatever is durable is a prefix of what happened, and a claim before a send is at the
same time the barrier that makes everything before it durable. As long as a piece waits for company,
what comes next joins it (`soon`): most step records are written once, as they are at the end.

Every piece is conditional on the run's epoch: an execution that was given up writes nothing
(`LeaseLost`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Any, Protocol

import msgspec

from redrive.core.jsonvalue import encode
from redrive.core.run import PayloadRow, Run, StepRun
from redrive.engine.contents import StoredContent
from redrive.errors import LeaseLost, RedriveError
from redrive.store import runs as store
from redrive.store.committer import Transaction
from redrive.store.contents import INSERT_CONTENT, pin
from redrive.store.statements import Insert, row

MAX_IN_FLIGHT = 8
MAX_ROWS = 500
MAX_BYTES = 4 << 20

Written = dict[Insert, list[tuple[Any, ...]]]
Work = Callable[[Transaction], None]


class Commits(Protocol):
    """What the journal needs of a committer."""

    def submit(
        self, function: Callable[[Transaction], Any], *, within_s: float = 0.0
    ) -> asyncio.Future[Any]: ...

    def hasten(self, within_s: float = 0.0) -> None:
        """What waits for company is committed within that time."""


class _Piece:
    """What is handed over together, and may grow until it is applied. `update` is that of the run's own
    record, where it has changed.
    """

    __slots__ = (
        "bytes",
        "contents",
        "epoch",
        "future",
        "lock",
        "old_epoch",
        "rows",
        "run_id",
        "steps",
        "taken",
        "update",
        "work",
    )

    def __init__(self, run_id: int, epoch: int) -> None:
        self.run_id = run_id
        self.old_epoch = self.epoch = epoch
        self.update: dict[str, Any] | None = None
        self.work: list[Written | Work] = []
        self.steps: dict[int, tuple[Any, ...]] = {}
        self.contents: set[bytes] = set()
        self.rows = self.bytes = 0
        self.lock = Lock()
        self.taken = False
        self.future: asyncio.Future[None] | None = None

    @property
    def grows(self) -> bool:
        """Whether more may join. Only under its lock."""
        return not (self.taken or self.rows > MAX_ROWS or self.bytes > MAX_BYTES)

    def apply(self, transaction: Transaction) -> None:
        with self.lock:
            self.taken = True
        epochs, run_id = transaction.epochs, self.run_id
        if self.update is not None:
            if not transaction.run(store.UPDATE_RUN, run_id=run_id, old_epoch=self.old_epoch, **self.update):
                raise LeaseLost(f"run {run_id} was taken over by another worker")
            epochs[run_id] = self.epoch
        else:
            if run_id not in epochs:
                found = transaction.one(store.EPOCH, run_id=run_id)
                epochs[run_id] = found[0] if found is not None else None
            if epochs[run_id] != self.old_epoch:
                raise LeaseLost(f"run {run_id} was taken over by another worker")
        for one in self.work:
            if isinstance(one, dict):
                for insert, rows in one.items():
                    transaction.insert_many(insert, rows)
            else:
                one(transaction)
        if self.steps:
            transaction.insert_many(store.PUT_STEP_RUN, self.steps.values())

    def add(self, work: list[Written | Work]) -> None:
        """Each content once: several records may refer to one, and ranges bring theirs along."""
        known, mine = self.contents, self.work
        for one in work:
            if not isinstance(one, dict):
                mine.append(one)
                continue
            if (contents := one.get(INSERT_CONTENT)) is not None:
                one[INSERT_CONTENT] = fresh = []
                for values in contents:
                    if values[0] not in known:
                        known.add(values[0])
                        fresh.append(values)
            if not (mine and isinstance(last := mine[-1], dict)):
                mine.append(one)
                continue
            for insert, rows in one.items():
                last.setdefault(insert, []).extend(rows)


class Journal:
    """One per execution of a run. Not shared between tasks."""

    def __init__(self, committer: Commits, run: Run, changed: Callable[[Run], None]) -> None:
        """`changed` is told when a change of the run's own record has been committed."""
        self._committer = committer
        self._changed = changed
        self.run = run
        self._stored_epoch = run.epoch
        self._work: list[Written | Work] = []
        self._written: Written | None = None
        self._rows = self._bytes = 0
        self._steps: dict[int, StepRun] = {}
        self._run_dirty = False
        self._last: _Piece | None = None
        self._in_flight: deque[asyncio.Future[None]] = deque()
        self._error: BaseException | None = None
        self._log_sequence = run.epoch << 32

    # ---- filling

    def add(self, insert: Insert, values: tuple[Any, ...]) -> None:
        written = self._written
        if written is None:
            written = self._written = {}
            self._work.append(written)
        self._rows += 1
        rows = written.get(insert)
        if rows is None:
            written[insert] = [values]
        else:
            rows.append(values)

    def content(self, content: StoredContent) -> None:
        """The rows of a content that something in this journal refers to."""
        if pins := content.pins:  # and not the content, which may hold its bytes
            self.work(lambda transaction: pin(transaction, pins))
        for values in content.rows:
            self.add(INSERT_CONTENT, values)
            self._bytes += len(values[3] or b"")

    def payload(self, payload: PayloadRow, content: StoredContent) -> None:
        self.content(content)
        self.add(store.INSERT_PAYLOAD, row(payload))

    def step(self, step: StepRun) -> None:
        """The state of a step run as it is when the journal is flushed."""
        self._steps[step.position] = step

    def run_changed(self) -> None:
        self._run_dirty = True

    def log(
        self, position: int, at: int, level: str, message: str, data: dict[str, Any] | None = None
    ) -> None:
        self._log_sequence += 1
        packed = encode(data) if data else None
        self.add(store.INSERT_LOG, (self.run.id, self._log_sequence, position, at, level, message, packed))

    def work(self, function: Callable[[Transaction], None]) -> None:
        """Something that has to look before it writes. It comes after the rows added so far and
        must be repeatable.
        """
        self._written = None
        self._work.append(function)

    # ---- handing over

    @property
    def full(self) -> bool:
        """Enough to be worth a flush, so that memory stays bounded."""
        return self._rows > MAX_ROWS or self._bytes > MAX_BYTES

    def flush(self, within_s: float = 0.0) -> asyncio.Future[None]:
        """Hand over what there is, to be durable `within_s` (0: at once). The future ends when it
        is.
        """
        piece = _Piece(self.run.id, self._stored_epoch)
        self._fill(piece)
        future = piece.future = self._committer.submit(piece.apply, within_s=within_s)
        if future.done():
            # The store has stopped: callbacks come with the next turn of the loop, and nobody may get one.
            self._done(piece, future)
            return future
        future.add_done_callback(partial(self._done, piece))
        self._last = piece
        self._in_flight.append(future)
        return future

    def soon(self, within_s: float) -> asyncio.Future[None]:
        """As `flush`, together with what was handed over before and still waits."""
        piece = self._last
        if piece is not None and piece.future is not None and not piece.future.done():
            with piece.lock:
                joins = piece.grows
                if joins:
                    self._fill(piece)
            if joins:
                self._committer.hasten(within_s)
                return piece.future
        return self.flush(within_s)

    def _fill(self, piece: _Piece) -> None:
        if self._work:
            piece.add(self._work)
            piece.rows += self._rows
            piece.bytes += self._bytes
            self._work, self._written = [], None
            self._rows = self._bytes = 0
        for position, step in self._steps.items():
            piece.steps[position] = row(step)
        self._steps.clear()
        if self._run_dirty:
            piece.update = self._update()
            self._run_dirty = False
        piece.epoch = self._stored_epoch = self.run.epoch

    def _update(self) -> dict[str, Any]:
        run = self.run
        return {
            "b_status": run.status,
            "b_epoch": run.epoch,
            "b_losses": run.losses,
            "b_started_at": run.started_at,
            "b_finished_at": run.finished_at,
            "b_warnings": run.warnings,
            "b_summary": run.summary,
            "b_clock": run.clock,
            "b_connectors": run.connectors,
        }

    def _done(self, piece: _Piece, future: asyncio.Future[None]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            self._error = self._error or error
        if piece.update is not None:
            self._changed(self.run)

    def check(self) -> None:
        """Raise what went wrong with an earlier flush, if anything did."""
        if self._error is not None:
            raise self._error

    async def pace(self) -> None:
        """Wait while too much is under way; memory and the loss at a crash stay bounded."""
        self.check()
        while self._in_flight and (self._in_flight[0].done() or len(self._in_flight) > MAX_IN_FLIGHT):
            future = self._in_flight.popleft()
            if not future.done():
                await _wait(future)
            self.check()

    async def barrier(self) -> None:
        """Flush, and wait until all of it is durable."""
        future = self.soon(0.0)
        self._in_flight.clear()
        await _wait(future)
        self.check()


async def _wait(future: asyncio.Future[None]) -> None:
    try:
        await asyncio.shield(future)
    except RedriveError:
        return  # `check` reports it


def as_json(value: Any) -> bytes:
    """A record as JSON, as the store keeps it."""
    return msgspec.json.encode(value)
