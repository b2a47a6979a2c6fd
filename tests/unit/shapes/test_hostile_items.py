"""Every item-wise shape gives the bytes that it was given, however the JSON is written."""

from __future__ import annotations

from typing import Any

import pytest

from redrive.core import formats
from redrive.registry import Registry
from redrive.sdk import MemoryContent, Payload
from redrive.sdk.testing import run_shape

HOSTILE = [
    b'{"k":1,"n":123456789012345678901234567890}',
    b'{"k":1,"n":19.90, "m":1E5,"o":-0,"p":1.0e-7,"q":' + b"9" * 400 + b"}",
    b'{"k":1,"a":1,"a":2,"\\u0061":3,"":4}',
    b'{ "k" :\t1 , "s":"\\u00e9\\/\\n\\"\\\\\\ud83d\\ude00\xc3\xa9" }',
    b'{"k":1,"s":"\\ud800","t":"x\\udc00y"}',
    b'{"k":1,"deep":' + b"[" * 500 + b"]" * 500 + b"}",
    b'{"k":1,"s":"],[{}\\",","t":[[],{},null,true]}',
    b'{"z":{"y":{"x":[{"w":0.10}]}},"k":1}',
    b'{"k":1,"s":"{{ item.x }}","$":"$.a","a.b":1,"@x":"<&>"}',
]

KEEPS = [
    ("filter", {"keep": {"field": "k", "is": 1}}),
    ("filter", {"drop": {"field": "nothing", "exists": True}}),
    ("flow_control", {"size": 2}),
    ("flow_control", {"size": 1, "unwrap_single": True}),
    ("flow_control", {"size": 100, "per_payload": True}),
    ("merge", {}),
    ("merge", {"wrap": "all"}),
    ("track", {"fields": ["k"]}),
    ("assert", {"conditions": {"field": "k", "is": 1}}),
    ("set_variables", {"variables": {"x": 1}, "meta": {"y": "z"}}),
    ("convert", {"to": "json", "write": {"wrap": "all"}}),
    ("convert", {"to": "ndjson"}),
]


async def _items(kind: str, settings: dict[str, Any], documents: list[bytes], at: str = "") -> list[bytes]:
    shape = Registry.discover().shapes[kind].model_validate(settings)
    result = await run_shape(shape, [Payload(MemoryContent(one), items_path=at) for one in documents])
    assert result.error is None, result.error
    found: list[bytes] = []
    for out in result.payloads:
        reader = formats.item_reader(out.media_type, out.items_path)
        items = reader.feed(out.data) + reader.close()
        assert len(items) == len(out.lineage)
        found += items
    return found


def _list(items: list[bytes]) -> bytes:
    return b"[ " + b" ,\n".join(items) + b" ]"


@pytest.mark.parametrize(
    ("kind", "settings"), KEEPS, ids=lambda value: value if isinstance(value, str) else ""
)
@pytest.mark.parametrize("at", ["", "data.rows"])
async def test_bytes_in_are_bytes_out(kind: str, settings: dict[str, Any], at: str) -> None:
    documents = [_list(HOSTILE), _list(HOSTILE[::-1])]
    if at:
        documents = [b'{"n":1.50,"data":{"rows":%b,"x":[]}}' % one for one in documents]
    assert await _items(kind, settings, documents, at) == [*HOSTILE, *HOSTILE[::-1]]


async def test_a_part_that_is_taken_out_keeps_its_bytes() -> None:
    given = [_list([b'{"id":%d,"parts":%b}' % (n, _list(HOSTILE)) for n in range(2)])]
    assert await _items("split", {"at": "parts"}, given) == HOSTILE * 2
    assert await _items("flow_control", {"level": "parts", "size": 3}, given) == HOSTILE * 2


@pytest.mark.parametrize("value", HOSTILE)
async def test_a_value_that_a_map_only_moves_keeps_its_bytes(value: bytes) -> None:
    given = [b'[{"id":1,"old":%b,"list":[{"v":%b},{"v":%b}]}]' % (value, value, value)]
    fields = [{"to": "new.place", "from": "old"}, {"to": "lines[].v", "from": "list[].v"}]
    assert await _items("map", {"fields": fields}, given) == [
        b'{"new":{"place":%b},"lines":[{"v":%b},{"v":%b}]}' % (value, value, value)
    ]
    copied = await _items("map", {"automatic": True, "fields": [{"to": "id", "value": 2}]}, given)
    assert copied == [b'{"id":2,"old":%b,"list":[{"v":%b},{"v":%b}]}' % (value, value, value)]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("combine", ["deep", "last", "group"])
async def test_what_a_merge_by_key_only_carries_keeps_its_bytes(combine: str, value: bytes) -> None:
    given = [b'[{"id":"a","x":%b}]' % value, b'[{"id":"a","y":%b}]' % value]
    merged = {
        "deep": b'{"id":"a","x":%b,"y":%b}' % (value, value),
        "last": b'{"id":"a","y":%b}' % value,
        "group": b'[{"id":"a","x":%b},{"id":"a","y":%b}]' % (value, value),
    }
    assert await _items("merge", {"by": "id", "combine": combine}, given) == [merged[combine]]


async def test_rows_and_elements_keep_their_bytes() -> None:
    rows = [b'1, "a ""b""" ,x', b'"2\n3",,', b"007,1E5,-0"]
    document = b"\xef\xbb\xbfa,b,c\r\n" + b"\r\n".join(rows) + b"\r\n"
    elements = [
        b"<o a='1>2' >&#233;<![CDATA[</o>]]></o >",
        b"<o/>",
        b"<o>\n<p xml:space='preserve'> </p></o>",
    ]
    xml = b"<r xmlns='urn:r'>" + b"\n\t".join(elements) + b"</r>"
    for kind, settings in KEEPS[2:5]:
        shape = Registry.discover().shapes[kind].model_validate(settings)
        for media_type, at, data, items in (
            ("text/csv", "", document, rows),
            ("application/xml", "r.o", xml, elements),
        ):
            result = await run_shape(
                shape, [Payload(MemoryContent(data), media_type=media_type, items_path=at)]
            )
            assert result.error is None
            joined = b"".join(out.data for out in result.payloads)
            assert all(joined.count(item) == 1 for item in items)
