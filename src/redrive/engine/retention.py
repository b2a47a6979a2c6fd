"""Takes away what is no longer to be kept, in the background: small transactions with pauses between.

A pass walks the runs of each flow from the newest to the oldest, asks `core.retention`, and takes away
run by run; then what no run owns; then the contents that nothing names any more. It holds a page of
rows in memory, never a list of all. Wherever it is cut off, the next pass goes on: a run that was begun
says so in its record, contents that are condemned stay so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from redrive.core.ids import lowest_at
from redrive.core.retention import Keep, Walk
from redrive.core.run import ENDED
from redrive.engine.deps import Deps
from redrive.engine.failpoints import failpoints
from redrive.engine.retention_rules import Counts, FlowCounts, keep_of
from redrive.engine.rewriting import Rewriter
from redrive.errors import RedriveError
from redrive.log import get_logger
from redrive.store import (
    accounts,
    backups,
    bulks,
    contents,
    hooks,
    insights,
    loose,
    notices,
    schedules,
    search_queue,
    sweep,
)
from redrive.store import retention as store
from redrive.store.blobs.base import Blobs
from redrive.store.committer import Transaction
from redrive.store.database import Rows

T = TypeVar("T")

PAGE: Final = 500
PIECE: Final = 200
"""Rows of one transaction."""
AT_ONCE: Final = 16
"""Runs that are taken away side by side."""
SWEEP: Final = 50_000
"""Contents that one scan of all references decides on: what they take in memory is bounded."""
SPARED_S: Final = 3600.0
"""An object that was written, or given again, so lately stays: its record may be on its way."""
MAX_TRIES: Final = 500
ROUNDS: Final = 3
SUSPECTS: Final = 200_000
MAX_SUSPECTS: Final = 10_000
DAY_US: Final = 86_400_000_000
HOUR_US: Final = 3_600_000_000

_UPLOADS: Final = "retention.uploads"
_DAILY: Final = "retention.daily"
_SUSPECTS: Final = "retention.suspects"
_POSITION: Final = "retention.position"

_log = get_logger(__name__)


class Retention:
    """One pass at a time; `pause_s` is how long it leaves the writer to the runs between two pieces."""

    def __init__(self, deps: Deps, blobs: Blobs, *, pause_s: float = 0.01) -> None:
        self._deps = deps
        self._blobs = blobs
        self._pause_s = pause_s
        self._rewriter = Rewriter(deps.reader, deps.contents, deps.committer)

    # ---- what is due

    async def plan(self) -> list[FlowCounts]:
        """What a pass would take away of each flow's runs now; changes nothing."""
        found = []
        async for flow, keep, flow_id in self._flows():
            counts = Counts()
            async for due, verdict, size in self._due(flow_id, keep):
                waits = await self._read(partial(store.has_open_delivery, run_id=due.id))
                self._count(counts, "waiting" if waits else verdict, size)
            found.append(FlowCounts(flow=flow, keep=keep, counts=counts))
        return found

    def _count(self, counts: Counts, verdict: str, size: int) -> None:
        if verdict == "waiting":
            counts.waiting += 1
            return
        if verdict == "delete":
            counts.deleted += 1
        else:
            counts.expired += 1
        counts.weight += size

    async def _flows(self) -> AsyncIterator[tuple[str, Keep, int]]:
        """Every flow that has runs, with the rules that hold for it now."""
        home = keep_of(self._deps.settings)
        after = -1
        while (flow_id := await self._read(partial(store.next_flow, after=after))) is not None:
            after = flow_id
            newest = await self._read(partial(store.newest_of_flow, flow_id=flow_id))
            if newest is None:
                continue
            name, version = newest
            number = await self._read(partial(store.deployed_number, flow_id=flow_id)) or version
            try:
                said = self._deps.flows.get(flow_id, number).flow.settings.retention
            except RedriveError:
                said = Keep()  # a version that cannot be read any more says nothing
            yield name, said.over(home), flow_id

    async def _due(self, flow_id: int, keep: Keep) -> AsyncIterator[tuple[store.Due, str, int]]:
        """The runs of a flow that are to lose something, the newest first, with the bytes they hold."""
        walk = Walk(keep, self._deps.clock.micros())
        before = store.MOST
        while True:
            page = await self._read(partial(_weighed, flow_id=flow_id, before=before, weighs=keep.weighs))
            for due, size in page:
                before = due.id
                if due.status not in ENDED or due.finished_at is None or due.pinned:
                    continue
                verdict = walk.verdict(due.status, due.finished_at, size)
                if verdict == "delete" or (verdict == "expire" and due.retention < store.EXPIRED):
                    weight = size or await self._read(partial(store.weight, run_id=due.id))
                    yield due, verdict, weight if due.retention < store.EXPIRED else 0
            if len(page) < PAGE:
                return
            await asyncio.sleep(0)

    # ---- a pass

    async def run(self) -> Counts:
        """One whole pass."""
        counts = Counts()
        for run_id in await self._read(store.under_way):
            await self.take(run_id, "go on", counts)
        async for flow, keep, flow_id in self._flows():
            due = self._due(flow_id, keep)
            while some := [one for _ in range(AT_ONCE) if (one := await anext(due, None)) is not None]:
                await self._take_some(some, counts)
            _log.debug("retention.flow", flow=flow, expired=counts.expired, deleted=counts.deleted)
        await self._expire_uploads(counts)
        await self._forget_start_keys(counts)
        await self._forget_tracked()
        await self._expire_cached()
        await self._forget_old()
        daily = await self._is_due()
        if daily:
            await self._condemn_suspects()
        await self.sweep(counts)
        if daily:
            await self._sweep_objects(counts)
            await self._suspect()
        retired = self._deps.clock.micros() - DAY_US
        await self._write(partial(contents.delete_dictionaries, before=retired))
        return counts

    async def _take_some(self, some: Sequence[tuple[store.Due, str, int]], counts: Counts) -> None:
        """Several runs at once share commits: one after the other, a busy home would outrun this."""
        taken = await asyncio.gather(*[self.take(due.id, verdict, counts) for due, verdict, _ in some])
        for done, (_, verdict, size) in zip(taken, some, strict=True):
            if done:
                self._count(counts, verdict, size)

    async def take(self, run_id: int, verdict: str, counts: Counts) -> bool:
        """Take the payloads of a run away (`expire`), or the whole run (`delete`); `go on` does what was
        begun. False where it has to stay.
        """
        begun = await self._write(partial(_begin, run_id=run_id, verdict=verdict))
        if begun == "waiting":
            counts.waiting += 1
        if begun is None or isinstance(begun, str):
            return False
        failpoints.hit("retention.begun")
        stage, root, buckets = begun
        for bucket in sorted(buckets):
            await self._take_bucket(run_id, root, bucket, delete=stage == store.DELETING)
            failpoints.hit("retention.bucket")
        if stage == store.EXPIRING:
            await self._pages(lambda tx, at: store.strip_exchanges(tx, run_id, at, PIECE), 0)
            await self._write(partial(_expired, run_id=run_id))
            return True
        await self._pages(lambda tx, at: store.strip_exchanges(tx, run_id, at, PIECE), 0)
        for piece in store.PIECES:
            await self._until(partial(piece, run_id=run_id, at_most=PIECE))
            failpoints.hit("retention.piece")
        failpoints.hit("retention.emptied")
        await self._write(partial(loose.drop_cached, run_id=run_id))
        await self._write(partial(_deleted, run_id=run_id))
        return True

    async def _take_bucket(self, run_id: int, root: int, bucket: int, *, delete: bool) -> None:
        """Unless a run that is whole needs it, which is asked again in each transaction."""

        def strip(transaction: Transaction, at: int) -> int | None:
            store.lock_bucket(transaction, bucket)
            if store.held(transaction, run_id, root, bucket):
                return None
            return store.strip_bucket(transaction, bucket, at, PIECE)

        def remove(transaction: Transaction) -> bool:
            store.lock_bucket(transaction, bucket)
            if store.held(transaction, run_id, root, bucket, listed=True):
                return True
            return store.delete_bucket(transaction, bucket, PIECE)

        await self._pages(strip, 0)
        if delete:
            await self._until(remove)

    async def _until(self, piece: Callable[[Transaction], bool]) -> None:
        """Repeat a piece until it says that nothing is left."""
        while not await self._write(piece):  # noqa: ASYNC110 - a pause between pieces, not a wait for somebody
            await asyncio.sleep(self._pause_s)

    async def _pages(self, piece: Callable[[Transaction, int], int | None], start: int) -> None:
        at: int | None = start
        while at is not None:
            at = await self._write(partial(_at, piece, at))
            if at is not None:
                await asyncio.sleep(self._pause_s)

    # ---- what no run owns

    async def _expire_uploads(self, counts: Counts) -> None:
        """Uploads that are old enough, from where the last pass ended: ids rise with time."""
        days = self._deps.settings.keep_uploads_days
        if not days:
            return
        before = lowest_at(self._deps.clock.micros() // 1000 - int(days * 86_400_000))
        noted: bytes | None = await self._read(partial(loose.fact, name=_UPLOADS))
        known = int(noted or b"0")
        after = known if known <= before else 0  # the clock was ahead when that was noted
        while page := await self._read(partial(loose.uploads, after=after, before=before, at_most=PIECE)):
            for bucket in page:
                await self._until(partial(store.delete_bucket, bucket=bucket, at_most=PIECE))
                counts.uploads += 1
                after = bucket
        if before != known:
            await self._write(lambda tx: loose.put_fact(tx, _UPLOADS, b"%d" % before))

    async def _forget_start_keys(self, counts: Counts) -> None:
        days = self._deps.settings.keep_start_keys_days
        oldest, after = self._deps.clock.micros() - int(days * DAY_US) if days else None, ""
        while page := await self._read(partial(loose.start_keys, after=after, at_most=PAGE)):
            after = page[-1][0]
            # While its run goes on, a key is needed: the caller may be repeating that very start.
            old = {key for key, at, state in page if state in ENDED and oldest is not None and at < oldest}
            gone = [key for key, _, state in page if state is None or key in old]
            if gone:
                await self._write(partial(loose.delete_start_keys, keys=gone))
                counts.start_keys += len(gone)
            await asyncio.sleep(self._pause_s)

    async def _forget_tracked(self) -> None:
        """Tracked values of runs that are gone: their index is by value, so they are looked for."""
        after = loose.TRACKED_START
        while page := await self._read(partial(loose.tracked, after=after, at_most=PAGE)):
            after = tuple(page[-1][:-1])
            gone = [row[:-1] for row in page if row[-1] is None]
            if gone:
                await self._write(partial(loose.delete_tracked, rows=gone))
            await asyncio.sleep(self._pause_s)

    async def compact(self) -> None:
        """Write the database anew: its file shrinks, and nothing that was deleted is left in it."""
        database = self._deps.reader.database
        await self._deps.committer.outside(database.rewrite)
        for _ in range(MAX_TRIES):
            if await self._deps.committer.outside(database.empty_log):
                return
            await asyncio.sleep(self._pause_s)  # somebody still reads what was there before

    # ---- contents

    async def sweep(self, counts: Counts, *, spared_s: float = SPARED_S) -> None:
        """Delete the condemned contents that nothing names; objects that are younger stay for now.

        What others were made from is condemned with the last of them: one more scan for these.
        """
        for _ in range(ROUNDS):
            before = counts.contents
            await self._sweep(counts, spared_s)
            if counts.contents == before:
                return

    async def _sweep(self, counts: Counts, spared_s: float) -> None:
        after = b""
        while True:
            candidates = await self._read(partial(sweep.condemned, after=after, at_most=SWEEP))
            if not candidates:
                return
            for some in _parts(candidates):
                await self._write(partial(sweep.judge, after=after, upto=some[-1]))
                after = some[-1]
            named = await self._named(set(candidates))
            failpoints.hit("retention.marked")
            for some in _parts(sorted(named)):
                await self._write(partial(sweep.pardon, digests=some))
            for some in _parts([digest for digest in candidates if digest not in named]):
                if not await self._delete(some, counts, spared_s):
                    return
                await asyncio.sleep(self._pause_s)
            if len(candidates) < SWEEP:
                return

    async def _named(self, digests: set[bytes]) -> set[bytes]:
        """Those of them that any record names, by a scan of all records that do."""
        found: set[bytes] = set()
        for table in sweep.NAMING:
            after: Sequence[Any] | None = None
            while page := await self._read(partial(table.page, after=after, at_most=PAGE)):
                width = len(table.key)
                after = page[-1][:width]
                for row in page:
                    found.update(digests.intersection(bytes(one) for one in row[width:] if one))
                await asyncio.sleep(0)
        return found

    async def _delete(self, digests: Sequence[bytes], counts: Counts, spared_s: float) -> bool:
        """False while a backup is being made: it may need the objects."""

        def work(transaction: Transaction) -> sweep.Swept | None:
            if backups.is_running(transaction, self._deps.clock.micros()):
                return None
            return sweep.sweep(transaction, digests)

        swept = await self._write(work)
        if swept is None:
            return False
        for digest in swept.bases:
            # What is made from it, and stays, gets bytes of its own.
            await self._rewriter.free(digest)
        if swept.bases:
            rest = await self._write(partial(sweep.sweep, digests=swept.bases))
            swept.contents += rest.contents
            swept.size_bytes += rest.size_bytes
            swept.objects += rest.objects
            await self._write(partial(sweep.pardon, digests=rest.bases))
        failpoints.hit("retention.swept")
        counts.contents += swept.contents
        counts.size_bytes += swept.size_bytes
        for digest in swept.objects:
            counts.objects += await asyncio.to_thread(self._blobs.delete, digest, spared_s)
        return True

    # ---- once a day

    async def _is_due(self) -> bool:
        """Once a day, and not while a backup may still read what seems to be named by nothing."""
        now = self._deps.clock.micros()
        found = await self._read(partial(loose.fact, name=_DAILY))
        last = int(found or b"0")
        if last <= now < last + DAY_US or await self._read(partial(backups.is_running, now=now)):
            return False
        await self._write(lambda tx: loose.put_fact(tx, _DAILY, b"%d" % now))
        return True

    async def _sweep_objects(self, counts: Counts) -> None:
        """Objects without a record, left by a crash or written for nothing."""
        await asyncio.to_thread(self._blobs.sweep_temp, 24 * SPARED_S)
        there = iter(self._blobs.iterate())
        while objects := await asyncio.to_thread(_some, there):
            old = [one.digest for one in objects if one.age_s >= SPARED_S]
            for digest in await self._read(partial(_unknown, digests=old)):
                counts.objects += await asyncio.to_thread(self._blobs.delete, digest, SPARED_S)

    async def _suspect(self) -> None:
        """Look, among some contents each day, for those that nothing names: left by an attempt that was
        taken back, or by a cache that was emptied. What refers to a content may be committed a moment
        after it, so they are only condemned a day later, if still nothing does.
        """
        position = await self._read(partial(loose.fact, name=_POSITION)) or b""
        found = await self._read(partial(sweep.digests, after=position, at_most=SUSPECTS))
        if found:
            named = await self._named(set(found))
            loose_ones = [one for one in found if one not in named][:MAX_SUSPECTS]
        else:
            loose_ones = []

        def work(transaction: Transaction) -> None:
            loose.put_fact(transaction, _SUSPECTS, b"".join(loose_ones))
            loose.put_fact(transaction, _POSITION, found[-1] if found else b"")

        await self._write(work)

    async def _condemn_suspects(self) -> None:
        told = await self._read(partial(loose.fact, name=_SUSPECTS)) or b""
        suspects = [told[start : start + 32] for start in range(0, len(told), 32)]
        for some in _parts(suspects):
            await self._write(partial(sweep.condemn, digests=some))

    async def _expire_cached(self) -> None:
        """Pages of caches whose time is over."""
        now = self._deps.clock.micros()
        await self._write(partial(loose.expire_cached, now=now))

    async def _forget_old(self) -> None:
        """What has a time of its own: also where nothing comes that would take it away in passing."""
        now, days = self._deps.clock.micros(), self._deps.settings.keep_insights_days
        if days:
            before = int(now - days * DAY_US) // HOUR_US
            await self._until(lambda tx: not insights.forget(tx, before, PIECE))
        idle_since = now - int(self._deps.settings.session_idle_hours * HOUR_US)

        def work(transaction: Transaction) -> None:
            schedules.forget_gone(transaction, now - schedules.KEPT_US)
            hooks.forget_calls(transaction, now)
            accounts.forget_sessions(transaction, now, idle_since)
            bulks.forget(transaction, now - bulks.KEPT_US)
            notices.forget(transaction, now - notices.KEPT_US)

        await self._write(work)

    # ----

    async def _read(self, function: Callable[[Rows], T]) -> T:
        return await self._deps.reader.run(function)

    async def _write(self, work: Callable[[Transaction], T]) -> T:
        return await self._deps.committer.submit(work)


def _begin(transaction: Transaction, run_id: int, verdict: str) -> tuple[int, int, set[int]] | str | None:
    """Mark a run: what is to become of it, the root of its lineage, and the buckets it names."""
    found = store.look(transaction, run_id)
    if found is None or found.finished_at is None or found.status not in ENDED:
        return None
    stage = max(found.retention, {"expire": store.EXPIRING, "delete": store.DELETING}.get(verdict, 0))
    if found.retention != stage:
        if found.pinned:
            return None
        if store.has_open_delivery(transaction, run_id):
            return "waiting"
        store.set_retention(transaction, run_id, stage)
    if stage in {store.WHOLE, store.EXPIRED}:
        return None
    root = found.family or (found.root_run if found.root_run is not None else run_id)
    return stage, root, store.named_by(transaction, run_id, found.plan)


def _expired(transaction: Transaction, run_id: int) -> None:
    store.set_retention(transaction, run_id, store.EXPIRED)
    search_queue.look_again(transaction, run_id)


def _deleted(transaction: Transaction, run_id: int) -> None:
    store.delete_run(transaction, run_id)
    search_queue.look_again(transaction, run_id)


def _at(piece: Callable[[Transaction, int], int | None], at: int, transaction: Transaction) -> int | None:
    return piece(transaction, at)


def _parts(digests: Sequence[bytes]) -> list[Sequence[bytes]]:
    return [digests[start : start + PIECE] for start in range(0, len(digests), PIECE)]


def _some(found: Any) -> list[Any]:
    return [one for one, _ in zip(found, range(PAGE), strict=False)]


def _unknown(rows: Rows, digests: Sequence[bytes]) -> list[bytes]:
    return [digest for digest in digests if not sweep.known(rows, digest)]


def _weighed(rows: Rows, flow_id: int, before: int, *, weighs: bool) -> list[tuple[store.Due, int]]:
    page = store.runs_of_flow(rows, flow_id, before, PAGE)
    return [
        (due, store.weight(rows, due.id) if weighs and due.retention == store.WHOLE else 0) for due in page
    ]
