"""The web page in a real browser: what its tests took, beside what there is to beat and the budget."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.machine import Others, describe
from benchmarks.processes import ROOT
from benchmarks.run_log import fill

TESTS = ("frame", "runs", "redriving", "payload", "long_log")
RUNS = 1_000_000

# The task, what it took in n8n 2.41, the budget, and the figures of the tests that say what it takes here.
ROWS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (
        "first page: script and style sent, files, usable after",
        "3.7 MB, 522, 5.0 s (warm 3.1)",
        "≤ 300 KB, ≤ 15, ≤ 1 s (warm ≤ 0.4)",
        ("first page, cold", "first page, warm"),
    ),
    (
        "from home to a failed run, the payload of its pull step, the full error",
        "12 clicks, 7 s",
        "≤ 3 clicks, ≤ 1 s",
        ("home to the failed run, its error and the payload of its pull",),
    ),
    (
        "the run that holds order X, good or failed",
        "not possible",
        "≤ 2 clicks, ≤ 0.3 s",
        ("the run that holds an order that failed", "the run that holds an order that went well"),
    ),
    (
        "re-run the failed run",
        "7 actions, 8 orders sent, 5 of them duplicates",
        "≤ 3 clicks, 0 duplicates, the count shown before",
        ("retry the failed run", "redrive the failed run"),
    ),
    (
        "one order, edited, from a middle step",
        "26 clicks, changes the draft, not on the production path",
        "≤ 4 clicks, flow untouched",
        ("one order, edited, from a middle step",),
    ),
    (
        "open a run of 10,000 orders; show the JSON of its pull",
        "18 to 20 s; 8 to 9 s more; freezes of 5 s; 500 MB heap",
        "≤ 0.5 s; ≤ 0.3 s; no task over 100 ms; ≤ 80 MB, at any size",
        ("a run of 10,000 orders",),
    ),
    ("the oldest of 300 runs", "15 times “load more”, 11 s", "one jump", ("the oldest of 300 runs",)),
    (
        "a new run appears in the list",
        "polled every 4 s",
        "pushed, ≤ 0.5 s",
        ("a new run appears in the list",),
    ),
)

HOW = (
    "From the press, or the start of the page, until it is painted, both taken in the page: the median, and "
    "the longest. On the long run log a run begins and ends every half second meanwhile."
)


def main(folder: Path, *, store: Path | None = None, small: bool = False) -> list[str]:
    """Run the browser tests that tell figures; the lines of the report.

    `small`: a run log of 20,000 runs and a payload of 63 MB instead of a million and 500 MB.
    `store`: where the long run log is kept.
    """
    machine = describe(folder)
    figures = folder / "figures.json"
    environment = {name: value for name, value in os.environ.items() if name != "REDRIVE_TEST_ALL"}
    if not small:
        home = (store or folder) / "home"
        if not home.exists():
            home.parent.mkdir(parents=True, exist_ok=True)
            asyncio.run(fill(home, RUNS))
        environment |= {"REDRIVE_TEST_ALL": "1", "REDRIVE_LOG_HOME": str(home)}
    tests = [f"tests/browser/test_{name}.py" for name in TESTS]
    with Others() as others:
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *tests],
            cwd=ROOT,
            env={**environment, "REDRIVE_FIGURES": str(figures)},
            stdout=sys.stderr,
            check=False,
        )
    if not figures.exists():
        raise SystemExit("The browser tests told no figure: what they say stands above")
    known = json.loads(figures.read_text(encoding="utf-8"))
    state = "all passed" if ended.returncode == 0 else "NOT ALL PASSED"
    return [
        *[f"- {line}" for line in (*machine, others.line)],
        f"- Chromium without a window, server and browser on the same machine; tests: {state}",
        *lines(known),
    ]


def lines(known: dict[str, str]) -> list[str]:
    """The table of tasks, and all figures that no task names."""
    rows = []
    for task, theirs, budget, names in ROWS:
        ours = "; ".join(f"{part(name)}{known.get(name, 'not measured')}" for name in names)
        rows.append([task, theirs, budget, ours])
    named = {name for *_, names in ROWS for name in names}
    others = [[name, value] for name, value in known.items() if name not in named]
    return [
        *["", "## What to beat", ""],
        "n8n 2.41 in the same browser on this class of machine. Clicks are asserted by the tests.",
        *["", *_table(["task", "n8n", "budget", "Redrive"], rows)],
        *["", "## Everything else", ""],
        HOW,
        *["", *_table(["what", "figure"], others)],
    ]


def part(name: str) -> str:
    """How one of several figures of a task begins."""
    _, comma, last = name.partition(", ")
    if comma and last in {"cold", "warm"}:
        return f"{last}: "
    for word in ("failed", "went well"):
        if name.endswith(f"order that {word}"):
            return f"{word}: "
    return f"{name.partition(' ')[0]}: " if name.endswith("the failed run") else ""


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *[f"| {' | '.join(row)} |" for row in rows]]
