"""Bulk: many runs retried or redriven as one durable job, which says of each what became of it.

The record and its list of runs are committed before the first run is started. A run and its outcome are
committed together, so that nothing is started twice, whoever drives the job and wherever it was cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import msgspec
from blake3 import blake3

from redrive.core.ids import BULK, from_text, to_text
from redrive.core.jsonvalue import decode, encode
from redrive.core.run import FAILED
from redrive.engine.clock import instant
from redrive.errors import ConfirmationNeeded, Fault, NotFound, RedriveError, StateConflict, UsageError
from redrive.log import get_logger
from redrive.service import veiled
from redrive.service.actors import Actor, acting
from redrive.service.bulk_plans import Planned, plan_of
from redrive.service.bulk_views import MAX_RUNS, BulkPlan, BulkRequest, BulkRun, BulkView, RunsWhere
from redrive.service.cursors import cursor_of, page, page_size, place_of
from redrive.service.kernel import Kernel, number_of, unknown
from redrive.service.redrives import Redrives
from redrive.service.runlog import RunLog
from redrive.service.starts import require_reason
from redrive.service.veil import Veil, veil
from redrive.service.views import ErrorView, Page, RedriveRequest, RetryRequest, RunRow
from redrive.store import bulks as store
from redrive.store import runs as run_store
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.retention import MOST

PLANNED: Final = 500
"""Runs that a plan looks at."""
_PAGE: Final = 500
_MINUTE_S: Final = 60.0

_log = get_logger(__name__)


class _Kept(msgspec.Struct):
    """What the record holds of a job that is under way."""

    request: dict[str, Any]
    rights: list[str]


class Bulks:
    """Implements `redrive.service.interface.Bulks`."""

    def __init__(self, kernel: Kernel, runs: RunLog, redrives: Redrives) -> None:
        self._kernel = kernel
        self._runs = runs
        self._redrives = redrives
        self._driving: dict[int, asyncio.Task[None]] = {}
        self._wanted: set[int] = set()

    # ---- what people call

    async def plan(self, request: BulkRequest) -> BulkPlan:
        """What it would do, of the first of very many runs. Nothing is started.

        Errors: `runs.missing`, `runs.too_many`, `run.unknown`, `start.missing`, those of a list of runs.
        """
        each = _each(request)
        sources = await self._sources(request)
        planned: list[Planned] = []
        for number in sources[:PLANNED]:
            text = to_text("r", number)
            try:
                view = (
                    await self._redrives.plan_retry(text, each)
                    if isinstance(each, RetryRequest)
                    else await self._redrives.plan(text, each)
                )
            except Fault:
                raise
            except RedriveError as error:
                planned.append(Planned(text, None, error))
            else:
                planned.append(Planned(text, view, None))
        return plan_of(len(sources), planned)

    async def start(self, request: BulkRequest, *, idempotency_key: str | None = None) -> BulkView:
        """Begin a job. It is durable when this returns; this process, or the next `up`, carries it out.

        Errors: as the plan; `reason.missing`, `confirmation.needed`, `idempotency.conflict`.
        """
        each = _each(request)
        require_reason(each.delivery, each.reason)
        digest = blake3(request.to_json()).digest()
        if idempotency_key is not None:
            known = await self._kernel.deps.reader.run(partial(store.by_key, key=idempotency_key))
            if known is not None:
                return await self._repeated(known, digest)
        sources = await self._sources(request)
        if not request.confirm:
            await self._require_failed(sources, each)
        deps, actor = self._kernel.deps, self._kernel.acting
        now = deps.clock.micros()
        kept = _Kept(request.model_dump(mode="json", by_alias=True), sorted(actor.rights))
        bulk = store.Bulk(
            id=deps.ids.next(),
            at=now,
            actor=actor.name,
            kind="retry" if isinstance(each, RetryRequest) else "redrive",
            state=store.RUNNING,
            per_minute=request.per_minute,
            runs=len(sources),
            request=msgspec.json.encode(kept),
            start_key=idempotency_key,
            digest=digest,
        )

        def work(transaction: Transaction) -> store.Bulk:
            known = store.by_key(transaction, idempotency_key) if idempotency_key is not None else None
            if known is not None:
                return known
            store.forget(transaction, now - store.KEPT_US)
            store.begin(transaction, bulk, sources)
            self._kernel.audit(
                transaction,
                f"bulk.{bulk.kind}",
                to_text(BULK, bulk.id),
                runs=len(sources),
                reason=each.reason,
            )
            return bulk

        made = await self._kernel.write(work)
        if made.id != bulk.id:
            return await self._repeated(made, digest)
        self._drive(bulk.id)
        return await self.get(to_text(BULK, bulk.id))

    async def get(self, bulk_id: str) -> BulkView:
        """A job and how far it is. Errors: `bulk.unknown`."""
        number = _number(bulk_id)
        return await self._kernel.deps.reader.run(lambda rows: _view(rows, _required(rows, number, bulk_id)))

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[BulkView]:
        """Jobs, the newest first."""
        size = page_size(limit)
        before = (place_of(cursor, int) or (MOST,))[0]

        def read(rows: Rows) -> list[tuple[int, BulkView]]:
            return [(one.id, _view(rows, one)) for one in store.listed(rows, before, size + 1)]

        found = await self._kernel.deps.reader.run(read)
        return page(found, size, lambda one: one[1], lambda one: cursor_of(one[0]))

    async def runs(self, bulk_id: str, *, limit: int = 100, cursor: str | None = None) -> Page[BulkRun]:
        """What became of each run, the oldest source first. Errors: `bulk.unknown`."""
        size = page_size(limit)
        after = (place_of(cursor, int) or (-1,))[0]
        number = _number(bulk_id)

        def read(rows: Rows) -> Sequence[store.Outcome]:
            _required(rows, number, bulk_id)
            return store.outcomes(rows, number, after, size + 1)

        found = await self._kernel.deps.reader.run(read)
        over = await veil(self._kernel, None)  # the runs may be of any flow
        return page(found, size, lambda one: _outcome(one, over), lambda one: cursor_of(one.position))

    async def pause(self, bulk_id: str) -> BulkView:
        """Start nothing more until it is resumed. Errors: `bulk.unknown`, `bulk.ended`, `bulk.paused`."""
        return await self._change(bulk_id, store.RUNNING, store.PAUSED)

    async def resume(self, bulk_id: str) -> BulkView:
        """Go on where it was paused, or where a process died. Errors: `bulk.unknown`, `bulk.ended`."""
        number = _number(bulk_id)
        found = await self._kernel.deps.reader.run(lambda rows: _required(rows, number, bulk_id))
        view = (
            await self.get(bulk_id)
            if found.state == store.RUNNING
            else await self._change(bulk_id, store.PAUSED, store.RUNNING)
        )
        self._drive(number)
        return view

    async def cancel(self, bulk_id: str) -> BulkView:
        """Start nothing more; what was started goes on. Errors: `bulk.unknown`, `bulk.ended`."""
        number, now = _number(bulk_id), self._kernel.deps.clock.micros()

        def work(transaction: Transaction) -> None:
            found = _required(transaction, number, bulk_id)
            if not store.end(transaction, number, store.CANCELLED, now):
                raise _has_ended(found, bulk_id)
            self._kernel.audit(transaction, "bulk.cancel", bulk_id)

        await self._kernel.write(work)
        return await self.get(bulk_id)

    # ---- carrying it out

    async def go_on(self) -> None:
        """Drive what a dead process left."""
        for number in await self._kernel.deps.reader.run(store.under_way):
            self._drive(number)

    async def close(self) -> None:
        """Let go of what is under way: the record says where to go on."""
        tasks = [*self._driving.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _drive(self, number: int) -> None:
        # One that is driven may just have read that it was paused: then it is looked at again.
        self._wanted.add(number)
        if number not in self._driving:
            self._driving[number] = asyncio.create_task(self._drives(number), name="redrive-bulk")

    async def _drives(self, number: int) -> None:
        try:
            while number in self._wanted:
                self._wanted.discard(number)
                await self._carry_out(number)
        finally:
            del self._driving[number]

    async def _carry_out(self, number: int) -> None:
        try:
            await self._each_in_turn(number)
        except Exception as error:  # noqa: BLE001 - it pauses, and its record says why
            problem = error if isinstance(error, RedriveError) else Fault("the job was cut off by a fault")
            _log.error("bulk.paused", bulk=to_text(BULK, number), error=error)
            told = encode(_told(problem).model_dump())
            with contextlib.suppress(RedriveError):  # the store itself is out of order
                await self._kernel.write(
                    lambda tx: store.change(tx, number, store.RUNNING, store.PAUSED, told)
                )

    async def _each_in_turn(self, number: int) -> None:
        reader, after = self._kernel.deps.reader, -1
        while True:
            found = await reader.run(partial(store.get, bulk_id=number))
            if found is None or found.state != store.RUNNING or found.request is None:
                return
            following = await reader.run(partial(store.following, bulk_id=number, after=after))
            if following is None:
                now = self._kernel.deps.clock.micros()
                await self._kernel.write(lambda tx, now=now: store.end(tx, number, store.ENDED, now))  # type: ignore[misc]
                return
            after, source = following
            kept = msgspec.json.decode(found.request, type=_Kept)
            by = Actor(name=found.actor, rights=frozenset(kept.rights), via=to_text(BULK, number))
            with acting(by):
                await self._begin(number, after, source, BulkRequest.from_json(encode(kept.request)))
            if found.per_minute is not None:
                await asyncio.sleep(_MINUTE_S / found.per_minute)

    async def _begin(self, number: int, position: int, source: int, request: BulkRequest) -> None:
        each, text = _each(request), to_text("r", source)

        def also(transaction: Transaction, run_id: int) -> None:
            bulk = store.get(transaction, number)
            going = bulk is not None and bulk.state == store.RUNNING
            if not going or not store.started(transaction, number, position, run_id):
                raise _Taken

        try:
            drafted = (
                await self._redrives.draft_retry(text, each)
                if isinstance(each, RetryRequest)
                else await self._redrives.draft_redrive(text, each)
            )
            await self._redrives.queue(drafted, each, also=also)
        except _Taken:
            return  # it was paused, or another process was faster
        except Fault:
            raise
        except RedriveError as error:
            told = encode(_told(error).model_dump())
            await self._kernel.write(lambda tx: store.refused(tx, number, position, told))

    # ---- inside

    async def _sources(self, request: BulkRequest) -> Sequence[int]:
        if bool(request.runs) == (request.where is not None):
            raise UsageError(
                "a bulk takes either runs by id or a filter",
                code="runs.missing",
                at="runs",
                hint="Name runs, or give filters such as --status and --flow.",
            )
        if request.where is not None:
            found = await self._listed(request.where)
        else:
            found = {number_of("r", text, "run") for text in request.runs}
            await self._kernel.deps.reader.run(lambda rows: _known(rows, found))
        if not found:
            raise UsageError("no run fits the filters", code="runs.missing", at="where")
        return sorted(found)

    async def _listed(self, where: RunsWhere) -> set[int]:
        found: set[int] = set()
        cursor: str | None = None
        while True:
            rows: Page[RunRow] = await self._runs.list(
                **{name: getattr(where, name) for name in RunsWhere.model_fields}, limit=_PAGE, cursor=cursor
            )
            found |= {number_of("r", row.id, "run") for row in rows.items}
            if len(found) > MAX_RUNS:
                raise UsageError(
                    f"more than {MAX_RUNS} runs fit the filters",
                    code="runs.too_many",
                    at="where",
                    hint="Choose a shorter time, or another filter.",
                )
            cursor = rows.next
            if cursor is None:
                return found

    async def _require_failed(self, sources: Sequence[int], each: RetryRequest | RedriveRequest) -> None:
        """A source that did not fail asks, unless it is left out all the same.

        Errors: `confirmation.needed`.
        """
        if isinstance(each, RetryRequest) and each.from_ == "failed":
            return

        def read(rows: Rows) -> int:
            found = (run_store.get_run(rows, number) for number in sources)
            return sum(1 for run in found if run is not None and run.status not in FAILED)

        many = await self._kernel.deps.reader.run(read)
        if many:
            raise ConfirmationNeeded(
                f"{many} of {len(sources)} runs did not fail: items without a key would be sent again",
                hint="Look at the plan (--plan), then confirm with --yes.",
            )

    async def _repeated(self, known: store.Bulk, digest: bytes) -> BulkView:
        if known.digest != digest:
            raise StateConflict(
                "this idempotency key was used for another request",
                code="idempotency.conflict",
                hint="Use a new key for each start.",
            )
        return await self.get(to_text(BULK, known.id))

    async def _change(self, bulk_id: str, was: str, state: str) -> BulkView:
        number = _number(bulk_id)

        def work(transaction: Transaction) -> None:
            found = _required(transaction, number, bulk_id)
            if not store.change(transaction, number, was, state):
                raise _has_ended(found, bulk_id)
            self._kernel.audit(transaction, "bulk.pause" if state == store.PAUSED else "bulk.resume", bulk_id)

        await self._kernel.write(work)
        return await self.get(bulk_id)


class _Taken(Exception):
    """Somebody else has started this run, or it is not to be started any more."""


def _each(request: BulkRequest) -> RetryRequest | RedriveRequest:
    each = request.retry or request.redrive
    if each is None or (request.retry is not None and request.redrive is not None):
        raise UsageError(
            "a bulk either retries or redrives", code="start.missing", hint="Give one of retry and redrive."
        )
    # Whoever confirms the job confirms it for each of its runs.
    return each.model_copy(update={"confirm": True})


def _number(bulk_id: str) -> int:
    number = from_text(BULK, bulk_id)
    if number is None:
        raise _unknown(bulk_id)
    return number


def _unknown(bulk_id: str) -> NotFound:
    return NotFound(
        f"there is no bulk {bulk_id!r}", code="bulk.unknown", hint="`redrive bulk list` lists them."
    )


def _required(source: store.Source, number: int, bulk_id: str) -> store.Bulk:
    found = store.get(source, number)
    if found is None:
        raise _unknown(bulk_id)
    return found


def _has_ended(found: store.Bulk, bulk_id: str) -> StateConflict:
    code = "bulk.paused" if found.state == store.PAUSED else "bulk.ended"
    return StateConflict(f"bulk {bulk_id} is {found.state} already", code=code, at=bulk_id)


def _known(rows: Rows, numbers: set[int]) -> None:
    """Errors: `run.unknown`."""
    for number in numbers:
        if run_store.get_run(rows, number) is None:
            raise unknown("run", to_text("r", number))


def _told(error: RedriveError) -> ErrorView:
    return ErrorView(code=error.code, title=error.title, detail=error.detail, at=error.at, hint=error.hint)


def _problem(told: bytes | None) -> ErrorView | None:
    return ErrorView.model_validate(decode(told)) if told is not None else None


def _view(rows: Rows, bulk: store.Bulk) -> BulkView:
    refused, by_state = store.counts(rows, bulk.id)
    started = sum(by_state.values())
    return BulkView(
        id=to_text(BULK, bulk.id),
        kind=bulk.kind,  # type: ignore[arg-type]  # as it was stored
        state=bulk.state,  # type: ignore[arg-type]
        actor=bulk.actor,
        at=instant(bulk.at),
        ended_at=instant(bulk.ended_at) if bulk.ended_at is not None else None,
        per_minute=bulk.per_minute,
        runs=bulk.runs,
        waiting=bulk.runs - started - refused,
        started=started,
        refused=refused,
        under_way=by_state.get("queued", 0) + by_state.get("running", 0),
        success=by_state.get("success", 0),
        failed=sum(by_state.get(state, 0) for state in FAILED),
        problem=_problem(bulk.problem),
    )


def _outcome(one: store.Outcome, over: Veil) -> BulkRun:
    return BulkRun(
        source_run=to_text("r", one.source_run),
        run=to_text("r", one.run_id) if one.run_id is not None else None,
        status=one.status,  # type: ignore[arg-type]  # as it was stored
        summary=over.text(one.summary),
        problem=veiled.error(_problem(one.problem), over),
    )
