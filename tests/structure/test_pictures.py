"""Every page of the web page has its picture in the docs, made by a browser test, and a check by axe."""

from __future__ import annotations

import ast
import re

from tests.browser.test_looks import PAGES
from tests.structure.tree import ROOT, files, read, short

PICTURES = ROOT / "docs" / "images" / "ui"
OVERVIEW = ROOT / "docs" / "howto" / "see-every-page.md"
ROUTES = re.findall(
    r"^  \{ path: '([^']+)'", read(ROOT / "web" / "src" / "routes" / "pages.ts"), re.MULTILINE
)
BROWSER_TESTS = [path for path in files(ROOT / "tests" / "browser", ".py") if path.name.startswith("test_")]
_SHOWN = re.compile(r"!\[[^\]]+\]\((?:\.\./)*(?:docs/)?images/ui/([a-z0-9-]+)\.png\)")


def test_each_page_is_looked_over_light_and_dark():
    # The test of these opens each, lets axe look at it in both looks, and takes its pictures.
    assert len(ROUTES) > 15
    assert sorted(PAGES) == sorted(ROUTES)


def test_each_page_has_a_light_and_a_dark_picture_in_the_docs():
    rows = {}
    for line in read(OVERVIEW).splitlines():
        if found := re.match(r"\| [^|]+ \| `(/[^`]*)` \|", line):
            rows[found[1]] = _SHOWN.findall(line)
    assert sorted(rows) == sorted(ROUTES)
    for route, pictures in rows.items():
        assert len(pictures) == 2, route
        assert pictures[1] == f"{PAGES[route][0]}-dark"


def test_each_picture_is_shown_and_each_that_is_shown_is_there():
    shown = {name for page in files(ROOT, ".md") for name in _SHOWN.findall(read(page))}
    assert shown == {path.stem for path in PICTURES.glob("*.png")}


def test_a_test_that_takes_a_picture_lets_axe_look_too():
    for path in BROWSER_TESTS:
        for function in ast.parse(read(path)).body:
            if isinstance(function, ast.FunctionDef) and function.name.startswith("test_"):
                called = {
                    node.func.id
                    for node in ast.walk(function)
                    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
                }
                where = f"{short(path)}: {function.name}"
                assert "picture" not in called or "look_over" in called, where
