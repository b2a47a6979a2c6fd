"""A run log of many runs: lists, filters, one run, a key, through the API of a server."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import report
from benchmarks.machine import Others, describe
from benchmarks.run_log import FLOWS, fill, key_of
from benchmarks.server import Calls, Server, quantiles
from redrive.core.ids import from_text
from redrive.service.cursors import cursor_of

CALLS = 20
BUDGET_MS = 100.0


def questions(runs: int, middle: str, cursor: str, times: tuple[str, str]) -> list[tuple[str, str]]:
    """What is asked, and the call. `middle`: a run in the middle of the log; `cursor`: a page there."""
    hour, year = times
    return [
        ("the newest 50", "/runs"),
        ("a page in the middle", f"/runs?cursor={cursor}"),
        *[(f"status {name}", f"/runs?status={name}") for name in ("success", "failure", "stopped", "queued")],
        ("a flow with half of the runs", "/runs?flow=orders-0"),
        ("a flow with few runs", f"/runs?flow=orders-{FLOWS - 8}"),
        ("a flow, and status stopped", "/runs?flow=orders-0&status=stopped"),
        ("a flow, and a rare trigger", "/runs?flow=orders-0&trigger=retry"),
        ("failed, and a rare trigger", "/runs?status=failure&trigger=retry"),
        ("a flow, with warnings", "/runs?flow=orders-3&warnings=true"),
        ("failed, and a text in none", "/runs?status=failure&text=nowhere"),
        ("a rare trigger", "/runs?trigger=retry"),
        ("a trigger that no run has", "/runs?trigger=callback"),
        ("a rare version", "/runs?version=2"),
        ("a version that no run has", "/runs?version=9"),
        ("with warnings", "/runs?warnings=true"),
        ("since an hour ago", f"/runs?since={hour}"),
        ("failed since a year ago", f"/runs?status=failure&since={year}"),
        ("a text in many summaries", "/runs?text=answered%20with%20500"),
        ("a text in one summary", f"/runs?text={key_of(runs // 3)}&limit=1"),
        ("a text in none", "/runs?text=nowhere-to-be-found"),
        ("one run", f"/runs/{middle}"),
        ("its log lines", f"/runs/{middle}/logs"),
        ("find a key", f"/find?value={key_of(runs // 2)}"),
        ("find a key that is not there", "/find?value=order-x"),
        ("a delivery by its key", f"/deliveries?key={key_of(runs // 2)}"),
        ("deliveries, newest first", "/deliveries"),
    ]


def _middle(calls: Calls, runs: int) -> tuple[str, str]:
    """A run in the middle of the log, and a cursor to the page behind it."""
    run = calls.get(f"/find?value={key_of(runs // 2)}")["items"][0]["run"]
    return run, cursor_of(from_text("r", run) or 0)


def main(folder: Path, *, runs: int, calls_each: int = CALLS) -> list[str]:
    """Measure; the lines of the report."""
    folder.mkdir(parents=True, exist_ok=True)
    machine = describe(folder)
    home = folder / "home"
    begun = time.monotonic()
    filled = "Filled before"
    if not home.exists():
        asyncio.run(fill(home, runs))
        filled = f"Filled in {time.monotonic() - begun:.0f} s"
    size_mb = sum(file.stat().st_size for file in home.rglob("*") if file.is_file()) / 1e6
    now = datetime.now(UTC)
    times = tuple(
        (now - ago).strftime("%Y-%m-%dT%H:%M:%SZ") for ago in (timedelta(hours=1), timedelta(days=365))
    )
    rows = []
    with Others() as others, Server(home) as server:
        calls = server.calls()
        middle, cursor = _middle(calls, runs)
        for title, path in questions(runs, middle, cursor, times):  # type: ignore[arg-type]
            calls.took_ms.clear()
            answer = [calls.get(path) for _ in range(calls_each)][-1]
            median, p95, _, longest = quantiles(calls.took_ms)
            items = len(answer["items"]) if "items" in answer else 1
            more = " +" if answer.get("next") else ""
            rows.append(
                [title, f"{items}{more}", f"{median:.1f}", f"{p95:.1f}", f"{longest:.1f}", f"< {BUDGET_MS:g}"]
            )
    told = (
        f"{filled} by the store's own statements, many runs in one transaction: "
        f"{size_mb:.0f} MB of records, two steps, a log line and a delivery for each run. "
        f"Each question {calls_each} times, one after the other, through HTTP."
    )
    return [
        *[f"- {line}" for line in (*machine, others.line)],
        *["", f"## A run log of {runs:,} runs", ""],
        told,
        "",
        *report.table(["question", "rows", "median (ms)", "p95 (ms)", "longest (ms)", "budget"], rows),
    ]
