"""The queue: what waits and why, in another order, paused and resumed; targets that are down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

from redrive.core.admission import Circuit, Reason, Rules, UnderWay, front_of, turn_of
from redrive.core.flow import Priority
from redrive.core.ids import to_text
from redrive.core.run import PRIORITIES
from redrive.engine.clock import instant
from redrive.engine.queueing import Books
from redrive.errors import NotFound, StateConflict, UsageError
from redrive.service import veiled
from redrive.service.cursors import cursor_of, page, page_size, place_of
from redrive.service.kernel import Kernel, number_of, unknown
from redrive.service.queue_views import (
    CircuitView,
    MoveRequest,
    PauseRequest,
    PauseView,
    QueueItem,
)
from redrive.service.reference_views import Removed
from redrive.service.versions import flow_named
from redrive.service.views import Page
from redrive.store import connections as connection_store
from redrive.store import queue as store
from redrive.store import runs as run_store
from redrive.store.committer import Transaction
from redrive.store.database import Rows

NAMES: tuple[str, ...] = get_args(Priority)
_BEGIN = (-(1 << 62), 0)


class Queue:
    """`executed`: whether any process executes the runs of the home. `changed`: told of runs that moved."""

    def __init__(
        self, kernel: Kernel, executed: Callable[[], bool], changed: Callable[[int], None] = lambda _: None
    ) -> None:
        self._kernel = kernel
        self._executed = executed
        self._changed = changed

    # ---- what waits

    async def list(self, *, limit: int = 100, cursor: str | None = None) -> Page[QueueItem]:
        """Queued runs in the order in which they would start, and why each of them waits."""
        size = page_size(limit)
        after = place_of(cursor, int, int) or _BEGIN
        deps = self._kernel.deps
        now = deps.clock.micros()
        runner = self._kernel.runner
        executed = runner is not None or self._executed()

        def read(rows: Rows) -> tuple[list[store.Waiting], list[store.Waiting], int, Rules]:
            waiting = store.waiting(rows, (after[0], after[1]), size + 1)
            ahead = rows.one(store.AHEAD, turn=after[0], before=after[1] + 1) if cursor else None
            return waiting, store.running(rows), ahead[0] if ahead else 0, _rules(rows)

        waiting, running, ahead, rules = await deps.reader.run(read)
        free = deps.settings.max_running_runs - (runner.working if runner is not None else len(running))
        looking = _Looking(
            Books(deps), deps.reader.rows(), running, rules, now,
            free=free, ahead=ahead, most=deps.settings.max_running_runs, executed=executed,
            first=cursor is None,
        )  # fmt: skip
        items = {
            row.id: await veiled.texts(self._kernel, looking.item(row), row.flow, "reason") for row in waiting
        }
        return page(waiting, size, lambda row: items[row.id], lambda row: cursor_of(row.turn, row.id))

    async def move(self, run_id: str, request: MoveRequest) -> QueueItem:
        """Give a queued run another place. Errors: `run.unknown`, `run.not_queued`, `usage`."""
        if (request.priority is None) != request.front:
            raise UsageError(
                "it is not said where the run is to stand", hint="Give a priority, or front: one of the two."
            )
        kernel = self._kernel
        number = number_of("r", run_id, "run")
        now = kernel.deps.clock.micros()

        def work(transaction: Transaction) -> None:
            run = run_store.get_run(transaction, number)
            if run is None:
                raise unknown("run", run_id)
            if run.status != "queued":
                raise StateConflict(
                    f"run {run_id} does not wait: it is {run.status}",
                    code="run.not_queued",
                    hint="`redrive queue` lists what waits.",
                )
            if request.priority is not None:
                priority = PRIORITIES[request.priority]
                turn = turn_of(run.queued_at, priority)
            else:
                first = transaction.one(store.FIRST)
                priority, turn = run.priority, front_of(first[0] if first else None, now)
            transaction.run(store.MOVE, run_id=number, b_turn=turn, b_priority=priority)
            kernel.audit(
                transaction, "run.moved", run_id, priority=request.priority, front=request.front or None
            )

        await kernel.write(work)
        kernel.wake()
        self._changed(number)
        found = await kernel.deps.reader.run(lambda rows: store.of_run(rows, number))
        assert found is not None
        place = (found.turn, found.id - 1)
        items = (await self.list(limit=1, cursor=cursor_of(*place))).items
        if items and items[0].run == run_id:
            return items[0]
        return QueueItem(  # it has started meanwhile
            position=0, run=run_id, flow=found.flow, priority=NAMES[found.priority],
            queued_at=instant(found.queued_at), reason="it has left the queue", kind="next",
        )  # fmt: skip

    # ---- pauses

    async def pauses(self) -> Page[PauseView]:
        found = await self._kernel.deps.reader.run(store.pauses)
        return Page(items=[_pause(one) for one in found])

    async def pause(self, request: PauseRequest) -> PauseView:
        """Let nothing of it start any more, until it is resumed. Errors: `flow.unknown`,
        `connection.unknown`, `usage`.
        """
        kernel = self._kernel
        kind, name = request.kind, request.name
        _check(kind, name)
        pause = store.Pause(kind, name, request.reason, kernel.actor, kernel.deps.clock.micros())

        def work(transaction: Transaction) -> None:
            if kind == "flow":
                flow_named(transaction, name)
            elif kind == "connection" and connection_store.get_connection(transaction, name) is None:
                raise NotFound(
                    f"there is no connection {name!r}",
                    code="connection.unknown",
                    at=name,
                    hint="`redrive connectors` lists them.",
                )
            store.put_pause(transaction, pause)
            kernel.audit(transaction, "pause", f"{kind} {name}".strip(), reason=request.reason)

        await kernel.write(work)
        kernel.look()
        return _pause(pause)

    async def resume(self, kind: str, name: str = "") -> Removed:
        """Let it go on; 0 where it was not paused. Errors: `usage`."""
        kernel = self._kernel
        _check(kind, name)

        def work(transaction: Transaction) -> bool:
            if not store.drop_pause(transaction, kind, name):
                return False
            kernel.audit(transaction, "resume", f"{kind} {name}".strip())
            return True

        done = await kernel.write(work)
        kernel.look()
        return Removed(removed=int(done))

    # ---- circuits

    async def circuits(self) -> Page[CircuitView]:
        """Connections whose target is down."""
        found = await self._kernel.deps.reader.run(store.circuits)
        return Page(items=[await veiled.texts(self._kernel, _circuit(one), None, "error") for one in found])

    async def reset(self, connection: str) -> Removed:
        """Close a circuit by hand: what waits for it goes on at once. 0 where it was not open."""
        kernel = self._kernel

        def work(transaction: Transaction) -> bool:
            if not store.drop_circuit(transaction, connection):
                return False
            kernel.audit(transaction, "circuit.reset", connection)
            return True

        done = await kernel.write(work)
        kernel.look()
        return Removed(removed=int(done))


def _check(kind: str, name: str) -> None:
    if kind not in {"all", "flow", "connection"} or (kind == "all") == bool(name):
        raise UsageError(
            "it is not said what is meant",
            at="kind",
            hint="Name a flow, or a connection, or everything (all, without a name).",
        )


def _circuit(one: store.OpenCircuit) -> CircuitView:
    return CircuitView(
        connection=one.connection,
        opened_at=instant(one.opened_at),
        until=instant(one.until),
        failures=one.failures,
        error=one.error,
        trying=one.probe is not None,
    )


def _pause(pause: store.Pause) -> PauseView:
    kind: Any = pause.kind
    return PauseView(kind=kind, name=pause.name, reason=pause.reason, actor=pause.actor, at=instant(pause.at))


def _rules(rows: Rows) -> Rules:
    """What holds runs back, as the store has it."""
    pauses = store.pauses(rows)
    return Rules(
        all_paused=next((one.reason for one in pauses if one.kind == "all"), None),
        flows={one.name: one.reason for one in pauses if one.kind == "flow"},
        connections={one.name: one.reason for one in pauses if one.kind == "connection"},
        circuits={
            one.connection: Circuit(until=one.until, error=one.error, scouted=one.probe is not None)
            for one in store.circuits(rows)
        },
        limits={
            name: said["max_running"]
            for name, said in store.connection_limits(rows).items()
            if said.get("max_running")
        },
    )


class _Looking:
    """Goes through a page of the queue as the runner would, and notes why each run waits."""

    def __init__(
        self,
        books: Books,
        rows: Rows,
        running: Sequence[store.Waiting],
        rules: Rules,
        now: int,
        *,
        free: int,
        ahead: int,
        most: int,
        executed: bool,
        first: bool,
    ) -> None:
        self._books = books
        self._rows = rows
        self._rules = rules
        self._now = now
        self._under_way = UnderWay()
        self._position = ahead
        self._executed = executed
        self._full = free <= 0
        self._most = most
        # Further pages do not know what of those before them may start.
        self._free = free if first else 0
        self._lanes: dict[str, int] = {}
        self._begun: set[int] = set()
        for row in running:
            self._under_way.add(books.queued(rows, row))

    def item(self, row: store.Waiting) -> QueueItem:
        self._position += 1
        reason = self._reason(row)
        return QueueItem(
            position=self._position,
            run=to_text("r", row.id),
            flow=row.flow,
            priority=NAMES[row.priority] if 0 <= row.priority < len(NAMES) else str(row.priority),
            queued_at=instant(row.queued_at),
            reason=reason.text,
            kind=reason.kind,
            waits_for=to_text("r", reason.run) if reason.run is not None else None,
            connection=reason.connection,
            until=instant(reason.until) if reason.until is not None else None,
        )

    def _reason(self, row: store.Waiting) -> Reason:
        queued = self._books.queued(self._rows, row)
        if queued.exclusive and queued.lane in self._lanes and row.parent_run is None:
            return self._behind(self._lanes[queued.lane])
        queued, reason, _ = self._books.why(self._rows, row, queued, self._under_way, self._rules, self._now)
        if queued.exclusive and queued.lane is not None:
            self._lanes.setdefault(queued.lane, row.id)
        if reason is not None:
            return self._behind(reason.run) if reason.run in self._begun else reason
        if not self._executed:
            return Reason(kind="runner", text="no process executes the runs of this home; `redrive up` does")
        if self._full:
            text = f"limit: {self._most} runs are running (max_running_runs is {self._most})"
            return Reason(kind="system_limit", text=text)
        if self._free <= 0:
            runs = "1 run is" if self._position == 2 else f"{self._position - 1} runs are"
            return Reason(kind="turn", text=f"priority: {runs} ahead of it")
        self._free -= 1
        self._under_way.add(queued)
        self._begun.add(queued.id)
        return Reason(kind="next", text="starts next")

    def _behind(self, run_id: int | None) -> Reason:
        name = to_text("r", run_id or 0)
        return Reason(kind="overlap", text=f"overlap: run {name} goes before it", run=run_id)
