"""What is kept and what goes, as people ask for it: a look, a pass, pins, and deleting by hand."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from filelock import FileLock, Timeout

from redrive.core.counting import counted
from redrive.core.ids import lowest_at, to_text
from redrive.core.retention import Limit
from redrive.core.run import ENDED
from redrive.engine import retention as engine
from redrive.engine import retention_rules as rules
from redrive.engine.clock import Leaps, instant
from redrive.errors import ConfirmationNeeded, RedriveError, StateConflict, UsageError
from redrive.log import get_logger
from redrive.service.cursors import storable
from redrive.service.kept_views import (
    Deleted,
    DeleteRequest,
    FlowRetention,
    LimitView,
    RetentionPlan,
    RetentionResult,
)
from redrive.service.kernel import Kernel, number_of, unknown
from redrive.service.views import RunRow
from redrive.store import audit, loose
from redrive.store import retention as store
from redrive.store import runs as run_store
from redrive.store.committer import Transaction
from redrive.store.database import Rows

LOCK = "retention.lock"
LAST = "retention.at"
AUDIT_LINES: Final = 1_000
MAX_RUNS = 10_000
"""Runs that are deleted by one request."""
LOOK_S = 60.0

_log = get_logger(__name__)


class Retention:
    """Implements `redrive.service.interface.Retention`. `row_of` gives the run log's row of a run."""

    def __init__(self, kernel: Kernel, row_of: Callable[[int], Awaitable[RunRow]]) -> None:
        self._kernel = kernel
        self._row_of = row_of
        self._engine = engine.Retention(kernel.deps, kernel.blobs)

    async def plan(self) -> RetentionPlan:
        """What the next pass would take away of each flow's runs. Changes nothing."""
        found = await self._engine.plan()
        last = await self._last()
        return RetentionPlan(
            flows=[_flow_view(one) for one in found],
            every_s=self._kernel.deps.settings.retention_every_s,
            last_at=instant(last) if last is not None else None,
        )

    async def run(self, *, compact: bool = False) -> RetentionResult:
        """One pass now. `compact` then writes the database anew, so that its file shrinks: nothing else
        is written meanwhile.

        Errors: `retention.busy` while another pass is under way.
        """
        async with self._alone():
            counts = await self._engine.run()
            await self._forget_audit()
            now = self._kernel.deps.clock.micros()
            await self._kernel.write(lambda tx: loose.put_fact(tx, LAST, b"%d" % now))
            if compact:
                await self._engine.compact()
        return RetentionResult(
            expired=counts.expired,
            deleted=counts.deleted,
            waiting=counts.waiting,
            uploads=counts.uploads,
            start_keys=counts.start_keys,
            contents=counts.contents,
            size_bytes=counts.size_bytes,
            objects=counts.objects,
            compacted=compact,
        )

    async def _forget_audit(self) -> None:
        """Lines of the audit log have a time of their own; nothing else takes one away."""
        days = self._kernel.deps.settings.keep_audit_days
        if not days:
            return
        oldest_ms = self._kernel.deps.clock.micros() // 1000 - int(days * 86_400_000)
        forget = partial(audit.forget, before=lowest_at(oldest_ms), at_most=AUDIT_LINES)
        while await self._kernel.write(forget) == AUDIT_LINES:
            pass  # others write in between: each piece is a transaction of its own

    async def pin(self, run_id: str, pinned: bool) -> RunRow:
        """Keep a run whatever the rules say, or no longer. Errors: `run.unknown`, `run.expired`."""
        number = number_of("r", run_id, "run")

        def work(transaction: Transaction) -> None:
            found = store.look(transaction, number)
            if found is None:
                raise unknown("run", run_id)
            if pinned and found.retention == store.DELETING:
                raise StateConflict(f"run {run_id} is being deleted", code="run.expired", at=run_id)
            if found.pinned != pinned:
                store.set_pinned(transaction, number, pinned=pinned)
                self._kernel.audit(transaction, "run.pin" if pinned else "run.unpin", run_id)

        await self._kernel.write(work)
        return await self._row_of(number)

    async def delete(self, request: DeleteRequest) -> Deleted:
        """Delete runs with all that belongs to them. Deliveries stay, so that nothing is sent again; so
        do payloads that a later run of the same lineage needs.

        Errors: `run.unknown`, `run.unfinished`, `run.pinned`, `delivery.open`; then nothing is deleted.
        `confirmation.needed`.
        """
        numbers = list(dict.fromkeys(number_of("r", text, "run") for text in request.runs))
        if not numbers or len(numbers) > MAX_RUNS:
            raise UsageError(
                "no run is named" if not numbers else f"more than {MAX_RUNS} runs are named",
                code="runs.missing" if not numbers else "runs.too_many",
                at="runs",
                hint="`redrive runs` lists them.",
            )
        if not storable(request.reason):
            raise UsageError("the reason is not text", code="reason.invalid", at="reason")
        weight = 0
        for number in numbers:
            weight += await self._kernel.deps.reader.run(lambda rows, number=number: _weight(rows, number))  # type: ignore[misc]
        if not request.confirm:
            raise ConfirmationNeeded(
                f"{counted(len(numbers), 'run')} with logs and payloads ({counted(weight, 'byte')}) would be "
                "deleted for good",
                hint="Confirm with --yes.",
            )

        def work(transaction: Transaction) -> None:
            for number in numbers:
                self._kernel.audit(transaction, "run.delete", to_text("r", number), reason=request.reason)

        await self._kernel.write(work)
        counts = rules.Counts()
        for number in numbers:
            await self._engine.take(number, "delete", counts)
        with contextlib.suppress(StateConflict):  # else the pass that is under way, or the next, does it
            async with self._alone():
                await self._engine.sweep(counts)
        return Deleted(runs=[to_text("r", number) for number in numbers], size_bytes=weight)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Of this home no other pass is under way."""
        lock = FileLock(self._kernel.home / LOCK)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise StateConflict(
                "a retention of this home is under way already",
                code="retention.busy",
                hint="Wait for its end; `redrive retention --dry-run` shows what is left.",
            ) from None
        try:
            yield
        finally:
            lock.release()

    # ---- in the background

    async def main(self) -> None:
        """Passes as often as the settings say, by the home's clock, until it is cancelled."""
        every = self._kernel.deps.settings.retention_every_s
        leaps = Leaps(self._kernel.deps.clock)
        while every:
            await asyncio.sleep(min(every, LOOK_S))
            last = await self._last()
            now = self._kernel.deps.clock.micros()
            if leaps.holds():
                continue
            # A clock that was set back must not put the next pass off.
            if last is not None and last <= now < last + int(every * 1_000_000):
                continue
            try:
                result = await self.run()
            except StateConflict:
                continue
            except RedriveError as error:
                _log.error("retention.failed", code=error.code, detail=error.detail)
                continue
            except Exception as error:  # noqa: BLE001 - runs go on, and so does the next pass
                _log.error("retention.crashed", error=error)
                continue
            if result.expired or result.deleted or result.contents:
                _log.info("retention.done", **result.model_dump())

    async def _last(self) -> int | None:
        found = await self._kernel.deps.reader.run(lambda rows: loose.fact(rows, LAST))
        return int(found) if found is not None else None


def _weight(rows: Rows, number: int) -> int:
    """Errors: what stands in the way of deleting a run."""
    run = run_store.get_run(rows, number)
    text = to_text("r", number)
    if run is None:
        raise unknown("run", text)
    if run.status not in ENDED or run.finished_at is None:
        raise StateConflict(
            f"run {text} is {run.status}: it has not ended",
            code="run.unfinished",
            at=text,
            hint="Wait for its end, or stop it first.",
        )
    if run.pinned:
        raise StateConflict(
            f"run {text} is pinned", code="run.pinned", at=text, hint=f"`redrive unpin {text}` first."
        )
    if store.has_open_delivery(rows, number):
        raise StateConflict(
            f"run {text} has deliveries of which nobody knows whether they arrived",
            code="delivery.open",
            at=text,
            hint="`redrive deliveries --status unknown` lists them, `redrive resolve` settles one.",
        )
    return store.weight(rows, number)


def _flow_view(found: rules.FlowCounts) -> FlowRetention:
    keep, counts = found.keep, found.counts
    return FlowRetention(
        flow=found.flow,
        payloads_success=_limit(keep.payloads.success),
        payloads_failure=_limit(keep.payloads.failure),
        runs_success=_limit(keep.runs.success),
        runs_failure=_limit(keep.runs.failure),
        expire=counts.expired,
        delete=counts.deleted,
        waiting=counts.waiting,
        size_bytes=counts.weight,
    )


def _limit(limit: Limit) -> LimitView:
    def bound(value: float | None) -> float | None:
        return None if value is None or math.isinf(value) else value

    age, count, size = bound(limit.age_s), bound(limit.count), bound(limit.size_bytes)
    return LimitView(
        days=age / 86_400 if age is not None else None,
        count=int(count) if count is not None else None,
        size_bytes=int(size) if size is not None else None,
    )


async def ended(task: asyncio.Task[None]) -> None:
    """Cancel a background task and wait for its end."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
