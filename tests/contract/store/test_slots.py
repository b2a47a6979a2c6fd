"""The limits of a connection that processes share: the same on every kind of store."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.connectors.rest.gate import Gate, Pace
from redrive.connectors.rest.parts import RateLimit
from redrive.engine.allowances import LEASE_US, StoredAllowance
from redrive.store import slots
from tests.contract.store.conftest import Store

Opened = Callable[..., Store]


class Time:
    """A clock that goes on by what is slept."""

    def __init__(self) -> None:
        self.at = 1_000_000_000

    def now(self) -> int:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += max(1, int(seconds * 1e6))
        await asyncio.sleep(0)


def allowances(stores: list[Store], time: Time, *, alone: bool = False) -> list[StoredAllowance]:
    return [
        StoredAllowance("erp", store.committer, time.now, f"w{n}", lambda: alone)
        for n, store in enumerate(stores)
    ]


async def test_no_span_holds_more_requests_than_allowed_whoever_makes_them(opened: Opened) -> None:
    time = Time()
    workers = allowances([opened(), opened()], time)

    async def ask(worker: StoredAllowance) -> float:
        return time.at + round(await worker.reserve(3, 1.0) * 1e6)

    left = sorted(await asyncio.gather(*(ask(worker) for worker in workers * 6)))
    assert len(left) == 12
    assert all(later - earlier >= 1_000_000 for earlier, later in zip(left, left[3:], strict=False))
    assert left[-1] - left[0] == 3_000_000  # and no longer than that needs


async def test_a_limit_that_is_lowered_holds_at_once(opened: Opened) -> None:
    (worker,) = allowances([opened()], Time())
    assert [await worker.reserve(4, 1.0) for _ in range(4)] == [0, 0, 0, 0]
    assert [await worker.reserve(1, 1.0) for _ in range(2)] == [1.0, 2.0]


async def test_the_system_asked_everybody_to_wait(opened: Opened) -> None:
    time = Time()
    one, other = allowances([opened(), opened()], time)
    one.pause(5.0)
    one.pause(2.0)
    assert await one.reserve(10, 1.0) == 5.0
    assert await other.reserve(10, 1.0) == 5.0


async def test_so_many_requests_are_under_way_whoever_makes_them(opened: Opened) -> None:
    time, inside, most = Time(), 0, 0

    async def request(worker: StoredAllowance) -> None:
        nonlocal inside, most
        async with worker.place(3, time.sleep):
            inside += 1
            most = max(most, inside)
            for _ in range(5):
                await asyncio.sleep(0)
            inside -= 1

    workers = allowances([opened(), opened()], time)
    async with asyncio.timeout(30):
        await asyncio.gather(*(request(worker) for worker in workers * 8))
    assert most == 3


async def test_the_place_of_a_process_that_is_gone_lapses(here: Store) -> None:
    def take(by: str, now: int) -> Any:
        return lambda tx: slots.take_place(tx, "erp", 1, by, now, LEASE_US)

    assert await here.write(take("dead", 0)) == 0
    assert await here.write(take("next", LEASE_US - 1)) is None
    assert await here.write(take("next", LEASE_US)) == 0
    assert not await here.write(lambda tx: slots.keep_place(tx, "erp", 0, "dead", 9))
    assert await here.write(lambda tx: slots.keep_place(tx, "erp", 0, "next", 9))


class Sleeping:
    """What a gate needs of a step's context."""

    def __init__(self, time: Time) -> None:
        self.sleep = time.sleep


@pytest.mark.parametrize("alone", [True, False])
async def test_a_gate_asks_the_store_only_where_it_is_not_alone(opened: Opened, alone: bool) -> None:
    time, store = Time(), opened()
    (allowance,) = allowances([store], time, alone=alone)
    gate = Gate(RateLimit(requests=2, per_s=1), 4, allowance)
    before = store.committer.groups
    for _ in range(3):
        async with gate.place(Sleeping(time)):  # type: ignore[arg-type]
            pass
    assert (store.committer.groups == before) == alone


@given(st.integers(1, 4), st.lists(st.integers(0, 900_000), max_size=12))
def test_the_store_gives_the_same_instants_as_memory(requests: int, gaps: list[int]) -> None:
    pace, ring, now = Pace(RateLimit(requests=requests, per_s=1)), deque[int](maxlen=requests), 0
    for gap in gaps:
        now += gap
        at = max(now, ring[0] + 1_000_000) if len(ring) == requests else now
        ring.append(at)
        assert round(pace.reserve(now / 1e6) * 1e6) == at - now
