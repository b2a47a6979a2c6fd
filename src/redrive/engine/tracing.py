"""Following items through a run by their lineage: a graph whose nodes are buckets.

A bucket knows the step that wrote it, that step its input buckets, and each payload the items that its
own were made from. A payload that was caught by a `try` names the failed one. So an item is followed
through routes, joins and catches without knowing the tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import msgspec

from redrive.core.flow import Flow, Place
from redrive.core.lineage import Lineage
from redrive.core.run import Plan, Run, StepRun
from redrive.engine.buckets import Buckets
from redrive.engine.deps import Deps
from redrive.engine.stored import buckets_of, paths_of
from redrive.errors import RedriveError
from redrive.store import runs as store
from redrive.store.database import Rows

Places = set[tuple[int, int]]
"""Items as (payload number in the bucket, item number)."""

Wanted = dict[int, Places]
"""By bucket."""

PAGE = 1000


async def failed_items(deps: Deps, source: Run, start: str, *, after: bool) -> dict[int, set[int]]:
    """The items of the bucket at a start point (input of the step, or with `after` its output)
    that ended, at that step or a later one, in a failed payload or in a delivery that was
    rejected or is unknown. By the id of the payload in which they stand.
    """
    steps = await deps.reader.run(lambda rows: store.step_runs(rows, source.id))
    begin = next((step for step in steps if step.step == start), None)
    if begin is None:
        return {}
    inside = _ahead_of(_flow(deps, source), steps, start, after=after)
    graph = Graph(deps, source)
    wanted: Wanted = {}
    for step in reversed(inside):
        await graph.add_failed(step, wanted)
        await graph.into_inputs(step, wanted)
    found: dict[int, set[int]] = {}
    buckets = buckets_of(begin.outputs if after else begin.inputs) or []
    async for _, row, _ in graph.buckets.rows(buckets):
        items = {item for at, item in wanted.get(row.bucket, ()) if at == row.position}
        if items:
            found[row.id] = items
    return found


def _flow(deps: Deps, run: Run) -> Flow | None:
    try:
        return deps.flows.get(run.flow_id, run.version).flow
    except RedriveError:
        return None  # its version cannot be read any more: the order of the records has to do


def _ahead_of(flow: Flow | None, steps: Sequence[StepRun], start: str, *, after: bool) -> list[StepRun]:
    """What gets anything of the bucket at a start point: not a path beside it that read the same one."""
    if flow is None or all(node.id != start for node in flow.walk()):
        index = next(n for n, step in enumerate(steps) if step.step == start)
        return list(steps[index + after :])
    chain = flow.chain(start)
    names = set() if after else {node.id for node in chain[-1].step.walk()}
    names.update(node.id for step in flow.steps_after(start) for node in step.walk())
    for place in chain[:-1]:
        names.update(_catch_of(place))
    return [step for step in steps if step.step in names or (step.step in {p.step.id for p in chain[:-1]})]


def _catch_of(owner: Place) -> Iterable[str]:
    step = owner.step
    if step.paths and step.paths[0].id == "steps":
        for path in step.paths[1:]:
            for node in path.steps:
                yield from (inner.id for inner in node.walk())


class Graph:
    """The buckets of one run."""

    def __init__(self, deps: Deps, run: Run) -> None:
        self._deps = deps
        self._run = run
        self.buckets = Buckets(deps.reader, deps.contents)

    async def written_by(self, step: StepRun) -> list[int]:
        """The buckets that a step wrote in this run."""
        own = [step.bucket] if step.bucket is not None else []
        handed = {bucket for found in paths_of(step.paths).values() for bucket in found or ()}
        handed -= {*(buckets_of(step.inputs) or ()), *own}

        def read(rows: Rows) -> list[int]:
            return [
                bucket
                for bucket in sorted(handed)
                if rows.one(store.GET_BUCKET, bucket=bucket) == (self._run.id, step.position)
            ]

        return own + (await self._deps.reader.run(read) if handed else [])

    async def into_inputs(self, step: StepRun, wanted: Wanted) -> None:
        """Add, for wanted items of what a step wrote, those of its input that they were made from."""
        if buckets_of(step.taken):
            await self._through_called(step, wanted, failed=False)
        for bucket in await self.written_by(step):
            if not (places := wanted.get(bucket)):
                continue
            by_payload: dict[int, list[int]] = {}
            for payload, item in places:
                by_payload.setdefault(payload, []).append(item)
            origins: Places = set()
            async for number, row, _ in self.buckets.rows([bucket]):
                if number not in by_payload:
                    continue
                if row.edited_from is not None:  # caught: the failed payload, as it came into its step
                    await self._add_payload(row.edited_from, by_payload[number], wanted)
                    continue
                lineage = Lineage(row.lineage, items=row.items or 0)
                for item in by_payload[number]:
                    origins.update(lineage.origins(item))
            await self._add_numbered(step, origins, wanted)

    async def _add_payload(self, payload_id: int, items: Iterable[int], wanted: Wanted) -> None:
        found = await self._deps.reader.run(lambda rows: rows.one(store.GET_PAYLOAD, payload_id=payload_id))
        if found is not None:
            payload = store.payload_record(found)
            wanted.setdefault(payload.bucket, set()).update((payload.position, item) for item in items)

    async def _add_numbered(self, step: StepRun, places: Places, wanted: Wanted) -> None:
        """Items of a step's input, whose payloads are numbered through its buckets."""
        first = 0
        for bucket in buckets_of(step.inputs) or [] if places else []:
            count = await self.buckets.count([bucket])
            here = {(number - first, item) for number, item in places if first <= number < first + count}
            if here:
                wanted.setdefault(bucket, set()).update(here)
            first += count

    async def add_failed(self, step: StepRun, wanted: Wanted) -> None:
        """Add the items that failed in a step of this run, by payload or by delivery."""
        inputs = buckets_of(step.inputs) or []
        if not inputs or step.status == "kept":
            return
        if step.failed and await self._through_called(step, wanted, failed=True):
            return
        failed = await self.failed_payloads(step)
        outcomes: dict[int, dict[int, str]] = {}
        for payload_id, item, status in await self._deps.reader.run(
            lambda rows: rows.all(store.OUTCOMES_OF_STEP, run_id=self._run.id, position=step.position)
        ):
            outcomes.setdefault(payload_id, {})[item] = status  # the latest one stays
        if not failed and not outcomes:
            return
        async for _, row, _ in self.buckets.rows(inputs):
            ended = outcomes.get(row.id, {})
            if row.id in failed:
                # A payload fails as a whole, but what was delivered of it did not.
                fine = {item for item, status in ended.items() if status in {"delivered", "skipped"}}
                bad = {item for item in range(row.items or 1) if item not in fine}
            else:
                bad = {item for item, status in ended.items() if status in {"rejected", "unknown"}}
            if bad:
                wanted.setdefault(row.bucket, set()).update((row.position, item) for item in bad)

    async def _through_called(self, step: StepRun, wanted: Wanted, *, failed: bool) -> bool:
        """As `into_inputs` through the runs that the step has called, or with `failed` as `add_failed`, of
        those that failed. Whether these know of anything.
        """
        known = False
        called = await self._called_by(step)
        retried = {run.source_run for run in called}
        for run in reversed(called):
            ended = run.id not in retried
            if failed and ended and run.status == "success":
                continue
            graph = Graph(self._deps, run)
            steps = await self._deps.reader.run(partial(store.step_runs, run_id=run.id))
            for inner in reversed(steps):
                if failed and ended:
                    before = sum(map(len, wanted.values()))
                    await graph.add_failed(inner, wanted)
                    known = known or sum(map(len, wanted.values())) > before
                await graph.into_inputs(inner, wanted)
            await graph.into_caller(wanted)
        return known

    async def _called_by(self, step: StepRun) -> list[Run]:
        """The runs that a step of this run has started, the first one first."""

        def read(rows: Rows) -> list[Run]:
            found: list[Run] = []
            after = 0
            while page := rows.all(store.CALLED_BY, run_id=self._run.id, after=after, at_most=PAGE):
                after = page[-1][0]
                runs = (store.get_run(rows, number) for number, name in page if name == step.step)
                found += [run for run in runs if run is not None]
            return found

        return await self._deps.reader.run(read)

    async def into_caller(self, wanted: Wanted) -> None:
        """Add, for wanted items of what this run began with, those of the payloads that it was made from."""
        plan = msgspec.json.decode(self._run.plan, type=Plan) if self._run.plan else Plan()
        for bucket in plan.waiting:
            if not (places := wanted.get(bucket)):
                continue
            async for number, row, _ in self.buckets.rows([bucket]):
                items = [item for at, item in places if at == number]
                if row.edited_from is None or not items:
                    continue
                if row.lineage is not None:
                    lineage = Lineage(row.lineage, items=row.items or 0)
                    items = [origin for item in items for _, origin in lineage.origins(item)]
                await self._add_payload(row.edited_from, items, wanted)

    async def failed_payloads(self, step: StepRun) -> set[int]:
        """The ids of a step's failed payloads."""
        found: set[int] = set()
        start = 0
        while step.failed:
            page = await self._deps.reader.run(
                lambda rows, at=start: rows.all(  # type: ignore[misc]
                    store.FAILED_OF_STEP,
                    run_id=step.run_id,
                    position=step.position,
                    start=at,
                    at_most=PAGE,
                )
            )
            found.update(row[1] for row in page)
            if len(page) < PAGE:
                break
            start = page[-1][0] + 1
        return found


async def taken(deps: Deps, plan: Plan, step: str) -> dict[int, set[int] | None]:
    """What a plan began with at a step: by the id of the payload that stood there in the source, its items;
    None: all of them.
    """
    found: dict[int, set[int] | None] = {}
    begin = plan.begins.get(step)
    buckets = Buckets(deps.reader, deps.contents)
    async for _, row, _ in buckets.rows(begin.inputs or [] if begin is not None else []):
        of = row.edited_from or row.id
        if row.edited_from is None or row.items is None:
            found[of] = None
            continue
        lineage = Lineage(row.lineage, items=row.items)
        items = {number for item in range(row.items) for _, number in lineage.origins(item)}
        before = found.get(of, set())
        found[of] = None if before is None else before | items
    return found
