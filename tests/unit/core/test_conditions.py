"""Conditions: every operator by table, missing fields, dates from the run's clock, and refusals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from redrive.core.conditions import Condition, ConditionInvalid
from redrive.core.template import CONNECTOR_ROOTS, TemplateMissing

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
SCOPE: dict[str, Any] = {
    "now": NOW,
    "vars": {"country": "GB", "ids": "1042, 1043", "list": [1042], "none": None, "days": "2", "word": "abc"},
    "payload": msgspec.Raw(b"5"),
}
ITEM = (
    b'{"id": 1042, "sku": "0012", "total": 19.90, "text_total": "19.90", "paid": true, "email": null,'
    b'"country": "GB", "tags": ["vip", 5], "empty": "", "status": "paid",'
    b'"created_at": "2026-05-03T10:00:00Z", "day": "2026-05-03", "local": "2026-05-03T12:00:00+02:00",'
    b'"lines": [{"sku": "A", "qty": 1}, {"sku": "B", "qty": 20}], "customer": {"name": "Ann"},'
    b'"big": 123456789012345678901234567890.1}'
)

HOLDS: list[dict[str, Any]] = [
    {"field": "status", "is": "paid"},
    {"field": "id", "is": 1042},
    {"field": "id", "is": "1042"},
    {"field": "total", "is": Decimal("19.9")},
    {"field": "total", "is": 19.9},
    {"field": "total", "is": "19.90"},
    {"field": "paid", "is": True},
    {"field": "paid", "is": "true"},
    {"field": "email", "is": None},
    {"field": "tags", "is": ["vip", 5]},
    {"field": "customer", "is": {"name": "Ann"}},
    {"field": "created_at", "is": "2026-05-03T10:00:00Z"},
    {"field": "sku", "is_not": 12},
    {"field": "email", "is_not": ""},
    {"field": "id", "in": [1, 1042]},
    {"field": "id", "in": "1041, 1042"},
    {"field": "id", "in": 1042},
    {"field": "email", "in": [None]},
    {"field": "paid", "in": ["true"]},
    {"field": "id", "in": "{{ vars.ids }}"},
    {"field": "id", "in": "{{ vars.list }}"},
    {"field": "id", "not_in": "{{ vars.none }}"},
    {"field": "id", "not_in": ["1043"]},
    {"field": "total", "gt": 19},
    {"field": "text_total", "gt": 19},
    {"field": "text_total", "gte": "19.9"},
    {"field": "total", "lt": "20"},
    {"field": "big", "gt": 123456789012345678901234567890},
    {"field": "status", "gt": "abc"},
    {"field": "created_at", "gt": "2026-05-03"},
    {"field": "id", "gte": 1042, "lte": 1042},
    {"field": "tags", "contains": "vip"},
    {"field": "tags", "contains": "5"},
    {"field": "status", "contains": "ai"},
    {"field": "id", "contains": 4},
    {"field": "sku", "starts": "00"},
    {"field": "id", "starts": 10},
    {"field": "sku", "ends": "12"},
    {"field": "status", "matches": "^p.*d$"},
    {"field": "id", "matches": "^[0-9]+$"},
    {"field": "email", "exists": True},
    {"field": "nothing", "exists": False},
    {"field": "nothing", "exists": "false"},
    {"field": "created_at", "before": "2026-05-03T10:00:01Z"},
    {"field": "created_at", "after": "2026-05-03"},
    {"field": "local", "is_not": "2026-05-03T10:00:00Z"},
    {"field": "local", "before": "2026-05-03T10:00:00.5"},
    {"field": "created_at", "after": {"ago": {"days": 2}}},
    {"field": "created_at", "after": {"ago": {"days": "{{ vars.days }}"}}},
    {"field": "created_at", "before": {"ago": {"hours": 23, "minutes": 59}}},
    {"field": "created_at", "before": {"in": {"hours": 3}}},
    {"field": "created_at", "after": "{{ now - 2 days }}"},
    {"field": "created_at", "within": {"last": {"hours": 24}}},
    {"field": "created_at", "within": {"from": "2026-05-01", "to": "2026-05-03"}},
    {"field": "created_at", "within": {"from": {"ago": {"days": 3}}, "to": "{{ now }}"}},
    {"field": "lines.*.sku", "is": "B"},
    {"field": "lines.*.qty", "gt": 10},
    {"field": "lines.*.sku", "not_in": ["C"]},
    {"field": "lines.*.sku", "exists": True},
    {"field": "lines.*.price", "exists": False},
    {"field": "$.lines[?@.qty > 10].sku", "is": "B"},
    {"field": "{{ vars.country }}", "is": "GB"},
    {"field": "{{ payload }}", "gt": 4},
    {"field": "{{ vars.nothing }}", "exists": False},
    {"field": "country", "is": "{{ vars.country }}"},
    {"not": {"field": "nothing", "is": 1}},
    {
        "all": [
            {"field": "id", "gt": 1},
            {"any": [{"field": "id", "is": 1}, {"not": {"field": "paid", "is": False}}]},
        ]
    },
]

FAILS: list[dict[str, Any]] = [
    {"field": "id", "is": "1042.0"},
    {"field": "sku", "is": 12},
    {"field": "paid", "is": 1},
    {"field": "email", "is": ""},
    {"field": "empty", "is": None},
    {"field": "status", "is": "Paid"},
    {"field": "customer", "is": {"name": "Bob"}},
    {"field": "tags", "is": ["vip", "5"]},
    {"field": "nothing", "is": None},
    {"field": "nothing", "is_not": 1},
    {"field": "nothing", "not_in": [1]},
    {"field": "nothing", "exists": True},
    {"field": "email", "exists": False},
    {"field": "status", "gt": 1},
    {"field": "paid", "gt": 0},
    {"field": "id", "gt": "abc"},
    {"field": "total", "gt": "{{ vars.none }}"},
    {"field": "big", "lte": 123456789012345678901234567890},
    {"field": "tags", "contains": "vi"},
    {"field": "tags", "starts": "v"},
    {"field": "email", "contains": None},
    {"field": "status", "after": "2026-05-03"},
    {"field": "id", "after": "2000-01-01"},
    {"field": "day", "after": "2026-05-03"},
    {"field": "day", "before": "2026-05-03"},
    {"field": "created_at", "within": {"last": {"hours": 23}}},
    {"field": "created_at", "within": {"next": {"days": 1}}},
    {"field": "created_at", "within": {"from": "2026-05-01", "to": "2026-05-03T09:59:59Z"}},
    {"field": "created_at", "within": {"from": "{{ vars.none }}", "to": "2027-01-01"}},
    {"field": "lines.*.sku", "is_not": "B"},
    {"field": "lines.*.sku", "not_in": "B,C"},
    {"field": "lines.*.price", "is_not": 1},
    {"field": "id", "gte": 1, "lt": 1042},
    {"field": "{{ vars.nothing }}", "is_not": 1},
]


@pytest.mark.parametrize("document", HOLDS, ids=str)
def test_a_condition_holds(document: dict[str, Any]) -> None:
    assert Condition.parse(document).test(ITEM, SCOPE)


@pytest.mark.parametrize("document", FAILS, ids=str)
def test_a_condition_does_not_hold(document: dict[str, Any]) -> None:
    assert not Condition.parse(document).test(ITEM, SCOPE)


@pytest.mark.parametrize(
    ("document", "setting", "message", "nearest"),
    [
        (5, "", "a number is not a condition", None),
        ([{"field": "a", "is": 1}], "", "a list is not a condition", None),
        ({}, "", "names no field", None),
        ({"is": 1}, "", "names no field", None),
        ({"field": "a"}, "", "compared with nothing", None),
        ({"field": 5, "is": 1}, "field", "a number is not a field", None),
        ({"field": "a b", "is": 1}, "field", "unexpected ' ' at character 2", None),
        ({"field": "{{ foo.x }}", "is": 1}, "field", "no known root", None),
        ({"field": "{{ with.x }}", "is": 1}, "field", "connector documents only", None),
        ({"field": "a", "equals": 1}, "equals", "unknown operator 'equals'", "is"),
        ({"field": "a", "cotnains": 1}, "cotnains", "unknown operator", "contains"),
        ({"feild": "a", "is": 1}, "feild", "unknown operator", "field"),
        ({"all": []}, "all", "the list is empty", None),
        ({"all": {"field": "a", "is": 1}}, "all", "an object is not a list", None),
        ({"not": []}, "not", "a list is not a condition", None),
        ({"all": [{"field": "a", "is": 1}], "any": []}, "", "'all' stands beside any", None),
        (
            {"any": [{"field": "a", "is": 1}, {"not": {"field": "b", "gtt": 1}}]},
            "any[1].not.gtt",
            "unknown",
            "gt",
        ),
        ({"field": "a", "gt": [1]}, "gt", "a list has no order", None),
        ({"field": "a", "gt": True}, "gt", "true or false has no order", None),
        ({"field": "a", "in": {"x": 1}}, "in", "an object is no list", None),
        ({"field": "a", "contains": ["x"]}, "contains", "a list is more than one value", None),
        ({"field": "a", "starts": {}}, "starts", "an object is not a text", None),
        ({"field": "a", "exists": "maybe"}, "exists", "neither true nor false", None),
        ({"field": "a", "exists": 1}, "exists", "neither true nor false", None),
        ({"field": "a", "matches": "("}, "matches", "not a regular expression", None),
        ({"field": "a", "matches": 5}, "matches", "a number is not a pattern", None),
        ({"field": "a", "matches": "(a+)+b"}, "matches", "may take for ever", None),
        ({"field": "a", "after": "soon"}, "after", "the text is not a date", None),
        ({"field": "a", "after": 5}, "after", "a number is not a date", None),
        ({"field": "a", "after": {"before": {}}}, "after", "does not name a date", None),
        ({"field": "a", "after": {"ago": {"day": 1, "monts": 1}}}, "after", "unknown unit 'monts'", None),
        ({"field": "a", "after": {"ago": {"days": "x"}}}, "after", "must be a number", None),
        ({"field": "a", "within": "2026"}, "within", "text is not a span of time", None),
        ({"field": "a", "within": {"from": "2026-05-01"}}, "within", "does not name a span", None),
        ({"field": "a", "is": {"b": ["{{ nope }}"]}}, "is.b[0]", "no known root", None),
    ],
)
def test_what_is_no_condition_is_refused(
    document: Any, setting: str, message: str, nearest: str | None
) -> None:
    with pytest.raises(ConditionInvalid) as caught:
        Condition.parse(document)

    assert message in str(caught.value)
    assert (caught.value.setting, caught.value.nearest) == (setting, nearest)


def test_nesting_has_a_bound() -> None:
    document: dict[str, Any] = {"field": "a", "is": 1}
    for _ in range(40):
        document = {"not": document}

    with pytest.raises(ConditionInvalid, match="more than 32 levels"):
        Condition.parse(document)


def test_paths_and_roots_are_told() -> None:
    condition = Condition.parse(
        {"all": [{"field": "a.b", "is": "{{ vars.x }}"}, {"field": "a.b", "after": {"ago": {"days": 1}}},
                 {"field": "{{ meta.y }}", "is": 1}]}
    )  # fmt: skip

    assert [str(path) for path in condition.paths] == ["a.b"]
    assert condition.roots == {"vars", "now", "meta"}


def test_relative_dates_follow_the_clock_of_the_scope() -> None:
    condition = Condition.parse({"field": "created_at", "after": {"ago": {"days": 2}}})

    assert condition.test(ITEM, {"now": NOW})
    assert not condition.test(ITEM, {"now": NOW + timedelta(days=2)})
    assert condition.test(ITEM, {"now": NOW})
    with pytest.raises(ValueError, match="needs the run's clock"):
        condition.test(ITEM, {})


def test_a_template_that_gives_what_the_operator_cannot_take_is_an_error() -> None:
    condition = Condition.parse({"field": "created_at", "after": "{{ vars.word }}"})

    with pytest.raises(ValueError, match="the condition created_at after: the text is not a date"):
        condition.test(ITEM, SCOPE)


def test_a_value_whose_template_finds_nothing_is_missing() -> None:
    with pytest.raises(TemplateMissing):
        Condition.parse({"field": "id", "is": "{{ vars.nothing }}"}).test(ITEM, SCOPE)


def test_bytes_that_are_not_json_are_an_error() -> None:
    with pytest.raises(ValueError, match="not readable as JSON"):
        Condition.parse({"field": "id", "is": 1}).test(b"{", {})


def test_connector_documents_have_more_roots() -> None:
    condition = Condition.parse({"field": "{{ response.status }}", "is": 200}, CONNECTOR_ROOTS)

    assert condition.test(b"{}", {"response": {"status": 200}})


def test_explain_tells_each_comparison() -> None:
    condition = Condition.parse(
        {"any": [{"field": "id", "gt": 2000}, {"not": {"field": "customer", "exists": True}},
                 {"field": "nothing", "is": [1, "a"]}, {"field": "lines.*.sku", "is": "A"}]}
    )  # fmt: skip

    shown = [
        (c.field, c.operator, c.expected, c.kind, c.actual, c.held) for c in condition.explain(ITEM, SCOPE)
    ]

    assert shown == [
        ("id", "gt", "2000", "a number", "1042", False),
        ("customer", "exists", "true", "an object", "", True),
        ("nothing", "is", "[1, a]", "missing", "", False),
        ("lines.*.sku", "is", "A", "2 values", "", True),
    ]


def test_explain_trims_long_values() -> None:
    (compared,) = Condition.parse({"field": "a", "is": "y" * 500}).explain(b'{"a": "' + b"x" * 500 + b'"}')

    assert len(compared.actual) == len(compared.expected) == 80
    assert compared.actual.endswith("…")
