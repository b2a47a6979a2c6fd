"""Two flows beside each other: what is told of each kind of change."""

from __future__ import annotations

import pytest

from redrive.documents.compare import Change, changed, compare_parts, compare_steps
from redrive.documents.load import load_one
from redrive.registry import Registry

REGISTRY = Registry.discover()


def flow(*steps: str, more: str = "") -> dict:
    listed = "\n".join(f"  - {step}" for step in steps)
    return dict(load_one(f"flow: f\n{more}steps:\n{listed}\n").data)


A = "{id: a, shape: filter, keep: {field: x, is: 1.0}}"
B = "{id: b, shape: split, at: lines}"
C = "{id: c, shape: flow_control, size: 2}"
D = "{id: d, shape: track, fields: {order: id}}"


def told(old: dict, new: dict) -> list[tuple]:
    return [
        (one.step, one.result, one.place_before, one.place_after) for one in compare_steps(old, new, REGISTRY)
    ]


def test_an_equal_flow_has_no_difference_however_it_is_spelt():
    other = A.replace("1.0", "1.00").replace("{id: a, shape: filter", "{shape: filter, id: a")
    assert told(flow(A, B), flow(other, B)) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ((A,), (A, B), [("b", "added", None, "after a")]),
        ((A, B), (B,), [("a", "removed", "first", None)]),
        # The fewest moves that explain it: one step went to the end.
        ((A, B, C, D), (B, C, D, A), [("a", "moved", "first", "after d")]),
        ((A, B, C), (A, C, B), [("c", "moved", "after b", "after a")]),
    ],
)
def test_steps_added_removed_and_moved(old, new, expected):
    assert told(flow(*old), flow(*new)) == expected


def test_a_changed_setting_has_its_place_and_both_values():
    (one,) = compare_steps(flow(A, B), flow(A, B.replace("lines", "line_items")), REGISTRY)
    assert one.changes == (Change("at", "changed", "lines", "line_items"),)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([1, 2, 3], [1, 3], [Change("f[1]", "removed", old=2)]),
        ([1, 3], [1, 2, 3], [Change("f[1]", "added", new=2)]),
        ([{"to": "a"}, {"to": "b"}], [{"to": "a"}, {"to": "c"}], [Change("f[1].to", "changed", "b", "c")]),
        ({"a b": 1}, {"a b": 2}, [Change("f['a b']", "changed", 1, 2)]),
        (True, 1, [Change("f", "changed", True, 1)]),
        (1, 1.0, []),
        ({"a": None}, {}, [Change("f.a", "removed", old=None)]),
    ],
)
def test_values_are_compared_as_deep_as_they_have_the_same_form(old, new, expected):
    assert [*changed(old, new, "f")] == expected


def test_the_parts_of_the_flow_itself():
    old = flow(A, more="variables: {v: {type: string}}\ntests: [{test: one}, {test: two}]\n")
    new = flow(A, more="variables: {v: {type: integer}}\ntests: [{test: two, note: x}]\n")
    assert {(one.setting, one.kind) for one in compare_parts(old, new)} == {
        ("variables.v.type", "changed"),
        ("tests.one", "removed"),
        ("tests.two.note", "added"),
    }
