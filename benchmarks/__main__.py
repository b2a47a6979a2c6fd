"""`make bench`: measure, print, keep the figures in benchmarks/results/."""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from pathlib import Path

from benchmarks import (
    bench_keeping,
    bench_log,
    bench_page,
    bench_plan,
    bench_profile,
    bench_reference,
    bench_responsive,
    bench_resume,
    bench_search,
    bench_shapes,
    bench_stream,
    bench_tree,
    bench_webhook,
    report,
)

TITLES = {
    "reference": "The small reference run beside its floor",
    "stream": "Large payloads and long runs",
    "responsive": "A server at rest and at work",
    "log": "A long run log",
    "plan": "Plans of many items",
    "resume": "Going on after kill -9",
    "tree": "Validating a deep flow",
    "shapes": "Each item-wise shape beside a loop",
    "search": "Finding in a large store",
    "keeping": "Backup, restore, retention and erasing",
    "webhook": "Webhooks that are durable and answered",
    "profile": "Where the CPU of the small run goes",
    "page": "The web page",
}
NAMED_ONLY = {"page"}
"""Wants a browser, and the minutes of its tests: `make figures`."""


def arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="*", help=", ".join(TITLES) + "; nothing: all of them but page")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of the reference run (7)")
    parser.add_argument("--runs", type=int, default=50, help="runs in a round (50)")
    parser.add_argument("--seconds", type=float, default=5, help="length of a round of webhook calls (5)")
    parser.add_argument("--pages", type=int, default=100, help="pages of 250 orders in the long run (100)")
    parser.add_argument("--payload-mb", type=int, default=100, help="size of the large payload (100)")
    parser.add_argument("--log-runs", type=int, default=100_000, help="runs in the run log (100,000)")
    parser.add_argument(
        "--payloads", type=int, default=1_000_000, help="payloads of the store that is searched (1,000,000)"
    )
    parser.add_argument("--items", type=int, default=10_000, help="items of a plan (10,000)")
    parser.add_argument("--fill-minutes", type=float, default=math.inf, help="most time for filling it")
    parser.add_argument(
        "--store", type=Path, help="keep the store that is searched, or the run log, here and use it again"
    )
    parser.add_argument("--folder", type=Path, help="where homes are made: the disk that is measured")
    parser.add_argument("--small", action="store_true", help="page: a shorter run log, a smaller payload")
    parser.add_argument("--no-file", action="store_true", help="print only")
    return parser.parse_args(given)


def main(given: list[str]) -> None:  # noqa: C901, PLR0912 - one line for each benchmark
    asked = arguments(given)
    if asked.store is not None:
        asked.store.mkdir(parents=True, exist_ok=True)
    for name in asked.what or [one for one in TITLES if one not in NAMED_ONLY]:
        with tempfile.TemporaryDirectory(prefix="redrive-bench-", dir=asked.folder) as made:
            folder = Path(made)
            if name == "reference":
                lines = bench_reference.main(folder, rounds=asked.rounds, runs=asked.runs)
            elif name == "webhook":
                lines = bench_webhook.main(folder, rounds=asked.rounds, seconds=asked.seconds)
            elif name == "responsive":
                lines = bench_responsive.main(folder, payload_mb=asked.payload_mb)
            elif name == "log":
                lines = bench_log.main(asked.store or folder, runs=asked.log_runs)
            elif name == "plan":
                lines = bench_plan.main(folder, items=asked.items)
            elif name == "resume":
                lines = bench_resume.main(folder, rounds=asked.rounds)
            elif name == "tree":
                lines = bench_tree.main()
            elif name == "search":
                lines = bench_search.main(
                    asked.store or folder, payloads=asked.payloads, within_s=asked.fill_minutes * 60
                )
            elif name == "keeping":
                lines = bench_keeping.main(folder, payloads=min(asked.payloads, 200_000))
            elif name == "page":
                lines = bench_page.main(folder, store=asked.store, small=asked.small)
            elif name == "profile":
                lines = bench_profile.main(folder, runs=asked.runs * 4)
            elif name == "shapes":
                lines = bench_shapes.main(folder, payload_mb=min(asked.payload_mb, 20))
            else:
                lines = bench_stream.main(folder, pages=asked.pages, payload_mb=asked.payload_mb)
        print("\n".join(lines), flush=True)
        if not asked.no_file:
            path = report.write(name, TITLES[name], lines)
            print(f"\nKept in {path.relative_to(report.ROOT)}\n", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
