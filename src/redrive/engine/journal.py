"""What one run has to write, in order, through the committer.

The run fills the journal and goes on; `flush` hands all of it over as one piece of work. Order is
kept, so whatever is durable is a prefix of what happened, and a claim before a send is at the
same time the barrier that makes everything before it durable.

Every piece is conditional on the run's epoch: an execution that was given up writes nothing
(`LeaseLost`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
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

Write = tuple[Insert, tuple[Any, ...]]


class Commits(Protocol):
    """What the journal needs of a committer."""

    def submit(
        self, function: Callable[[Transaction], Any], *, within_s: float = 0.0
    ) -> asyncio.Future[Any]: ...


class Journal:
    """One per execution of a run. Not shared between tasks."""

    def __init__(self, committer: Commits, run: Run, changed: Callable[[Run], None]) -> None:
        self._committer = committer
        self._changed = changed
        self.run = run
        self._stored_epoch = run.epoch
        self._writes: list[Write] = []
        self._steps: dict[int, StepRun] = {}
        self._work: list[Callable[[Transaction], None]] = []
        self._run_dirty = False
        self._bytes = 0
        self._in_flight: deque[asyncio.Future[None]] = deque()
        self._error: BaseException | None = None
        self._log_sequence = run.epoch << 32

    # ---- filling

    def add(self, insert: Insert, values: tuple[Any, ...]) -> None:
        self._writes.append((insert, values))

    def content(self, content: StoredContent) -> None:
        """The rows of a content that something in this journal refers to."""
        if pins := content.pins:  # and not the content, which may hold its bytes
            self.work(lambda transaction: pin(transaction, pins))
        for values in content.rows:
            self._writes.append((INSERT_CONTENT, values))
            self._bytes += len(values[3] or b"")

    def payload(self, payload: PayloadRow, content: StoredContent) -> None:
        self.content(content)
        self._writes.append((store.INSERT_PAYLOAD, row(payload)))

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
        self._seal()
        self._work.append(function)

    def _seal(self) -> None:
        if self._writes:
            writes, self._writes = self._writes, []
            self._bytes = 0
            self._work.append(lambda transaction: _insert_all(transaction, writes))

    # ---- handing over

    @property
    def full(self) -> bool:
        """Enough to be worth a flush, so that memory stays bounded."""
        return len(self._writes) > MAX_ROWS or self._bytes > MAX_BYTES

    def flush(self, within_s: float = 0.0) -> asyncio.Future[None]:
        """Hand over what there is, to be durable `within_s` (0: at once). The future ends when it
        is.
        """
        self._seal()
        run = self.run
        work, self._work = self._work, []
        steps = [row(step) for step in self._steps.values()]
        self._steps.clear()
        old_epoch, new_epoch = self._stored_epoch, run.epoch
        update = self._update() if self._run_dirty else None
        self._stored_epoch = run.epoch
        self._run_dirty = False

        def apply(transaction: Transaction) -> None:
            if update is not None:
                if not transaction.run(store.UPDATE_RUN, run_id=run.id, old_epoch=old_epoch, **update):
                    raise LeaseLost(f"run {run.id} was taken over by another worker")
                transaction.epochs[run.id] = new_epoch
            else:
                if run.id not in transaction.epochs:
                    found = transaction.one(store.EPOCH, run_id=run.id)
                    transaction.epochs[run.id] = found[0] if found is not None else None
                if transaction.epochs[run.id] != old_epoch:
                    raise LeaseLost(f"run {run.id} was taken over by another worker")
            for function in work:
                function(transaction)
            transaction.insert_many(store.PUT_STEP_RUN, steps)

        future = self._committer.submit(apply, within_s=within_s)
        self._in_flight.append(future)
        future.add_done_callback(self._done)
        if update is not None:
            self._changed(run)
        return future

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

    def _done(self, future: asyncio.Future[None]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            self._error = self._error or error

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
        future = self.flush()
        self._in_flight.clear()
        await _wait(future)
        self.check()


async def _wait(future: asyncio.Future[None]) -> None:
    try:
        await asyncio.shield(future)
    except RedriveError:
        return  # `check` reports it


def _insert_all(transaction: Transaction, writes: list[Write]) -> None:
    for insert, values in writes:
        transaction.insert(insert, values)


def as_json(value: Any) -> bytes:
    """A record as JSON, as the store keeps it."""
    return msgspec.json.encode(value)
