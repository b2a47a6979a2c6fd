"""The report of a full test run."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from tools.report import Part, read_cases, read_parts, render

JUNIT = """<testsuites><testsuite>
<testcase classname="tests.a" name="test_one" time="0.5"/>
<testcase classname="tests.a" name="test_two" time="2.5">
<failure message="assert 1 == 2&#10;more">…</failure></testcase>
<testcase classname="tests.b" name="test_three" time="0"><skipped message="no such system here"/></testcase>
</testsuite></testsuites>"""


AT = datetime(2026, 11, 20, 9, 5, tzinfo=UTC)


def test_a_report_counts_and_gives_reasons(tmp_path):
    junit = tmp_path / "junit.xml"
    junit.write_text(JUNIT)
    text = render([Part("all", "abc1234", AT, "-k split", read_cases(junit))])
    assert "# Test report, 2026-11-20" in text
    assert "`make test-all ARGS='-k split'` on commit abc1234" in text
    assert "1 passed, 1 failed, 1 skipped, 3 s." in text
    assert "- `tests.a::test_two`: assert 1 == 2\n" in text
    assert "- `tests.b::test_three`: no such system here\n" in text
    assert text.index("| 2.5 |") < text.index("| 0.5 |")


def test_a_report_of_parts_says_of_each_when_and_of_what_it_was(tmp_path):
    for number, name in enumerate(["crash", "again"]):
        (tmp_path / f"{name}.xml").write_text(JUNIT)
        told = {"commit": f"c{number}", "started_at": f"2026-11-20T0{9 - number}:05:00Z", "arguments": name}
        (tmp_path / f"{name}.json").write_text(json.dumps(told))
    (tmp_path / "cut-off.json").write_text("{}")  # a part that did not end has no outcome
    text = render(read_parts(tmp_path))
    assert "2 passed, 2 failed, 2 skipped, 6 s." in text
    rows = [line for line in text.splitlines() if line.startswith(("| crash", "| again"))]
    again = "| again | `again` | 08:05 | c1 | 1 | 1 | 1 | 3 |"
    assert rows == [again, "| crash | `crash` | 09:05 | c0 | 1 | 1 | 1 | 3 |"]
    assert "- again: `tests.a::test_two`: assert 1 == 2\n" in text
