"""`redrive demo --once` in a pipe: exit code 0 after checked claims, and text that can be read."""

import os
import re
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "src"
CHAPTERS = (
    "A shop, an ERP, and a flow between them",
    "The run fails at the ERP",
    "The run log shows what happened",
    "Every payload at the end of every step is kept whole",
    "Order 1042 is found where it stands",
    "The plan comes first",
    "The payload is edited and the run redriven",
    "The ERP counts",
)


def test_the_story_is_true_and_is_plain_text_in_a_pipe() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "redrive", "demo", "--once"],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONIOENCODING": "utf-8"},
    )
    assert (told.returncode, told.stderr) == (0, "")
    headings = re.findall(r"^(\S.*?) ─+$", told.stdout, re.MULTILINE)
    assert [heading.rstrip(" ─") for heading in headings] == list(CHAPTERS)
    ticks = re.findall(r"^  ✓ (.*)$", told.stdout, re.MULTILINE)
    assert told.stdout.endswith(f"\nAll {len(ticks)} claims were checked and are true.\n")
    assert "What is shown ends in [trimmed]" in ticks
    # No style of rich's markup, no escape of it, no control sequence.
    assert not re.findall(r"\[/?(?:bold|green|red|cyan|/)[^\]]*\]|\\\[|\x1b", told.stdout)
    assert max(map(len, told.stdout.splitlines())) <= 100
