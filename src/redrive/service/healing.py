"""Whether what failed in a run has been made good by later ones: then it is no open failure any more.

A retry goes on with all that failed. A redrive with what it began with: the failed items at its start
point have to be among that, or among what other redrives from there began with.
"""

from __future__ import annotations

import msgspec

from redrive.core.run import FAILED, Plan, Run
from redrive.engine.buckets import Buckets
from redrive.engine.deps import Deps
from redrive.engine.stored import buckets_of
from redrive.engine.tracing import failed_items, taken
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
        def read(rows: Rows) -> list[Run]:
            made = runlog.redrives_of(rows, [run.id]).get(run.id, [])
            return [found for one in made if (found := store.get_run(rows, one)) is not None]

        redrives: dict[tuple[str, bool], list[Plan]] = {}
        for later in await self._deps.reader.run(read):
            by = later.id if later.status == "success" else await self.healed_by(later, depth + 1)
            if by is None:
                continue
            plan = msgspec.json.decode(later.plan, type=Plan) if later.plan else Plan()
            if later.trigger == "retry":
                return by
            if plan.step is None:
                continue
            place = (plan.step, plan.start == "after")
            redrives.setdefault(place, []).append(plan)
            if await self._covers(run, *place, redrives[place]):
                return by
        return None

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
        async for number, row, _ in Buckets(self._deps.reader, self._deps.contents).rows(buckets):
            wanted = {item for at, item in failed if at == number}
            items = begun.get(row.id, set())
            if wanted and items is not None and not wanted <= items:
                return False
        return True
