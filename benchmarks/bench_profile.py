"""Where the CPU of the small reference run goes: by thread, and by function on the event loop."""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import re
import threading
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks import report
from benchmarks.machine import Others, describe
from benchmarks.product import Product
from benchmarks.shop import ShopServer
from benchmarks.work import SMALL

SHOWN = 30
WAITING = "epoll.poll"


class Row(NamedTuple):
    """One function; `calls` per run, seconds of all runs."""

    place: str
    calls: float
    own_s: float
    whole_s: float


def main(folder: Path, *, runs: int) -> list[str]:
    """Measure; the lines of the report."""
    machine = describe(folder)
    with ShopServer() as shop, Others() as others:
        threads, stats, cpu_ms = asyncio.run(_profiled(folder, shop.url, runs))
    rows = [
        Row(_place(*where), calls / runs, own, cumulative)
        for where, (_, calls, own, cumulative, _) in stats.stats.items()  # type: ignore[attr-defined]
    ]
    rows = [row for row in rows if row.place != WAITING]
    busy_s = sum(row.own_s for row in rows)
    own = sorted(rows, key=lambda row: -row.own_s)[:SHOWN]
    ours = [row for row in rows if row.place.startswith("redrive/")]
    whole = sorted(ours, key=lambda row: -row.whole_s)[:SHOWN]
    what = (
        f"{runs} small reference runs one after the other, {cpu_ms:.2f} ms of CPU each, measured without "
        "the profiler. The shares are of the time that the loop's thread was busy, with the profiler, which "
        "makes small functions look larger than they are."
    )
    return [
        *[what, "", *[f"- {line}" for line in (*machine, others.line)]],
        *["", "## CPU by thread (ms per run)", ""],
        *report.table(["thread", "user", "system"], threads),
        *["", "## Most of their own time", ""],
        *report.table(
            ["function", "calls per run", "own %"],
            [[f"`{row.place}`", f"{row.calls:.1f}", f"{row.own_s / busy_s * 100:.1f}"] for row in own],
        ),
        *["", "## Of ours, most with all that they call", ""],
        *report.table(
            ["function", "calls per run", "with callees %"],
            [[f"`{row.place}`", f"{row.calls:.1f}", f"{row.whole_s / busy_s * 100:.1f}"] for row in whole],
        ),
    ]


async def _profiled(folder: Path, url: str, runs: int) -> tuple[list[list[str]], pstats.Stats, float]:
    product = Product(folder, url, SMALL)
    try:
        await product.round(max(10, runs // 5), 1)
        before = _thread_times()
        done = await product.round(runs, 1)
        after = _thread_times()
        profile = cProfile.Profile()
        profile.enable()
        await product.round(runs, 1)
        profile.disable()
    finally:
        await product.close()
    names = sorted({name for name, _ in after})
    threads = [
        [
            name,
            *(f"{(after[name, kind] - before[name, kind]) / runs * 1000:.2f}" for kind in ("user", "system")),
        ]
        for name in names
    ]
    return threads, pstats.Stats(profile), done.cpu_s / runs * 1000


def _thread_times() -> Counter[tuple[str, str]]:
    """CPU seconds by the name of a thread's pool."""
    names = {thread.native_id: re.sub(r"_\d+$", "", thread.name) for thread in threading.enumerate()}
    times: Counter[tuple[str, str]] = Counter()
    for thread in psutil.Process().threads():
        name = names.get(thread.id, "other")
        times[name, "user"] += thread.user_time
        times[name, "system"] += thread.system_time
    return times


def _place(file: str, line: int, name: str) -> str:
    """A function as `package/module.py name`; built-in ones as their type and name."""
    if file == "~":
        method = re.search(r"method '(\w+)' of '([\w.]+)'|method ([\w.]+)>?$", name.strip("<>{}"))
        if method is None:
            return name.strip("<>{}")
        return f"{method[2].rpartition('.')[2]}.{method[1]}" if method[1] else method[3]
    for mark in ("site-packages/", "src/", "lib/"):
        _, found, rest = file.rpartition(f"/{mark}")
        if found:
            return f"{re.sub(r'^python[^/]*/', '', rest)} {name}"
    return f"{Path(file).name} {name}"
