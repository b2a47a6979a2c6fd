"""What waits for the search index is counted at a bounded cost."""

from __future__ import annotations

from redrive.core.run import StepRun
from redrive.store import search_queue as queue
from redrive.store.runs import PUT_STEP_RUN
from redrive.store.statements import row


async def test_what_waits_is_counted_so_far(here, monkeypatch):
    runs = [await here.run(finished_at=100 + n) for n in range(6)]
    runs.append(await here.run(status="queued"))
    for run in runs[2:]:
        step = StepRun(run_id=run.id, position=0, step="s", shape="map", bucket=run.id, payloads_out=3)
        await here.insert(PUT_STEP_RUN, row(step))
        await here.insert(queue.ENQUEUE, (run.id, queue.NEW))
    assert await here.read(queue.left) == (4, 12, 102)
    assert await here.read(lambda rows: queue.count_older(rows, runs[5].id)) == 5
    assert await here.read(lambda rows: queue.count_older(rows, 0)) == 0
    monkeypatch.setattr(queue, "COUNTED", 3)
    assert await here.read(queue.left) == (3, 9, 102)
    assert await here.read(lambda rows: queue.count_older(rows, runs[5].id)) == 3


async def test_nothing_waits(here):
    await here.run(finished_at=100)
    assert await here.read(queue.left) == (0, 0, None)
