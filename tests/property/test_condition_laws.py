"""The laws of conditions: complements, all and any, and independence of how a value is handed in."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from redrive.core.conditions import Condition
from redrive.core.jsonvalue import encode

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-20, max_value=20)
    | st.decimals(allow_nan=False, allow_infinity=False, places=1, min_value=-20, max_value=20)
    | st.sampled_from(["", "a", "ab", "5", "5.0", "true", "2026-05-04", "2026-05-04T10:00:00+02:00", "x, 5"])
)
ITEMS = st.dictionaries(st.sampled_from("abc"), SCALARS | st.lists(SCALARS, max_size=3), max_size=3)
FIELDS = st.sampled_from(["a", "b", "c.d", "a.*", "$.a[0]", "{{ vars.x }}", "{{ vars.none }}"])
ORDERED = st.integers(min_value=-20, max_value=20) | st.sampled_from(
    ["5", "ab", "2026-05-04", "{{ vars.x }}"]
)
DATES = st.sampled_from(["2026-05-04", "2026-05-04T09:00:00Z", {"ago": {"days": 1}}, {"in": {"hours": 3}}])
SPANS = st.sampled_from(
    [{"last": {"days": 7}}, {"next": {"hours": 1}}, {"from": "2026-05-01", "to": "2026-05-04"}]
)


def one(name: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"field": FIELDS, name: values})


COMPARISONS = (
    one("is", SCALARS)
    | one("is_not", SCALARS)
    | one("in", st.lists(SCALARS, max_size=3))
    | one("not_in", st.lists(SCALARS, max_size=3))
    | st.sampled_from(["gt", "gte", "lt", "lte"]).flatmap(lambda name: one(name, ORDERED))
    | one("contains", SCALARS)
    | one("starts", st.sampled_from(["a", "5"]))
    | one("ends", st.sampled_from(["b", "0"]))
    | one("matches", st.sampled_from(["^a", "5$", "b?"]))
    | one("exists", st.booleans())
    | st.sampled_from(["before", "after"]).flatmap(lambda name: one(name, DATES))
    | one("within", SPANS)
)
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda below: (
        st.fixed_dictionaries({"all": st.lists(below, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"any": st.lists(below, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"not": below})
    ),
    max_leaves=6,
)
SCOPE: dict[str, Any] = {"now": datetime(2026, 5, 4, 10, tzinfo=UTC), "vars": {"x": 5}}


def holds(document: Any, item: Any) -> bool:
    return Condition.parse(document).test(encode(item), SCOPE)


@given(CONDITIONS, ITEMS)
def test_not_is_the_complement(condition: Any, item: Any) -> None:
    assert holds({"not": condition}, item) is not holds(condition, item)


@given(st.lists(CONDITIONS, min_size=1, max_size=3), ITEMS)
def test_all_and_any_are_what_their_parts_are(conditions: list[Any], item: Any) -> None:
    parts = [holds(condition, item) for condition in conditions]

    assert holds({"all": conditions}, item) is all(parts)
    assert holds({"any": conditions}, item) is any(parts)


@given(st.lists(CONDITIONS, min_size=1, max_size=3), ITEMS)
def test_de_morgan(conditions: list[Any], item: Any) -> None:
    assert holds({"not": {"all": conditions}}, item) is holds(
        {"any": [{"not": one} for one in conditions]}, item
    )


@given(CONDITIONS, ITEMS)
def test_the_same_item_is_judged_alike(condition: Any, item: Any) -> None:
    compiled = Condition.parse(condition)

    assert compiled.test(encode(item), SCOPE) is compiled.test(encode(item), SCOPE)


@given(COMPARISONS, ITEMS)
def test_a_missing_field_makes_a_comparison_false(comparison: dict[str, Any], item: Any) -> None:
    missing = {**comparison, "field": "nowhere"}

    assert holds(missing, item) is (comparison.get("exists") is False)


@given(COMPARISONS, ITEMS)
def test_several_operators_are_all(comparison: dict[str, Any], item: Any) -> None:
    both = {**comparison, "is_not": 5, "exists": comparison.get("exists", True)}

    parts = [{"field": both["field"], name: value} for name, value in both.items() if name != "field"]

    assert holds(both, item) is all(holds(part, item) for part in parts)


@given(st.fixed_dictionaries({"a": SCALARS}), SCALARS)
def test_each_pair_of_opposites_is_one(item: Any, value: Any) -> None:
    assert holds({"field": "a", "is": value}, item) is not holds({"field": "a", "is_not": value}, item)
    assert holds({"field": "a", "in": [value]}, item) is not holds({"field": "a", "not_in": [value]}, item)
    assert holds({"field": "a", "in": [value]}, item) is holds({"field": "a", "is": value}, item)


@given(st.decimals(allow_nan=False, allow_infinity=False), st.decimals(allow_nan=False, allow_infinity=False))
def test_numbers_compare_exactly(left: Decimal, right: Decimal) -> None:
    raw = b'{"n": %s}' % str(left).encode()

    truths = {"gt": left > right, "gte": left >= right, "lt": left < right, "lte": left <= right}
    for name, truth in {**truths, "is": left == right}.items():
        assert Condition.parse({"field": "n", name: right}).test(raw) is truth


@given(CONDITIONS, ITEMS)
def test_explain_tells_what_each_comparison_is(condition: Any, item: Any) -> None:
    for compared in Condition.parse(condition).explain(encode(item), SCOPE):
        assert isinstance(compared.held, bool)
        assert len(compared.actual) <= 80
