"""A test put into a document: what stands there stays, and what was put in is read back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.core.jsonvalue import encode
from redrive.documents.add_test import with_test
from redrive.documents.load import load_one

STEPS = "steps:\n  - {id: a, shape: filter, keep: {field: x, is: 1}}  # kept\n"
TEST = {"test": "new", "given": [{"json": [{"id": 1, "total": Decimal("1.10")}]}]}


@pytest.mark.parametrize(
    "text",
    [
        f"flow: f\n{STEPS}",
        f"---\nflow: f\n{STEPS}\n\n",
        f"flow: f\ntests:\n  - test: old   # why\n    note: n\n{STEPS}",
        f"flow: f\n{STEPS}tests:\n- test: old\n  note: |\n    two\n    lines\n",
        f"flow: f\n{STEPS}tests: []\n",
        f"flow: f\n{STEPS}tests: [{{test: old}}]\n",
        f"flow: f\n{STEPS}tests: [{{test: old}}]  # end\ndescription: d\n",
        f"flow: f\n{STEPS}tests:\n",
        '{"flow": "f", "steps": [{"id": "a", "shape": "split", "at": "x"}], "tests": [{"test": "old"}]}',
    ],
)
def test_everything_that_stood_there_stays(text):
    document = load_one(text, "f.yaml")
    result = with_test(document, TEST)
    again = load_one(result, "f.yaml").data
    before = document.data.get("tests") or []
    assert again["tests"][:-1] == before
    assert encode(again["tests"][-1]) == encode(TEST)
    assert {k: v for k, v in again.items() if k != "tests"} == {
        k: v for k, v in document.data.items() if k != "tests"
    }
    if not text.startswith("{"):
        comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
        assert [one for one in comments if one not in result] == []


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(value=VALUES, name=st.text(min_size=1, max_size=20))
def test_any_value_is_read_back_as_it_was(value, name):
    test = {"test": name, "exchanges": {name: [{"response": {"json": value}}]}, "given": [{"json": value}]}
    result = with_test(load_one(f"flow: f\n{STEPS}", "f.yaml"), test)
    assert encode(load_one(result, "f.yaml").data["tests"]) == encode([test])
