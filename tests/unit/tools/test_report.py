"""The report of a full test run."""

from __future__ import annotations

from datetime import UTC, datetime

from tools.report import read_cases, render

JUNIT = """<testsuites><testsuite>
<testcase classname="tests.a" name="test_one" time="0.5"/>
<testcase classname="tests.a" name="test_two" time="2.5">
<failure message="assert 1 == 2&#10;more">…</failure></testcase>
<testcase classname="tests.b" name="test_three" time="0"><skipped message="no such system here"/></testcase>
</testsuite></testsuites>"""


def test_a_report_counts_and_gives_reasons(tmp_path):
    junit = tmp_path / "junit.xml"
    junit.write_text(JUNIT)
    text = render(read_cases(junit), "abc1234", datetime(2026, 11, 20, tzinfo=UTC))
    assert "# Test report, 2026-11-20" in text
    assert "1 passed, 1 failed, 1 skipped, 3 s." in text
    assert "- `tests.a::test_two`: assert 1 == 2\n" in text
    assert "- `tests.b::test_three`: no such system here\n" in text
    assert text.index("| 2.5 |") < text.index("| 0.5 |")
