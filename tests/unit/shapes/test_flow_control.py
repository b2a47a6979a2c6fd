from __future__ import annotations

import pytest

from redrive.sdk.testing import run_shape
from redrive.shapes.flow_control import FlowControl
from tests.unit.shapes.builders import orders, payload, refusal


async def test_a_batch_takes_meta_and_items_path_from_the_payload_of_its_first_item() -> None:
    given = [
        payload('{"rows": [1, 2, 3], "page": 1}', items_path="rows", meta={"page": "1"}),
        payload('{"rows": [4], "page": 2}', items_path="rows", meta={"page": "2"}),
    ]
    result = await run_shape(FlowControl(size=2), given)
    assert [one.data for one in result.payloads] == [
        b'{"rows": [1,2], "page": 1}',
        b'{"rows": [3,4], "page": 1}',
    ]
    assert [one.meta for one in result.payloads] == [{"page": "1"}, {"page": "1"}]
    assert result.payloads[1].lineage == [[(0, 2)], [(1, 0)]]


async def test_a_large_payload_is_cut_in_order_with_its_bytes() -> None:
    data = orders(3_000)
    result = await run_shape(FlowControl(size=700), [payload(data)])
    assert [one.count for one in result.payloads] == [700, 700, 700, 700, 200]
    joined = b", ".join(one.data[1:-1].replace(b"},{", b"}, {") for one in result.payloads)
    assert b"[" + joined + b"]\n" == data
    assert result.payloads[4].lineage[0] == [(0, 2_800)]


async def test_one_batch_over_many_chunks_and_payloads() -> None:
    result = await run_shape(FlowControl(size=10_000), [payload(orders(2_000)), payload(orders(1_500))])
    (one,) = result.payloads
    assert one.count == 3_500
    assert one.lineage[1_999:2_001] == [[(0, 1_999)], [(1, 0)]]


async def test_a_document_that_is_no_list_becomes_one_unless_it_is_unwrapped() -> None:
    assert (await run_shape(FlowControl(size=5), [{"id": 1}])).values == [[{"id": 1}]]
    assert (await run_shape(FlowControl(size=5, unwrap_single=True), [{"id": 1}])).values == [{"id": 1}]


async def test_only_a_batch_of_one_is_unwrapped() -> None:
    result = await run_shape(
        FlowControl(size=2, unwrap_single=True), [payload('{"a": [1, 2, 3]}', items_path="a")]
    )
    assert [one.data for one in result.payloads] == [b'{"a": [1,2]}', b"3"]
    assert [one.items_path for one in result.payloads] == ["a", ""]


async def test_documents_that_are_no_lists_and_other_media_types_do_not_mix() -> None:
    given = [
        payload("<a/>", media_type="application/xml"),
        payload("<b/>", media_type="application/xml"),
        payload("[1]"),
        payload("[2]", media_type="application/vnd.shop+json"),
    ]
    result = await run_shape(FlowControl(size=10), given)
    assert [one.data for one in result.payloads] == [b"<a/>", b"<b/>", b"[1]", b"[2]"]
    assert result.payloads[3].media_type == "application/vnd.shop+json"


async def test_the_level_reaches_through_lists_and_keeps_bytes() -> None:
    given = payload('[{"boxes": [{"lines": [1.0, 2]}, {"lines": [{"a" : 1}]}]}, {"boxes": []}]')
    result = await run_shape(FlowControl(size=2, level="boxes[].lines"), [given])
    assert [one.data for one in result.payloads] == [b"[1.0,2]", b'[{"a" : 1}]']
    assert [one.lineage for one in result.payloads] == [[[(0, 0)], [(0, 0)]], [[(0, 0)]]]


async def test_the_level_needs_json() -> None:
    result = await run_shape(FlowControl(level="lines"), [payload("<a/>", media_type="application/xml")])
    assert result.error is not None
    assert result.error.detail == "payload 0 is application/xml; this step reads JSON"


async def test_a_bucket_that_does_not_parse_fails_whole_and_names_the_payload() -> None:
    result = await run_shape(FlowControl(size=1), [payload("[1]"), payload("[2, oops]")])
    assert result.payloads == []
    assert result.error is not None
    assert result.error.code == "payload.invalid"
    assert result.error.detail.startswith("payload 1: ")
    assert result.failed[0].position is None


async def test_an_empty_bucket_puts_nothing_out() -> None:
    assert (await run_shape(FlowControl(), [])).payloads == []
    assert (await run_shape(FlowControl(), [b""])).payloads == []


@pytest.mark.parametrize("size", [0, -1, 1_000_001])
def test_sizes_have_bounds(size: int) -> None:
    assert refusal(FlowControl, size=size).startswith("size.Input should be ")


def test_a_level_is_a_path() -> None:
    assert "the path 'lines..x' is not valid" in refusal(FlowControl, level="lines..x")
