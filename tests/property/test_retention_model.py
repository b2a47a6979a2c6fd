"""Random runs that share contents, are redriven, edited, pinned and aged: what is left is what the rules say.

The model knows nothing of hashes, sweeps and stages: a run is whole while its payloads are to be kept, and a
bucket is readable while a whole run owns or reads it.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redrive.core.run import PayloadRow, Plan, Run
from redrive.engine.retention import Retention
from redrive.engine.retention_rules import Counts
from redrive.store import retention as store
from redrive.store import runs as run_store
from redrive.store import tables
from redrive.store.statements import Insert
from tests.unit.service.building import FLOW, Home, open_home

DAY = 86_400
CONTENTS = [b"[%d]" % n for n in range(4)] + [b'[{"large": "%s"}]' % (b"y" * 300_000)]
RULES = (
    b"settings: {retention: {payloads: {success: {age: 10d, count: 3}, failure: 20d}, "
    b"runs: {age: 30d, failure: {count: 4}}}}\n"
)
REPLACE_RUN = Insert(tables.runs, conflict="replace")

steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("run"), st.sampled_from(["success", "failure"]), st.integers(0, 4), st.integers(0, 4)
        ),
        st.tuples(st.just("redrive"), st.integers(0, 9), st.sampled_from(["success", "failure"])),
        st.tuples(st.just("edit"), st.integers(0, 9), st.integers(0, 4)),
        st.tuples(st.just("pin"), st.integers(0, 9)),
        st.tuples(st.just("delete"), st.integers(0, 9)),
        st.tuples(st.just("days"), st.integers(1, 15)),
        st.just(("pass",)),
    ),
    min_size=4,
    max_size=25,
)


@dataclass
class Known:
    run: Run
    names: set[int]
    payloads: list[tuple[PayloadRow, bytes]]
    pinned: bool = False
    whole: bool = True
    there: bool = True


@dataclass
class World:
    home: Home
    retention: Retention
    runs: list[Known] = field(default_factory=list)
    originals: dict[int, int] = field(default_factory=dict)
    """Of a bucket with an edited payload the one that it was edited from."""

    async def act(self, what: str, *how: Any) -> None:
        await getattr(self, f"do_{what}")(*how)

    def chosen(self, number: int, *, whole: bool = False) -> Known | None:
        there = [one for one in self.runs if one.there and (one.whole or not whole)]
        return there[number % len(there)] if there else None

    async def do_run(self, status: str, *contents: int) -> None:
        run = await self.home.run(status=status)
        payloads = await self.home.bucket(run.id, 0, *[CONTENTS[n] for n in contents])
        await self.home.step(run, "pull", bucket=payloads[0].bucket, outputs=[payloads[0].bucket])
        texts = [CONTENTS[n] for n in contents]
        self.runs.append(Known(run, {payloads[0].bucket}, list(zip(payloads, texts, strict=True))))

    async def do_redrive(self, number: int, status: str) -> None:
        source = self.chosen(number, whole=True)
        if source is None:
            return
        bucket = max(source.names)
        run = await self.home.run(
            status=status,
            plan=Plan(start="at", step="mark", inputs=[bucket]),
            source_run=source.run.id,
            root_run=source.run.root_run or source.run.id,
        )
        await self.home.step(run, "mark", inputs=[bucket])
        # Also of what another run had edited the original is kept.
        self.runs.append(Known(run, {bucket, self.originals.get(bucket, bucket)}, []))

    async def do_edit(self, number: int, content: int) -> None:
        source = self.chosen(number, whole=True)
        if source is None or not source.payloads:
            return
        original = source.payloads[0][0]
        run = await self.home.run(
            status="success", source_run=source.run.id, root_run=source.run.root_run or source.run.id
        )
        (payload,) = await self.home.bucket(run.id, -1, CONTENTS[content], edited_from=original.id)
        await self.home.write(
            (run_store.INSERT_EDIT, (payload.id, original.id, None, None, "ann", self.home.clock.now))
        )
        run.plan = msgspec.json.encode(Plan(start="at", step="mark", inputs=[payload.bucket]))
        await self.home.write((REPLACE_RUN, msgspec.structs.astuple(run)))
        await self.home.step(run, "mark", inputs=[payload.bucket])
        self.originals[payload.bucket] = original.bucket
        self.runs.append(Known(run, {payload.bucket, original.bucket}, [(payload, CONTENTS[content])]))

    async def do_pin(self, number: int) -> None:
        one = self.chosen(number)
        if one is not None:
            one.pinned = not one.pinned
            await self.home.kernel.write(lambda tx: store.set_pinned(tx, one.run.id, pinned=one.pinned))

    async def do_delete(self, number: int) -> None:
        one = self.chosen(number)
        if one is not None and not one.pinned:
            await self.retention.take(one.run.id, "delete", Counts())
            one.whole = one.there = False

    async def do_days(self, days: int) -> None:
        self.home.clock.forward(days * DAY)

    async def do_pass(self) -> None:
        await self.retention.run()
        seen = {"success": 0, "failure": 0}
        for one in reversed(self.runs):
            if not one.there or one.pinned:
                continue
            status = one.run.status
            seen[status] += 1
            age = (self.home.clock.now - (one.run.finished_at or 0)) / 1_000_000 / DAY
            if age > 30 or (status == "failure" and seen[status] > 4):
                one.whole = one.there = False
            elif age > (10 if status == "success" else 20) or (status == "success" and seen[status] > 3):
                one.whole = False
        await self.check()

    async def check(self) -> None:
        rows = self.home.kernel.deps.reader.rows()
        assert {row[0] for row in rows.query(tables.runs.select())} == {
            one.run.id for one in self.runs if one.there
        }
        readable = {bucket for one in self.runs if one.whole for bucket in one.names}
        kept: set[bytes] = set()
        contents = self.home.kernel.deps.contents
        contents.forget()
        for one in self.runs:
            for payload, text in one.payloads:
                found = run_store.payloads_from(rows, payload.bucket, payload.position, 1)
                if payload.bucket in readable:
                    kept.add(text)
                    (record,) = found
                    assert await contents.known(record.digest, record.size_bytes).read() == text
                else:
                    assert not found or found[0].digest == store.NONE
        assert len(rows.query(tables.contents.select())) == len(kept)
        assert sum(1 for _ in self.home.kernel.blobs.iterate()) >= len([t for t in kept if len(t) > 1000])


@given(steps)
@settings(
    max_examples=200 if os.environ.get("REDRIVE_TEST_ALL") else 15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_what_is_left_is_what_the_rules_say(chosen: list[tuple[Any, ...]]) -> None:
    async def live() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with open_home(Path(folder)) as home:
                await home.version(FLOW + RULES)
                world = World(home, Retention(home.kernel.deps, home.kernel.blobs, pause_s=0))
                for one in [*chosen, ("pass",), ("days", 40), ("pass",)]:
                    await world.act(*one)

    asyncio.run(live())
