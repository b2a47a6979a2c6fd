"""A server at rest, and small calls to it while it works on a large payload."""

from __future__ import annotations

import asyncio
import itertools
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks import report
from benchmarks.bench_stream import ORDER_BYTES
from benchmarks.machine import Others, describe
from benchmarks.server import Calls, Server, quantiles
from benchmarks.shop import ShopServer
from benchmarks.work import FLOW, Shape
from redrive.service.app import open_service
from redrive.settings import load

EVERY_S = 0.02
SETTLE_S = 2.0


async def prepare(home: Path, shape: Shape, url: str) -> None:
    async with open_service(home, load()) as service:
        await service.flows.import_documents(shape.documents(url), deploy=True)


def calls_of(run: str) -> itertools.cycle[str]:
    """The small calls that a page or a script makes."""
    return itertools.cycle(["/runs?limit=20", f"/runs/{run}", "/flows", "/queue"])


def call_for(calls: Calls, run: str, seconds: float) -> list[float]:
    """Call after call, paced, for so long; or, for 0 seconds, until the run has ended."""
    calls.took_ms.clear()
    until = time.monotonic() + seconds
    for path in calls_of(run):
        begun = time.monotonic()
        answer = calls.get(path)
        if seconds and begun > until:
            break
        if not seconds and "steps" in answer and answer["finished_at"] is not None:
            if answer["status"] != "success":
                raise RuntimeError(f"run {run} ended as {answer['status']}: {answer['summary']}")
            break
        time.sleep(max(0.0, EVERY_S - (time.monotonic() - begun)))
    return list(calls.took_ms)


def main(folder: Path, *, payload_mb: int, idle_s: float = 10.0) -> list[str]:
    """Measure; the lines of the report."""
    home = folder / "home"
    shape = Shape(orders=payload_mb * 1_000_000 // ORDER_BYTES // 10 * 10, batch=1000)
    with ExitStack() as stack:
        shop = stack.enter_context(ShopServer())
        machine = describe(folder)
        with Others() as others:
            with Server(folder / "new") as server:
                new_s = server.ready_s
            asyncio.run(prepare(home, shape, shop.url))
            server = stack.enter_context(Server(home))
            time.sleep(SETTLE_S)
            idle_mb, before = server.memory_mb(), server.cpu_s()
            time.sleep(idle_s)
            idle_share = (server.cpu_s() - before) / idle_s
            calls = server.calls()
            small = calls.post(f"/flows/{FLOW}/runs", {})["id"]
            alone = quantiles(call_for(calls, small, 0))  # the first run: connections, helpers
            rest = quantiles(call_for(calls, small, idle_s / 2))
            begun = time.monotonic()
            run = calls.post(f"/flows/{FLOW}/runs", {})["id"]
            during = quantiles(call_for(calls, run, 0))
            took_s = time.monotonic() - begun
            peak_mb = server.peak_mb()
    head = ["", "median", "p95", "p99", "longest", "budget (p95)"]
    rows = [
        [title, *(f"{value:.1f}" for value in values), budget]
        for title, values, budget in (
            ("at rest (ms)", rest, ""),
            (f"during the first run of {payload_mb} MB (ms)", alone, "< 50"),
            (f"during the second (ms), which took {took_s:.1f} s", during, "< 50"),
        )
    ]
    idle = [
        ["ready on a new home (s)", f"{new_s:.2f}", "< 1.5"],
        ["ready on a home that is there (s)", f"{server.ready_s:.2f}", "< 1.5"],
        ["memory at rest (MB)", f"{idle_mb:.0f}", "< 120"],
        ["CPU at rest (% of a core)", f"{idle_share * 100:.2f}", "< 1"],
        ["memory, sum of the peaks of all processes (MB)", f"{peak_mb:.0f}", "<= 256"],
    ]
    return [
        *[f"- {line}" for line in (*machine, others.line)],
        *["", "## Small calls to the API", ""],
        "One client calls the run log, a run, the flows and the queue in turn, every 20 ms.",
        "",
        *report.table(head, rows),
        *["", "## The server itself", ""],
        *report.table(["`redrive up`", "", "budget"], idle),
    ]
