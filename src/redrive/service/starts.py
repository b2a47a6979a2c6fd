"""Starting, stopping and waiting for runs."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import msgspec
from blake3 import blake3
from sqlalchemy import bindparam, or_, select

from redrive.core.flow import Flow, Variable
from redrive.core.ids import to_text
from redrive.core.jsonvalue import encode
from redrive.core.nearest import nearest
from redrive.core.run import ENDED, PRIORITIES, Plan, Run
from redrive.engine.clock import instant, micros_of
from redrive.engine.draft import Draft, Drafting
from redrive.engine.failpoints import failpoints
from redrive.engine.flows import BuiltFlow
from redrive.engine.overlap import overlapping
from redrive.errors import NotFound, StateConflict, StoreFull, UsageError
from redrive.service import present, veiled
from redrive.service.chosen import Chosen, choose, choose_document, freeze
from redrive.service.kernel import Kernel, number_of, unknown
from redrive.service.lookups import require_lookups
from redrive.service.plans import no_keys, send_fields, send_steps
from redrive.service.veil import require_reveal_of_payloads
from redrive.service.views import PlanView, RunRow, StartRequest
from redrive.store import runs as store
from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.statements import Insert, Statement

POLL_S = 0.2
WATCHED = 100

_keys, _runs = tables.start_keys, tables.runs
# However old, a key holds while its run goes on: the caller may be repeating that very start.
_GET_KEY = Statement(
    select(_keys.c.digest, _keys.c.run_id)
    .select_from(_keys.join(_runs, _runs.c.id == _keys.c.run_id))
    .where(
        _keys.c.key == bindparam("key"),
        or_(_keys.c.at > bindparam("since"), _runs.c.finished_at.is_(None)),
    )
)
_PUT_KEY = Insert(_keys, conflict="replace")
DAY_US = 86_400_000_000

RowOf = Callable[[int], Awaitable[RunRow]]


class Starts:
    """`row_of` gives the run log's row of a run."""

    def __init__(self, kernel: Kernel, row_of: RowOf) -> None:
        self._kernel = kernel
        self._row_of = row_of
        self._watchers: dict[int | None, set[asyncio.Event]] = {}
        self._waiters: dict[int | None, set[asyncio.Event]] = {}

    # ---- starts without a source

    async def start(
        self,
        flow: str,
        request: StartRequest,
        *,
        trigger: str = "manual",
        idempotency_key: str | None = None,
    ) -> RunRow:
        """Queue a run of a deployed flow, else of its draft. Durable when this returns.

        Errors: `flow.unknown`, `version.unknown`, `variable.unknown`, `variable.invalid`,
        `variable.missing`, `step.unknown` (a skip), `payload.unknown`, `lookup.unknown`,
        `idempotency.conflict`.
        """
        chosen = await choose(self._kernel, flow, request.version)
        await require_reveal_of_payloads(self._kernel, request.payloads, chosen.name)
        return await self._start(chosen, request, trigger, idempotency_key)

    async def plan(self, flow: str, request: StartRequest, *, trigger: str = "manual") -> PlanView:
        """What a start would send. Nothing is started. Errors: those of the start."""
        chosen = await choose(self._kernel, flow, request.version)
        await require_reveal_of_payloads(self._kernel, request.payloads, chosen.name)
        return await self._plan(chosen, request, trigger)

    async def plan_document(self, text: bytes, filename: str, request: StartRequest) -> PlanView:
        """What a run of a document would send. Nothing is stored. Errors: those of the start."""
        _no_version(request)
        chosen = await choose_document(self._kernel, text, filename)
        await require_reveal_of_payloads(self._kernel, request.payloads, None)
        return await self._plan(chosen, request, "manual")

    async def start_document(
        self,
        text: bytes,
        filename: str,
        request: StartRequest,
        *,
        trigger: str = "manual",
        idempotency_key: str | None = None,
    ) -> RunRow:
        """Queue a run of a document that need not be in the store: it is kept as a version."""
        _no_version(request)
        chosen = await choose_document(self._kernel, text, filename)
        await require_reveal_of_payloads(self._kernel, request.payloads, None)
        return await self._start(chosen, request, trigger, idempotency_key)

    async def _start(
        self,
        chosen: Chosen,
        request: StartRequest,
        trigger: str,
        idempotency_key: str | None,
    ) -> RunRow:
        self.refuse_when_full()
        require_reason(request.delivery, request.reason)
        draft, _ = await self._draft(chosen, request, trigger)

        def place(transaction: Transaction) -> None:
            draft.run.flow_id, draft.run.version = freeze(transaction, self._kernel, chosen)

        return await self.enqueue(draft, request, idempotency_key, place)

    async def _plan(self, chosen: Chosen, request: StartRequest, trigger: str) -> PlanView:
        deps = self._kernel.deps
        draft, built = await self._draft(chosen, request, trigger)
        fields = await send_fields(deps, draft, built)
        steps, notes = await send_steps(deps, draft, built, fields)
        first = next(iter(built.positions), None)
        view = PlanView(
            source_run=None,
            start={"from": "start", "step": first},
            version=chosen.number if chosen.number is not None else chosen.next_number,
            clock=instant(draft.run.clock),
            skips=draft.plan.skips,
            steps=steps,
            warnings=[*no_keys(fields).values(), *draft.warnings, *notes],
            delivery=draft.plan.delivery or "send_changed",
        )
        return await veiled.plan(self._kernel, view, draft.run.flow, fields)

    async def _draft(self, chosen: Chosen, request: StartRequest, trigger: str) -> tuple[Draft, BuiltFlow]:
        """The run as it would be queued. Errors: those of the start."""
        kernel, deps = self._kernel, self._kernel.deps
        built = chosen.built(kernel)
        flow = built.flow
        if wanted := sorted({name for shape in built.shapes.values() for name in shape.lookups}):
            await deps.reader.run(lambda rows: require_lookups(rows, wanted))
        check_steps(flow, request.skips)
        variables = read_variables(flow, request.variables, manual=trigger == "manual")
        now = deps.clock.micros()
        run = Run(
            id=deps.ids.next(),
            flow_id=chosen.flow_id or 0,
            flow=flow.name,
            version=chosen.number or 0,
            status="queued",
            trigger=trigger,
            priority=PRIORITIES[flow.settings.priority],
            epoch=0,
            losses=0,
            queued_at=now,
            clock=micros_of(request.clock) if request.clock is not None else now,
            overridden=bool(request.payloads or request.variables or request.skips),
            variables=encode(variables) if variables else None,
        )
        plan = Plan(
            skips=list(request.skips),
            delivery=request.delivery,
            reason=request.reason,
        )
        draft = Draft(run=run, plan=plan)
        if request.payloads:
            plan.inputs = await Drafting(deps, draft, None).of_payloads(request.payloads)
        draft.overlapping = await overlapping(deps, flow, run, plan, draft.buckets)
        return draft, built

    async def enqueue(
        self,
        draft: Draft,
        request: Any,
        idempotency_key: str | None,
        place: Callable[[Transaction], None],
    ) -> RunRow:
        """Commit a drafted run as queued. `place` fills in flow and version in the transaction."""
        kernel = self._kernel
        run = draft.run
        digest = blake3(request.to_json() + run.flow.encode()).digest()
        now = kernel.deps.clock.micros()
        days = kernel.deps.settings.keep_start_keys_days
        since = now - int(days * DAY_US) if days else 0

        def work(transaction: Transaction) -> int:
            if idempotency_key is not None:
                known = transaction.one(_GET_KEY, key=idempotency_key, since=since)
                if known is not None:
                    if bytes(known[0]) != digest:
                        raise StateConflict(
                            "this idempotency key was used for another request",
                            code="idempotency.conflict",
                            hint="Use a new key for each start.",
                        )
                    return int(known[1])
                transaction.insert(_PUT_KEY, (idempotency_key, digest, run.id, now))
            place(transaction)
            draft.write(transaction, kernel.actor, now)
            kernel.audit(
                transaction,
                f"run.{run.trigger}",
                to_text("r", run.id),
                flow=run.flow,
                version=run.version,
                source_run=to_text("r", run.source_run) if run.source_run else None,
                plan=msgspec.to_builtins(draft.plan),
            )
            return run.id

        run_id = await kernel.write(work)
        failpoints.hit("start.queued")
        self.changed(run)
        kernel.wake()
        if run_id != run.id:
            return await self._row_of(run_id)
        return await veiled.run(kernel, present.run_row(run, [], now))

    def refuse_when_full(self) -> None:
        """Errors: `store.nearly_full`: runs under way keep the room that is left."""
        usage = shutil.disk_usage(self._kernel.home)
        least = self._kernel.deps.settings.free_disk_percent
        if usage.free * 100 < usage.total * least:
            raise StoreFull(
                f"less than {least:g} % of the disk of {self._kernel.home} is free; no new run is started",
                code="store.nearly_full",
                hint="Free some space, or lower the setting free_disk_percent.",
            )

    # ---- stopping and waiting

    async def stop(self, run_id: str, force: bool = False) -> RunRow:
        """Ask a run to stop: at its next payload boundary, or with `force` at once.

        Errors: `run.unknown`, `run.ended`.
        """
        kernel = self._kernel
        number = number_of("r", run_id, "run")
        level = 2 if force else 1
        now = kernel.deps.clock.micros()

        def work(transaction: Transaction) -> None:
            run = store.get_run(transaction, number)
            if run is None:
                raise unknown("run", run_id)
            if run.status in ENDED:
                raise StateConflict(f"run {run_id} has ended already ({run.status})", code="run.ended")
            transaction.run(store.STOP, run_id=number, b_stop=level)
            if run.status == "queued" and run.epoch == 0:
                # Nobody has begun it: it ends here.
                transaction.run(store.STOP_QUEUED, run_id=number, b_finished_at=now)
            kernel.audit(transaction, "run.stop", run_id, force=force)

        await kernel.write(work)
        if kernel.runner is not None:
            kernel.runner.stop(number, level)
        kernel.wake()
        self.pulse(number)
        return await self._row_of(number)

    async def wait(self, run_id: str, timeout_s: float | None = None) -> RunRow:
        """The row of a run when it has ended, or as it is when the time is over."""
        number = number_of("r", run_id, "run")
        deadline = None if timeout_s is None else asyncio.get_running_loop().time() + timeout_s
        while True:
            event = _enter(self._waiters, number)
            try:
                if store.has_ended(self._kernel.deps.reader.rows(), number):
                    return await self._row_of(number)
                left = POLL_S * 5
                if deadline is not None:
                    left = min(left, deadline - asyncio.get_running_loop().time())
                    if left <= 0:
                        return await self._row_of(number)
                if self._kernel.runner is None:
                    left = min(left, POLL_S)  # another process executes: it cannot tell us
                await _wait(event, left)
            finally:
                _leave(self._waiters, number, event)

    async def watch(self, run_id: str | None = None) -> AsyncGenerator[RunRow]:
        """Rows as they change, of one run or of all; ends when that one run has ended."""
        number = number_of("r", run_id, "run") if run_id is not None else None
        since = self._kernel.deps.reader.data_version()
        last: dict[int, RunRow] = {}
        if number is not None:
            row = last[number] = await self._row_of(number)
            yield row
        else:
            for one in await self._recent():
                with contextlib.suppress(NotFound):
                    last[one] = await self._row_of(one)
        while number is None or last[number].status not in ENDED:
            event = _enter(self._watchers, number)
            try:
                await _wait(event, POLL_S)
                version = self._kernel.deps.reader.data_version()
                if not event.is_set() and version == since:
                    continue
                since = version
            finally:
                _leave(self._watchers, number, event)
            ids = [number] if number is not None else await self._recent()
            for one in ids:
                try:
                    row = await self._row_of(one)
                except NotFound:
                    if one == number:
                        return
                    continue  # it was deleted just now
                if last.get(one) != row:
                    last[one] = row
                    yield row
            while len(last) > WATCHED:
                last.pop(next(iter(last)))

    async def _recent(self) -> list[int]:
        rows = await self._kernel.deps.reader.run(lambda rows: rows.all(store.RECENT, at_most=WATCHED))
        return [row[0] for row in reversed(rows)]

    def changed(self, run: Run) -> None:
        """A run's own record changes, or has changed (the engine tells)."""
        self.pulse(run.id, ended=run.finished_at is not None)

    def pulse(self, number: int, *, ended: bool = True) -> None:
        """Wake those that watch the run, and where it may have ended those that wait for that."""
        for key in (number, None):
            for event in self._watchers.get(key, ()):
                event.set()
        if ended:
            for event in self._waiters.get(number, ()):
                event.set()


def _enter(events: dict[int | None, set[asyncio.Event]], number: int | None) -> asyncio.Event:
    event = asyncio.Event()
    events.setdefault(number, set()).add(event)
    return event


def _leave(events: dict[int | None, set[asyncio.Event]], number: int | None, event: asyncio.Event) -> None:
    held = events.get(number)
    if held is not None:
        held.discard(event)
        if not held:
            del events[number]


async def _wait(event: asyncio.Event, seconds: float) -> None:
    # Not wait_for: it may swallow a cancellation that comes together with the event.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _no_version(request: StartRequest) -> None:
    if request.version is not None:
        raise UsageError("a run of a file has no other version", hint="Leave --version out.")


def check_steps(flow: Flow, step_ids: list[str]) -> None:
    """Errors: `step.unknown` with the nearest name."""
    for step_id in step_ids:
        flow.step(step_id)


def require_reason(delivery: str | None, reason: str | None) -> None:
    """`send_all` may send twice: somebody has to say why. Errors: `reason.missing`."""
    if delivery == "send_all" and not (reason or "").strip():
        raise UsageError(
            "the delivery policy send_all needs a reason",
            code="reason.missing",
            hint="Say why with --reason.",
        )


def read_variables(flow: Flow, given: dict[str, Any], *, manual: bool) -> dict[str, Any]:
    """The variables of a start, typed as the flow declares them; texts are read as such.

    Errors: `variable.unknown` with the nearest name, `variable.invalid`, `variable.missing` where
    a manual start has to give one.
    """
    values: dict[str, Any] = {}
    for name, value in given.items():
        declared: Variable | None = flow.variables.get(name)
        if declared is None:
            near = nearest(name, list(flow.variables))
            raise NotFound(
                f"flow {flow.name} has no variable {name!r}",
                code="variable.unknown",
                at=name,
                hint=f"Did you mean {near!r}?" if near else "The flow document declares its variables.",
            )
        try:
            typed = declared.read(value) if isinstance(value, str) else value
        except ValueError as error:
            raise UsageError(
                f"the value of variable {name!r} is not right: {error}", code="variable.invalid", at=name
            ) from None
        if not declared.accepts(typed):
            raise UsageError(
                f"variable {name!r} is {declared.type}, not {type(typed).__name__}",
                code="variable.invalid",
                at=name,
            )
        values[name] = typed
    missing = [
        name
        for name, variable in flow.variables.items()
        if variable.required and name not in values and manual
    ]
    if missing:
        raise UsageError(
            f"flow {flow.name} needs {', '.join(missing)}",
            code="variable.missing",
            at=missing[0],
            hint=f"Give it with --var {missing[0]}=VALUE.",
        )
    return values
