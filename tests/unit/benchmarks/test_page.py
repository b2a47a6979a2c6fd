"""The report of the web page: every task of the table is measured by a browser test."""

from __future__ import annotations

import re

import pytest

from benchmarks.bench_page import ROWS, TESTS, lines
from tests.structure.tree import ROOT, read


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_task_is_measured_by_a_browser_test(row):
    text = "".join(read(ROOT / "tests" / "browser" / f"test_{name}.py") for name in TESTS)
    told = [re.sub(r"\{[^}]*\}", ".*", name) for name in re.findall(r'figure\(\s*f?"([^"]+)"', text)]
    for name in row[3]:
        assert any(re.fullmatch(one, name) for one in told), name


def test_what_was_not_measured_is_said():
    table = lines({"first page, cold": "169 KB", "another": "3 ms"})
    assert any("cold: 169 KB; warm: not measured" in line for line in table)
    assert "| another | 3 ms |" in table
