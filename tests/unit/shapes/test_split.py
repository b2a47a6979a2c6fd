from __future__ import annotations

from redrive.sdk.testing import run_shape
from redrive.shapes.split import Split
from tests.unit.shapes.builders import payload, refusal


async def test_elements_keep_their_bytes_meta_and_parent() -> None:
    given = payload(
        '{"orders": [{"lines": [ {"price": 19.90}, 1E5 ]}, {"lines": []}, {"lines": "one"}]}',
        items_path="orders",
        meta={"page": "1"},
    )
    (one,) = (await run_shape(Split(at="lines"), [given])).payloads
    assert one.data == b'[{"price": 19.90},1E5,"one"]'
    assert one.lineage == [[(0, 0)], [(0, 0)], [(0, 2)]]
    assert (one.items_path, one.meta) == ("", {"page": "1"})


async def test_each_input_payload_has_its_own_output() -> None:
    result = await run_shape(Split(at="a"), [{"a": [1]}, {"b": 1}, {"a": 2}])
    assert result.values == [[1], [2]]
    assert result.payloads[1].lineage == [[(2, 0)]]


async def test_paths_with_brackets_stars_and_jsonpath() -> None:
    given = [{"a": [{"b": [1, 2]}, {"b": [3]}]}]
    assert (await run_shape(Split(at="a[0].b"), given)).values == [[1, 2]]
    assert (await run_shape(Split(at="a.*.b"), given)).values == [[1, 2, 3]]
    assert (await run_shape(Split(at="$.a[?@.b[1]].b"), given)).values == [[1, 2]]
    assert (await run_shape(Split(at="$"), [[[1, 2], [3]]])).values == [[1, 2, 3]]


async def test_null_is_an_element_and_nothing_is_none() -> None:
    assert (await run_shape(Split(at="a"), [[{"a": None}, {}]])).values == [[None]]


async def test_a_payload_that_fails_does_not_stop_the_others() -> None:
    result = await run_shape(Split(at="a"), [b'[{"a": [1]}', [{"a": [2]}]])
    assert result.values == [[2]]
    assert [failed.position for failed in result.failed] == [0]


def test_at_is_needed() -> None:
    assert refusal(Split) == "at.Field required"
