"""The one process of a home that executes: admits queued runs, resumes those a dead process left.

Which runs there are, and that one has to stop, is read from the store: other processes queue and
request there, and the store tells that something changed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from redrive.core.admission import Queued, UnderWay
from redrive.core.run import Run
from redrive.engine.control import Control, Stopped
from redrive.engine.deps import Deps
from redrive.engine.failpoints import failpoints
from redrive.engine.lease import give_up, run_once
from redrive.engine.queueing import Books, Picking, freed
from redrive.errors import Fault, LeaseLost, RedriveError, ShapeCrashed
from redrive.log import get_logger
from redrive.store import queue
from redrive.store import runs as store
from redrive.store.database import Rows

WATCH_S = 0.2
LOOK_AGAIN_S = 5.0
PRESSED_RUNS = 1
"""So many runs at a time while callers wait for their bodies to be taken: what is queued keeps."""
PRESSED_REST = 3.0
MOST_PRESSED_REST_S = 0.05
"""After each of them the callers have the process for themselves, for so many times as long as it took."""

_log = get_logger(__name__)


class Runner:
    """Lives while its process holds the runner lock.

    `up_to`: admit only runs up to this one in the order of the queue (a command that executes its
    own run); None: all. `pressed`: whether callers of hooks wait; new runs then wait for them.
    """

    def __init__(
        self,
        deps: Deps,
        changed: Callable[[Run], None],
        *,
        up_to: int | None = None,
        pressed: Callable[[], bool] = lambda: False,
    ) -> None:
        self._deps = deps
        self._changed = changed
        self._up_to = up_to
        self._pressed = pressed
        self._controls: dict[int, Control] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._mine: set[int] = set()
        self._books = Books(deps)
        self._under_way = UnderWay()
        self._scouts: dict[str, int] = {}
        self._held = False
        self._stale = False
        self._wake = asyncio.Event()
        self._closing = False
        # Runs with a lower id were there before this runner: one of them may have killed the last.
        self._born = deps.ids.next()
        self._full = False
        self._rested_at = 0.0
        self._resting = False
        self.halted: asyncio.Future[RedriveError] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        deps.committer.on_failure = self.give_up
        deps.gates.moved = self._wake.set

    def give_up(self, error: RedriveError) -> None:
        """Stop executing at once: the store failed, or the lock is lost. From any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended: nothing executes any more
            self._loop.call_soon_threadsafe(self._halt, error)

    @property
    def busy(self) -> bool:
        """Whether runs are under way."""
        return bool(self._tasks)

    def wake(self) -> None:
        """Something was queued or requested in this process."""
        self._wake.set()

    def look(self) -> None:
        """Something was paused or resumed, or a circuit closed by hand."""
        self._stale = True
        self._wake.set()

    async def main(self) -> None:
        """Runs until `close`, or until the store fails (`halted` then has the reason)."""
        watch = asyncio.create_task(self._watch())
        try:
            self._deps.gates.take_over()
            await self._resume()
            while not self._closing:
                self._wake.clear()
                if self._stale:
                    self._stale = False
                    self._deps.gates.look()
                await self._request_stops()
                await self._tell_ends()
                await self._admit()
                await self._sleep()
        except RedriveError as error:
            self._halt(error)
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch

    def suspend(self) -> None:
        """Tell all runs to let go at their next payload boundary; none is begun any more."""
        self._closing = True
        self._wake.set()
        for control in self._controls.values():
            control.suspend()

    async def close(self, *, patient: bool = False) -> None:
        """Let go of all runs at their next payload boundary; they go on when the home has a runner
        again. What takes longer than the grace time is cut off, unless this is `patient`: then runs
        may come to their end within that time, and nothing is cut off after it.
        """
        self._closing = True
        self._wake.set()
        if patient and (near := [self._tasks[run] for run, one in self._controls.items() if not one.parked]):
            await asyncio.wait(near, timeout=self._deps.settings.stop_grace_s)
        self.suspend()
        tasks = list(self._tasks.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=None if patient else self._deps.settings.stop_grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def stop(self, run_id: int, level: int) -> None:
        """Stop a run of this process: 1 at the next payload boundary, 2 at once."""
        control = self._controls.get(run_id)
        if control is None:
            return
        control.request_stop(level)
        task = self._tasks.get(run_id)
        if level > 1 and task is not None:
            task.cancel()

    @property
    def working(self) -> int:
        """How many runs hold a place: those that only wait do not."""
        return sum(not control.parked for control in self._controls.values())

    @property
    def running(self) -> frozenset[int]:
        return frozenset(self._tasks)

    def _halt(self, error: RedriveError) -> None:
        if not self.halted.done():
            _log.error("runner.halted", code=error.code, detail=error.detail)
            self.halted.set_result(error)
        self._closing = True
        self._wake.set()
        for task in self._tasks.values():
            task.cancel()

    async def _watch(self) -> None:
        """Wake up when another process has committed something."""
        last = None
        while True:
            version = self._deps.reader.data_version()
            if version != last:
                last = version
                self.look()
            await asyncio.sleep(WATCH_S)

    async def _sleep(self) -> None:
        """Until something happens, or a target that was down may be tried again."""
        due = self._deps.gates.next_due()
        if due is None or not self._held:
            await self._wake.wait()
            return
        clock = self._deps.clock
        left = clock.waits((due - clock.micros()) / 1_000_000) if due > clock.micros() else LOOK_AGAIN_S
        timer = self._loop.call_later(min(left, LOOK_AGAIN_S), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    async def _resume(self) -> None:
        """They are all counted before anything is admitted beside them."""
        found = await self._deps.reader.run(queue.running)
        running = [self._books.queued(self._deps.reader.rows(), row) for row in found]
        for queued in running:
            self._under_way.add(queued)
        for queued in running:
            await self._start(queued.id)

    async def _request_stops(self) -> None:
        if not self._tasks:
            return
        rows = self._deps.reader.rows().all(store.STOPS)
        for run_id, level in rows:
            control = self._controls.get(run_id)
            if control is not None and control.stop < level:
                self.stop(run_id, level)

    async def _tell_ends(self) -> None:
        """Of called runs that have ended without being executed: somebody stopped them in the queue."""
        for run_id in self._deps.ends.awaited - self._tasks.keys():
            if self._ended(run_id):
                self._deps.ends.tell(run_id)

    async def _admit(self) -> None:
        free = self._places()
        if self._pressed():
            free = min(free, self._pressed_places())
        self._full = free <= 0
        rows, now = self._deps.reader.rows(), self._deps.clock.micros()
        self._scouts = {name: run for name, run in self._scouts.items() if run in self._tasks}
        rules = self._deps.gates.rules(dict.fromkeys(self._scouts, True))
        picking = Picking(self._books, self._under_way, rules, now)
        if self._up_to is not None:
            free = await self._admit_called(free, picking, rows)
        if self._up_to is None or not (self._up_to in self._tasks or self._ended(self._up_to)):
            # Else: what was queued later is for whoever queued it.
            await self._admit_queued(free, picking, rows)
        self._held = picking.held
        if self._held and (calls := self._deps.waits.all()):
            waiting = [
                (row, self._books.queued(rows, row))
                for row in queue.called(rows)
                if row.id not in self._tasks
            ]
            for queued in freed(self._books, rows, waiting, self._under_way, rules, calls, now):
                await self._begin(queued)

    async def _admit_queued(self, free: int, picking: Picking, rows: Rows) -> None:
        if free <= 0:
            return
        for row in picking.rows(rows, free + len(self._tasks)):
            if row.id in self._tasks:
                continue
            if self._up_to is not None and self._ended(self._up_to):
                return
            if free <= 0:
                self._full = True
                return
            queued = picking.may_start(rows, row)
            if queued is not None:
                free -= 1
                await self._begin(queued)
                picking.began(queued)
            if row.id == self._up_to:
                return

    async def _begin(self, queued: Queued) -> None:
        gates = self._deps.gates
        self._scouts.update({name: queued.id for name in queued.connections if gates.is_open(name)})
        self._under_way.add(queued)
        await self._start(queued.id)
        if queued.id not in self._tasks:
            self._under_way.remove(queued.id)

    def _pressed_places(self) -> int:
        """How many are left while callers wait."""
        if self._loop.time() >= self._rested_at:
            return PRESSED_RUNS - len(self._tasks)
        if not self._resting:
            self._resting = True
            self._loop.call_at(self._rested_at, self._rested)
        return 0

    def _rested(self) -> None:
        self._resting = False
        self._wake.set()

    def _places(self) -> int:
        """How many places are left, when those runs have got one that have waited and now go on."""
        free = self._deps.settings.max_running_runs - self.working
        for control in self._controls.values():
            if free > 0 and control.wants_place:
                control.give_place()
                free -= 1
        return free

    async def _admit_called(self, free: int, picking: Picking, rows: Rows) -> int:
        """Runs that were called by those that this runner has executed; how many places are left."""
        for row in queue.called(rows):
            if free > 0 and row.parent_run in self._mine and row.id not in self._tasks:
                queued = picking.may_start(rows, row)
                if queued is not None:
                    free -= 1
                    await self._begin(queued)
                    picking.began(queued)
        return free

    def _ended(self, run_id: int) -> bool:
        return store.has_ended(self._deps.reader.rows(), run_id)

    async def _start(self, run_id: int) -> None:
        run = store.get_run(self._deps.reader.rows(), run_id)
        if run is None or run.finished_at is not None or run_id in self._tasks:
            return
        control = Control(self._wake.set)
        if self._up_to is not None:
            self._mine.add(run_id)
        if run.stop:
            control.request_stop(run.stop)
        self._controls[run_id] = control
        task = asyncio.create_task(self._run(run, control), name=f"run-{run_id}")
        self._tasks[run_id] = task

    async def _run(self, run: Run, control: Control) -> None:
        failpoints.hit("start.queued")
        again, begun = False, self._loop.time()
        try:
            await run_once(self._deps, run, control, self._changed, wary=run.id < self._born)
        except (Stopped, asyncio.CancelledError):
            # Let go of; it goes on in another life. If it was cut off by a forced stop outside of
            # a step, that life begins at once, and ends before its next step.
            again = control.stop > 0
        except LeaseLost as error:
            _log.warning("run.lost", run=run.id, detail=error.detail)
        except Fault as error:
            self._halt(error)
        except Exception as error:  # noqa: BLE001 - one run must not take the others down
            _log.error("run.crashed", run=run.id, error=error)
            await self._fail(run, error)
        finally:
            self._tasks.pop(run.id, None)
            self._controls.pop(run.id, None)
            ended = self._loop.time()
            self._rested_at = ended + min(PRESSED_REST * (ended - begun), MOST_PRESSED_REST_S)
            self._changed(run)
            self._deps.ends.tell(run.id)
            if again and not self._closing:
                await self._start(run.id)
            if run.id not in self._tasks:
                self._under_way.remove(run.id)
            if self._full or self._held or self._up_to is not None:
                self._wake.set()

    async def _fail(self, run: Run, error: Exception) -> None:
        """A fault of ours in the middle of a run: it still reaches an end state."""
        summary = f"Redrive failed with {type(error).__name__}; the process log has more"
        crashed = ShapeCrashed(
            summary, hint="This is a fault of Redrive; the rest of the run can be retried."
        )
        with contextlib.suppress(RedriveError):
            await self._deps.committer.submit(give_up(self._deps, run, summary, crashed))
