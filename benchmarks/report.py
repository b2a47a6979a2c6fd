"""Figures as Markdown tables, and the file that keeps them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.processes import ROOT

RESULTS = Path(__file__).resolve().parent / "results"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The first column is text, the others are figures."""
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    return lines + [f"| {' | '.join(row)} |" for row in rows]


def commit() -> str:
    """The commit that was measured; `+` where the code differs from it."""

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "--", "src", "benchmarks/*.py")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if changed else "")


def write(name: str, title: str, body: Sequence[str]) -> Path:
    """Keep a report as `results/<date>-<name>.md`."""
    now = datetime.now(UTC)
    lines = [f"# {title}, {now:%Y-%m-%d}", "", f"Commit {commit()}, {now:%H:%M} UTC.", "", *body, ""]
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{now:%Y-%m-%d}-{name}.md"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path
