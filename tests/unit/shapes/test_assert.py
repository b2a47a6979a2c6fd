from __future__ import annotations

from typing import Any

import pytest

from redrive.errors import StepError
from redrive.sdk.testing import MemoryContext, run_shape
from redrive.shapes.assert_ import Assert
from tests.unit.shapes.builders import payload, refusal


async def failure(given: Any, **settings: Any) -> StepError:
    result = await run_shape(Assert(**settings), [given])
    assert result.payloads == []
    assert result.error is not None
    assert result.error.retry == "never"
    return result.error


async def passes(given: Any, **settings: Any) -> bool:
    return (await run_shape(Assert(**settings), [given])).failed == []


async def test_a_payload_that_holds_passes_on_as_it_is() -> None:
    given = payload('[ {"id": 1} ]', meta={"page": "1"})
    (one,) = (await run_shape(Assert(equals=[{"id": 1}]), [given])).payloads
    assert one.content is given.content
    assert one.lineage == [[(0, 0)]]
    assert one.meta == {"page": "1"}


async def test_the_diff_names_each_place_and_both_values() -> None:
    error = await failure(
        {"id": 2, "lines": [{"sku": "b"}, {}], "more": True},
        equals={"id": 1, "lines": [{"sku": "a"}], "a/b": None},
    )
    assert error.code == "assert.failed"
    assert error.at == "/id"
    assert error.detail == (
        "payload 0 is not as expected: /id: expected 1, found 2; "
        '/lines/0/sku: expected "a", found "b"; /lines: expected 1 elements, found 2; '
        "/a~1b: expected null, found nothing; /more: expected nothing, found true"
    )


async def test_the_diff_is_bounded_and_values_are_trimmed() -> None:
    error = await failure(
        {str(n): "x" * 1_000 for n in range(30)}, equals={str(n): "y" * 1_000 for n in range(30)}
    )
    assert error.detail.endswith("; and more")
    assert error.detail.count(": expected ") == 10
    assert len(error.detail) < 2_500
    assert '"' + "x" * 78 + "…" in error.detail


@pytest.mark.parametrize(
    ("expected", "given", "equal"),
    [
        (19.9, b"19.90", True),
        (1, b"1.0", True),
        (10**30, b"1000000000000000000000000000000", True),
        (True, b"1", False),
        (0, b"false", False),
        ("1", b"1", False),
        (None, b"null", True),
        ([], b"{}", False),
        ({"a": 1, "b": 2}, b'{"b":2,"a":1}', True),
        ([1, 2], b"[2,1]", False),
    ],
)
async def test_values_are_equal_as_json_values(expected: Any, given: bytes, equal: bool) -> None:
    assert await passes(given, equals=expected) is equal


@pytest.mark.parametrize(
    ("expected", "given", "contained"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {}, False),
        ({"id": 2}, [{"id": 1}, {"id": 2, "x": 1}], True),
        ([{"id": 2}, 5], [5, {"id": 2}], True),
        ([3], [1, 2], False),
        ("ell", "hello", True),
        ("x", "hello", False),
        ({"tags": ["vip"]}, {"tags": ["new", "vip"]}, True),
        ([1], 1, False),
    ],
)
async def test_contains(expected: Any, given: Any, contained: bool) -> None:
    assert await passes(given, contains=expected) is contained


async def test_what_is_not_contained_is_named() -> None:
    error = await failure([{"id": 1}], contains=[{"id": 1}, {"id": 2}])
    assert error.detail == 'payload 0 is not as expected: the payload: no element contains {"id":2}'


async def test_a_schema_names_place_and_value() -> None:
    schema = {"type": "array", "items": {"required": ["id"], "properties": {"id": {"type": "integer"}}}}
    error = await failure([{"id": "x"}, {}], schema=schema)
    assert error.at == "/0/id"
    assert '/0/id: value is not of type "integer" (found "x")' in error.detail
    assert '/1: "id" is a required property (found {})' in error.detail
    assert await passes(b'[{"id": 123456789012345678901234567890}]', schema=schema)


async def test_conditions_hold_for_each_item_and_say_what_was_found() -> None:
    error = await failure([{"total": 5}, {"total": 0.50}, {}], conditions={"field": "total", "gt": 1})
    assert error.detail == (
        "payload 0 is not as expected: item 1: the conditions do not hold: total gt 1 (found 0.5); "
        "item 2: the conditions do not hold: total gt 1 (found missing)"
    )


async def test_conditions_on_the_payload_and_values_of_each_item() -> None:
    assert (
        await passes({"count": 2}, conditions={"field": "count", "is": "{{ vars.n }}"}, on="payload") is False
    )
    result = await run_shape(
        Assert(conditions={"field": "rows.*.id", "contains": "{{ vars.n }}"}, on="payload"),
        [payload('{"rows": [{"id": "a1"}]}', items_path="rows")],
        variables={"n": "a"},
    )
    assert result.failed == []
    assert await passes([{"a": 1}, {"a": 1, "b": 2}], contains={"a": 1}, on="item")
    error = await failure([{"a": 1}, {"a": 2}], equals={"a": 1}, on="item")
    assert error.detail == "payload 0 is not as expected: item 1 /a: expected 1, found 2"


async def test_a_template_that_finds_nothing_follows_the_step() -> None:
    shape = Assert(conditions={"field": "a", "is": "{{ item.b }}"})
    result = await run_shape(shape, [[{"a": 1}]])
    assert result.error is not None
    assert result.error.code == "template.missing"
    assert (await run_shape(shape, [[{"a": 1}]], ctx=MemoryContext(missing="skip_item"))).failed == []


async def test_several_expectations_must_all_hold() -> None:
    assert await passes({"a": 1, "b": 2}, contains={"a": 1}, schema={"required": ["b"]})
    assert not await passes({"a": 1}, contains={"a": 1}, schema={"required": ["b"]})


async def test_lines_can_be_looked_at_item_by_item_only() -> None:
    lines = payload('{"a": 1}\n{"a": 2}\n', media_type="application/x-ndjson")
    assert await passes(lines, schema={"required": ["a"]}, on="item")
    error = await failure(lines, equals=[{"a": 1}, {"a": 2}])
    assert error.code == "payload.invalid"
    assert error.detail == (
        "payload 0 is application/x-ndjson; as a whole, assert looks at JSON only, or compares with a text"
    )


async def test_what_does_not_parse_is_refused() -> None:
    assert (await failure(b'{"a": ', equals={})).code == "payload.invalid"
    assert (await failure(b'{"a": ', conditions={"field": "a", "is": 1})).code == "payload.invalid"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "nothing to check; expected equals, contains, schema or conditions"),
        ({"schema": {"type": "strin"}}, "not a JSON Schema: "),
        (
            {"schema": {"$ref": "http://example.com/order.json"}},
            "the schema refers to http://example.com/order.json; put that under its $defs",
        ),
        ({"equals": 1, "on": "items"}, "on.Input should be 'payload' or 'item'"),
        ({"conditions": {"field": "a", "iss": 1}}, "unknown operator 'iss'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], expected: str) -> None:
    assert expected in refusal(Assert, **settings)


async def test_null_is_a_value_to_expect() -> None:
    assert await passes(b"null", equals=None)
    assert not await passes(b"1", equals=None)


async def test_another_format_is_compared_with_a_text() -> None:
    given = payload("a,b\n1,2\n3,4\n", media_type="text/csv")
    assert await passes(given, equals="a,b\n1,2\n3,4\n")
    assert await passes(given, contains="\n1,2\n", equals="a,b\n1,2\n3,4\n")
    error = await failure(given, equals="a,b\n1,2\n3,5\n")
    assert error.detail == 'payload 0 is not as expected: the payload: line 3: expected "3,5", found "3,4"'
    error = await failure(given, equals="a,b\n1,2\n3,4\n5,6")
    assert 'line 4: expected "5,6", found ""' in error.detail
    error = await failure(given, equals=["a"])
    assert "or compares with a text" in error.detail


async def test_a_message_is_short_however_long_a_name_or_deep_a_place_is() -> None:
    nested: Any = 1
    for _ in range(250):
        nested = {"levels": nested}
    error = await failure(b'{"levels":' * 250 + b"2" + b"}" * 250, equals=nested)
    assert len(error.detail) < 400
    assert error.detail.endswith("/levels/levels: expected 1, found 2")
    assert error.at is None
    error = await failure([1], equals={"x" * 100_000: 1})
    assert len(error.detail) < 400


async def test_what_is_nested_too_deeply_to_compare_is_refused() -> None:
    error = await failure(b"[" * 800 + b"]" * 800, contains=5)
    assert error.code == "payload.invalid"
    assert error.detail == "payload 0 is nested too deeply to compare"
