"""Following items through a run by their lineage."""

from __future__ import annotations

from redrive.core.lineage import Lineage
from redrive.core.run import Run, StepRun
from redrive.engine.buckets import Buckets
from redrive.engine.deps import Deps
from redrive.engine.stored import buckets_of
from redrive.store import runs as store

Places = set[tuple[int, int]]
"""Items as (payload number in the bucket, item number)."""


async def failed_items(deps: Deps, source: Run, start: str, *, after: bool) -> Places:
    """The items of the bucket at a start point (input of the step, or with `after` its output)
    that ended, at that step or a later one, in a failed payload or in a delivery that was
    rejected or is unknown.
    """
    steps = await deps.reader.run(lambda rows: store.step_runs(rows, source.id))
    buckets = Buckets(deps.reader, deps.contents)
    index = next((n for n, step in enumerate(steps) if step.step == start), len(steps))
    first = index + 1 if after else index
    wanted: Places = set()
    for step in reversed(steps[first:]):
        wanted = await _into_inputs(buckets, step, wanted)
        wanted |= await _failed_in(deps, buckets, source, step)
    return wanted


async def _into_inputs(buckets: Buckets, step: StepRun, wanted: Places) -> Places:
    """From items of a step's output to the items of its input that they were made from."""
    if not wanted:
        return set()
    inputs = buckets_of(step.inputs) or []
    outputs = buckets_of(step.outputs) or []
    if inputs == outputs:
        return wanted
    by_payload: dict[int, list[int]] = {}
    for payload, item in wanted:
        by_payload.setdefault(payload, []).append(item)
    found: Places = set()
    async for number, row, _ in buckets.rows(outputs):
        if number in by_payload:
            lineage = Lineage(row.lineage, items=row.items or 0)
            for item in by_payload[number]:
                found.update(lineage.origins(item))
    return found


async def _failed_in(deps: Deps, buckets: Buckets, source: Run, step: StepRun) -> Places:
    inputs = buckets_of(step.inputs) or []
    if not inputs:
        return set()
    failed = await deps.reader.run(
        lambda rows: rows.all(
            store.FAILED_OF_STEP,
            run_id=source.id,
            position=step.position,
            start=0,
            at_most=1_000_000,
        )
    )
    outcomes: dict[int, dict[int, str]] = {}
    for payload_id, item, status in await deps.reader.run(
        lambda rows: rows.all(store.OUTCOMES_OF_STEP, run_id=source.id, position=step.position)
    ):
        outcomes.setdefault(payload_id, {})[item] = status  # the latest one stays
    failed_ids = {payload_id for _, payload_id, *_ in failed}
    places: Places = set()
    async for number, row, _ in buckets.rows(inputs):
        ended = outcomes.get(row.id, {})
        if row.id in failed_ids:
            # A payload fails as a whole, but what was delivered of it did not.
            fine = {item for item, status in ended.items() if status in {"delivered", "skipped"}}
            places.update((number, n) for n in range(row.items or 1) if n not in fine)
        else:
            bad = (item for item, status in ended.items() if status in {"rejected", "unknown"})
            places.update((number, item) for item in bad)
    return places
