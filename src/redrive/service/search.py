"""Finding where a value stood: every run, step and item, and what became of it there."""

from __future__ import annotations

from redrive.core.ids import to_text
from redrive.engine.clock import instant
from redrive.service.cursors import cursor_of, page, page_size, place_of, storable
from redrive.service.kernel import Kernel
from redrive.service.outcomes import TooFar, Tracing
from redrive.service.views import FindItem, Page
from redrive.store import search as store
from redrive.store.database import Rows
from redrive.store.runlog import names_of_runs
from redrive.store.search import KeyedDelivery, Place

NO_FIELD = "key"
"""What the key of a target is called whose field was not recorded."""

Spot = tuple[Place, str]
"""A place and the field in which the value stood there: one row of an answer."""


class Search:
    """Implements `redrive.service.interface.Search`."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def find(
        self, value: str, *, field: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[FindItem]:
        """Items with a tracked value or a delivery key that is exactly `value`, newest run first.

        `delivery` is what became of the item in that run, also where it was delivered under
        another key at a later step. Errors: `limit.invalid`, `cursor.invalid`.
        """
        size = page_size(limit)
        place = place_of(cursor, int, int, int, int, str)
        before = (Place(*place[:4]), place[4]) if place else None
        if not storable(value, field):
            return Page(items=[])

        def read(rows: Rows) -> Page[FindItem]:
            keyed = store.deliveries_of(rows, value)
            spots = _spots(rows, value, field, keyed, before=before, at_most=size + 1)
            describe = _Describe(rows, value, keyed, {spot.run_id for spot, _ in spots[:size]})
            return page(spots, size, describe, lambda spot: cursor_of(*spot[0], spot[1]))

        return await self._kernel.deps.reader.run(read)


def _spots(
    rows: Rows,
    value: str,
    field: str | None,
    keyed: list[KeyedDelivery],
    *,
    before: Spot | None,
    at_most: int,
) -> list[Spot]:
    """Where the value stood, each once, newest first. Each source gives as many as are asked for."""
    found: set[Spot] = set()
    for name in store.tracked_fields(rows, value) if field is None else [field]:
        with_it = before is not None and name < before[1]
        places = store.tracked_page(
            rows, value, name, before[0] if before else None, at_most, with_it=with_it
        )
        found.update((place, name) for place in places)
    upto = before[0].run_id if before else store.NEWEST
    for delivery in keyed:
        name = delivery.field or NO_FIELD
        if field is not None and name != field:
            continue
        # One run more: of the run of the cursor nothing may be left.
        events = store.newest_events(rows, delivery.id, upto, at_most + 1)
        places = [event.place for event in events]
        if delivery.open:
            places.append(delivery.place)
        found.update((place, name) for place in places if before is None or (place, name) < before)
    return sorted(found, reverse=True)[:at_most]


class _Describe:
    """Makes the rows of one answer."""

    def __init__(self, rows: Rows, value: str, keyed: list[KeyedDelivery], run_ids: set[int]) -> None:
        self._value = value
        self._tracing = Tracing(rows)
        self._runs = names_of_runs(rows, sorted(run_ids))
        # What became of the value as a key: at each place; in each run, by field and in any.
        self._at: dict[Spot, tuple[str, int]] = {}
        self._in_run: dict[tuple[int, str | None], str] = {}
        events = [
            (event.sequence, event.place, delivery, event.status, event.at)
            for delivery in keyed
            for run_id in run_ids
            for event in store.events_in(rows, delivery.id, run_id)
        ]
        events += [(store.NEWEST, one.place, one, one.status, one.at) for one in keyed if one.open]
        for _, place, delivery, status, at in sorted(events, key=lambda event: event[0]):
            field = delivery.field or NO_FIELD
            self._at[place, field] = (status, at)
            self._in_run[place.run_id, field] = self._in_run[place.run_id, None] = status

    def __call__(self, spot: Spot) -> FindItem:
        place, field = spot
        step = self._tracing.step(place)
        flow, queued_at = self._runs.get(place.run_id, ("", 0))
        status, at = self._at.get(spot) or (self._outcome(spot), None)
        if at is None:
            at = step.started_at if step is not None and step.started_at is not None else queued_at
        return FindItem(
            run=to_text("r", place.run_id),
            flow=flow,
            step=step.step if step is not None else "",
            payload=to_text("p", place.payload_id),
            item=place.item,
            field=field,
            value=self._value,
            delivery=status,
            at=instant(at),
        )

    def _outcome(self, spot: Spot) -> str | None:
        place, field = spot
        if (found := self._in_run.get((place.run_id, field))) is not None:
            return found
        try:
            return self._tracing.outcome(place)
        except TooFar:
            return self._in_run.get((place.run_id, None))
