"""Lookups, data pools and caches as a step of a run has them.

What a step writes goes through the journal of its run, so it is durable together with the step.
A plan that is only worked out writes nothing: it reads the store, and what its own steps have put
into caches from memory.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from redrive.core.ids import to_text
from redrive.core.jsonvalue import decode, encode
from redrive.core.matching import candidates, number_of, pick
from redrive.core.nearest import nearest
from redrive.core.pools import Sieve, judge
from redrive.core.run import Plan, Run, StepRun
from redrive.engine.clock import instant
from redrive.engine.deps import Deps
from redrive.engine.failpoints import failpoints
from redrive.engine.journal import Journal
from redrive.errors import PayloadError, StepError
from redrive.sdk.context import StepLog
from redrive.sdk.references import MAX_KEY_BYTES, CachedPayload, CacheScope, Direction, Match, PoolKey
from redrive.store import caches as cache_store
from redrive.store import lookups as lookup_store
from redrive.store import pools as pool_store
from redrive.store import runs as run_store
from redrive.store.committer import Transaction
from redrive.store.database import Rows

ASK_AGAIN_S = 2.0
"""While a step waits for a run of another process, which cannot tell it that it has ended."""
MAX_PAGES = 10_000
MAX_ENTRY_BYTES = 1 << 30
KEPT_ANSWERS = 20_000

Wait = Callable[[asyncio.Event], Awaitable[None]]


Done: TypeAlias = frozenset[str] | None
"""Steps; None: all of them."""


class RunReferences:
    """What the steps of one execution of a run share. `for_step` gives a step its own."""

    def __init__(
        self, *, deps: Deps, run: Run, plan: Plan, journal: Journal, wait: Wait, preview: bool
    ) -> None:
        self.deps = deps
        self.run = run
        self.plan = plan
        self.journal = journal
        self.wait = wait
        self.preview = preview
        self.pools_used = run.epoch > 1  # an execution that died may have
        self.pages: dict[tuple[str, str, str], list[CachedPayload]] = {}
        """What a plan that is only worked out would have put into caches."""
        self._ancestors: list[tuple[int, Done]] | None = None

    def for_step(self, step: StepRun, log: StepLog) -> StepReferences:
        return StepReferences(self, step, log)

    async def ancestors(self) -> list[tuple[int, Done]]:
        """The runs that this one was made from, the nearest first, each with the steps that count as
        done here: what these put into the caches of their run is there for this one too.
        """
        if self._ancestors is None:
            self._ancestors = await self.deps.reader.run(self._read_ancestors)
        return self._ancestors

    def _read_ancestors(self, rows: Rows) -> list[tuple[int, Done]]:
        found: list[tuple[int, Done]] = []
        source = self.run.source_run
        steps = done_before(rows, self.run.id, self.plan)
        while source is not None and (steps is None or steps):
            found.append((source, steps))
            record = run_store.get_run(rows, source)
            if record is None:
                break
            plan = msgspec.json.decode(record.plan, type=Plan) if record.plan else Plan()
            before = done_before(rows, source, plan)
            steps = before if steps is None else steps if before is None else steps & before
            source = record.source_run
        return found


def done_before(rows: Rows, run_id: int, plan: Plan) -> Done:
    """Steps whose work in the source run counts in a run: of a redrive the kept ones. A retry goes on with
    what had not been done, so all of it counts.
    """
    if plan.start == "failed":
        return None
    return frozenset(step.step for step in run_store.step_runs(rows, run_id) if step.status == "kept")


class StepReferences:
    """Behind `lookup`, `pool` and `cache` of a step's context."""

    def __init__(self, run: RunReferences, step: StepRun, log: StepLog) -> None:
        self._run = run
        self._step = step
        self._log = log
        self._lookups: dict[str, EngineLookup] = {}
        self._caches: dict[tuple[str, CacheScope], EngineCache] = {}

    async def lookup(self, name: str) -> EngineLookup:
        found = self._lookups.get(name)
        if found is None:
            found = self._lookups[name] = await EngineLookup.open(self._run.deps, name)
        return found

    def pool(self, name: str, *, shared: bool) -> EnginePool:
        return EnginePool(self._run, self._step, self._log, name, "" if shared else self._run.run.flow)

    def cache(self, name: str, scope: CacheScope) -> EngineCache:
        found = self._caches.get((name, scope))
        if found is None:
            found = self._caches[name, scope] = EngineCache(self._run, self._step, self._log, name, scope)
        return found


# ---- lookups


class EngineLookup:
    """A lookup as it was when the step first named it."""

    def __init__(self, deps: Deps, row: lookup_store.LookupRow) -> None:
        self._deps = deps
        self._row = row
        self._answers: dict[tuple[str, str, str], str | None] = {}
        self.name = row.name

    @classmethod
    async def open(cls, deps: Deps, name: str) -> EngineLookup:
        def read(rows: Rows) -> lookup_store.LookupRow | list[str]:
            return lookup_store.get(rows, name) or [
                row.name for row in lookup_store.lookups_page(rows, None, 500)
            ]

        found = await deps.reader.run(read)
        if isinstance(found, list):
            near = nearest(name, found)
            raise StepError(
                f"there is no lookup {name!r}",
                code="lookup.unknown",
                at=name,
                hint=f"Did you mean {near!r}?" if near else f"`redrive lookups import {name} FILE` makes it.",
                stops_step=True,
            )
        return cls(deps, found)

    async def find(
        self, values: Iterable[str], *, direction: Direction = "forward", match: Match = "exact"
    ) -> Mapping[str, str]:
        wanted = dict.fromkeys(values)
        answers = self._answers
        fresh = [value for value in wanted if (direction, match, value) not in answers]
        if fresh:
            found = await self._read(fresh, direction, match)
            if len(answers) + len(fresh) > KEPT_ANSWERS:
                kept = {value: answers.get((direction, match, value)) for value in wanted}
                answers.clear()
                answers.update({(direction, match, value): kept[value] for value in wanted})
            answers.update({(direction, match, value): found[value] for value in fresh})
        result = {value: answers[direction, match, value] for value in wanted}
        return {value: given for value, given in result.items() if given is not None}

    async def _read(self, values: Sequence[str], direction: str, match: str) -> dict[str, str | None]:
        row = self._row
        numbers = list({number_of(text): None for value in values for text in candidates(value, match)})

        def read(rows: Rows) -> dict[int, list[tuple[str, str]]] | None:
            if rows.one(lookup_store.GENERATION, generation=row.generation) is None:
                return None
            return lookup_store.rows_of(
                rows, row.generation, row.revision, numbers, backward=direction == "backward"
            )

        found = await self._deps.reader.run(read)
        if found is None:
            raise StepError(
                f"the lookup {self.name!r} was replaced or deleted while the step was reading it",
                code="lookup.changed",
                at=self.name,
                hint="Run the step again: it then reads the lookup as it is now.",
            )
        return {value: pick(value, match, found) for value in values}


# ---- data pools


class EnginePool:
    """A data pool, in one step."""

    def __init__(self, run: RunReferences, step: StepRun, log: StepLog, name: str, flow: str) -> None:
        self._run = run
        self._step = step
        self._log = log
        self._flow = flow
        self.name = name

    async def sift(
        self,
        keys: Sequence[PoolKey],
        *,
        leave_out: bool = True,
        track: bool = True,
        forget_after_s: float | None = None,
    ) -> list[bool]:
        for one in keys:
            check_key(one.key, f"payload {one.payload}, item {one.item}: the key")
        run = self._run.run
        deps = self._run.deps
        sieve = Sieve(
            run_id=run.id,
            root=run.root_run or run.id,
            position=self._step.position,
            leave_out=leave_out,
            now=deps.clock.micros(),
            forget_after=None if forget_after_s is None else int(forget_after_s * 1_000_000),
        )
        goes_on: dict[int, bool] = {}
        waiting = list(range(len(keys)))
        regardless = False
        while waiting:
            event = deps.signal.waiter()
            busy, holders = await self._decide(
                sieve, keys, waiting, goes_on, track=track, regardless=regardless
            )
            waiting = busy
            if not waiting:
                break
            if deps.waits.in_circle(run.id, holders):
                regardless = True
                self._log.warning(
                    f"pool {self.name}: {len(waiting)} items go on although another run holds their keys: "
                    "it waits for this one",
                    runs=[to_text("r", one) for one in sorted(holders)],
                )
                continue
            self._log.info(
                f"pool {self.name}: waits for the end of runs that hold {len(waiting)} of the keys",
                runs=[to_text("r", one) for one in sorted(holders)],
            )
            with deps.waits.waiting(run.id, holders), contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ASK_AGAIN_S):
                    await self._run.wait(event)
        return [goes_on[number] for number in range(len(keys))]

    async def _decide(
        self,
        sieve: Sieve,
        keys: Sequence[PoolKey],
        waiting: Sequence[int],
        goes_on: dict[int, bool],
        *,
        track: bool,
        regardless: bool,
    ) -> tuple[list[int], frozenset[int]]:
        """Decide what can be decided; the numbers that cannot, and which runs hold their keys."""
        run = self._run
        ids = run.deps.ids
        made_id, at = ids.next(), run.deps.clock.micros()
        decided: dict[int, bool] = {}
        busy: list[int] = []
        holders: set[int] = set()
        texts = list(dict.fromkeys(keys[number].key for number in waiting))

        def sift(source: Rows | Transaction) -> None:
            decided.clear()
            busy.clear()
            holders.clear()
            pool_id = pool_store.find(source, self.name, self._flow)
            if pool_id is None and isinstance(source, Transaction) and track:
                source.insert(pool_store.INSERT, (made_id, self.name, self._flow, 0, at))
                pool_id = pool_store.find(source, self.name, self._flow)
            if pool_id is not None and isinstance(source, Transaction):
                source.run(pool_store.TAKE_TURN, pool_id=pool_id)
            entries, claims = pool_store.known(source, pool_id, texts) if pool_id is not None else ({}, {})
            for number in waiting:
                one = keys[number]
                held = claims.get(one.key, [])
                verdict, holder = judge(sieve, one.payload, one.item, entries.get(one.key), held)
                if verdict == "busy" and holder is not None and not (regardless or run.preview):
                    busy.append(number)
                    holders.add(holder)
                    continue
                decided[number] = verdict != "leave_out"
                if track and decided[number] and all(claim.run_id != sieve.run_id for claim in held):
                    claims[one.key] = [
                        *held,
                        pool_store.Held(sieve.run_id, sieve.position, one.payload, one.item),
                    ]
                    if pool_id is not None and isinstance(source, Transaction):
                        source.insert(
                            pool_store.INSERT_CLAIM,
                            (pool_id, one.key, sieve.run_id, sieve.position, one.payload, one.item, at),
                        )

        if run.preview:
            await run.deps.reader.run(sift)
        else:
            run.pools_used = run.pools_used or track
            run.journal.work(sift)
            await run.journal.barrier()
            failpoints.hit("pool.claimed")
        goes_on.update(decided)
        return list(busy), frozenset(holders)


def check_key(key: str, what: str) -> None:
    """Errors: `key.too_long`."""
    if len(key) > MAX_KEY_BYTES or len(key.encode()) > MAX_KEY_BYTES:
        raise PayloadError(
            f"{what} has {len(key.encode())} bytes; at most {MAX_KEY_BYTES} are possible",
            code="key.too_long",
            hint="Name a path that gives a shorter value.",
        )


# ---- caches


class EngineCache:
    """A cache, in one step."""

    def __init__(self, run: RunReferences, step: StepRun, log: StepLog, name: str, scope: CacheScope) -> None:
        self._run = run
        self._step = step
        self._log = log
        self._scope = scope
        self._flow = "" if scope == "company" else run.run.flow
        self._own_run = run.run.id if scope == "run" else 0
        self.name = name
        # Of each entry that this execution has added to: pages and bytes.
        self._begun: dict[str, tuple[int, int]] = {}
        self._unread = True

    async def get(self, entry: str) -> Sequence[CachedPayload]:
        run = self._run
        if run.preview and (made := run.pages.get((self._scope, self.name, entry))) is not None:
            return made
        if self._unread and not run.preview:
            await run.journal.barrier()  # what earlier steps have added may be on its way
            self._unread = False
        now = run.deps.clock.micros()
        levels: list[tuple[int, Done]] = [(self._own_run, frozenset())]
        if self._scope == "run":
            levels += await run.ancestors()

        def read(rows: Rows) -> list[cache_store.PageRow]:
            found: list[cache_store.PageRow] = []
            for run_id, steps in levels:
                flow = self._flow_of(rows, run_id)
                cache_id = cache_store.find(rows, self.name, self._scope, flow, run_id)
                if cache_id is None:
                    continue
                here = cache_store.pages(rows, cache_id, entry, now)
                if run_id != self._own_run and steps is not None:
                    here = [page for page in here if page.step in steps]
                found = here + found
                if any(not page.appended for page in here):
                    break
            return found

        return [self._page(row) for row in await run.deps.reader.run(read)]

    def _flow_of(self, rows: Rows, run_id: int) -> str:
        if run_id in (0, self._own_run):
            return self._flow
        record = run_store.get_run(rows, run_id)
        return record.flow if record is not None else self._flow

    def _page(self, row: cache_store.PageRow) -> CachedPayload:
        return CachedPayload(
            content=self._run.deps.contents.known(row.digest, row.size_bytes),
            media_type=row.media_type,
            items_path=row.items_path,
            meta=decode(row.meta) if row.meta else {},
            items=row.items,
            at=instant(row.at),
        )

    async def add(
        self,
        entry: str,
        page: CachedPayload,
        *,
        item: tuple[int, int],
        append: bool = False,
        ttl_s: float | None = None,
    ) -> None:
        check_key(entry, f"the name of an entry of the cache {self.name!r}")
        run = self._run
        now = run.deps.clock.micros()
        first = entry not in self._begun
        pages, size = self._begun.get(entry, (0, 0))
        if first and append:
            pages, size = self._stored(entry, now)
        pages, size = pages + 1, size + page.content.size_bytes
        if pages > MAX_PAGES or size > MAX_ENTRY_BYTES:
            raise PayloadError(
                f"an entry of the cache {self.name!r} would have {pages} pages and {size} bytes; at most "
                f"{MAX_PAGES} pages and {MAX_ENTRY_BYTES} bytes are possible",
                code="cache.full",
                hint="Name more entries with a template, or clear the cache.",
            )
        self._begun[entry] = pages, size
        if run.preview:
            made = run.pages.setdefault((self._scope, self.name, entry), [])
            if first and not append:
                made.clear()
            made.append(page)
            return
        content = await run.deps.contents.adopt(page.content)
        run.journal.content(content)
        cache_id, page_id = run.deps.ids.next(), run.deps.ids.next()
        payload, number = item
        step = self._step.step
        rest = (
            content.digest, content.size_bytes, page.items, page.media_type, page.items_path,
            encode(dict(page.meta)) if page.meta else None, append, now,
            None if ttl_s is None else now + int(ttl_s * 1_000_000),
        )  # fmt: skip

        def work(transaction: Transaction) -> None:
            found = cache_store.find(transaction, self.name, self._scope, self._flow, self._own_run)
            if found is None:
                transaction.insert(
                    cache_store.INSERT, (cache_id, self.name, self._scope, self._flow, self._own_run, now)
                )
                found = cache_store.find(transaction, self.name, self._scope, self._flow, self._own_run)
            assert found is not None
            here = {"cache_id": found, "entry": entry}
            transaction.run(cache_store.DROP_ENTRY_EXPIRED, now=now, **here)
            if not append:
                counted = transaction.one(cache_store.OF_WRITER, run_id=run.run.id, step=step, **here)
                if not (counted and counted[0]):
                    if not first:
                        return  # another run has replaced the entry meanwhile: its pages stay together
                    transaction.run(cache_store.DROP_ENTRY, **here)
            transaction.run(
                cache_store.DROP_PAGE, run_id=run.run.id, step=step, payload=payload, item=number, **here
            )
            transaction.insert(
                cache_store.INSERT_PAGE, (page_id, found, entry, run.run.id, step, payload, number, *rest)
            )

        run.journal.work(work)
        failpoints.hit("cache.added")

    def _stored(self, entry: str, now: int) -> tuple[int, int]:
        rows = self._run.deps.reader.rows()
        cache_id = cache_store.find(rows, self.name, self._scope, self._flow, self._own_run)
        return cache_store.totals(rows, cache_id, entry, now) if cache_id is not None else (0, 0)
