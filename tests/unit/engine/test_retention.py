"""What a pass takes away and what it leaves, on a real store whose runs are written by the builder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from redrive.core.ids import to_text
from redrive.core.run import Plan, Run
from redrive.engine.draft import Draft, Drafting
from redrive.engine.retention import Retention
from redrive.engine.retention_rules import Counts
from redrive.errors import PayloadGone
from redrive.store import backups, tables
from redrive.store import runs as run_store
from redrive.store.contents import INSERT_CONTENT
from redrive.store.ledger import RESOLVE
from redrive.store.statements import Insert
from redrive.store.sweep import condemned
from tests.unit.service.building import FLOW, Home, open_home

DAY = 86_400
BIG = b'[{"id": 1, "text": "' + b"x" * 400_000 + b'"}]'
EVERYTHING = (
    "runs", "step_runs", "buckets", "payloads", "exchanges", "log_lines", "failed_payloads", "tracked",
    "delivery_events", "edits", "start_keys", "contents",
)  # fmt: skip


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with open_home(tmp_path) as home:
        await home.version()
        yield home


@pytest.fixture
def retention(home: Home) -> Retention:
    return Retention(home.kernel.deps, home.kernel.blobs, pause_s=0)


async def whole_run(home: Home, data: bytes, *, status: str = "success", **more: Any) -> Run:
    """A run that left something in every table."""
    run = await home.run(status=status, **more)
    out = await home.bucket(run.id, 0, data, data + b" ")
    step = await home.step(run, "pull", bucket=out[0].bucket, outputs=[out[0].bucket], bytes_out=len(data))
    await home.step(run, "mark", inputs=[out[0].bucket], outputs=[out[0].bucket])
    await home.failed(step, 0, out[0].id)
    await home.log(run, 0, "read", pages=1)
    await home.exchange(run, 0, payload_id=out[0].id, body=data + b"?", answer=data + b"!")
    await home.tracked("1042", run, payload_id=out[0].id)
    target = await home.target(f"orders/{run.id}")
    delivery = await home.delivery(target, "1042", run, "delivered", payload_id=out[0].id)
    await home.event(delivery, run, "delivered", payload_id=out[0].id)
    await home.write((Insert(tables.start_keys), (f"k{run.id}", b"", run.id, home.clock.now)))
    return run


async def redriven(home: Home, source: Run, *, edited: bytes | None = None, **more: Any) -> Run:
    """A redrive that reads the bucket of its source by reference, or an edit of its first payload."""
    first = run_store.step_runs(home.kernel.deps.reader.rows(), source.id)[0]
    (bucket,) = msgspec.json.decode(first.outputs)
    plan = Plan(start="at", step="mark", inputs=[bucket])
    run = await home.run(plan=plan, source_run=source.id, root_run=source.root_run or source.id, **more)
    if edited is not None:
        original = run_store.payloads_from(home.kernel.deps.reader.rows(), bucket, 0, 1)[0]
        (payload,) = await home.bucket(run.id, -1, edited, edited_from=original.id)
        plan.inputs = [payload.bucket]
        await home.write(
            (run_store.INSERT_EDIT, (payload.id, original.id, None, "typo", "ann", home.clock.now))
        )
        run.plan = msgspec.json.encode(plan)
        await home.write((Insert(tables.runs, conflict="replace"), msgspec.structs.astuple(run)))
    await home.step(run, "pull", status="kept", outputs=[bucket])
    await home.step(run, "mark", inputs=plan.inputs)
    return run


def counted(home: Home) -> dict[str, int]:
    rows = home.kernel.deps.reader.rows()
    return {name: len(rows.query(tables.metadata.tables[name].select())) for name in EVERYTHING}


async def texts(home: Home, run: Run) -> list[bytes | None]:
    """What the payloads that a run's first step put out read as; None where they have expired."""
    rows = home.kernel.deps.reader.rows()
    steps = run_store.step_runs(rows, run.id)
    found: list[bytes | None] = []
    home.kernel.deps.contents.forget()
    for bucket in msgspec.json.decode(steps[0].outputs):
        for payload in run_store.payloads_from(rows, bucket, 0, 10):
            try:
                found.append(await home.kernel.deps.contents.known(payload.digest, payload.size_bytes).read())
            except PayloadGone:
                found.append(None)
    return found


async def test_payloads_go_first_and_the_run_with_everything_later(home, retention):
    run = await whole_run(home, BIG)
    before = counted(home)
    home.clock.forward(31 * DAY)
    counts = await retention.run()
    assert (counts.expired, counts.deleted, counts.contents) == (1, 0, 4)
    after = counted(home)
    assert after.pop("contents") == 0
    before.pop("contents")
    assert (before.pop("start_keys"), after.pop("start_keys")) == (1, 0)
    assert after == before  # the records stay
    assert await texts(home, run) == [None, None]
    assert (await retention.run()).expired == 0
    home.clock.forward(150 * DAY)
    counts = await retention.run()
    assert (counts.expired, counts.deleted) == (0, 1)
    assert set(counted(home).values()) == {0}
    rows = home.kernel.deps.reader.rows()
    assert [row[3] for row in rows.query(tables.deliveries.select())] == ["delivered"]


async def test_a_failed_run_keeps_its_payloads_longer(home, retention):
    run = await whole_run(home, b"[1]", status="failure")
    home.clock.forward(31 * DAY)
    assert (await retention.run()).expired == 0
    assert await texts(home, run) == [b"[1]", b"[1] "]
    home.clock.forward(60 * DAY)
    assert (await retention.run()).expired == 1


async def test_what_is_pinned_or_has_not_ended_or_is_still_to_be_settled_stays(home, retention):
    pinned = await whole_run(home, b"[1]", pinned=True)
    running = await whole_run(home, b"[2]", status="running")
    open_ = await whole_run(home, b"[3]")
    delivery = await home.delivery(await home.target("orders/x"), "9", open_, "unknown")
    before = counted(home)
    home.clock.forward(400 * DAY)
    counts = await retention.run()
    assert (counts.expired, counts.deleted, counts.waiting) == (0, 0, 1)
    after = counted(home)
    assert after | {"start_keys": 0} == before | {"start_keys": 0}
    for run, text in ((pinned, b"[1]"), (running, b"[2]"), (open_, b"[3]")):
        assert (await texts(home, run))[0] == text
    await home.kernel.write(lambda tx: tx.run(RESOLVE, delivery_id=delivery, b_status="rejected", b_at=0))
    assert (await retention.run()).deleted == 1


async def test_content_that_a_younger_run_shares_stays_whole(home, retention):
    old = await whole_run(home, BIG)
    home.clock.forward(31 * DAY)
    young = await whole_run(home, BIG)
    assert (await retention.run()).expired == 1
    assert await texts(home, old) == [None, None]
    assert await texts(home, young) == [BIG, BIG + b" "]
    # Pardoned, and gone when nobody names it any more.
    assert not condemned(home.kernel.deps.reader.rows(), b"", 9)
    home.clock.forward(31 * DAY)
    assert (await retention.run()).contents == 4


async def test_what_a_younger_run_of_the_lineage_reads_stays(home, retention):
    source = await whole_run(home, b'[{"id": 1}]', status="failure")
    home.clock.forward(80 * DAY)
    again = await redriven(home, source, status="failure")
    third = await redriven(home, again, status="failure")
    home.clock.forward(20 * DAY)
    assert (await retention.run()).expired == 1
    for run in (source, again, third):
        assert (await texts(home, run))[0] == b'[{"id": 1}]'
    home.clock.forward(80 * DAY)  # the source itself goes: its bucket is still read
    counts = await retention.run()
    assert (counts.expired, counts.deleted) == (2, 1)
    assert await texts(home, third) == [None, None]
    home.clock.forward(100 * DAY)
    await retention.run()
    assert set(counted(home).values()) == {0}


async def test_the_original_of_an_edit_stays_with_the_edit(home, retention):
    source = await whole_run(home, b'[{"id": 1}]')
    home.clock.forward(29 * DAY)
    await redriven(home, source, edited=b'[{"id": 2}]')
    home.clock.forward(2 * DAY)
    await retention.run()
    assert (await texts(home, source))[0] == b'[{"id": 1}]'
    home.clock.forward(30 * DAY)
    await retention.run()
    assert await texts(home, source) == [None, None]


async def test_a_content_that_a_commit_shares_during_the_scan_stays(home, retention, monkeypatch):
    await whole_run(home, BIG)
    home.clock.forward(31 * DAY)
    named = Retention._named
    young: list[Run] = []

    async def scan(self: Retention, digests: set[bytes]) -> set[bytes]:
        found = await named(self, digests)
        if not young:
            young.append(await whole_run(home, BIG))  # after the scan, before the delete
        return found

    monkeypatch.setattr(Retention, "_named", scan)
    await retention.run()
    assert await texts(home, young[0]) == [BIG, BIG + b" "]


async def test_a_draft_whose_payloads_went_meanwhile_is_refused(home, retention):
    source = await whole_run(home, b"[1]")
    (step, *_) = run_store.step_runs(home.kernel.deps.reader.rows(), source.id)
    payload = run_store.payloads_from(home.kernel.deps.reader.rows(), step.bucket or 0, 0, 1)[0]
    run = msgspec.structs.replace(source, id=home.ids.next(), status="queued", finished_at=None)
    by_reference = Draft(run=run, plan=Plan(inputs=[step.bucket or 0]))
    copied = Draft(run=run, plan=Plan())
    await Drafting(home.kernel.deps, copied, None).of_payloads([to_text("p", payload.id)])
    home.clock.forward(31 * DAY)
    await retention.run()
    for draft in (by_reference, copied):
        with pytest.raises(PayloadGone):
            await home.kernel.write(lambda tx, draft=draft: draft.write(tx, "ann", 0))


async def test_uploads_expire_and_what_a_run_took_of_them_stays(home, retention):
    (upload,) = await home.bucket(0, -1, b"[5]")
    await home.bucket(0, -1, b"[6]")
    run = await home.run()
    taken = await home.bucket(run.id, -1, b"[5]")
    await home.step(run, "pull", outputs=[taken[0].bucket])
    home.clock.forward(8 * DAY)
    assert (await retention.run()).uploads == 2
    assert (await retention.run()).uploads == 0
    assert counted(home)["contents"] == 1
    assert await texts(home, run) == [b"[5]"]
    assert upload.digest == taken[0].digest


async def test_no_content_goes_while_a_backup_is_being_made(home, retention):
    await whole_run(home, BIG)
    home.clock.forward(31 * DAY)
    now = home.clock.now
    backup = backups.Backup(id=1, name="b", actor="ann", state="running", started_at=now, beat_at=now)
    await home.kernel.write(lambda tx: backups.begin(tx, backup))
    counts = await retention.run()
    assert (counts.expired, counts.contents) == (1, 0)
    home.clock.forward(backups.STALE_S + 1)  # its process has died
    assert (await retention.run()).contents == 4


async def test_objects_without_a_record_go_when_they_are_old(home, retention, monkeypatch):
    blobs = home.kernel.blobs
    writer = blobs.writer()
    writer.write(BIG)
    blob = writer.finish()
    await retention.run()
    assert blobs.exists(blob.digest)  # its record may be on its way
    later = blobs._now() + 2 * 3600
    monkeypatch.setattr(blobs, "_now", lambda: later)
    await retention.run()
    assert blobs.exists(blob.digest)  # looked for once a day
    home.clock.forward(DAY)
    assert (await retention.run()).objects == 1
    assert not blobs.exists(blob.digest)


async def test_a_content_that_nothing_names_goes_a_day_after_it_was_seen(home, retention):
    """Left by an attempt that was taken back: no record that goes condemns it."""
    run = await whole_run(home, b"[1]")
    left = await home.kernel.deps.contents.put(b'["left"]')
    await home.write(*[(INSERT_CONTENT, values) for values in left.rows])
    before = counted(home)["contents"]
    assert (await retention.run()).contents == 0  # its record may be on its way
    home.clock.forward(DAY / 2)
    assert (await retention.run()).contents == 0
    home.clock.forward(DAY)
    assert (await retention.run()).contents == 1
    assert counted(home)["contents"] == before - 1
    assert await texts(home, run) == [b"[1]", b"[1] "]


async def test_a_suspect_that_is_named_by_then_stays(home, retention):
    late = await home.kernel.deps.contents.put(b"[7]")
    await home.write(*[(INSERT_CONTENT, values) for values in late.rows])
    await retention.run()
    run = await whole_run(home, b"[7]")
    home.clock.forward(DAY + 1)
    await retention.run()
    assert await texts(home, run) == [b"[7]", b"[7] "]


async def test_a_plan_tells_what_a_pass_does(home, retention):
    await whole_run(home, b"[1]")
    await whole_run(home, b"[2]")
    home.clock.forward(31 * DAY)
    await whole_run(home, b"[3]")
    (flow,) = await retention.plan()
    assert (flow.flow, flow.counts.expired, flow.counts.weight) == ("orders", 2, 6)
    counts = await retention.run()
    assert (counts.expired, counts.weight) == (2, 6)
    (flow,) = await retention.plan()
    assert flow.counts == Counts()


async def test_the_rules_of_the_deployed_version_hold(home, retention):
    said = b"settings: {retention: {payloads: {success: {count: 1}, failure: forever}, runs: 2d}}\n"
    await home.version(FLOW + said, flow_id=7)
    runs = [await whole_run(home, b"[%d]" % n, flow_id=7) for n in range(3)]
    counts = await retention.run()
    assert counts.expired == 2
    assert [await texts(home, run) for run in runs] == [[None, None], [None, None], [b"[2]", b"[2] "]]
    home.clock.forward(3 * DAY)
    assert (await retention.run()).deleted == 3


async def test_large_runs_go_in_pieces(home, retention, monkeypatch):
    monkeypatch.setattr("redrive.engine.retention.PIECE", 3)
    monkeypatch.setattr("redrive.engine.retention.PAGE", 2)
    monkeypatch.setattr("redrive.engine.retention.SWEEP", 2)
    run = await home.run()
    for n in range(4):
        out = await home.bucket(run.id, n, *[b"[%d, %d]" % (n, k) for k in range(7)])
        await home.step(
            run, ("pull", "mark", "send", "after")[n], bucket=out[0].bucket, outputs=[out[0].bucket]
        )
        for k in range(7):
            await home.log(run, n, f"line {k}")
            await home.exchange(run, n, body=b"%d %d" % (n, k))
            await home.tracked(f"{n}", run, payload_id=out[k].id, item=k)
    for _ in range(3):
        await home.run()
    home.clock.forward(181 * DAY)
    counts = await retention.run()
    assert counts.deleted == 4
    assert set(counted(home).values()) == {0}


async def test_runs_go_on_while_a_pass_works(home, retention):
    """Nothing waits for a whole pass: other commits come between its pieces."""
    for n in range(8):
        await whole_run(home, b"[%d]" % n)
    home.clock.forward(181 * DAY)
    passing = asyncio.create_task(retention.run())
    between = 0
    while not passing.done():
        await home.kernel.write(lambda tx: None)
        between += 1
    assert (await passing).deleted == 8
    assert between > 8
