"""Walks the tree of steps: lists one after the other, paths by the kind of the step that owns them.

One mechanism for every run. Which steps are executed follows from two things alone: what arrives at
a step, and whether the plan begins there. A first run has its start arrive at the first step; a
retry or redrive begins somewhere inside, and all before that finds that nothing arrives. The resume
after a crash goes the same way and passes over what its records say is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from redrive.core.flow import PathNode, StepNode
from redrive.core.jsonvalue import decode, encode
from redrive.core.run import DONE, StepRun
from redrive.engine.catching import Catching, caught_in
from redrive.engine.control import Stopped
from redrive.engine.execution import PROGRESS_S
from redrive.engine.failpoints import failpoints
from redrive.engine.steps import PreviewEnded, Scope, StepFailed, Steps
from redrive.engine.stored import (
    Inputs,
    as_text,
    begin_of,
    buckets_of,
    handed_so_far,
    joined,
    outputs_of,
    path_key,
    paths_of,
)
from redrive.errors import StepError

SIDE_BY_SIDE: Final = 8
"""Paths of one route that run at the same time."""


class _Nothing:
    """Nothing arrives: not even an empty bucket. A step that gets nothing does not run."""


NOTHING: Final = _Nothing()
Arriving = Inputs | _Nothing


class Tree:
    """The recursion over one run's steps. A list is handed a hold on what arrives, and gives back one
    on what it puts out (`Buckets.hold`).
    """

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._plan = steps.plan

    # ---- lists

    async def list(
        self, nodes: Sequence[StepNode], arriving: Arriving, scope: Scope, *, caught: bool
    ) -> Arriving:
        """Run a list of steps; what the last one puts out. `caught`: payloads may fail in it."""
        current = arriving
        for node in nodes:
            step = self._steps.records.get(node.id)
            if step is not None and step.status == "kept" and not isinstance(current, _Nothing):
                # What the source did is taken over; what arrives now has not been through the step.
                self._pass(node, scope)
                del self._steps.records[node.id]
                step = None
            if step is not None and step.status in DONE:
                self._pass(node, scope)
                if step.status != "kept":
                    current = self._instead(current, buckets_of(step.outputs))
            elif not isinstance(current, _Nothing) or self._begins_at(node):
                current = await self._node(node, step, current, scope, caught=caught)
            begin = self._plan.begins.get(node.id)
            if begin is not None and begin.after:
                current = self._instead(current, _together(begin.inputs, current))
        return current

    def _instead(self, old: Arriving, new: Inputs) -> Inputs:
        self._hold(new)
        self._release(old)
        return new

    def _hold(self, buckets: Arriving) -> None:
        if not isinstance(buckets, _Nothing):
            self._steps.buckets.hold(buckets or ())

    def _release(self, buckets: Arriving) -> None:
        if not isinstance(buckets, _Nothing):
            self._steps.buckets.release(buckets or ())

    def _begins_at(self, node: StepNode) -> bool:
        """Whether a step runs although nothing arrives: the plan begins there, or in its paths."""
        step = self._steps.records.get(node.id)
        return begin_of(self._plan, node.id) is not None or (step is not None and step.status != "kept")

    def _begins_in(self, nodes: Sequence[StepNode]) -> bool:
        return any(node.id in self._plan.begins or self._begins_at(node) for node in nodes)

    def _pass(self, node: StepNode, scope: Scope) -> None:
        """Take over the variables that a step has set, which is not executed. What a redrive was given
        wins over what kept steps had set.
        """
        given = self._plan.asked.get("variables") or {}
        for inner in node.walk():
            step = self._steps.records.get(inner.id)
            if step is not None and step.variables:
                changes = decode(step.variables)
                if step.status == "kept":
                    changes = {name: value for name, value in changes.items() if name not in given}
                scope.take(changes)

    # ---- one step

    async def _node(
        self, node: StepNode, step: StepRun | None, current: Arriving, scope: Scope, *, caught: bool
    ) -> Inputs:
        """Run a step with what arrives and what waits for it. Takes over the hold on `current`."""
        steps = self._steps
        begin = begin_of(self._plan, node.id)
        resumed = step is not None and step.status in {"running", "failure"}
        opened = step is not None and not resumed and begin is None
        inputs: Inputs
        if step is not None and (resumed or (opened and isinstance(current, _Nothing))):
            inputs = buckets_of(step.inputs)
        elif begin is not None:
            inputs = _together(begin.inputs, current)
        elif isinstance(current, _Nothing):
            raise AssertionError(f"nothing arrives at {node.id}")
        elif opened and step is not None:
            inputs = [*(buckets_of(step.inputs) or []), *(current or [])]
        else:
            inputs = current
        try:
            steps.control.check()
        except Stopped:
            if not resumed:
                steps.not_begun(node, inputs)
            raise
        if resumed and step is not None and step.status == "failure":
            raise StepFailed(self._culprit(node))  # the process died between this and the end of the run
        self._instead(current, inputs)  # held until the step has ended
        nothing_new = opened and isinstance(current, _Nothing)
        done = step.payloads_in if opened and step is not None else 0
        if not resumed:
            step = steps.begin(node, inputs)
            step.done = done
        assert step is not None
        if node.skip or node.id in self._plan.skips:
            outputs = await steps.skip(step, inputs)
            self._hold(outputs)
        else:
            outputs = await self._run(
                node, step, inputs, current if opened else inputs, scope,
                resumed=resumed, nothing_new=nothing_new, caught=caught,
            )  # fmt: skip
        self._release(inputs)
        return outputs

    def _culprit(self, node: StepNode) -> StepRun:
        """The innermost step whose failure ended this one."""
        for path in node.paths:
            for inner in path.steps:
                step = self._steps.records.get(inner.id)
                if step is not None and step.status == "failure":
                    return self._culprit(inner)
        return self._steps.records[node.id]

    async def _run(
        self,
        node: StepNode,
        step: StepRun,
        inputs: Inputs,
        new: Arriving,
        scope: Scope,
        *,
        resumed: bool,
        nothing_new: bool,
        caught: bool,
    ) -> Inputs:
        tree = self._steps.built.shapes[node.id].tree
        if tree is None:
            return await self._plain(node, step, inputs, scope, resumed=resumed, caught=caught)
        body = self._try
        if tree == "route":
            body = self._route
            if not (nothing_new or (resumed and step.checkpoint is None)):
                await self._distribute(node, step, inputs, scope, resumed=resumed, caught=caught)
        elif tree == "branch":
            body = self._branch
            await self._hand_all(step, [path_key(node, path) for path in node.paths], inputs, new, resumed)
        else:
            await self._hand_all(step, [path_key(node, node.paths[0])], inputs, new, resumed)
        return await self._around(node, step, body, scope, caught=caught)

    async def _plain(
        self, node: StepNode, step: StepRun, inputs: Inputs, scope: Scope, *, resumed: bool, caught: bool
    ) -> Inputs:
        steps = self._steps
        execution = await steps.execute(node, step, inputs, scope, resumed=resumed, caught=caught)
        outputs = outputs_of(self._plan, step)
        step.outputs = as_text(outputs)
        execution.finish()
        if not execution.in_memory and not steps.preview:
            await steps.journal.barrier()  # too large for memory: what follows reads the store
        if step.status == "failure":
            raise StepFailed(step)
        if steps.counts(node):
            raise PreviewEnded  # its answers, and what follows them, are not known
        self._hold(outputs)
        return outputs

    # ---- what the paths are handed

    async def _distribute(
        self, node: StepNode, step: StepRun, inputs: Inputs, scope: Scope, *, resumed: bool, caught: bool
    ) -> None:
        steps = self._steps
        execution = await steps.execute(node, step, inputs, scope, resumed=resumed, caught=caught)
        failed = step.status == "failure"
        if not failed:
            step.paths = as_text(handed_so_far(self._plan, step, [path.id for path in node.paths]))
            step.checkpoint = None
            step.status, step.finished_at = "running", None
        execution.finish()
        failpoints.hit("paths.handed")
        if not execution.in_memory and not steps.preview:
            await steps.journal.barrier()
        if failed:
            raise StepFailed(step)

    async def _hand_all(
        self, step: StepRun, keys: Sequence[str], inputs: Inputs, new: Arriving, resumed: bool
    ) -> None:
        """Every path gets what arrives; what the plan has laid out for it comes first."""
        steps = self._steps
        if resumed:
            return
        count, items, size = await steps.buckets.totals(inputs or [])
        step.payloads_in, step.items_in, step.bytes_in = count, items, size
        if not isinstance(new, _Nothing):
            before = paths_of(step.paths)
            handed = {key: _together(before[key], new) if before.get(key) else new for key in keys}
            step.paths = as_text({**before, **handed})
        steps.journal.step(step)
        steps.journal.soon(PROGRESS_S)
        failpoints.hit("paths.handed")

    # ---- the paths

    async def _around(
        self,
        node: StepNode,
        step: StepRun,
        body: Callable[[StepNode, StepRun, Scope, bool], Awaitable[_Ended]],
        scope: Scope,
        *,
        caught: bool,
    ) -> Inputs:
        """Run the paths, and end the step with them, whichever way they end."""
        steps = self._steps
        try:
            status, error = await body(node, step, scope, caught)
        except StepFailed as failed:
            self._end(step, "failure", failed.step.error)
            raise
        except (Stopped, asyncio.CancelledError):
            if steps.control.stop:
                step.status, step.finished_at = "stopped", steps.micros()
            steps.journal.step(step)
            raise
        done = paths_of(step.joined)
        outputs = joined(done[path_key(node, path)] for path in node.paths)
        step.outputs = as_text(outputs)
        count, items, size = await steps.buckets.totals(outputs or [])
        step.payloads_out, step.items_out, step.bytes_out = count, items, size
        self._hold(outputs)
        for path in node.paths:
            self._release(done[path_key(node, path)])
        self._end(
            step, "partial_success" if step.failed and status == "success" else status, error or step.error
        )
        if step.status == "failure":
            raise StepFailed(step)
        return outputs

    def _end(self, step: StepRun, status: str, error: bytes | None) -> None:
        step.status, step.error = status, error
        step.finished_at = self._steps.micros()
        self._steps.journal.step(step)
        self._steps.journal.soon(PROGRESS_S)
        failpoints.hit("paths.joined")

    async def _path(
        self, node: StepNode, step: StepRun, path: PathNode, scope: Scope, *, caught: bool
    ) -> Scope:
        """Run one path, if anything is there for it to do; what it adds to the join is then recorded."""
        steps, key = self._steps, path_key(node, path)
        inner = scope.fork()
        if key in paths_of(step.joined):  # before a crash
            for one in path.steps:
                self._pass(one, inner)
            self._hold(paths_of(step.joined)[key])
            return inner
        handed = paths_of(step.paths).get(key, [])
        arriving: Arriving = NOTHING if handed == [] else handed
        outputs: Arriving = NOTHING
        if not isinstance(arriving, _Nothing) or self._begins_in(path.steps):
            self._hold(arriving)
            outputs = await self.list(path.steps, arriving, inner, caught=caught)
        else:
            for one in path.steps:
                self._pass(one, inner)
            if key not in self._plan.paths:
                await steps.count_none(path.steps)
        first = self._plan.paths.get(key, [])
        whole = first if isinstance(outputs, _Nothing) else joined((first, outputs))
        self._instead(outputs, whole)
        step.joined = as_text({**paths_of(step.joined), key: whole})
        steps.journal.step(step)
        steps.journal.soon(PROGRESS_S)
        failpoints.hit("path.ended")
        return inner

    async def _route(self, node: StepNode, step: StepRun, scope: Scope, caught: bool) -> _Ended:
        """Side by side. One that fails does not cut off the others."""
        room = asyncio.Semaphore(SIDE_BY_SIDE)

        async def one(path: PathNode) -> Scope:
            async with room:
                return await self._path(node, step, path, scope, caught=caught)

        ended = await side_by_side([asyncio.ensure_future(one(path)) for path in node.paths])
        for inner in ended:
            scope.take(inner.set)
        return "success", None

    async def _branch(self, node: StepNode, step: StepRun, scope: Scope, caught: bool) -> _Ended:
        """One after the other. One that fails stops the later ones."""
        ended: list[Scope] = []
        unknown = False
        for path in node.paths:
            try:
                ended.append(await self._path(node, step, path, scope, caught=caught))
            except PreviewEnded:
                unknown = True  # what the later ones get does not hang on it
        if unknown:
            raise PreviewEnded
        for inner in ended:
            scope.take(inner.set)
        return "success", None

    async def _try(self, node: StepNode, step: StepRun, scope: Scope, caught: bool) -> _Ended:
        """The steps, then `catch` with what failed in them."""
        steps = self._steps
        body, *rest = node.paths
        scope.take((await self._path(node, step, body, scope, caught=True)).set)
        failures = caught_in(body.steps, steps)
        if rest:
            (catch,) = rest
            key = path_key(node, catch)
            if key not in paths_of(step.paths):
                handed = await Catching(steps, node, step).fill(failures) if failures else []
                step.paths = as_text({**paths_of(step.paths), key: handed})
                steps.journal.step(step)
                steps.journal.soon(PROGRESS_S)
                failpoints.hit("catch.filled")
            handles = bool(paths_of(step.paths)[key]) or self._begins_in(catch.steps)
            scope.take((await self._path(node, step, catch, scope, caught=caught)).set)
        else:
            handles = False
        if not failures and not handles:
            return "success", None
        status: str = steps.built.shapes[node.id].on_failure  # type: ignore[attr-defined]
        if status != "failure":
            return status, None
        count = sum(steps.records[inner.id].failed for inner in failures)
        first = steps.records[failures[0].id] if failures else None
        told = decode(first.error)["detail"] if first is not None and first.error else "see its steps"
        error = StepError(
            f"{'1 payload' if count == 1 else f'{count} payloads'} failed in it: {told}"[:2000],
            code="try.failed",
            at=first.step if first is not None else None,
            hint="A retry tries these payloads again.",
        )
        return status, encode(error.as_dict())


_Ended = tuple[str, bytes | None]
"""How the paths of a step ended: its status, and the error of a failure."""


def _together(waiting: Inputs, arriving: Arriving) -> Inputs:
    """What waits at a step, then what comes from the steps before it."""
    if isinstance(arriving, _Nothing):
        return waiting
    return joined((waiting, arriving))


async def side_by_side(tasks: Sequence[asyncio.Task[Scope]]) -> list[Scope]:
    """Await all. Each runs to its own end, also when another one fails or the run stops; only a fault of
    ours, or a cancellation, cuts the others off.

    Errors: of the most serious of the ways in which they ended, that of the first path.
    """
    cancelled: asyncio.CancelledError | None = None
    while waiting := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError as cut:
            cancelled = cut
        ended = [task for task in tasks if task.done()]
        if cancelled is not None or any(_fault(task) for task in ended):
            for task in waiting:
                task.cancel()  # of one that is done it does nothing
    errors = [error for task in tasks if (error := _error_of(task)) is not None]
    if cancelled is not None:
        errors.append(cancelled)
    if errors:
        raise min(errors, key=_rank)
    return [task.result() for task in tasks]


def _error_of(task: asyncio.Task[Scope]) -> BaseException | None:
    return asyncio.CancelledError() if task.cancelled() else task.exception()


def _fault(task: asyncio.Task[Scope]) -> bool:
    return task.cancelled() or _rank(task.exception()) == 0


def _rank(error: BaseException | None) -> int:
    if error is None:
        return 9
    order = (Stopped, asyncio.CancelledError, StepFailed, PreviewEnded)
    return next((rank for rank, kind in enumerate(order, 1) if isinstance(error, kind)), 0)
