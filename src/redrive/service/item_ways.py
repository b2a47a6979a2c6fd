"""The way of one item through its run: from where it came, and what became of it."""

from __future__ import annotations

from functools import partial
from typing import Final

from redrive.core.counting import counted
from redrive.core.ids import to_text
from redrive.core.lineage import Lineage
from redrive.core.run import PayloadRow, StepRun
from redrive.engine.buckets import Buckets
from redrive.engine.stored import buckets_of, paths_of
from redrive.errors import UsageError
from redrive.service.kernel import Kernel, number_of, unknown
from redrive.service.reading_views import ItemWay, Waypoint
from redrive.store import payloads as store
from redrive.store import runs as run_store
from redrive.store.database import Rows

MOST: Final = 200
"""Places of one item in each direction."""
MOST_STEPS: Final = 100

Place = tuple[PayloadRow, int]


class ItemWays:
    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._reader = kernel.deps.reader
        self._buckets = Buckets(kernel.deps.reader, kernel.deps.contents)

    async def way(self, payload_id: str, item: int) -> ItemWay:
        """Where an item stood before and after. Works for payloads whose bytes are gone, too.

        Errors: `payload.unknown`, `items.none`.
        """
        payload = await self._row(number_of("p", payload_id, "payload"))
        if payload is None:
            raise unknown("payload", payload_id)
        if payload.items is not None and item >= max(1, payload.items):
            raise UsageError(
                f"payload {payload_id} has {counted(payload.items, 'item')}; there is no item {item}",
                code="items.none",
                at=payload_id,
                hint="Items are numbered from 0.",
            )
        before = await self._before(payload, item)
        after = await self._after(payload, item)
        return ItemWay(
            payload=payload_id,
            item=item,
            before=before[:MOST],
            after=after[:MOST],
            more=len(before) > MOST or len(after) > MOST,
        )

    async def _row(self, number: int) -> PayloadRow | None:
        return await self._reader.run(lambda rows: store.get_payload(rows, number))

    async def _written_by(self, payload: PayloadRow) -> tuple[store.Place | None, StepRun | None]:
        def read(rows: Rows) -> tuple[store.Place | None, StepRun | None]:
            place = store.place_of(rows, payload)
            if place is None or place.run_id == store.UPLOAD:
                return place, None
            steps = run_store.step_runs(rows, place.run_id)
            return place, next((one for one in steps if one.position == place.position), None)

        return await self._reader.run(read)

    async def _before(self, payload: PayloadRow, item: int) -> list[Waypoint]:
        found: list[Waypoint] = []
        wave: list[Place] = [(payload, item)]
        depth = 0
        while wave and len(found) <= MOST and depth < MOST_STEPS:
            depth += 1
            origins: list[Place] = []
            for row, number in wave:
                origins += await self._origins(row, number)
            wave = _once(origins)
            found += [await self._waypoint(-depth, row, number) for row, number in wave[: MOST + 1]]
        return found[::-1]

    async def _origins(self, payload: PayloadRow, item: int) -> list[Place]:
        if payload.edited_from is not None:  # an edit, a selection, or what a `try` has caught
            source = await self._row(payload.edited_from)
            numbers = [item]
            if payload.lineage is not None:
                lineage = Lineage(payload.lineage, items=payload.items or 0)
                numbers = [number for _, number in lineage.origins(item)]
            return [(source, number) for number in numbers] if source is not None else []
        _, step = await self._written_by(payload)
        inputs = buckets_of(step.inputs) if step is not None else None
        if not inputs:
            return []
        wanted: dict[int, list[int]] = {}
        for at, number in Lineage(payload.lineage, items=payload.items or 0).origins(item)[: MOST + 1]:
            wanted.setdefault(at, []).append(number)
        found: list[Place] = []
        for at, numbers in wanted.items():
            async for number, row, _ in self._buckets.rows(inputs, at):
                if number == at:
                    found += [(row, one) for one in numbers]
                break
        return found

    async def _after(self, payload: PayloadRow, item: int) -> list[Waypoint]:
        place, _ = await self._written_by(payload)
        if place is None or place.run_id == store.UPLOAD:
            return []
        steps = await self._reader.run(partial(run_store.step_runs, run_id=place.run_id))
        found: list[Waypoint] = []
        wave: list[Place] = [(payload, item)]
        depth = 0
        while wave and len(found) <= MOST and depth < MOST_STEPS:
            depth += 1
            targets: list[Place] = []
            for step in steps:
                if step.status != "kept":
                    targets += await self._targets(step, wave)
            wave = _once(targets)
            found += [await self._waypoint(depth, row, number) for row, number in wave[: MOST + 1]]
        return found

    async def _targets(self, step: StepRun, wave: list[Place]) -> list[Place]:
        """The items that a step made from any of these, where they are in its input."""
        wanted: list[tuple[int, int]] = []
        first = 0
        for bucket in buckets_of(step.inputs) or []:
            wanted += [(first + row.position, number) for row, number in wave if row.bucket == bucket]
            first += await self._buckets.count([bucket])
        if not wanted:
            return []
        handed = {one for named in paths_of(step.paths).values() for one in named or ()}
        written = ({step.bucket} if step.bucket is not None else set()) | handed
        found: list[Place] = []
        for bucket in sorted(written - set(buckets_of(step.inputs) or ())):
            async for _, row, _ in self._buckets.rows([bucket]):
                lineage = Lineage(row.lineage, items=row.items or 0)
                found += [(row, number) for number in lineage.outputs_of_many(wanted)]
                if len(found) > MOST:
                    return found
        return found

    async def _waypoint(self, depth: int, payload: PayloadRow, item: int) -> Waypoint:
        place, step = await self._written_by(payload)
        handed = place is not None and place.position == store.HANDED
        return Waypoint(
            depth=depth,
            run=to_text("r", place.run_id) if place is not None and place.run_id else "",
            step=step.step if step is not None else place.start_step if place is not None else None,
            side="in" if handed else "out",
            payload=to_text("p", payload.id),
            item=item,
            expired=not payload.digest,
        )


def _once(places: list[Place]) -> list[Place]:
    return list({(row.id, number): (row, number) for row, number in places}.values())
