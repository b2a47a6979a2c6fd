"""The lock files hold what `pyproject.toml` asks for, with hashes, and agree with each other."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.structure.tree import ROOT, read

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-uv.lock", "requirements-node.lock")
PROJECT = tomllib.loads(read(ROOT / "pyproject.toml"))


def _locked(name: str) -> dict[str, set[str]]:
    """Package to versions: more than one where the marker of each differs."""
    locked: dict[str, set[str]] = {}
    for line in re.findall(r"^[a-z0-9].*$", read(ROOT / name), re.MULTILINE):
        pinned = Requirement(line.rstrip("\\ "))
        (specifier,) = pinned.specifier
        assert specifier.operator == "=="
        locked.setdefault(canonicalize_name(pinned.name), set()).add(specifier.version)
    return locked


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_with_hashes(name):
    blocks = re.split(r"\n(?=[a-z0-9])", read(ROOT / name))
    assert len(blocks) == sum(len(versions) for versions in _locked(name).values())
    assert not [block.partition(" ")[0] for block in blocks if "--hash=sha256:" not in block]


@pytest.mark.parametrize("name", LOCKS)
def test_no_lock_names_an_address(name):
    assert not re.findall(r"^.*(?:://|--index-url|--find-links).*$", read(ROOT / name), re.MULTILINE)


def test_the_locks_hold_what_is_asked_for():
    runtime = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["build"]]
    for name, wanted in {
        "requirements.lock": runtime,
        "requirements-dev.lock": [*runtime, *PROJECT["project"]["optional-dependencies"]["dev"]],
    }.items():
        locked = _locked(name)
        for text in wanted:
            asked = Requirement(text)
            versions = locked.get(canonicalize_name(asked.name), set())
            assert any(version in asked.specifier for version in versions), f"{text}: run `make lock`"


def test_tests_run_with_the_versions_that_users_get():
    runtime, dev = _locked("requirements.lock"), _locked("requirements-dev.lock")
    assert {name: dev.get(name) for name in runtime} == runtime
