"""Starts runs when their schedules come. One lives in `up`; were there two, no time would count twice.

What a schedule's times have come to stands in the store: up to which instant they are decided, and
a row for each time that started a run, committed together with that run. So neither a restart nor a
clock that jumps loses or doubles one. The clock is asked at least once a second.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime

import msgspec

from redrive.core.flow import TriggerSpec
from redrive.core.run import PRIORITIES, Plan, Run
from redrive.engine.clock import instant, micros_of
from redrive.engine.deps import Deps
from redrive.engine.draft import Draft
from redrive.engine.overlap import Overlapping, overlapping
from redrive.errors import Fault, RedriveError
from redrive.log import get_logger
from redrive.store import schedules as store
from redrive.store.committer import Transaction
from redrive.triggers.schedule import Schedule

LOOK_S = 1.0
MOST_BACK_US = 26 * 3_600_000_000
"""A clock that goes back by more was wrong before: times do not wait until it is there again."""

_log = get_logger(__name__)


class _Timed(msgspec.Struct):
    """One schedule that is active; `next` is its first time that is not decided."""

    key: store.Key
    version: int
    schedule: Schedule
    spec: TriggerSpec
    next: datetime


class Scheduler:
    """`started` is told of each new run; `refuse` raises where no run may be started (a full disk)."""

    def __init__(
        self, deps: Deps, started: Callable[[Run], None], refuse: Callable[[], None] = lambda: None
    ) -> None:
        self._deps = deps
        self._started = started
        self._refuse = refuse
        self._timed: dict[store.Key, _Timed] = {}
        self._versions: dict[tuple[int, int], list[tuple[Schedule, TriggerSpec]]] = {}
        self._seen: int | None = None
        self._refused = False

    async def main(self) -> None:
        """Until it is cancelled, or the store fails (the runner then says why)."""
        while True:
            try:
                wait_s = await self.tick()
            except Fault as error:
                _log.error("scheduler.ended", error=error)
                return
            except Exception as error:  # noqa: BLE001 - one bad moment must not end all schedules
                _log.error("scheduler.failed", error=error)
                wait_s = LOOK_S
            await asyncio.sleep(min(max(wait_s, 0.01), LOOK_S))

    async def tick(self) -> float:
        """Start what is due; seconds until the next time."""
        version = self._deps.reader.data_version()
        if version != self._seen:
            await self._look()
            self._seen = version
        now = self._deps.clock.micros()
        for timed in list(self._timed.values()):
            if timed.next <= instant(now) and not await self._fire(timed):
                break
        nexts = [timed.next for timed in self._timed.values()]
        now = self._deps.clock.micros()
        return (min(nexts) - instant(now)).total_seconds() if nexts else LOOK_S

    # ---- which schedules there are

    async def _look(self) -> None:
        active, marks = await self._deps.reader.run(lambda rows: (store.active(rows), store.marks(rows)))
        now = self._deps.clock.micros()
        wanted = {
            (flow_id, schedule.rule): (number, schedule, spec)
            for flow_id, number in active
            for schedule, spec in self._schedules(flow_id, number)
        }
        self._versions = {key: held for key, held in self._versions.items() if key in set(active)}
        new = [key for key in wanted if key not in marks]
        gone = [key for key in marks if key not in wanted]
        ahead = [key for key in wanted if marks.get(key, 0) > now + MOST_BACK_US]
        for flow_id, rule in ahead:
            _log.warning("schedule.clock_went_back", flow_id=flow_id, rule=rule)
        if new or gone or ahead:

            def work(transaction: Transaction) -> None:
                for key in [*new, *ahead]:
                    store.put_mark(transaction, key, now)
                for key in gone:
                    # Times while it was not active are not made up for when it is again.
                    store.drop_mark(transaction, key)

            await self._deps.committer.submit(work)
            marks.update(dict.fromkeys([*new, *ahead], now))
        self._timed = {
            key: _Timed(key, number, schedule, spec, next(schedule.after(instant(marks[key]))))
            for key, (number, schedule, spec) in wanted.items()
        }

    def _schedules(self, flow_id: int, number: int) -> list[tuple[Schedule, TriggerSpec]]:
        held = self._versions.get((flow_id, number))
        if held is None:
            held = []
            with contextlib.suppress(RedriveError):  # a shape that is no longer installed: its runs fail too
                flow = self._deps.flows.get(flow_id, number).flow
                held = [(Schedule(spec.settings), spec) for spec in flow.triggers if spec.kind == "schedule"]
            self._versions[flow_id, number] = held
        return held

    # ---- starting

    async def _fire(self, timed: _Timed) -> bool:
        """False where no run may be started now: what is due stays so."""
        try:
            self._refuse()
        except RedriveError as error:
            if not self._refused:
                _log.error("schedule.refused", code=error.code, detail=error.detail)
            self._refused = True
            return False
        self._refused = False
        now = self._deps.clock.micros()
        key, schedule = timed.key, timed.schedule
        policy = await self._overlapping(timed, now)

        def work(transaction: Transaction) -> list[Run]:
            since = store.mark(transaction, key)
            number = store.active_version(transaction, key[0])
            if since is None or since >= now or number != timed.version:
                return []  # somebody else was here, or it is no longer active
            runs = []
            for moment in schedule.due(instant(since), instant(now)):
                due = micros_of(moment)
                if store.started(transaction, key, due) is not None:
                    continue
                draft = self._draft(key[0], number, moment, now)
                draft.overlapping = policy
                store.insert_start(transaction, key, due, draft.run.id)
                draft.write(transaction, "schedule", now)
                runs.append(draft.run)
            store.put_mark(transaction, key, now)
            store.forget_starts(transaction, key, now - store.KEPT_US)
            return runs

        runs = await self._deps.committer.submit(work)
        timed.next = next(schedule.after(instant(now)))
        for run in runs:
            self._started(run)
        return True

    async def _overlapping(self, timed: _Timed, now: int) -> Overlapping | None:
        """What holds for all its runs: no data is different in any of them."""
        flow = self._deps.flows.get(timed.key[0], timed.version).flow
        like = self._draft(timed.key[0], timed.version, timed.next, now)
        return await overlapping(self._deps, flow, like.run, like.plan, {}, spec=timed.spec)

    def _draft(self, flow_id: int, number: int, due: datetime, now: int) -> Draft:
        flow = self._deps.flows.get(flow_id, number).flow
        run = Run(
            id=self._deps.ids.next(),
            flow_id=flow_id,
            flow=flow.name,
            version=number,
            status="queued",
            trigger="schedule",
            priority=PRIORITIES[flow.settings.priority],
            epoch=0,
            losses=0,
            queued_at=now,
            clock=now,
        )
        return Draft(run=run, plan=Plan(asked={"trigger": "schedule", "due": due.isoformat()}))
