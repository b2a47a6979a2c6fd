from __future__ import annotations

from decimal import Decimal

import pytest

from redrive.core.flow import Flow, FlowSettings, PathNode, StepNode, Variable
from redrive.errors import NotFound


def step(name, *paths):
    return StepNode(id=name, shape="x", paths=tuple(PathNode(id=path, steps=steps) for path, steps in paths))


#  a; b (p: c, d (q: e, f); g) (r: h); i
TREE = Flow(
    name="tree",
    steps=(
        step("a"),
        step(
            "b",
            ("p", (step("c"), step("d", ("q", (step("e"), step("f")))), step("g"))),
            ("r", (step("h"),)),
        ),
        step("i"),
    ),
)


def ids(steps):
    return [found.id for found in steps]


def test_walk_goes_in_document_order():
    assert ids(TREE.walk()) == ["a", "b", "c", "d", "e", "f", "g", "h", "i"]
    assert ids(place.step for place in TREE.places()) == ids(TREE.walk())


def test_a_step_by_its_id():
    assert TREE.step("e").id == "e"


def test_an_unknown_step_names_the_nearest():
    flow = Flow(name="orders", steps=(step("send"), step("paid-only")))
    with pytest.raises(NotFound) as caught:
        flow.step("sned")
    assert (caught.value.code, caught.value.detail, caught.value.hint) == (
        "step.unknown",
        "flow orders has no step 'sned'",
        "Did you mean 'send'?",
    )
    with pytest.raises(NotFound) as caught:
        flow.step("zzz")
    assert caught.value.hint == "`redrive export` shows the flow's steps."


def test_a_place_knows_the_lists_around_it():
    place = TREE.place("e")
    assert [(p.step.id, p.index, p.path and p.path.id) for p in place.chain] == [
        ("b", 1, None),
        ("d", 1, "p"),
        ("e", 0, "q"),
    ]
    assert place.chain == TREE.chain("e")
    assert ids(place.following) == ["f"]
    assert ids(place.siblings) == ["e", "f"]


@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("a", ["b", "i"]),
        ("b", ["i"]),
        ("c", ["d", "g", "i"]),
        ("e", ["f", "g", "i"]),
        ("h", ["i"]),
        ("i", []),
    ],
)
def test_what_follows_a_step_goes_outwards(name, after):
    assert ids(TREE.steps_after(name)) == after


def test_labels_are_settings():
    assert Flow(name="x", settings=FlowSettings(labels=("a",))).labels == ("a",)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", "1042", "1042"),
        ("string", "", ""),
        ("integer", "1042", 1042),
        ("integer", "-7", -7),
        ("number", "3", 3),
        ("number", "1.10", Decimal("1.10")),
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("date", "2026-05-31", "2026-05-31"),
        ("list", "[1, 1.10]", [1, Decimal("1.10")]),
        ("object", '{"a": 1}', {"a": 1}),
    ],
)
def test_a_text_gives_a_value_of_the_variables_type(kind, text, value):
    found = Variable(type=kind).read(text)
    assert found == value
    assert type(found) is type(value)
    assert Variable(type=kind).accepts(found)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("integer", "1.5", "a whole number"),
        ("integer", "", "a whole number"),
        ("integer", "9" * 5000, "a whole number"),
        ("number", "NaN", "a number"),
        ("number", "1,5", "a number"),
        ("boolean", "yes", "true or false"),
        ("date", "2026-02-30", "a date such as 2026-05-31"),
        ("date", "20260531", "a date such as 2026-05-31"),
        ("list", "{}", r"a list \(JSON\)"),
        ("list", "[1", r"a list \(JSON\)"),
        ("object", "null", r"a mapping \(JSON\)"),
    ],
)
def test_a_text_of_another_kind_is_refused(kind, text, expected):
    with pytest.raises(ValueError, match=f"^expected {expected}$"):
        Variable(type=kind).read(text)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("string", 1),
        ("integer", True),
        ("integer", "1"),
        ("number", True),
        ("boolean", "true"),
        ("date", "soon"),
        ("list", {}),
        ("object", []),
    ],
)
def test_a_value_of_another_type_is_not_accepted(kind, value):
    assert not Variable(type=kind).accepts(value)
    assert Variable(type=kind).accepts(None)
