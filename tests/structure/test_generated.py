"""What is generated from the code is what the code says today."""

from __future__ import annotations

import re

import pytest

from redrive.core import jsonvalue
from redrive.documents.flow_document import parse_flow
from redrive.documents.load import load_one
from redrive.registry import Registry
from tools import web_types
from tools.docs import REFERENCE, stale, write
from tools.pages import cli, flows


def test_the_reference_pages_are_fresh():
    assert not stale(), "run `make docs`"


def test_the_types_of_the_web_page_are_fresh():
    assert not web_types.stale(), "run `make docs`"


def test_a_stale_page_is_noticed_and_mended(tmp_path):
    write(tmp_path)
    assert not stale(tmp_path)
    (tmp_path / "settings.md").write_text("old")
    (tmp_path / "errors.md").unlink()
    (tmp_path / "gone.md").write_text("of a shape that no longer exists")
    assert stale(tmp_path) == ["errors.md", "gone.md", "settings.md"]
    write(tmp_path)
    assert not stale(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in REFERENCE.iterdir()}


def test_pages_are_made_the_same_each_time():
    assert flows.pages() == flows.pages()
    assert cli.pages() == cli.pages()


def test_each_command_says_what_it_prints_as_json():
    assert cli.JSON.keys() == set(cli.verbs())
    objects = {name for form in cli.JSON.values() for name in re.findall(r"\b[A-Z][a-zA-Z]+\b", form)} - {
        "JSON"
    }
    assert [name for name in objects if not cli.is_object(name)] == []


def test_names_for_values_belong_to_options_that_there_are():
    page = cli.pages()["cli.md"]
    for option, value in [*cli.PLACEHOLDERS.items(), ("--items", "A:B")]:
        assert f"{option} {value}" in page.replace("\\|", "|")


@pytest.mark.parametrize("example", flows.examples(), ids=lambda example: [*example][1])
def test_the_parts_of_flows_that_are_shown_are_valid(example):
    text = jsonvalue.encode(example).decode()
    assert parse_flow(load_one(text, "flow.json"), Registry.discover()).name == "example"
