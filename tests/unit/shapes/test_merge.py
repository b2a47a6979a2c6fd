"""Shape merge: one list out of many payloads, plain and by key."""

from __future__ import annotations

from typing import Any

import pytest

from redrive.core.lineage import Lineage, LineageBuilder
from redrive.sdk import Item
from redrive.sdk.testing import MemoryContext, Result, run_shape
from redrive.shapes import merge
from redrive.shapes.merge import Merge, deep
from tests.unit.shapes.builders import payload, refusal


async def merged(*given: Any, missing: Any = "error", **settings: Any) -> Result:
    return await run_shape(Merge(**settings), list(given), ctx=MemoryContext(missing=missing))


async def test_items_keep_their_bytes_and_origins() -> None:
    result = await merged(
        payload(b'{"shop":1,"orders":[ 19.90 ,1E5]}', items_path="orders", meta={"page": "1", "shop": "uk"}),
        payload(b""),
        payload(b'{"a": 1}\n{"a":2}\n', media_type="application/x-ndjson", meta={"page": "2", "shop": "uk"}),
        payload(b'{"x" : 1}', meta={"shop": "uk"}),
    )
    (out,) = result.payloads
    assert out.data == b'[19.90,1E5,{"a": 1},{"a":2},{"x" : 1}]'
    assert out.lineage == [[(0, 0)], [(0, 1)], [(2, 0)], [(2, 1)], [(3, 0)]]
    assert out.meta == {"shop": "uk"}
    assert (out.media_type, out.items_path) == ("application/json", "")


@pytest.mark.parametrize("given", [[], [payload(b"")], [payload(b"[]"), payload(b"[]")]])
async def test_without_an_item_nothing_is_put_out(given: list[Any]) -> None:
    assert (await merged(*given)).payloads == []


async def test_csv_with_one_header_stays_csv() -> None:
    result = await merged(
        payload(b"a,b\n1,2\n", media_type="text/csv"), payload(b"a,b\r\n3,4", media_type="text/csv")
    )
    assert result.payloads[0].data == b"a,b\n1,2\n3,4\n"


async def test_xml_with_one_root_stays_xml() -> None:
    settings = {"media_type": "application/xml", "items_path": "r.o"}
    result = await merged(
        payload(b"<r>\n<o>1</o>\n<o>2</o>\n</r>", **settings), payload(b"<r><o>3</o></r>", **settings)
    )
    assert result.payloads[0].data == b"<r>\n<o>1</o>\n<o>2</o>\n<o>3</o>\n</r>"


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        (
            payload(b"a\n1", media_type="text/csv"),
            payload(b"b\n1", media_type="text/csv"),
            "payload 1 begins otherwise",
        ),
        (
            payload(b"[1]"),
            payload(b"a\n1", media_type="text/csv"),
            "payload 1 is text/csv and payload 0 application/json",
        ),
        (
            payload(b"x", media_type="text/plain"),
            payload(b"y", media_type="text/plain"),
            "payload 0 is text/plain and no list",
        ),
    ],
)
async def test_what_does_not_go_together(first: Any, second: Any, says: str) -> None:
    error = (await merged(first, second)).error
    assert error is not None
    assert says in error.detail
    assert "convert step to json" in (error.hint or "")


@pytest.mark.parametrize(
    ("combine", "gives", "lineage"),
    [
        ("deep", b'[{"k":1,"a":{"x":1,"y":2},"l":[1,2.50],"s":"new"},{"k":2}]', [[(0, 0), (1, 0)], [(0, 1)]]),
        ("first", b'[{"k":1,"a":{"x":1},"l":[1],"s":"old"},{"k":2}]', [[(0, 0)], [(0, 1)]]),
        ("last", b'[{"k":1,"a":{"y":2},"l":[2.50],"s":"new"},{"k":2}]', [[(1, 0)], [(0, 1)]]),
        (
            "group",
            b'[[{"k":1,"a":{"x":1},"l":[1],"s":"old"},{"k":1,"a":{"y":2},"l":[2.50],"s":"new"}],[{"k":2}]]',
            [[(0, 0), (1, 0)], [(0, 1)]],
        ),
    ],
)
async def test_items_with_one_key_become_one(combine: Any, gives: bytes, lineage: Any) -> None:
    result = await merged(
        b'[{"k":1,"a":{"x":1},"l":[1],"s":"old"},{"k":2}]',
        b'[{"k":1,"a":{"y":2},"l":[2.50],"s":"new"}]',
        by="k",
        combine=combine,
    )
    assert result.payloads[0].data == gives
    assert result.payloads[0].lineage == lineage


@pytest.mark.parametrize("combine", ["deep", "first", "last", "group"])
async def test_the_step_says_what_becomes_of_items_without_a_key(combine: Any) -> None:
    given = b'[{"k":1},{"k":null},{},{"k":""},{"k":1}]'
    error = (await merged(given, by="k", combine=combine)).error
    assert error is not None
    assert (error.code, error.at) == ("key.missing", "/1")
    kept = await merged(given, by="k", combine=combine, missing="empty")
    assert kept.payloads[0].count == 4
    left_out = await merged(given, by="k", combine=combine, missing="skip_item")
    assert left_out.payloads[0].count == 1


@pytest.mark.parametrize(
    ("given", "by", "says"),
    [
        (b'[{"k":[1]}]', "k", "k is a list or an object, and a key is one text"),
        (b'[{"k":[{"a":1},{"a":2}]}]', "k.*.a", "k.*.a is 2 values, and a key is one text"),
        (b"<a/>", "k", "payload 0"),
    ],
)
async def test_a_key_is_one_text(given: bytes, by: str, says: str) -> None:
    error = (await merged(given, by=by)).error
    assert error is not None
    assert error.code == "payload.invalid"
    assert says in error.detail


async def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "MAX_HELD_BYTES", 40)
    given = b'[{"k":1,"x":"aaaaaaaaaa"},{"k":1,"x":"bbbbbbbbbb"}]'
    error = (await merged(given, by="k")).error
    assert error is not None
    assert error.code == "payload.too_large"
    assert "item 1: the items up to here have more than 40 bytes" in error.detail
    assert (await merged(given, by="k", combine="last")).error is None
    monkeypatch.setattr(merge, "MAX_KEYS", 1)
    error = (await merged(b'[{"k":1},{"k":2}]', by="k", combine="first")).error
    assert error is not None
    assert "more than 1 keys" in error.detail


def test_combine_alone_says_nothing() -> None:
    assert "expected by, too" in refusal(Merge, combine="first")


def test_many_lists_are_joined_in_one_go() -> None:
    """Two by two this copies the list of ever more elements again and again."""
    many = [b'{"l":[%d]}' % number for number in range(50_000)]
    assert deep(many).count(b",") == 49_999


def test_values_of_different_kinds_are_not_mixed() -> None:
    assert deep([b'{"a":1}', b"5", b'{"b":2}', b'{"c":3}']) == b'{"b":2,"c":3}'
    assert deep([b"[1]", b'{"a":1}']) == b'{"a":1}'


def test_an_item_made_from_several_is_in_the_column_of_lineage() -> None:
    builder = LineageBuilder()
    items = [Item(b"", 0, 0), Item(b"", 0, 1, ((2, 5), (3, 1))), Item(b"", 0, 2), Item(b"", 0, 3)]
    builder.add_items(items)
    lineage = Lineage.decode(builder.encode(), items=4)
    assert [lineage.origins(number) for number in range(4)] == [item.origins for item in items]
    assert lineage.outputs_of(2, 5) == [1]
