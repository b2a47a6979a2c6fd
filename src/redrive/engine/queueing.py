"""The runner's side of the queue: which runs it counts, which one of those that wait it starts next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet

import msgspec

from redrive.core.admission import Bound, Queued, Reason, Rules, UnderWay, held_back, stuck
from redrive.core.replan import steps_ahead
from redrive.core.run import Plan
from redrive.engine.deps import Deps
from redrive.errors import RedriveError
from redrive.store import queue as store
from redrive.store import runs as run_store
from redrive.store.database import Rows

PAGE = 100
MOST_LEFT_OUT = 200
"""So many flows or lanes that cannot start anything are passed over by the database itself."""
_OF_CONNECTION = frozenset({"paused", "circuit", "connection_limit"})


class Books:
    """Makes the records that admission is decided by. On the event loop, outside of a read transaction:
    flow versions are loaded on the way.
    """

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    def queued(self, rows: Rows, row: store.Waiting) -> Queued:
        try:
            built = self._deps.flows.get(row.flow_id, row.version)
        except RedriveError:  # it fails as soon as it is executed
            return Queued(id=row.id, flow_id=row.flow_id, flow=row.flow)
        settings = built.flow.settings
        return Queued(
            id=row.id,
            flow_id=row.flow_id,
            flow=row.flow,
            lane=row.lane,
            exclusive=row.overlap is not None,
            above=store.callers(rows, row.parent_run) if row.parent_run is not None else frozenset(),
            connections=built.uses(),
            most=settings.max_running,
            most_per_key=settings.max_running_per_key,
        )

    def exactly(self, rows: Rows, row: store.Waiting, queued: Queued) -> Queued:
        """With the connections that the run comes to, where it does not take all steps of its flow."""
        run = run_store.get_run(rows, row.id)
        if run is None or not run.plan:
            return queued
        plan = msgspec.json.decode(run.plan, type=Plan)
        if not plan.begins and not plan.skips:
            return queued
        built = self._deps.flows.get(row.flow_id, row.version)
        records = {step.step: step for step in run_store.step_runs(rows, row.id)}
        ahead = {step.id for step in steps_ahead(built.flow, plan, records)}
        left = frozenset(name for step, name in built.connections.items() if step in ahead)
        return msgspec.structs.replace(queued, connections=left)

    def why(
        self, rows: Rows, row: store.Waiting, queued: Queued, under_way: UnderWay, rules: Rules, now: int
    ) -> tuple[Queued, Reason | None, list[Bound]]:
        """What a run waits for; and the run as it is to be counted."""
        reason, bounds = _judge(queued, under_way, rules, now)
        if reason is not None and reason.kind in _OF_CONNECTION and reason.connection is not None:
            exact = self.exactly(rows, row, queued)
            if exact is not queued:
                return exact, *_judge(exact, under_way, rules, now)
        return queued, reason, bounds


def _judge(queued: Queued, under_way: UnderWay, rules: Rules, now: int) -> tuple[Reason | None, list[Bound]]:
    reason = held_back(queued, rules, now)
    if reason is not None:
        return reason, []
    bounds = under_way.bounds(queued, rules)
    return (bounds[0].reason if bounds else None), bounds


class Picking:
    """One look through the queue, in order. What cannot start is passed by, and what is behind it in its
    lane with it.
    """

    def __init__(self, books: Books, under_way: UnderWay, rules: Rules, now: int) -> None:
        self._books = books
        self._under_way = under_way
        self._rules = rules
        self._now = now
        self._flows: set[int] = set()
        self._lanes: set[str] = set()
        self._behind: set[str] = set()
        self.held = False
        """Whether something waits for more than a place."""

    def may_start(self, rows: Rows, row: store.Waiting) -> Queued | None:
        queued = self._books.queued(rows, row)
        if queued.exclusive and queued.lane in self._behind and row.parent_run is None:
            self.held = True
            return None
        queued, reason, _ = self._books.why(rows, row, queued, self._under_way, self._rules, self._now)
        if reason is None:
            return queued
        self.held = True
        if queued.exclusive and queued.lane is not None:
            self._behind.add(queued.lane)
        if row.source_run is None and row.parent_run is None:
            if reason.kind == "overlap" and queued.lane is not None:
                if len(self._lanes) < MOST_LEFT_OUT:
                    self._lanes.add(queued.lane)
            elif reason.kind not in {"overlap", "key_limit"} and len(self._flows) < MOST_LEFT_OUT:
                self._flows.add(row.flow_id)
        return None

    def began(self, queued: Queued) -> None:
        """A run starts: whoever is next may not try the same target."""
        if any(name in self._rules.circuits for name in queued.connections):
            circuits = {
                name: msgspec.structs.replace(one, scouted=one.scouted or name in queued.connections)
                for name, one in self._rules.circuits.items()
            }
            self._rules = msgspec.structs.replace(self._rules, circuits=circuits)

    def rows(self, rows: Rows, at_most: int) -> Iterator[store.Waiting]:
        """The queue in order, without those that cannot start for what they are."""
        place = (-(1 << 62), 0)
        while True:
            if self._flows or self._lanes:
                page = store.waiting_but(rows, place, at_most, self._flows, self._lanes)
            else:
                page = store.waiting(rows, place, at_most)
            yield from page
            if len(page) < at_most:
                return
            place, at_most = (page[-1].turn, page[-1].id), PAGE


def freed(
    books: Books,
    rows: Rows,
    waiting: list[tuple[store.Waiting, Queued]],
    under_way: UnderWay,
    rules: Rules,
    calls: Mapping[int, AbstractSet[int]],
    now: int,
) -> list[Queued]:
    """Of called runs that wait those that would wait for ever: for runs that wait for them."""
    bounds: dict[int, list[Bound]] = {}
    for row, queued in waiting:
        _, reason, found = books.why(rows, row, queued, under_way, rules, now)
        if reason is not None and found:
            bounds[queued.id] = found
    for_ever = stuck(bounds, calls)
    return [queued for _, queued in waiting if queued.id in for_ever]
