from __future__ import annotations

from redrive.sdk.testing import MemoryContext, run_shape
from redrive.shapes.filter import Filter
from tests.unit.shapes.builders import orders, payload, refusal

PAID = {"field": "paid", "is": True}


async def test_content_is_the_same_object_where_nothing_is_dropped() -> None:
    given = payload(' [ {"paid": true} ] ', meta={"page": "1"})
    (one,) = (await run_shape(Filter(keep=PAID), [given])).payloads
    assert one.content is given.content
    assert one.lineage == [[(0, 0)]]
    assert one.meta == {"page": "1"}


async def test_a_document_that_is_no_list_stays_one() -> None:
    given = payload('{"paid": true}')
    (one,) = (await run_shape(Filter(keep=PAID), [given])).payloads
    assert one.data == b'{"paid": true}'
    assert (await run_shape(Filter(drop=PAID), [given])).payloads == []


async def test_a_large_payload_is_filtered_in_a_stream() -> None:
    (one,) = (await run_shape(Filter(keep=PAID), [payload(orders(4_000))])).payloads
    assert one.count == 2_000
    assert one.lineage[:2] == [[(0, 1)], [(0, 3)]]
    assert one.data.count(b'"total": 19.90') == 2_000
    assert one.data.endswith(b'"}]\n')


async def test_a_large_payload_of_which_all_stays_has_the_same_bytes() -> None:
    given = payload(orders(3_000).replace(b"}, {", b"},{"))
    (one,) = (await run_shape(Filter(keep={"field": "id", "gte": 0}), [given])).payloads
    assert one.data == await given.content.read()


async def test_both_sides_may_be_templates() -> None:
    given = [[{"country": "GB", "home": "GB"}, {"country": "FR", "home": "GB"}]]
    shape = Filter(keep={"field": "country", "is": "{{ vars.country }}"})
    assert (await run_shape(shape, given, variables={"country": "FR"})).values == [[given[0][1]]]
    shape = Filter(keep={"field": "country", "is": "{{ item.home }}"})
    assert (await run_shape(shape, given)).values == [[given[0][0]]]
    shape = Filter(keep={"field": "country", "is": "{{ payload[1].country }}"})
    assert (await run_shape(shape, given)).values == [[given[0][1]]]


async def test_a_template_that_finds_nothing_follows_the_step() -> None:
    shape = Filter(drop={"field": "country", "is": "{{ item.home }}"})
    given = [[{"country": "GB", "home": "GB"}, {"country": "FR"}]]
    result = await run_shape(shape, given)
    assert result.error is not None
    assert result.error.code == "template.missing"
    assert result.error.detail == "payload 0, item 1: the template of drop finds nothing at item.home"
    assert (await run_shape(shape, given, ctx=MemoryContext(missing="empty"))).values == [[{"country": "FR"}]]
    assert (await run_shape(shape, given, ctx=MemoryContext(missing="skip_item"))).values == []


async def test_relative_dates_count_from_the_clock_of_the_run() -> None:
    shape = Filter(keep={"field": "at", "after": {"ago": {"days": 2}}})
    given = [[{"at": "2026-01-14T00:00:00Z"}, {"at": "2026-01-13T00:00:00Z"}]]
    assert (await run_shape(shape, given)).values == [[given[0][0]]]


async def test_what_does_not_parse_fails_its_payload_only() -> None:
    result = await run_shape(Filter(keep=PAID), [b'[{"paid": tru}]', [{"paid": True}], b"", b"{"])
    assert result.values == [[{"paid": True}]]
    assert [(failed.position, failed.error.code) for failed in result.failed] == [
        (0, "payload.invalid"),
        (3, "payload.invalid"),
    ]
    assert "tru" not in result.failed[0].error.detail.replace("true", "")


async def test_another_media_type_is_refused_with_a_way_out() -> None:
    result = await run_shape(Filter(keep=PAID), [payload("a,b\n1,2\n", media_type="text/csv")])
    assert result.error is not None
    assert result.error.detail == "payload 0 is text/csv; this step reads JSON"
    assert result.error.hint is not None


async def test_a_list_that_is_not_there_is_named() -> None:
    result = await run_shape(Filter(keep=PAID), [payload('{"items": []}', items_path="orders")])
    assert result.error is not None
    assert result.error.at == "orders"


def test_exactly_one_of_keep_and_drop() -> None:
    assert "expected either keep or drop" in refusal(Filter)
    assert "expected either keep or drop" in refusal(Filter, keep=PAID, drop=PAID)


def test_an_unknown_operator_names_the_nearest() -> None:
    assert "did you mean 'contains'?" in refusal(Filter, keep={"field": "tags", "contain": "vip"})
