"""Every failpoint that the code passes stands in one list, and the crash suite visits each list."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from redrive.engine import failpoints
from redrive.store.blobs import base

ROOT = Path(__file__).parents[2]
LISTS = {name: value for name, value in vars(failpoints).items() if name.isupper() and name != "GROUPS"}


def passed() -> Iterator[tuple[str, str]]:
    """Where a point is passed: `failpoints.hit("…")`, or a port's `failpoint("…")`."""
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            first = node.args[0]
            if (
                name in {"hit", "failpoint", "_failpoint"}
                and isinstance(first, ast.Constant)
                and isinstance(first.value, str)
            ):
                yield first.value, f"{path.relative_to(ROOT)}:{node.lineno}"


def test_every_point_of_the_code_is_in_a_list_and_the_other_way_round() -> None:
    found = dict(passed()) | dict.fromkeys(base.FAILPOINTS, "store/blobs/base.py")
    named = [name for group in failpoints.GROUPS for name in group]
    assert len(named) == len(set(named))
    assert {n: where for n, where in found.items() if n not in named} == {}
    assert sorted(set(named) - set(found)) == []


def test_the_crash_suite_visits_every_list() -> None:
    assert sorted(map(sorted, LISTS.values())) == sorted(map(sorted, failpoints.GROUPS))
    visited: set[str] = set()
    for path in (ROOT / "tests" / "crash").glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "redrive.engine.failpoints":
                visited |= {name.name for name in node.names}
    assert set(LISTS) - visited == set()
