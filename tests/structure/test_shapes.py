"""Every shape has what the reader of the table of shapes may expect: page, examples, laws, messages."""

from __future__ import annotations

import re

import pytest

from redrive.documents.load import load_path
from redrive.registry import Registry
from tests.structure.tree import ROOT, read
from tests.unit.shapes.test_bad_settings import BAD

SHAPES = Registry.discover().shapes

LAWS = {
    "add_to_cache": "test_shapes.py: test_a_cache_gives_back_what_it_was_given",
    "assert": None,  # it only looks on: what it says is tested by message
    "branch": "test_tree_model.py: test_a_run_does_what_the_model_says",
    "callback": None,  # one answer for one request; tested against real callers
    "connector": "test_engine_model.py: test_nothing_arrives_twice_and_nothing_is_lost",
    "convert": "test_shapes.py: test_convert_to_lines_and_back_keeps_every_value",
    "dedupe": "test_pool_model.py: test_each_key_comes_through_once_and_what_failed_comes_again",
    "filter": "test_shapes.py: test_filter_keeps_order_bytes_and_lineage_and_counts_add_up",
    "flow_control": "test_shapes.py: test_flow_control_loses_nothing_and_keeps_order_and_bytes",
    "load_from_cache": "test_shapes.py: test_a_cache_gives_back_what_it_was_given",
    "manual_payload": None,  # it reads nothing
    "map": "test_shapes.py: test_map_keeps_the_bytes_of_what_it_does_not_touch",
    "merge": "test_shapes.py: test_merge_loses_nothing_and_keeps_order_and_bytes",
    "notify": None,  # it passes its bucket on
    "route": "test_route.py: test_every_item_goes_where_its_conditions_say",
    "run_flow": None,  # the called flow is a run of its own
    "script": "test_scripts.py: test_a_script_that_changes_nothing_keeps_every_byte",
    "set_variables": "test_shapes.py: test_set_variables_keeps_every_byte",
    "split": "test_shapes.py: test_split_gives_one_payload_for_each_with_an_element",
    "track": "test_shapes.py: test_track_keeps_every_byte_and_names_every_item",
    "try": "test_tree_model.py: test_a_run_does_what_the_model_says",
    "wait": None,  # it passes its bucket on
}
"""By shape the law of tests/property that it is held to; None where nothing is there to be kept."""


def test_the_tables_name_every_shape() -> None:
    assert SHAPES.keys() <= LAWS.keys()
    assert SHAPES.keys() <= BAD.keys()


@pytest.mark.parametrize("kind", SHAPES)
def test_a_shape_has_page_examples_and_an_example_flow(kind: str) -> None:
    assert (ROOT / "docs" / "reference" / "shapes" / f"{kind}.md").exists()
    examples = [example.title for example in SHAPES[kind].examples]
    if kind == "connector":  # another system takes part: its examples are the recorded ones
        flow = load_path(ROOT / "examples" / "tested-flow" / "flow.yaml")[0].data
        examples += [test["test"] for test in flow["tests"] if "exchanges" in test]
    assert len(examples) >= 3
    folder = ROOT / "examples" / ("orders-to-erp" if kind == "connector" else kind)
    steps = read(folder / "flow.yaml")
    assert re.search(rf"shape: {kind}\b", steps)
    assert (folder / "expected.json").exists()


@pytest.mark.parametrize("kind", SHAPES)
def test_a_shape_shows_what_it_refuses(kind: str) -> None:
    if "none at run time" in SHAPES[kind].help():
        return
    assert any(example.fails for example in SHAPES[kind].examples)


@pytest.mark.parametrize("kind", [kind for kind, law in LAWS.items() if law])
def test_the_laws_are_there(kind: str) -> None:
    module, _, name = (LAWS[kind] or "").partition(": ")
    assert f"def {name}(" in read(ROOT / "tests" / "property" / module)
