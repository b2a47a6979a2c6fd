"""Insights on each store: hours are folded, again while runs have not ended, and summed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from sqlalchemy import BigInteger, bindparam, update

from redrive.core.ids import lowest_at
from redrive.engine.insights import HOUR_MS, Insights
from redrive.store import insights as store
from redrive.store import tables
from redrive.store.statements import Statement

_END = Statement(
    update(tables.runs)
    .where(tables.runs.c.id == bindparam("late", type_=BigInteger))
    .values(status="failure", finished_at=5)
)
FIRST = 24 * 20_000
"""An hour at which a day begins."""


@pytest.fixture
def clock():
    return SimpleNamespace(micros=lambda: (FIRST + 30) * HOUR_MS * 1000)


@pytest.fixture
def insights(here, clock):
    return Insights(SimpleNamespace(reader=here.reader, committer=here.committer, clock=clock))


async def give(here, hour, place, status="success", flow="orders", seconds=2):
    number = lowest_at((FIRST + hour) * HOUR_MS) + place
    ended = status not in {"queued", "running"}
    await here.run(
        id=number,
        flow=flow,
        status=status,
        queued_at=10,
        started_at=0,
        finished_at=seconds * 1_000_000 if ended else None,
    )
    return number


async def summed(here, width="hour", flow=None):
    found = await here.read(lambda rows: store.summed(rows, width, 0, flow))
    return {(int(row[0]), row[1]): [int(one) for one in row[2:6]] for row in found}


async def test_hours_that_are_over_are_counted_by_outcome(here, insights):
    await give(here, 0, 1)
    await give(here, 0, 2, "failure")
    await give(here, 5, 1, "stopped", flow="stock")
    await give(here, 30, 1)  # of the hour that is under way
    await insights.fold()
    assert await summed(here) == {
        (FIRST, "orders"): [1, 0, 1, 0],
        (FIRST + 5, "stock"): [0, 0, 0, 1],
    }
    assert await summed(here, "day") == {
        (FIRST // 24, "orders"): [1, 0, 1, 0],
        (FIRST // 24, "stock"): [0, 0, 0, 1],
    }
    assert await summed(here, flow="stock") == {(FIRST + 5, "stock"): [0, 0, 0, 1]}


async def test_an_hour_is_folded_again_until_its_runs_have_ended(here, insights):
    await give(here, 1, 1)
    late = await give(here, 1, 2, "running")
    await insights.fold()
    assert await summed(here) == {(FIRST + 1, "orders"): [1, 0, 0, 0]}
    await here.write(lambda transaction: transaction.run(_END, late=late))
    await insights.fold()
    assert await summed(here) == {(FIRST + 1, "orders"): [1, 0, 1, 0]}


async def test_counts_stay_when_their_runs_go(here, insights, clock):
    await give(here, 0, 1)
    await insights.fold()
    clock.micros = lambda: (FIRST + 40) * HOUR_MS * 1000
    await give(here, 31, 1)
    await insights.fold()
    assert set(await summed(here)) == {(FIRST, "orders"), (FIRST + 31, "orders")}
