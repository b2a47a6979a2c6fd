"""Planning: how long the plan of a retry or redrive of many items takes, and what memory it holds."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.machine import Others, describe
from benchmarks.server import Calls, Server
from benchmarks.shop import ShopServer
from benchmarks.shop_server import KEPT_OF_TEN
from benchmarks.work import FLOW, Shape
from redrive.service.app import open_service
from redrive.settings import load

PAGE_ORDERS = 250
BUDGET_S = 5.0
POLL_S = 0.05
SMALL_RUNS = 100
REFUSING = (b"path: /orders, body", b"path: /orders?refused=1, body")


def ended(calls: Calls, run: str) -> dict[str, Any]:
    """A run, once it has come to its end."""
    while True:
        found: dict[str, Any] = calls.get(f"/runs/{run}")
        if found["finished_at"] is not None:
            return found
        time.sleep(POLL_S)


def run_of(calls: Calls, status: str) -> str:
    run = ended(calls, calls.post(f"/flows/{FLOW}/runs", {})["id"])
    if run["status"] != status:
        raise RuntimeError(f"run {run['id']} ended as {run['status']}, not {status}: {run['summary']}")
    return str(run["id"])


def _set_refusing(home: Path, shape: Shape, url: str, *, refusing: bool) -> None:
    """The endpoint that takes orders, or one that refuses them."""
    documents = [
        (name, text.replace(REFUSING[0], REFUSING[1]) if refusing else text)
        for name, text in shape.documents(url)
    ]

    async def write() -> None:
        async with open_service(home, load()) as service:
            await service.flows.import_documents(documents, deploy=True)

    asyncio.run(write())


def planned(calls: Calls, path: str, request: dict[str, Any], *, to_send: int) -> float:
    """Seconds that a plan took. Errors: `RuntimeError` if it would send another number of items."""
    begun = time.perf_counter()
    plan = calls.post(path, request)
    took_s = time.perf_counter() - begun
    counted = plan["steps"][-1]["to_send"]
    if counted != to_send:
        raise RuntimeError(f"the plan {request} sends {counted} items, not {to_send}: {plan['warnings']}")
    return took_s


def main(folder: Path, *, items: int, small_runs: int = SMALL_RUNS) -> list[str]:
    """Measure; the lines of the report. `items`: how many arrive at the step that sends."""
    machine = describe(folder)
    with ExitStack() as stack:
        shop = stack.enter_context(ShopServer())
        others = stack.enter_context(Others())
        rows = []
        for count in (items // 4, items):
            rows += _one_run(folder / f"home-{count}", count, shop.url)
        rows += _many_runs(folder / "home-small", small_runs, shop.url)
    told = (
        "A run pulls pages of 250 orders, filters, maps, makes batches of 100 and sends each order under its "
        "key: one run whose requests were all refused, one whose requests were all accepted. A plan executes "
        "what is ahead of it without sending, and looks every key up. Through HTTP, each by a server that "
        "has just come up; the last line by the server that had made the runs. Memory is the sum of the "
        "peaks of its processes, and how much of that came with the plan."
    )
    figures = ["items", "to send", "took (s)", "CPU (s)", "peak memory (MB)", "by the plans (MB)", "budget"]
    return [
        *[f"- {line}" for line in (*machine, others.line)],
        *["", "## Plans", "", told, ""],
        *report.table(["plan", *figures], rows),
    ]


def _one_run(home: Path, items: int, url: str) -> list[list[str]]:
    pages = items * 10 // KEPT_OF_TEN // PAGE_ORDERS
    count = pages * PAGE_ORDERS * KEPT_OF_TEN // 10
    shape = Shape(orders=PAGE_ORDERS, pages=pages, batch=100)
    _set_refusing(home, shape, url, refusing=True)
    with Server(home) as server:
        failed = run_of(server.calls(), "failure")
    _set_refusing(home, shape, url, refusing=False)
    with Server(home) as server:
        done = run_of(server.calls(), "success")
    plans = [
        ("retry of a run whose sends were refused", failed, {"from": "failed"}, count),
        ("redrive of it at the send", failed, {"at": "send"}, count),
        ("redrive of it after the pull", failed, {"after": "pull"}, count),
        ("redrive at the send, all delivered", done, {"at": "send"}, 0),
        ("redrive after the pull, all delivered", done, {"after": "pull"}, 0),
    ]
    rows = []
    for title, run, request, to_send in plans:
        with Server(home) as server:
            calls = server.calls()
            calls.get("/runs?limit=1")
            before_mb, before_s = server.peak_mb(), server.cpu_s()
            way = "retry" if "from" in request else "redrive"
            took_s = planned(calls, f"/runs/{run}/{way}/plan", request, to_send=to_send)
            cpu_s, peak_mb = server.cpu_s() - before_s, server.peak_mb()
        figures = [f"{count:,}", f"{to_send:,}", f"{took_s:.2f}", f"{cpu_s:.2f}", f"{peak_mb:.0f}"]
        rows.append([title, *figures, f"{peak_mb - before_mb:.0f}", f"< {BUDGET_S:g} s"])
    return rows


def _many_runs(home: Path, runs: int, url: str) -> list[list[str]]:
    """The plan of a bulk: a retry of many small runs that failed."""
    shape = Shape()
    _set_refusing(home, shape, url, refusing=True)
    with Server(home) as server:
        calls = server.calls()
        failed = [run_of(calls, "failure") for _ in range(runs)]
        before_mb, before_s = server.peak_mb(), server.cpu_s()
        items = shape.orders * KEPT_OF_TEN // 10
        took_s = planned(
            calls, "/bulks/plan", {"runs": failed, "retry": {"from": "failed"}}, to_send=runs * items
        )
        cpu_s, peak_mb = server.cpu_s() - before_s, server.peak_mb()
    sent = f"{runs * items:,}"
    title = f"bulk: a retry of {runs:,} failed runs"
    figures = [sent, sent, f"{took_s:.2f}", f"{cpu_s:.2f}", f"{peak_mb:.0f}"]
    return [[title, *figures, f"{peak_mb - before_mb:.0f}", ""]]
