"""Whether what failed in a run has been made good by later ones: then it is no open failure any more.

A retry goes on with all that failed. A redrive with what it began with: the failed items at its start
point have to be among that, or among what other redrives from there began with.
"""

from __future__ import annotations

import msgspec

from redrive.core.run import FAILED, Plan, Run, StepRun
from redrive.engine.buckets import Buckets
from redrive.engine.deps import Deps
from redrive.engine.stored import buckets_of
from redrive.engine.tracing import Graph, Wanted, failed_items, taken
from redrive.store import runlog
from redrive.store import runs as store
from redrive.store.database import Rows

DEEPEST = 50
"""Retries of retries that are followed."""


class Healing:
    """For the rows of one answer."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._known: dict[int, int | None] = {}

    async def healed_by(self, run: Run, depth: int = 0) -> int | None:
        """The run by which everything that failed in this one had been made good; None: not so, or nothing
        had failed.
        """
        if run.id in self._known:
            return self._known[run.id]
        self._known[run.id] = None
        found = None
        if run.status in FAILED and depth < DEEPEST:
            found = await self._look(run, depth)
        self._known[run.id] = found
        return found

    async def _look(self, run: Run, depth: int) -> int | None:
        redrives: dict[tuple[str, bool], list[Plan]] = {}
        for later in await self._redrives_of(run):
            by = later.id if later.status == "success" else await self.healed_by(later, depth + 1)
            if by is None:
                continue
            plan = _plan_of(later)
            if later.trigger == "retry":
                return by
            if plan.step is None:
                continue
            place = (plan.step, plan.start == "after")
            redrives.setdefault(place, []).append(plan)
            if await self._covers(run, *place, redrives[place]):
                return by
        return None

    async def payloads(self, run: Run, depth: int = 0) -> dict[str, dict[int, int | None]]:
        """The failed payloads of a run's steps, each with the run by which it was made good.

        That is the first that began with the payload at the step where it had failed, and in which neither it
        nor what became of it failed again; else the one that made the whole run good.
        """
        steps = await self._deps.reader.run(lambda rows: store.step_runs(rows, run.id))
        graph = Graph(self._deps, run)
        found: dict[str, dict[int, int | None]] = {}
        for step in steps:
            if step.failed and step.status != "kept":
                found[step.step] = dict.fromkeys(await graph.failed_payloads(step))
        for one in await self._redrives_of(run) if found and depth < DEEPEST else []:
            if one.status not in {"success", "partial_success"}:
                continue
            nested = await self.payloads(one, depth + 1)
            for step in steps:
                if step.step in found:
                    await self._take_up(graph, step, one, nested.get(step.step, {}), found[step.step])
        if found and (whole := await self.healed_by(run)) is not None:
            for healed in found.values():
                healed.update({payload: whole for payload, by in healed.items() if by is None})
        return found

    async def _take_up(
        self,
        graph: Graph,
        step: StepRun,
        later: Run,
        nested: dict[int, int | None],
        found: dict[int, int | None],
    ) -> None:
        """Note in `found` which payloads that failed in a step `later`, or a run made from it, made good."""
        begun = await taken(self._deps, _plan_of(later), step.step)
        if not begun.keys() & found.keys():
            return
        records = await self._deps.reader.run(lambda rows: store.step_runs(rows, later.id))
        there = next(one for one in records if one.step == step.step)
        open_again = await failed_items(self._deps, later, step.step, after=False)
        by: dict[int, int | None] = {}
        async for _, row, _ in graph.buckets.rows(buckets_of(there.inputs) or []):
            by[row.edited_from or row.id] = nested.get(row.id) if row.id in open_again else later.id
        wanted: Wanted = {}
        await graph.add_failed(step, wanted)
        async for _, row, _ in graph.buckets.rows(buckets_of(step.inputs) or []):
            items = begun.get(row.id, set())
            failed = {item for at, item in wanted.get(row.bucket, ()) if at == row.position}
            if row.id in found and found[row.id] is None and (items is None or failed <= items):
                found[row.id] = by.get(row.id)

    async def _redrives_of(self, run: Run) -> list[Run]:
        def read(rows: Rows) -> list[Run]:
            made = runlog.redrives_of(rows, [run.id]).get(run.id, [])
            return [found for one in made if (found := store.get_run(rows, one)) is not None]

        return await self._deps.reader.run(read)

    async def _covers(self, run: Run, step: str, after: bool, plans: list[Plan]) -> bool:
        """Whether all that failed of the bucket at a start point was begun with again, by one of these."""
        steps = await self._deps.reader.run(lambda rows: store.step_runs(rows, run.id))
        record = next((one for one in steps if one.step == step), None)
        failed = await failed_items(self._deps, run, step, after=after)
        if record is None or not failed:
            # Nothing of what stood there has failed, or it failed as a whole before any item was known.
            return record is not None and record.status in {"failure", "stopped"} and not after
        begun: dict[int, set[int] | None] = {}
        for plan in plans:
            for payload, items in (await taken(self._deps, plan, step)).items():
                before = begun.get(payload, set())
                begun[payload] = None if items is None or before is None else before | items
        buckets = buckets_of(record.outputs if after else record.inputs) or []
        async for _, row, _ in Buckets(self._deps.reader, self._deps.contents).rows(buckets):
            wanted = failed.get(row.id, set())
            items = begun.get(row.id, set())
            if wanted and items is not None and not wanted <= items:
                return False
        return True


def _plan_of(run: Run) -> Plan:
    return msgspec.json.decode(run.plan, type=Plan) if run.plan else Plan()
