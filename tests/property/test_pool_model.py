"""Runs on one data pool, in any order: what goes on and what is left out add up, and nothing is lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from redrive.sdk import MemoryContent, Payload
from redrive.sdk.context import RunInfo
from redrive.sdk.testing import MemoryContext, MemoryPool, PoolBusy, run_shape
from redrive.shapes.dedupe import Dedupe

KEYS = st.lists(st.integers(0, 4), max_size=5)
STEP = Dedupe(on="id", pool="p")


@dataclass
class Running:
    info: RunInfo
    bucket: list[list[int]]
    passed: list[int] = field(default_factory=list)


def one_run(pool: MemoryPool, running: Running) -> bool:
    """Take the bucket of a run through a dedupe step; False where it has to wait for another."""
    ctx = MemoryContext(pools={"p": pool}, run=running.info)
    payloads = [
        Payload(MemoryContent(b"[" + b",".join(b'{"id": %d}' % key for key in keys) + b"]"))
        for keys in running.bucket
    ]
    try:
        result = asyncio.run(run_shape(STEP, payloads, ctx=ctx))
    except PoolBusy:
        return False
    assert not result.failed
    running.passed = [item["id"] for value in result.values for item in value]
    return True


@given(st.lists(st.tuples(st.lists(KEYS, max_size=3), st.booleans(), st.booleans()), min_size=1, max_size=5))
def test_each_key_comes_through_once_and_what_failed_comes_again(
    plans: list[tuple[list[list[int]], bool, bool]],
) -> None:
    """Each plan is a run: its bucket, whether it succeeds, and whether it overlaps the one after it."""
    pool = MemoryPool("p")
    done: set[int] = set()
    open_runs: list[tuple[Running, bool]] = []
    for number, (bucket, succeeds, overlaps) in enumerate(plans):
        running = Running(RunInfo(id=f"r{number}", flow="f", version=1, trigger="manual"), bucket)
        while not one_run(pool, running):
            other, other_succeeds = open_runs.pop(0)  # it waits until the one that holds the key has ended
            end(pool, other, other_succeeds, done)
        held = {key for other, _ in open_runs for key in other.passed}
        wanted = [key for keys in bucket for key in keys]
        # Passed and left out add up; order is kept; only what is done or twice in this run is left out.
        assert running.passed == list(dict.fromkeys(key for key in wanted if key not in done))
        assert not held & set(running.passed)
        open_runs.append((running, succeeds))
        if not overlaps:
            while open_runs:
                end(pool, *open_runs.pop(0), done)
    while open_runs:
        end(pool, *open_runs.pop(0), done)
    assert pool.entries == {str(key) for key in done}
    assert not pool.provisional


def end(pool: MemoryPool, running: Running, succeeds: bool, done: set[int]) -> None:
    pool.end(running.info, success=succeeds)
    if succeeds:
        assert not done & set(running.passed)  # nothing comes through twice
        done.update(running.passed)
