"""The small reference run, product beside floor: CPU, latency, runs per second, bytes kept, memory.

All sides take turns in short rounds, so that what else happens on the machine meets all of them;
each figure is the median of the rounds.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.contestant import PRODUCT, Contestant, Setup
from benchmarks.machine import Others, describe
from benchmarks.shop import ShopServer
from benchmarks.shop_server import KEPT_OF_TEN
from benchmarks.timing import Round
from benchmarks.work import SMALL

SIDES = ("floor (httpx)", "floor (aiohttp)", PRODUCT)
AT_ONCE = 8
POSTS = -(-KEPT_OF_TEN // SMALL.batch)


@dataclass
class Side:
    """What has been measured of one side. `requests`: those of its rounds, as the shop saw them."""

    process: Contestant
    alone: list[Round] = field(default_factory=list)
    together: list[Round] = field(default_factory=list)
    stored_bytes: float = 0.0
    stored_runs: int = 0
    posted_bytes: int = 0
    runs: int = 0

    def run(self, shop: ShopServer, runs: int, at_once: int) -> Round:
        """A round; both the product and the floor have to make the same calls in it."""
        before = shop.stats()
        done = self.process.round(runs, at_once)
        after = shop.stats()
        for name, expected in (("gets", runs), ("posts", runs * POSTS)):
            if (made := after[name] - before[name]) != expected:
                raise RuntimeError(f"{self.process.name} made {made} {name} in {runs} runs, not {expected}")
        self.posted_bytes += after["bytes_in"] - before["bytes_in"]
        self.runs += runs
        return done


@dataclass(frozen=True)
class Figures:
    """Medians of the rounds of one side; times of one run."""

    cpu_ms: float
    cpu_together_ms: float
    p50_ms: float
    p95_ms: float
    per_s: float
    together_per_s: float
    stored_kb: float
    memory_mb: float


def figures(side: Side) -> Figures:
    def median(rounds: Sequence[Round], of: Any) -> float:
        return statistics.median(of(one) for one in rounds)

    return Figures(
        cpu_ms=median(side.alone, lambda r: r.cpu_s / r.runs * 1000),
        cpu_together_ms=median(side.together, lambda r: r.cpu_s / r.runs * 1000),
        p50_ms=median(side.alone, lambda r: statistics.median(r.latencies_s) * 1000),
        p95_ms=median(side.alone, lambda r: statistics.quantiles(r.latencies_s, n=20)[-1] * 1000),
        per_s=median(side.alone, lambda r: r.runs / r.wall_s),
        together_per_s=median(side.together, lambda r: r.runs / r.wall_s),
        stored_kb=side.stored_bytes / side.stored_runs / 1000,
        memory_mb=side.process.peak_memory_bytes / 1e6,
    )


ROWS = (
    ("CPU per run, one at a time (ms)", "cpu_ms", "{:.2f}", "<= 2 x"),
    ("CPU per run, eight at once (ms)", "cpu_together_ms", "{:.2f}", ""),
    ("latency p50 (ms)", "p50_ms", "{:.1f}", "<= 1.5 x"),
    ("latency p95 (ms)", "p95_ms", "{:.1f}", ""),
    ("runs per second, one at a time", "per_s", "{:.0f}", ""),
    ("runs per second, eight at once", "together_per_s", "{:.0f}", ">= 150, or >= 0.7 x"),
    ("bytes kept per run (kB)", "stored_kb", "{:.2f}", "<= 1 x"),
    ("peak memory (MB)", "memory_mb", "{:.0f}", ""),
)


def rows(of: dict[str, Figures]) -> list[list[str]]:
    """One row for each figure: the sides, the ratios of the product to both floors, the budget."""
    lines = []
    for title, name, form, budget in ROWS:
        values = [getattr(of[side], name) for side in SIDES]
        ratios = [f"{values[-1] / value:.2f} x" for value in values[:-1]]
        lines.append([title, *(form.format(value) for value in values), *ratios, budget])
    return lines


def main(folder: Path, *, rounds: int, runs: int) -> list[str]:
    """Measure; the lines of the report."""
    with ExitStack() as stack:
        shop = stack.enter_context(ShopServer())
        sides = []
        for name in SIDES:
            home = folder / f"reference-{name.translate(str.maketrans(' ', '-', '()'))}"
            home.mkdir()
            sides.append(Side(stack.enter_context(Contestant(Setup(name, str(home), shop.url, SMALL)))))
        machine = describe(folder)
        for side in sides:
            side.run(shop, max(10, runs // 5), 1)
            side.run(shop, max(16, runs // 5), AT_ONCE)
        kept = [side.process.stored_bytes() for side in sides]
        with Others() as others:
            for _ in range(rounds):
                for side in sides:
                    side.alone.append(side.run(shop, runs, 1))
                for side in sides:
                    side.together.append(side.run(shop, runs, AT_ONCE))
        for side, before in zip(sides, kept, strict=True):
            side.stored_bytes = side.process.stored_bytes() - before
            side.stored_runs = 2 * rounds * runs
        of = {side.process.name: figures(side) for side in sides}
        posted = {side.process.name: side.posted_bytes / side.runs for side in sides}
    spread = max(posted.values()) / min(posted.values())
    if spread > 1.05:
        raise RuntimeError(f"the sides post different bodies: {posted} bytes per run")
    what = (
        f"One run: pull 1 page of 10 orders (2.2 KB each), keep {KEPT_OF_TEN} by a filter, map them, batches "
        f"of {SMALL.batch}, {POSTS} posts; order ids never repeat. {rounds} rounds of {runs} runs for each "
        f"side, one at a time and {AT_ONCE} at once, taking turns; medians of the rounds."
    )
    how = (
        "CPU is that of all processes of a side, the shop server not counted. Memory is the sum of the peaks "
        f"of its processes. Bytes kept are the growth of its folder over {2 * rounds * runs} runs after a "
        "checkpoint: records, payloads, exchanges, deliveries, log lines, lineage. Latency of the product is "
        "from asking for the run to seeing it ended, so the durable start is in it."
    )
    measured = [f"- {line}" for line in (*machine, others.line)]
    head = ["", *SIDES, "x httpx", "x aiohttp", "budget"]
    return [what, "", *measured, "", *report.table(head, rows(of)), "", how]
