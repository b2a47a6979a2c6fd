"""Keeps the search index: takes up what the records have and it has not, beside the runs.

Nothing here is on the way of a run. A run stands in the queue of the index from its start until all
of it is durably in the index (`store.search_queue`), so nothing that is committed can be missed, in
whatever order it is committed and wherever this is killed. An index that is missing, damaged, of
another form or older than the records say is built anew, the newest runs first.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from redrive.core.run import PayloadRow
from redrive.documents.load import load_one
from redrive.engine.deps import Deps
from redrive.engine.failpoints import failpoints
from redrive.engine.taking_up import TakingUp
from redrive.errors import Fault, RedriveError
from redrive.log import get_logger
from redrive.store import search_queue as queue
from redrive.store.database import Rows
from redrive.store.search_index import EVERYTHING, Changes, Entry, IndexState, SearchIndex
from redrive.store.search_queue import Waiting

T = TypeVar("T")

POLL_S: Final = 1.0
LAG_S: Final = 15.0
"""While something is committed all the time, the index takes up what there is so often: many runs at once
cost less, and those that are under way are left alone. When nothing has been committed for `POLL_S`, it
does so at once.
"""
AGAIN_S: Final = 5.0
"""Runs that have not ended, and a claim that another process holds, are looked at so often."""
PART_S: Final = 30.0
"""A run that is under way for longer is taken up as far as it is."""
RUNS: Final = 200
BATCH_BYTES: Final = 4 << 20
BATCH_TOKENS: Final = 100_000
PAGE: Final = 500
YIELD: Final = 3.0
"""While runs are under way, this pauses for so many times as long as it has worked."""

_log = get_logger(__name__)
_TORN: Final = 0
"""Instead of a bucket: documents of a payload are in, and not all of them."""
_NOTHING: Final = msgspec.msgpack.encode({})
_progress = msgspec.msgpack.Decoder(dict[int, int])


class Lag(msgspec.Struct, kw_only=True, frozen=True):
    """What is not in the index. `older`: runs that a new index has yet to take up."""

    enabled: bool
    built: bool
    runs: int = 0
    payloads: int = 0
    since: int | None = None
    older: int = 0
    documents: int = 0
    size_bytes: int = 0

    @property
    def complete(self) -> bool:
        return self.enabled and self.built and not self.runs and not self.older


class Indexer:
    """One per process. `busy` says whether runs are under way in it."""

    def __init__(
        self, deps: Deps, index: SearchIndex, *, enabled: bool, busy: Callable[[], bool] = lambda: False
    ) -> None:
        self._deps = deps
        self._index = index
        self._enabled = enabled
        self._busy = busy
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._working = threading.Lock()
        self._rebuild = False
        self._generation = 0
        self._deadline = float("inf")
        self._searched: dict[tuple[int, int], bool] = {}
        self._held: dict[bytes, bytes] = {}

    # ---- for who holds it

    def start(self) -> None:
        """Keep the index in the background until `close`."""
        self._thread = threading.Thread(target=self._main, name="redrive-indexer", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._index.close)

    @property
    def index(self) -> SearchIndex:
        return self._index

    async def catch_up(self, within_s: float) -> bool:
        """Take up what waits, for so long at most. Whether all is in; False also where another process
        keeps the index.
        """
        if self._thread is not None:
            return False
        return await asyncio.to_thread(self._catch_up, within_s)

    async def rebuild(self) -> None:
        """Throw the index away; it is built anew."""
        if self._thread is not None:
            self._rebuild = True
            self._wake.set()
            return
        if not await asyncio.to_thread(self._index.claim):
            raise Fault(
                "another process keeps the search index",
                code="search.busy",
                hint="Ask that one, through its address; or try again when it has ended.",
            )
        await asyncio.to_thread(self._index.clear)

    async def lag(self) -> Lag:
        """What is not in the index yet."""
        return await self._deps.reader.run(self._lag)

    def _lag(self, rows: Rows) -> Lag:
        state = self._index.state()
        wanted = queue.state(rows)
        built = state.generation != 0 and state.generation == wanted.generation
        runs, payloads, since = queue.left(rows)
        before = (state.before if built else EVERYTHING) if self._enabled else 0
        return Lag(
            enabled=self._enabled,
            built=built,
            runs=runs + state.rewriting,
            payloads=payloads,
            since=since,
            older=queue.count_older(rows, before),
            documents=state.documents,
            size_bytes=self._index.size_bytes(),
        )

    # ---- the thread

    def _main(self) -> None:
        watch = self._deps.reader.database.watch()
        seen: int | None = None
        changed, last = False, -math.inf
        try:
            while not self._stop.is_set():
                try:
                    version = watch.version()
                    quiet, seen = version == seen, version
                    changed = changed or not quiet
                    since = time.monotonic() - last
                    due = since >= LAG_S or (quiet and (changed or since >= AGAIN_S))
                    if not (due or self._rebuild):
                        self._wake.wait(POLL_S)
                        self._wake.clear()
                        continue
                    changed, last = False, time.monotonic()
                    self._work()
                except Exception as error:  # noqa: BLE001 - whatever it is, runs do not depend on it
                    if self._stop.is_set():
                        return
                    _log.warning("search.failed", error=error)
                    self._stop.wait(AGAIN_S)
                self._stop.wait(POLL_S)
        finally:
            watch.close()

    def _catch_up(self, within_s: float) -> bool:
        self._deadline = time.monotonic() + within_s
        try:
            return self._work()
        finally:
            self._index.release()

    def _work(self) -> bool:
        """Take up all there is. Whether it came to the end."""
        with self._working:
            if not self._index.claim():
                return False
            if self._rebuild:
                self._rebuild = False
                self._index.clear()
            if not self._enabled:
                self._empty()
                return True
            state = self._current()
            self._searched.clear()
            ended = self._queue() and self._older(state.before) and self._rewrites()
            while ended and self._index.compact():
                ended = self._rewrites()
            return ended

    def _over(self) -> bool:
        return self._stop.is_set() or self._rebuild or time.monotonic() > self._deadline

    def _empty(self) -> None:
        if self._index.state().generation:
            self._index.clear()
        while not self._stop.is_set() and self._commit(lambda transaction: queue.empty(transaction, RUNS)):
            continue

    def _current(self) -> IndexState:
        """The state of the index that belongs to the records; an empty one is begun where there is none."""
        state = self._index.state()
        wanted = self._deps.reader.here(queue.state)
        if state.generation and state.generation == wanted.generation and state.mark >= wanted.mark:
            self._generation = state.generation
            return state
        generation = self._generation = self._deps.ids.next()
        # Whatever is committed after this stands in the queue.
        before = self._deps.reader.here(queue.newest) + 1
        self._index.begin(generation, before)
        failpoints.hit("search.begun")
        self._commit(lambda transaction: queue.done(transaction, [], generation, 0))
        _log.debug("search.begun", generation=generation)
        return self._index.state()

    def _queue(self) -> bool:
        after = -1
        while not self._over():
            waiting = self._deps.reader.here(partial(queue.waiting, after=after, at_most=RUNS))
            if not waiting:
                return True
            batch = _Batch(self)
            for run in waiting:
                after = run.run_id
                if self._is_due(run):
                    batch.take(run, old=False)
                if batch.full or self._over():
                    break
            batch.commit()
        return False

    def _is_due(self, run: Waiting) -> bool:
        return (
            run.ended
            or run.again != queue.NEW
            or (run.started_at or 0) < self._deps.clock.micros() - int(PART_S * 1e6)
        )

    def _older(self, before: int) -> bool:
        while before:
            if self._over():
                return False
            runs = self._deps.reader.here(partial(queue.older, before=before, at_most=RUNS))
            batch = _Batch(self)
            for run in runs:
                before = run.run_id
                if run.ended:
                    batch.take(run, old=True)
                if batch.full or self._over():
                    break
            if not runs:
                before = 0
            batch.changes.before = before
            batch.commit()
            if not self._over() and not self._queue():  # what is new goes first
                return False
        return True

    def _rewrites(self) -> bool:
        while runs := self._index.rewrites(RUNS):
            if self._over():
                return False
            batch = _Batch(self)
            for run_id in runs:
                found = self._deps.reader.here(partial(queue.run, run_id=run_id))
                if found.ended:
                    batch.take(found._replace(again=queue.NEW), old=True)
                else:
                    # It stands in the queue.
                    batch.changes.progress[run_id] = self._index.progress(run_id) or _NOTHING
                if batch.full:
                    break
            batch.commit()
        return True

    # ---- for a batch

    def searched(self, run: Waiting) -> bool:
        """Whether the flow of a run may be searched: its own version says so, and the deployed one."""
        if run.flow_id is None or run.version is None:
            return True
        deployed = self._deps.reader.here(lambda rows: queue.deployed_number(rows, run.flow_id or 0))
        return all(
            self._says(run.flow_id, number) for number in {run.version, deployed} if number is not None
        )

    def _says(self, flow_id: int, number: int) -> bool:
        known = self._searched.get((flow_id, number))
        if known is None:
            found = self._deps.reader.here(lambda rows: queue.document(rows, flow_id, number))
            try:
                data = load_one(found[0].decode(), found[1]).data if found else {}
                known = (data.get("settings") or {}).get("search", True) is not False
            except (RedriveError, ValueError, AttributeError):
                known = True
            self._searched[flow_id, number] = known
        return known

    def begin_run(self) -> None:
        """Contents of one run are made from each other; those of the next one from others."""
        self._held.clear()

    def read(self, payload: PayloadRow, start: int, stop: int) -> bytes:
        """Bytes of a content, from this thread."""
        contents, held = self._deps.contents, self._held
        if payload.size_bytes <= stop - start:
            data = self._deps.reader.look(lambda rows: contents.look_at_small(rows, payload.digest, held))
            if data is not None:
                return data
        return self._on_loop(contents.known(payload.digest, payload.size_bytes).read(start, stop))

    def _on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _commit(self, work: Callable[[Any], T]) -> T:
        async def submit() -> T:
            return await self._deps.committer.submit(work)

        return self._on_loop(submit())

    def commit_batch(self, changes: Changes, taken: list[tuple[int, int]]) -> None:
        if not (
            taken or changes.entries or changes.dropped or changes.progress or changes.before is not None
        ):
            return
        mark = self._index.apply(changes)
        failpoints.hit("search.applied")
        if taken:
            self._commit(lambda transaction: queue.done(transaction, taken, self._generation, mark))

    def pause(self, worked_s: float) -> None:
        """Leave the machine to the runs for a while, if there are any.

        Errors: `Ending`, in the middle of a run however large: it is taken up again from what is kept.
        """
        if self._stop.is_set():
            raise Ending
        if self._thread is not None and self._busy():
            self._stop.wait(min(worked_s * YIELD, 1.0))

    @property
    def store(self) -> SearchIndex:
        return self._index

    @property
    def deps(self) -> Deps:
        return self._deps


class Ending(Exception):
    """The process ends."""


class _Batch:
    """Runs that are taken up with one change of the index."""

    def __init__(self, indexer: Indexer) -> None:
        self._indexer = indexer
        self.changes = Changes()
        self._taken: list[tuple[int, int]] = []
        self._bytes = self._tokens = 0

    @property
    def full(self) -> bool:
        """Enough for one change."""
        return self._bytes > BATCH_BYTES

    def commit(self) -> None:
        self._indexer.commit_batch(self.changes, self._taken)

    def take(self, run: Waiting, *, old: bool) -> None:
        """Take up a run, all of it or as far as it is."""
        indexer, index = self._indexer, self._indexer.store
        known: dict[int, int] = {}
        if run.again != queue.NEW:
            self.changes.dropped.append(run.run_id)
            if run.again == queue.ERASED:
                self.changes.erased.append(run.run_id)
        elif index.taken(run.run_id):
            self._taken.append((run.run_id, run.again))
            self.changes.progress[run.run_id] = None
            return
        elif (packed := index.progress(run.run_id)) is not None:
            known = _progress.decode(packed)
            if _TORN in known:
                self.changes.dropped.append(run.run_id)
                known = {}
        before = dict(known)
        if run.status is not None and indexer.searched(run):
            known = self._take(run, known, old=old)
        if run.ended:
            self.changes.progress[run.run_id] = None
            self._taken.append((run.run_id, run.again))
        elif known != before or run.run_id in self.changes.dropped:
            self.changes.progress[run.run_id] = msgspec.msgpack.encode(known)

    def _take(self, run: Waiting, known: dict[int, int], *, old: bool) -> dict[int, int]:
        indexer = self._indexer
        reader = indexer.deps.reader
        indexer.begin_run()
        taking = TakingUp(run.run_id, indexer.read, old=old)
        buckets = reader.here(lambda rows: queue.buckets_of_run(rows, run.run_id, ended=run.ended))
        for bucket, stays in buckets.items():
            first = known.get(bucket, 0)
            while page := reader.here(
                partial(queue.payloads_of, bucket=bucket, first=first, stop=stays, at_most=PAGE)
            ):
                for payload in page:
                    begun = time.perf_counter()
                    for entry in taking.add(payload):
                        self._add(run, entry)
                        indexer.pause(time.perf_counter() - begun)
                        begun = time.perf_counter()
                    indexer.pause(time.perf_counter() - begun)
                    self._bytes += min(payload.size_bytes, BATCH_BYTES // 8)
                first = page[-1].position + 1
            known[bucket] = first
        for entry in taking.finish():
            self._add(run, entry)
        return known

    def _add(self, run: Waiting, entry: Entry) -> None:
        self.changes.entries.append(entry)
        self._tokens += len(entry.tokens)
        if self._tokens > BATCH_TOKENS:
            # Memory stays bounded however large a run is.
            self.changes.progress[run.run_id] = msgspec.msgpack.encode({_TORN: 1})
            self.commit()
            self.changes, self._taken, self._tokens = Changes(), [], 0
