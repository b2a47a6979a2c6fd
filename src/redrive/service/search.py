"""Finding where a value stood: every run, step and item, and what became of it there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final, Literal

from redrive.core.ids import to_text
from redrive.core.searching import Query
from redrive.engine.clock import instant
from redrive.engine.indexer import Indexer, Lag
from redrive.engine.searching import EVERYWHERE, Hit, Searching
from redrive.engine.searching import Spot as SearchSpot
from redrive.errors import StateConflict, UsageError
from redrive.service import veiled
from redrive.service.cursors import cursor_of, page, page_size, place_of, storable
from redrive.service.kernel import Kernel
from redrive.service.outcomes import TooFar, Tracing
from redrive.service.views import FindItem, FindPage, SearchStatus
from redrive.store import payloads as payload_store
from redrive.store import search as store
from redrive.store import search_queue as queue
from redrive.store.database import Rows
from redrive.store.runlog import names_of_runs
from redrive.store.search import KeyedDelivery, Place

NO_FIELD = "key"
"""What the key of a target is called whose field was not recorded."""

CATCH_UP_S: Final = 2.0
"""How long a search waits for the index, where no server keeps it."""
HIDDEN_S: Final = 2.0
"""How long a search goes past what is hidden from who asks."""
MOST_SHOWN: Final = 500
"""Characters of a value that an answer shows."""
_OFF: Final = "Search is off in this home: only delivery keys and tracked values were looked at."

Spot = tuple[Place, str]
"""A place and the field in which the value stood there: one row of an answer."""


class Search:
    """Implements `redrive.service.interface.Search`."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def find(
        self,
        value: str,
        *,
        field: str | None = None,
        everywhere: bool = False,
        limit: int = 50,
        cursor: str | None = None,
    ) -> FindPage:
        """Items that hold a value, the newest first.

        First those whose tracked value or delivery key it is, exactly: `delivery` is what became of
        the item in that run, also where it was delivered under another key at a later step. Where
        there is none, or `everywhere`, then those in any payload that is kept. A page may hold fewer
        than `limit` although it has a `next`: a call reads so much and no more. What masking rules hide
        from who asks is not found.
        Errors: `limit.invalid`, `cursor.invalid`.
        """
        self._kernel.note("find", value[:MOST_SHOWN], {"field": field})
        until = time.monotonic() + HIDDEN_S
        exact = True
        while True:
            page = await self._find(
                value, field, everywhere=everywhere, limit=limit, cursor=cursor, exact=exact
            )
            shown = await veiled.found(self._kernel, page)
            if shown.items or not page.items:
                return shown
            # All of it is hidden, and that there is something must not show: as if it were not there.
            if page.next is None and (everywhere or not exact or not _is_exact(cursor)):
                return shown
            if time.monotonic() > until:
                return shown.model_copy(update={"next": None})
            if page.next is None or page.next == cursor_of(*EVERYWHERE):
                exact, cursor = False, None
            else:
                cursor = page.next

    async def _find(
        self,
        value: str,
        field: str | None,
        *,
        everywhere: bool,
        limit: int,
        cursor: str | None,
        exact: bool,
    ) -> FindPage:
        size = page_size(limit)
        after, place = _places(cursor)
        if not storable(value, field) or not value:
            return FindPage(items=[])
        page = FindPage(items=[])
        if place is None and exact:
            page = await self._exact(value, field, size, after)
            if page.next is not None or (len(page.items) == size and everywhere):
                return page.model_copy(update={"next": page.next or cursor_of(*EVERYWHERE)})
            if (page.items or after is not None) and not everywhere:
                return page
        if self._kernel.indexer is None:
            return page
        more = await self._anywhere(self._kernel.indexer, value, field, size - len(page.items), place)
        return more.model_copy(update={"items": [*page.items, *more.items]})

    async def status(self) -> SearchStatus:
        """What the index holds, and what it has not taken up yet."""
        lag = await self._indexer().lag()
        behind: Literal["building", "behind", "complete"] = "behind" if lag.runs else "complete"
        return SearchStatus(
            enabled=lag.enabled,
            state="off"
            if not lag.enabled
            else ("missing" if not lag.built else ("building" if lag.older else behind)),
            waiting_runs=lag.runs,
            waiting_payloads=lag.payloads,
            waiting_since=instant(lag.since) if lag.since is not None else None,
            older_runs=lag.older,
            documents=lag.documents,
            size_bytes=lag.size_bytes,
        )

    async def rebuild(self) -> SearchStatus:
        """Throw the index away and build it anew in the background, the newest runs first.

        Errors: `search.off`, `search.busy`.
        """
        indexer = self._indexer()
        if not self._kernel.deps.settings.search:
            raise StateConflict(
                "search is off in this home: there is no index",
                code="search.off",
                hint="Set `search` to true (REDRIVE_SEARCH=true) and start Redrive again.",
            )
        await indexer.rebuild()
        await self._kernel.write(
            lambda transaction: self._kernel.audit(transaction, "search.rebuild", "search")
        )
        await indexer.catch_up(CATCH_UP_S)
        return await self.status()

    def _indexer(self) -> Indexer:
        assert self._kernel.indexer is not None, "an opened home has one"
        return self._kernel.indexer

    async def _exact(
        self, value: str, field: str | None, size: int, place: tuple[Any, ...] | None
    ) -> FindPage:
        before = (Place(*place[:4]), place[4]) if place else None

        def read(rows: Rows) -> FindPage:
            keyed = store.deliveries_of(rows, value)
            spots = _spots(rows, value, field, keyed, before=before, at_most=size + 1)
            describe = _Describe(rows, value, keyed, {spot.run_id for spot, _ in spots[:size]})
            found = page(spots, size, describe, lambda spot: cursor_of(*spot[0], spot[1]))
            return FindPage(items=found.items, next=found.next)

        return await self._kernel.deps.reader.run(read)

    async def _anywhere(
        self,
        indexer: Indexer,
        value: str,
        field: str | None,
        size: int,
        place: SearchSpot | None,
    ) -> FindPage:
        deps = self._kernel.deps
        if not deps.settings.search:
            return FindPage(items=[], note=_OFF)
        if place is None:
            await indexer.catch_up(CATCH_UP_S)
        try:
            found = await Searching(deps, indexer.index, Query(value), field).find(place or EVERYWHERE, size)
        except deps.reader.database.errors as error:
            raise deps.reader.database.error(error) from error
        items = await deps.reader.run(lambda rows: _described(rows, found.hits))
        return FindPage(
            items=items,
            next=cursor_of(*found.next) if found.next is not None else None,
            note=_note(await indexer.lag()) if place is None else None,
        )


def _places(cursor: str | None) -> tuple[tuple[Any, ...] | None, SearchSpot | None]:
    """A cursor among the exact rows, or among those of any value. Errors: `cursor.invalid`."""
    try:
        return place_of(cursor, int, int, int, int, str), None
    except UsageError:
        stage, document, given = place_of(cursor, int, int, int) or EVERYWHERE
        return None, (max(stage, 0), document, given)


def _is_exact(cursor: str | None) -> bool:
    return cursor is None or _places(cursor)[0] is not None


def _note(lag: Lag) -> str | None:
    if lag.complete:
        return None
    if not lag.built:
        return "The search index is not built yet: the answer may be incomplete."
    parts = [
        f"{at_least(lag.runs)} newer" if lag.runs else "",
        f"{at_least(lag.older)} older" if lag.older else "",
    ]
    waiting = " and ".join(filter(None, parts))
    runs = "run is" if lag.runs + lag.older == 1 else "runs are"
    return f"The answer may be incomplete: {waiting} {runs} not in the search index yet."


def at_least(number: int) -> str:
    """How many wait, as it is told: what is counted no further than this is so many or more."""
    return f"{number:,} or more" if number >= queue.COUNTED else str(number)


def _described(rows: Rows, hits: Sequence[Hit]) -> list[FindItem]:
    """The rows of values that were found in payloads."""
    tracing = Tracing(rows)
    places = {hit.payload.id: payload_store.place_of(rows, hit.payload) for hit in hits}
    runs = names_of_runs(rows, sorted({place.run_id for place in places.values() if place is not None}))
    items = []
    for hit in hits:
        place = places[hit.payload.id]
        if place is None:
            continue
        at = Place(place.run_id, max(place.position, 0), hit.payload.id, hit.item)
        # What was handed to a run stands in the input of the step that it began with.
        handed = place.position == payload_store.HANDED
        begun = place.start_step if handed else place.step
        steps = tracing.steps(place.run_id)
        step = next((one for one in steps if one.step == begun), steps[0] if handed and steps else None)
        flow, queued_at = runs.get(place.run_id, ("", 0))
        try:
            delivery = tracing.outcome(at) if hit.item >= 0 else None
        except TooFar:
            delivery = None
        began = step.started_at if step is not None and step.started_at is not None else queued_at
        items.append(
            FindItem(
                run=to_text("r", place.run_id),
                flow=flow,
                step=step.step if step is not None else "",
                payload=to_text("p", hit.payload.id),
                item=hit.item,
                field=hit.match.field,
                value=hit.match.value[:MOST_SHOWN],
                delivery=delivery,
                at=instant(began),
            )
        )
    return items


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
