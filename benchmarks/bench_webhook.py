"""Webhooks: calls that are durable and answered in a second, product beside a bare handler.

The sides take turns in short rounds; each figure is the median of the rounds. The runs that the calls
start are executed meanwhile: an intake that only works while nothing else does is none.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks import report
from benchmarks.hook_client import body
from benchmarks.machine import Others, describe
from benchmarks.processes import Child

PATH = "/hooks/intake"
CLIENTS = (2, 50)
SIDES = {
    "floor, a commit per call": ("benchmarks.hook_floor", "single"),
    "floor, group commit": ("benchmarks.hook_floor", "group"),
    "Redrive": ("benchmarks.hook_product", None),
}
PRODUCT = "Redrive"
DRAIN_S = 300


@dataclass
class Side:
    """One server, and what its rounds gave, by the number of clients."""

    process: Child
    port: int
    folder: Path
    rounds: dict[int, list[dict[str, Any]]] = field(default_factory=lambda: {n: [] for n in CLIENTS})
    calls: int = 0
    drained_s: list[float] = field(default_factory=list)

    def round(self, clients: int, seconds: float, *, keep: bool) -> None:
        server = psutil.Process(self.process.pid)
        cpu = sum(server.cpu_times()[:2])
        caller = Child("benchmarks.hook_client", str(self.port), PATH, str(clients), str(seconds))
        found = json.loads(caller.hear())
        caller.end()
        found["server_cpu_s"] = sum(server.cpu_times()[:2]) - cpu
        self.calls += found["calls"]
        if keep:
            self.rounds[clients].append(found)

    def drain(self) -> None:
        """Wait until the run of every accepted call has ended: the next round begins with an idle server."""
        begun = time.monotonic()
        records = sqlite3.connect(f"file:{self.folder / 'redrive.db'}?mode=ro", uri=True)
        try:
            while True:
                (ended,) = records.execute("SELECT count(*) FROM runs WHERE status = 'success'").fetchone()
                if ended == self.calls:
                    break
                if time.monotonic() - begun > DRAIN_S:
                    raise RuntimeError(f"{self.calls} calls were accepted, {ended} runs ended in success")
                time.sleep(0.1)
        finally:
            records.close()
        self.drained_s.append(time.monotonic() - begun)


def main(folder: Path, *, rounds: int, seconds: float) -> list[str]:
    """Measure; the lines of the report."""
    with ExitStack() as stack:
        sides: dict[str, Side] = {}
        for name, (module, how) in SIDES.items():
            home = folder / name.translate(str.maketrans(" ,", "--"))
            home.mkdir()
            process = Child(module, str(home), *([how] if how else []))
            stack.callback(process.end)
            sides[name] = Side(process, int(process.hear()), home)
        machine = describe(folder)
        with Others() as others:
            for number in range(rounds + 1):
                for clients in CLIENTS:
                    for name, side in sides.items():
                        side.round(clients, seconds if number else 0.5, keep=number > 0)
                        if name == PRODUCT:
                            side.drain()
        rows = [row for clients in CLIENTS for row in _rows(clients, sides)]
        drained = statistics.median(sides[PRODUCT].drained_s[2:])
        calls = sides[PRODUCT].calls
    what = (
        f"A call posts an order of {len(body(1)) / 1000:.1f} kB; no two are equal. It is answered 202 when "
        f"its body is durable. Callers keep their connections and run in a process of their own, on "
        f"the same machine. {rounds} rounds of {seconds:g} s for each number of callers, taking turns; "
        "medians. "
        "The floor is a bare Starlette handler under uvicorn that inserts the body into SQLite with "
        "`synchronous=FULL`; it starts nothing. Redrive stores body, payload, bucket and queued run in one "
        "commit, and executes the runs of one step meanwhile."
    )
    proof = (
        f"Every one of the {calls} accepted calls had exactly one run, which ended in success; the last one "
        f"{drained:.1f} s (median) after the last call of its round."
    )
    head = ["", *SIDES, "x floor (group)", "budget"]
    measured = [f"- {line}" for line in (*machine, others.line)]
    return [what, "", *measured, "", *report.table(head, rows), "", proof]


def _rows(clients: int, sides: dict[str, Side]) -> list[list[str]]:
    def median(side: Side, of: Any) -> float:
        return statistics.median(of(one) for one in side.rounds[clients])

    def row(title: str, of: Any, form: str, budget: str = "") -> list[str]:
        values = [median(side, of) for side in sides.values()]
        return [title, *(form.format(value) for value in values), f"{values[2] / values[1]:.2f} x", budget]

    def share(percent: int) -> Any:
        return lambda one: statistics.quantiles(one["took"], n=100)[percent - 1] * 1000

    large = clients == max(CLIENTS)
    return [
        row(
            f"calls per second, {clients} clients",
            lambda one: one["calls"] / one["seconds"],
            "{:.0f}",
            ">= 1,000" if large else "",
        ),
        row(f"p50, {clients} clients (ms)", share(50), "{:.1f}"),
        row(f"p99, {clients} clients (ms)", share(99), "{:.1f}", "< 150" if large else ""),
        row(
            f"CPU of the server per call, {clients} clients (ms)",
            lambda one: one["server_cpu_s"] / one["calls"] * 1000,
            "{:.2f}",
        ),
    ]
