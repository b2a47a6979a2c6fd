from __future__ import annotations

from typing import Any

import pytest

from redrive.sdk.testing import MemoryContext, Result, run_shape
from redrive.shapes.map import Map
from tests.unit.shapes.builders import orders, payload, refusal


async def mapped(fields: list[dict[str, Any]], given: bytes, **settings: Any) -> Result:
    return await run_shape(Map(fields=fields, **settings), [given])


async def record(fields: list[dict[str, Any]], given: bytes, **settings: Any) -> bytes:
    result = await mapped(fields, given, **settings)
    assert result.failed == []
    return result.payloads[0].data


async def test_untouched_values_keep_their_bytes() -> None:
    given = (
        rb'{"a": 19.90, "b": 123456789012345678901234567890, "c": {"x" : 1E5, "x": 2}, "d": "\u00e9\ud800"}'
    )
    fields = [{"to": name.upper(), "from": name} for name in "abcd"]
    assert (
        await record(fields, given)
        == rb'{"A":19.90,"B":123456789012345678901234567890,"C":{"x" : 1E5, "x": 2},"D":"\u00e9\ud800"}'
    )


async def test_nested_targets_share_their_parents_in_the_order_listed() -> None:
    fields = [
        {"to": "a.b.c", "from": "x"},
        {"to": "n", "value": 1},
        {"to": "a.b.d", "from": "y"},
        {"to": "a.e", "value": None},
    ]
    assert await record(fields, b'{"x":1,"y":2}') == b'{"a":{"b":{"c":1,"d":2},"e":null},"n":1}'


@pytest.mark.parametrize(
    ("to", "source", "expected"),
    [
        ("s[].k", "l[].k", b'{"s":[{"k":1},{"k":2},{"k":null}]}'),
        ("s[]", "l[].k", b'{"s":[1,2,null]}'),
        ("s", "l[].k", b'{"s":[1,2]}'),
        ("s", "l.*.k", b'{"s":[1,2]}'),
        ("s", "l[1].k", b'{"s":2}'),
        ("s[].k", "id", b'{"s":[{"k":7}]}'),
        ("s[].k", "none", b'{"s":[]}'),
        ("s[].k", "none[].k", b'{"s":[]}'),
        ("s[].k", "nil[].k", b'{"s":[]}'),
        ("s", "none[].k", b'{"s":null}'),
        ("s", "empty[].k", b'{"s":[]}'),
        ("s[].k", "empty[].k", b'{"s":[]}'),
        ("s", "$.l[?@.k > 1].k", b'{"s":[2]}'),
        ("s[].k", "$..k", b'{"s":[{"k":1},{"k":2}]}'),
        ("s[].t[].k", "m[].n[].k", b'{"s":[{"t":[{"k":1},{"k":2}]},{"t":[{"k":3}]}]}'),
        ("s[].k", "m[].n[].k", b'{"s":[{"k":[1,2]},{"k":[3]}]}'),
        ("s[].t[].k", "l[].k", b'{"s":[{"t":[{"k":1}]},{"t":[{"k":2}]},{"t":[]}]}'),
        ("s", "o.*", b'{"s":[1,2]}'),
    ],
)
async def test_lists_of_source_and_target(to: str, source: str, expected: bytes) -> None:
    given = b'{"id":7,"l":[{"k":1},{"k":2},{}],"nil":null,"empty":[],"o":{"a":1,"b":2}' + (
        b"}" if source == "$..k" else b',"m":[{"n":[{"k":1},{"k":2}]},{"n":[{"k":3}]}]}'
    )
    assert await record([{"to": to, "from": source}], given) == expected


async def test_the_whole_item_can_be_a_source() -> None:
    assert await record([{"to": "was", "from": "$"}], b'{"a" : 1.0}') == b'{"was":{"a" : 1.0}}'


async def test_names_are_written_as_json() -> None:
    fields = [
        {"to": '["a.b"].c', "from": "x"},
        {"to": '["100%b"].é', "from": "x"},
        {"to": r'["q\"\\"]', "from": "x"},
    ]
    assert await record(fields, b'{"x":1}') == '{"a.b":{"c":1},"100%b":{"é":1},"q\\"\\\\":1}'.encode()


async def test_fields_of_one_list_are_paired_by_index() -> None:
    fields = [
        {"to": "lines[].sku", "from": "a[].sku", "do": [{"case": "upper"}]},
        {"to": "lines[].qty", "from": "b[]"},
        {"to": "lines[].order", "from": "id"},
        {"to": "lines[].source", "value": "web"},
    ]
    given = b'{"id":1,"a":[{"sku":"x"}],"b":[2,3.0]}'
    assert await record(fields, given) == (
        b'{"lines":[{"sku":"X","qty":2,"order":1,"source":"web"},'
        b'{"sku":null,"qty":3.0,"order":1,"source":"web"}]}'
    )


async def test_several_sources_give_a_list_to_the_transforms() -> None:
    fields = [
        {"to": "name", "from": ["first", "last"], "do": [{"join": " "}]},
        {"to": "pair", "from": ["first", "none"]},
        {"to": "x[].p", "from": ["l[].a", "l[].b"]},
        {"to": "y", "from": ["$.l[?@.a > 1].a", "first"]},
    ]
    given = b'{"first":"Ada","last":"Lovelace","l":[{"a":1,"b":2},{"a":3}]}'
    assert (
        await record(fields, given)
        == b'{"name":"Ada Lovelace","pair":["Ada",null],"x":[{"p":[1,2]},{"p":[3,null]}],"y":[[3],"Ada"]}'
    )


async def test_automatic_copies_in_order_and_listed_fields_go_in_place_or_to_the_end() -> None:
    fields = [
        {"to": "new", "value": 1},
        {"to": "b", "from": "a"},
        {"to": "c.y", "value": "Y"},
        {"to": "l[].z", "from": "a"},
    ]
    given = b'{"a":1.0,"b":2,"c":{"x":5.50,"y":0},"l":[{"z":0,"k":1},{"k":2}]}'
    assert await record(fields, given, automatic=True) == (
        b'{"a":1.0,"b":1.0,"c":{"x":5.50,"y":"Y"},"l":[{"z":1.0,"k":1},{"k":2,"z":1.0}],"new":1}'
    )


async def test_automatic_over_an_item_that_is_no_object_builds_the_listed_fields() -> None:
    assert await record([{"to": "v", "from": "$"}], b"[1,[2]]", automatic=True) == b'[{"v":1},{"v":[2]}]'


async def test_wrap_and_unwrap_and_what_stays_around() -> None:
    fields = [{"to": "n", "from": "id"}]
    inside = payload('{"page": 1, "rows": [{"id": 1}, {"id": 2}]}', items_path="rows", meta={"p": "1"})
    kept, wrapped, unwrapped = [
        (await run_shape(Map(fields=fields, **settings), [inside])).payloads[0]
        for settings in ({}, {"wrap": "data.orders"}, {"unwrap": True})
    ]
    assert (kept.data, kept.items_path) == (b'{"page": 1, "rows": [{"n":1},{"n":2}]}', "rows")
    assert (wrapped.data, wrapped.items_path) == (b'{"data":{"orders":[{"n":1},{"n":2}]}}', "data.orders")
    assert (unwrapped.data, unwrapped.items_path) == (b'[{"n":1},{"n":2}]', "")
    assert wrapped.meta == {"p": "1"}
    assert wrapped.items() == [b'{"n":1}', b'{"n":2}']


async def test_one_document_gives_one_document_and_is_a_list_when_wrapped() -> None:
    fields = [{"to": "n", "from": "id"}]
    assert await record(fields, b'{"id": 1}') == b'{"n":1}'
    assert await record(fields, b'{"id": 1}', unwrap=True) == b'{"n":1}'
    assert await record(fields, b'{"id": 1}', wrap="rows") == b'{"rows":[{"n":1}]}'


async def test_ndjson_stays_lines_unless_wrapped() -> None:
    lines = payload('{"id": 1}\n{"id": 2}', media_type="application/x-ndjson")
    fields = [{"to": "n", "from": "id"}]
    (one,) = (await run_shape(Map(fields=fields), [lines])).payloads
    assert (one.data, one.media_type) == (b'{"n":1}\n{"n":2}', "application/x-ndjson")
    (one,) = (await run_shape(Map(fields=fields, wrap="rows"), [lines])).payloads
    assert (one.data, one.media_type) == (b'{"rows":[{"n":1},{"n":2}]}', "application/json")


async def test_a_large_payload_is_mapped_in_a_stream() -> None:
    shape = Map(fields=[{"to": "order.id", "from": "id"}, {"to": "order.total", "from": "total"}])
    (one,) = (await run_shape(shape, [payload(orders(3_000))])).payloads
    assert one.count == 3_000
    assert one.items()[2_999] == b'{"order":{"id":2999,"total":19.90}}'
    assert one.lineage[2_999] == [(0, 2_999)]


async def test_templates_see_item_payload_meta_and_variables_and_keep_types() -> None:
    fields = [
        {"to": "ref", "value": "{{ vars.shop }}-{{ item.id }}-{{ meta.page }}"},
        {"to": "same", "value": "{{ item.total }}"},
        {"to": "count", "value": "{{ payload.count }}"},
        {"to": "at", "value": "{{ now - 1 days }}"},
        {"to": "fixed", "value": {"a": [1, True]}},
        {"to": "late", "from": "id", "do": [{"default": "{{ vars.shop }}"}]},
    ]
    given = payload('{"count": 2, "rows": [{"id": 1, "total": 9.90}]}', items_path="rows", meta={"page": "3"})
    result = await run_shape(Map(fields=fields, unwrap=True), [given], variables={"shop": "uk"})
    assert result.payloads[0].data == (
        b'[{"ref":"uk-1-3","same":9.90,"count":2,"at":"2026-01-14T12:00:00Z","fixed":{"a":[1,true]},"late":1}]'
    )


async def test_missing_of_a_source() -> None:
    given = b'[{"id":1},{"id":2,"e":null},{"id":3,"e":"x"}]'
    assert await record([{"to": "e", "from": "e"}], given) == b'[{"e":null},{"e":null},{"e":"x"}]'
    assert (
        await record([{"to": "e", "from": "e", "missing": "skip_item"}], given) == b'[{"e":null},{"e":"x"}]'
    )
    defaulted = [{"to": "e", "from": "e", "do": [{"default": "-"}]}]
    assert await record(defaulted, given) == b'[{"e":"-"},{"e":"-"},{"e":"x"}]'
    result = await mapped([{"to": "email", "from": "e", "missing": "error"}], given)
    assert result.payloads == []
    assert result.error is not None
    assert (result.error.code, result.error.retry) == ("field.missing", "never")
    assert result.error.detail == "payload 0, item 0: nothing stands at e, which the field email needs"


@pytest.mark.parametrize("given", [b'{"l":[{"k":1},{}]}', b'{"x":1}'])
async def test_missing_in_a_list_counts_for_its_item(given: bytes) -> None:
    fields = [{"to": "s[].k", "from": "l[].k", "missing": "error"}]
    assert (await mapped(fields, given)).error is not None
    fields = [{"to": "s[].k", "from": "l[].k", "missing": "skip_item"}]
    assert (await mapped(fields, given)).payloads == []


async def test_missing_of_a_template_is_that_of_the_field_or_else_of_the_step() -> None:
    fields: list[dict[str, Any]] = [
        {"to": "a", "value": "x{{ item.none }}"},
        {"to": "b", "value": "{{ item.none }}"},
    ]
    result = await mapped(fields, b'[{"id":1}]')
    assert result.error is not None
    assert result.error.code == "template.missing"
    assert result.error.detail == "payload 0, item 0: the template of field a finds nothing at item.none"
    result = await run_shape(Map(fields=fields), [[{"id": 1}]], ctx=MemoryContext(missing="empty"))
    assert result.values == [[{"a": "x", "b": None}]]
    result = await run_shape(Map(fields=fields), [[{"id": 1}]], ctx=MemoryContext(missing="skip_item"))
    assert result.payloads == []
    fields = [field | {"missing": "empty"} for field in fields]
    assert await record(fields, b'[{"id":1}]') == b'[{"a":"x","b":null}]'


async def test_a_transform_that_cannot_work_names_item_and_field_but_no_value() -> None:
    result = await mapped([{"to": "n", "from": "a", "do": [{"round": 2}]}], b'[{"a":1},{"a":"secret"}]')
    assert result.error is not None
    assert result.error.code == "transform.failed"
    assert result.error.detail.startswith("payload 0, item 1, field n: round: ")
    assert "secret" not in result.error.detail


async def test_an_item_that_does_not_parse_is_named() -> None:
    result = await run_shape(
        Map(fields=[{"to": "a", "from": "a"}]), [payload("<a/>", media_type="application/xml")]
    )
    assert result.error is not None
    assert result.error.detail == "payload 0 is application/xml; this step reads JSON"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "no field is mapped; expected fields, or automatic: true"),
        ({"automatic": True, "wrap": "a", "unwrap": True}, "expected wrap or unwrap, not both"),
        ({"fields": [{"to": "a"}]}, "the field a: expected either from or value"),
        ({"fields": [{"to": "a", "from": "b", "value": 1}]}, "the field a: expected either from or value"),
        ({"fields": [{"to": "a", "from": []}]}, "at least 1 item"),
        ({"fields": [{"to": "a[0].b", "from": "b"}]}, "names one element of a list; [] stands for all"),
        ({"fields": [{"to": "[].b", "from": "b"}]}, "the target [].b does not begin with a name"),
        ({"fields": [{"to": "$", "from": "b"}]}, "the target $ does not begin with a name"),
        (
            {"fields": [{"to": "a", "from": "b"}, {"to": "a", "from": "c"}]},
            "the target a clashes: another field fills it",
        ),
        (
            {"fields": [{"to": "a", "from": "b"}, {"to": "a.b", "from": "c"}]},
            "the target a.b clashes: another field fills all",
        ),
        (
            {"fields": [{"to": "a.b", "from": "b"}, {"to": "a", "from": "c"}]},
            "the target a clashes: another field fills it",
        ),
        (
            {"fields": [{"to": "a.b", "from": "b"}, {"to": "a[].b", "from": "c"}]},
            "it is an object for another field and a list",
        ),
        (
            {"fields": [{"to": "a[].b", "from": "b"}, {"to": "a.b", "from": "c"}]},
            "it is a list for another field and an object",
        ),
        ({"fields": [{"to": "a", "from": "b", "do": [{"defualt": "x"}]}]}, "did you mean 'default'?"),
        ({"fields": [{"to": "a", "from": "b..c"}]}, "the path 'b..c' is not valid"),
        ({"fields": [{"to": "a", "value": "{{ itme.x }}"}]}, "did you mean 'item'?"),
        ({"fields": [{"to": "a", "from": "b", "form": 1}]}, "fields.0.form.Extra inputs are not permitted"),
        ({"automatic": True, "wrap": "a[0]"}, "wrap.String should match pattern"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], expected: str) -> None:
    assert expected in refusal(Map, **settings)


@pytest.mark.parametrize(
    ("settings", "gives", "items"),
    [
        ({}, b'{"n":2,"ids":[1.50,2]}', 1),
        ({"wrap": "all"}, b'{"all":[{"n":2,"ids":[1.50,2]}]}', 1),
        ({"unwrap": True}, b'[{"n":2,"ids":[1.50,2]}]', 1),
    ],
)
@pytest.mark.parametrize(
    ("data", "media_type"),
    [(b'[{"id":1.50},{"id":2}]', "application/json"), (b'{"id":1.50}\n{"id":2}\n', "application/x-ndjson")],
)
async def test_a_list_is_one_item_where_the_input_is_wrapped(
    settings: dict[str, Any], gives: bytes, items: int, data: bytes, media_type: str
) -> None:
    fields = [{"to": "n", "from": "$", "do": ["count"]}, {"to": "ids", "from": "[].id"}]
    result = await run_shape(
        Map(fields=fields, wrap_input=True, **settings), [payload(data, media_type=media_type), payload(b"")]
    )
    assert result.error is None
    (out,) = result.payloads
    assert out.data == gives
    assert out.count == items
    assert out.lineage == [[(0, 0), (0, 1)]]


def test_a_map_is_compiled_once() -> None:
    shape = Map(fields=[{"to": "a", "from": "b"}])
    assert shape.compiled is shape.compiled
    assert shape == Map.model_validate(shape.model_dump(by_alias=True, exclude_unset=True))


@pytest.mark.parametrize("function", ["first", "last", {"element": 3}])
async def test_a_function_that_finds_nothing_is_a_missing_value(function):
    """An empty list has no first element: `missing` of the field says what that is, as of a path."""
    given = [{"id": 1, "tags": []}, {"id": 2, "tags": ["a", "b", "c", "d"]}]

    def fields(**more):
        return [{"to": "id", "from": "id"}, {"to": "tag", "from": "tags", "do": [function]} | more]

    (kept,) = (await run_shape(Map(fields=fields()), [given])).values
    assert [one["id"] for one in kept] == [1, 2]
    assert kept[0]["tag"] is None
    (kept,) = (await run_shape(Map(fields=fields(missing="skip_item")), [given])).values
    assert [one["id"] for one in kept] == [2]
    result = await run_shape(Map(fields=fields(missing="error")), [given])
    assert result.error is not None
    assert result.error.code == "field.missing"


async def test_a_look_up_may_leave_its_item_out():
    table = {"table": "countries", "missing": "skip_item"}
    fields = [{"to": "country", "from": "code", "do": [{"lookup": table}]}]
    given = [{"code": "GB"}, {"code": "XX"}]
    ctx = MemoryContext(lookups={"countries": {"GB": "United Kingdom"}})
    result = await run_shape(Map(fields=fields), [given], ctx=ctx)
    assert result.values == [[{"country": "United Kingdom"}]]
