"""What is declared is used: dependencies are imported, settings read, parts of flows acted on."""

from __future__ import annotations

import ast
import re
import tomllib

import pytest

from redrive.core.flow import Flow, FlowSettings
from redrive.settings import TABLE
from tests.structure.tree import ROOT, modules, read, short
from tools.pages.flows import NOT_YET

PROJECT = tomllib.loads(read(ROOT / "pyproject.toml"))["project"]

# Packages whose module has another name.
MODULES = {
    "argon2-cffi": "argon2",
    "jsonschema-rs": "jsonschema_rs",
    "pydantic-monty": "pydantic_monty",
    "python-jsonpath": "jsonpath",
    "pyyaml": "yaml",
}
# Packages that nothing imports by name, each with who uses it.
UNSEEN = {
    "httptools": "uvicorn takes it as its parser when it is there",
    "tzdata": "zoneinfo reads it where the platform has no time zones",
}

_IMPORTED = {
    name.partition(".")[0]
    for path in modules()
    for node in ast.walk(ast.parse(read(path)))
    for name in (
        [alias.name for alias in node.names]
        if isinstance(node, ast.Import)
        else [node.module or ""]
        if isinstance(node, ast.ImportFrom) and not node.level
        else []
    )
}


@pytest.mark.parametrize(
    "package", [re.match(r"[A-Za-z0-9._-]+", text)[0].lower() for text in PROJECT["dependencies"]]
)
def test_each_runtime_dependency_is_imported(package):
    imported = MODULES.get(package, package) in _IMPORTED
    assert imported != (package in UNSEEN)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_each_setting_is_read(row):
    assert re.search(rf"\bsettings\.{row.name}\b", _source(without="src/redrive/settings.py"))


def test_each_part_of_a_flow_is_acted_on_or_said_not_to_be():
    # All but its description, which is for those who read the document.
    source = _source(without="src/redrive/documents/")
    parts = {name: rf"\bflow\.{name}\b" for name in Flow.__struct_fields__ if name != "description"}
    parts |= {
        f"settings.{_IN_DOCUMENTS.get(name, name)}": rf"\bsettings\.{name}\b"
        for name in FlowSettings.__struct_fields__
    }
    assert {name for name, use in parts.items() if not re.search(use, source)} == NOT_YET.keys()


# What a record calls otherwise than the document.
_IN_DOCUMENTS = {"timeout_s": "timeout"}


def _source(*, without: str) -> str:
    return "\n".join(read(path) for path in modules() if not short(path).startswith(without))
