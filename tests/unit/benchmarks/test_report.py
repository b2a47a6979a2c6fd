from __future__ import annotations

from benchmarks.bench_reference import SIDES, Figures, rows
from benchmarks.report import table
from benchmarks.timing import timed


def test_ratios_are_of_the_product_to_each_floor() -> None:
    costs = dict(zip(SIDES, (4.0, 2.0, 8.0), strict=True))
    of = {side: Figures(*([cost] * 8)) for side, cost in costs.items()}
    first = rows(of)[0]
    assert first[1:6] == ["4.00", "2.00", "8.00", "2.00 x", "4.00 x"]


def test_a_table_has_a_rule_for_each_column() -> None:
    assert table(["", "a", "b"], [["x", "1", "2"]]) == ["|  | a | b |", "|---|---:|---:|", "| x | 1 | 2 |"]


async def test_a_round_runs_as_many_as_asked_and_no_more_at_once() -> None:
    running, most = 0, 0

    async def run() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await timed(0, 1, run)  # gives way to the other lanes
        running -= 1

    done = await timed(20, 4, run)
    assert (len(done.latencies_s), most, done.runs, done.at_once) == (20, 4, 20, 4)
