"""Run the test suite and write a dated report: `python -m tools.report -- PYTEST-ARGS` (`make test-all`)."""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True)
class Case:
    name: str
    outcome: str
    duration_s: float
    reason: str = ""


def read_cases(junit: Path) -> list[Case]:
    cases = []
    for node in ET.parse(junit).iter("testcase"):
        name = f"{node.get('classname', '')}::{node.get('name', '')}"
        end = next((child for child in node if child.tag in {"failure", "error", "skipped"}), None)
        outcome = "passed" if end is None else {"skipped": "skipped"}.get(end.tag, "failed")
        reason = "" if end is None else end.get("message", "").partition("\n")[0]
        cases.append(Case(name, outcome, float(node.get("time", 0)), reason))
    return cases


def render(cases: list[Case], commit: str, at: datetime, chosen: str = "") -> str:
    count = {kind: sum(case.outcome == kind for case in cases) for kind in ("passed", "failed", "skipped")}
    slowest = sorted(cases, key=lambda case: -case.duration_s)[:20]
    command = f"make test-all ARGS={chosen!r}" if chosen else "make test-all"
    summary = (
        f"`{command}` on commit {commit}, Python {platform.python_version()}, {platform.system()} "
        f"{platform.machine()}: {count['passed']} passed, {count['failed']} failed, "
        f"{count['skipped']} skipped, {sum(case.duration_s for case in cases):.0f} s."
    )
    lines = [
        f"# Test report, {at:%Y-%m-%d}",
        "",
        summary,
    ]
    for kind in ("failed", "skipped"):
        chosen = [case for case in cases if case.outcome == kind]
        if chosen:
            lines += ["", f"## {kind.capitalize()}", ""]
            lines += [f"- `{case.name}`: {case.reason}" for case in chosen]
    lines += ["", "## Slowest", "", "| seconds | test |", "|---|---|"]
    lines += [f"| {case.duration_s:.1f} | `{case.name}` |" for case in slowest]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        junit = Path(folder, "junit.xml")
        command = [sys.executable, "-m", "pytest", f"--junitxml={junit}", *arguments]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if not junit.exists():
            return code
        now = datetime.now(UTC)
        git = ["git", "rev-parse", "--short", "HEAD"]
        commit = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
        report = RESULTS / f"tests-{now:%Y-%m-%d}.md"
        report.parent.mkdir(parents=True, exist_ok=True)
        text = render(read_cases(junit), commit or "unknown", now, " ".join(arguments))
        report.write_text(text, encoding="utf-8")
    print(f"Report: {report.relative_to(ROOT)}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main([argument for argument in sys.argv[1:] if argument != "--"]))
