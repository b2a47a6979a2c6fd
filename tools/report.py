"""Run the test suite and write a dated report: `python -m tools.report -- PYTEST-ARGS` (`make test-all`).

What takes too long for one sitting goes in parts: `--keep FOLDER --part NAME` leaves the outcome of this part
in a folder, and the report is of all parts that are there, each with its commit and its time.
"""

from __future__ import annotations

import argparse
import json
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
        if not node.get("name"):
            continue  # it was under way when the run was cut off
        name = f"{node.get('classname', '')}::{node.get('name', '')}"
        end = next((child for child in node if child.tag in {"failure", "error", "skipped"}), None)
        outcome = "passed" if end is None else {"skipped": "skipped"}.get(end.tag, "failed")
        reason = "" if end is None else end.get("message", "").partition("\n")[0]
        cases.append(Case(name, outcome, float(node.get("time", 0)), reason))
    return cases


@dataclass(frozen=True)
class Part:
    """One run of pytest."""

    name: str
    commit: str
    at: datetime
    arguments: str
    cases: list[Case]

    def count(self, outcome: str) -> int:
        return sum(case.outcome == outcome for case in self.cases)

    @property
    def duration_s(self) -> float:
        return sum(case.duration_s for case in self.cases)


def read_parts(folder: Path) -> list[Part]:
    """Those that came to their end, in the order of their begin."""
    parts = []
    for junit in folder.glob("*.xml"):
        told = json.loads(junit.with_suffix(".json").read_text(encoding="utf-8"))
        at = datetime.fromisoformat(told["started_at"])
        parts.append(Part(junit.stem, told["commit"], at, told["arguments"], read_cases(junit)))
    return sorted(parts, key=lambda part: part.at)


def render(parts: list[Part]) -> str:
    last = parts[-1]
    cases = [case for part in parts for case in part.cases]
    counts = ", ".join(
        f"{sum(p.count(kind) for p in parts)} {kind}" for kind in ("passed", "failed", "skipped")
    )
    place = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    total = f"{counts}, {sum(part.duration_s for part in parts):.0f} s."
    lines = [f"# Test report, {last.at:%Y-%m-%d}", ""]
    if len(parts) == 1:
        command = f"make test-all ARGS={last.arguments!r}" if last.arguments else "make test-all"
        lines.append(f"`{command}` on commit {last.commit}, {place}: {total}")
    else:
        lines += [
            f"The full matrix (`make test-all`) in parts, each as the table says, on {place}: {total}",
            "",
            "| part | of | begun (UTC) | commit | passed | failed | skipped | seconds |",
            "|---|---|---|---|---:|---:|---:|---:|",
            *map(_row, parts),
        ]
    for kind in ("failed", "skipped"):
        found = [(part, case) for part in parts for case in part.cases if case.outcome == kind]
        if found:
            lines += ["", f"## {kind.capitalize()}", ""]
            lines += [f"- {_of(part, parts)}`{case.name}`: {case.reason}" for part, case in found]
    slowest = sorted(cases, key=lambda case: -case.duration_s)[:20]
    lines += ["", "## Slowest", "", "| seconds | test |", "|---|---|"]
    lines += [f"| {case.duration_s:.1f} | `{case.name}` |" for case in slowest]
    return "\n".join(lines) + "\n"


def _row(part: Part) -> str:
    counts = " | ".join(str(part.count(kind)) for kind in ("passed", "failed", "skipped"))
    begun = f"{part.at:%H:%M} | {part.commit}"
    return f"| {part.name} | `{part.arguments}` | {begun} | {counts} | {part.duration_s:.0f} |"


def _of(part: Part, parts: list[Part]) -> str:
    return f"{part.name}: " if len(parts) > 1 else ""


def main(given: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.report", description=__doc__)
    parser.add_argument("--keep", type=Path, help="folder with the parts of the report")
    parser.add_argument("--part", default="all", help="name of this part")
    parser.add_argument("--render", action="store_true", help="run nothing: only write the report")
    parser.add_argument("arguments", nargs="*", help="after --: what pytest is told")
    asked = parser.parse_args(given)
    code = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        if not asked.render:
            code = _run(folder / f"{asked.part}.xml", asked.arguments)
        parts = read_parts(folder)
    if parts:
        report = RESULTS / f"tests-{parts[-1].at:%Y-%m-%d}.md"
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(render(parts), encoding="utf-8")
        print(f"Report: {report.relative_to(ROOT)}", file=sys.stderr)
    return code


def _run(junit: Path, arguments: list[str]) -> int:
    git = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    told = {
        "commit": commit or "unknown",
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "arguments": " ".join(arguments),
    }
    junit.unlink(missing_ok=True)
    junit.with_suffix(".json").write_text(json.dumps(told), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", f"--junitxml={junit}", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
