from __future__ import annotations

from redrive.sdk.testing import Tracked, run_shape
from redrive.shapes.track import Track
from tests.unit.shapes.builders import payload, refusal


async def test_values_count_as_they_are_spelt() -> None:
    given = payload(
        r'[{"id": 1042, "t": 19.90, "e": "caf\u00e9 \"x\"", "b": true, '
        r'"big": 123456789012345678901234567890, "x": 1E5}]'
    )
    result = await run_shape(Track(fields=["id", "t", "e", "b", "big", "x"]), [given])
    assert {one.field: one.value for one in result.tracked} == {
        "id": "1042",
        "t": "19.90",
        "e": 'café "x"',
        "b": "true",
        "big": "123456789012345678901234567890",
        "x": "1E5",
    }
    assert result.payloads[0].content is given.content


async def test_every_value_points_to_its_item() -> None:
    result = await run_shape(
        Track(fields={"order": "id", "sku": "lines[].sku"}),
        [[{"id": 1}], [{"id": 2, "lines": [{"sku": "a"}, {"sku": "b"}]}]],
    )
    assert result.tracked == [
        Tracked("order", "1", (0, 0)),
        Tracked("order", "2", (1, 0)),
        Tracked("sku", "a", (1, 0)),
        Tracked("sku", "b", (1, 0)),
    ]


async def test_lists_are_tracked_one_by_one_and_nothing_for_null_and_empty() -> None:
    result = await run_shape(
        Track(fields=["a"]), [[{"a": ["x", None, ""]}, {"a": None}, {"a": ""}, {}, {"a": 0}]]
    )
    assert [one.value for one in result.tracked] == ["x", "0"]
    assert result.logs == []


async def test_objects_and_long_values_give_one_warning() -> None:
    result = await run_shape(Track(fields=["a"]), [[{"a": {"b": 1}}, {"a": "x" * 1_001}, {"a": "y" * 1_000}]])
    assert [len(one.value) for one in result.tracked] == [1_000]
    (line,) = result.logs
    assert (line.level, line.message) == (
        "warning",
        "field a: 2 values are objects or too long and were not tracked",
    )


async def test_jsonpath_finds_too() -> None:
    result = await run_shape(
        Track(fields={"sku": "$.lines[?@.qty > 1].sku"}),
        [[{"lines": [{"sku": "a", "qty": 2}, {"sku": "b", "qty": 1}]}]],
    )
    assert [one.value for one in result.tracked] == ["a"]


async def test_what_does_not_parse_tracks_nothing() -> None:
    result = await run_shape(Track(fields=["a"]), [b'[{"a": 1}, {"a": ]', [{"a": 2}]])
    assert [one.value for one in result.tracked] == ["2"]
    assert [failed.position for failed in result.failed] == [0]


async def test_an_empty_payload_passes_on() -> None:
    assert [one.data for one in (await run_shape(Track(fields=["a"]), [b""])).payloads] == [b""]


def test_fields_are_a_list_or_a_map_of_paths() -> None:
    assert "fields.Field required" in refusal(Track)
    assert "at least 1 item" in refusal(Track, fields=[])
    assert "a path is a text such as customer.email" in refusal(Track, fields={"a": 5})
    assert "fields.a.Value error, the path 'a..b' is not valid" in refusal(Track, fields={"a": "a..b"})
    assert "fields.Input should be a valid dictionary" in refusal(Track, fields=["a", 5])
