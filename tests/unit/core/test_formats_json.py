"""Items of JSON documents: their own bytes, whatever these are, or a clear error."""

from __future__ import annotations

import pytest

from redrive.core.formats import ItemsInvalid, item_reader
from redrive.core.formats.base import WINDOW_BYTES, ItemReader

JSON = "application/json"


def read(document: bytes, path: str = "", step: int = WINDOW_BYTES) -> tuple[list[bytes], ItemReader]:
    reader = item_reader(JSON, path)
    items = []
    for at in range(0, len(document), step):
        items += reader.feed(document[at : at + step])
    items += reader.close()
    return items, reader


def fault(document: bytes, path: str = "", step: int = WINDOW_BYTES) -> ItemsInvalid:
    with pytest.raises(ItemsInvalid) as caught:
        read(document, path, step)
    return caught.value


def test_items_of_the_root_list_keep_their_bytes() -> None:
    document = b'\n[ {"b" : 1.10,"a":1, "a":2} ,19.90,\t123456789012345678901234567890,"\\u00e9\\/", [ ] ]\n'
    items, reader = read(document)
    assert items == [
        b'{"b" : 1.10,"a":1, "a":2}',
        b"19.90",
        b"123456789012345678901234567890",
        b'"\\u00e9\\/"',
        b"[ ]",
    ]
    assert (reader.prefix, reader.separator, reader.suffix) == (b"\n[", b",", b"]\n")
    assert document[reader.start : reader.stop] == document.strip()
    assert not reader.single


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (b'{"orders": [1, {"x": []}], "next": {"page": [2]}}', "orders"),
        (b'{"before": {"orders": [9], "s": "]}[{"}, "orders": [1, {"x": []}]}', "orders"),
        (b'{"n":1.5,"data": {"orders": {"edges": [1, {"x": []}]}}, "z": "]"}', "data.orders.edges"),
        (b'{"data": {"orders": {"edges": [1, {"x": []}]}}}', "$.data.orders.edges"),
        (b'{"pages": [[], {"rows": [1, {"x": []}]}, []]}', "pages[1].rows"),
        (b'{"a.b": [1, {"x": []}]}', '["a.b"]'),
        (b'{"or\\u0064ers": [1, {"x": []}]}', "orders"),
    ],
)
def test_items_of_a_nested_list(document: bytes, path: str) -> None:
    items, reader = read(document, path)
    assert items == [b"1", b'{"x": []}']
    assert document[reader.start : reader.stop] == b'[1, {"x": []}]'
    assert reader.prefix == document[: reader.start + 1]
    assert reader.suffix == document[reader.stop - 1 :]


@pytest.mark.parametrize("document", [b' {"id": 1, "lines": [1]} \n', b"19.90", b'"text"', b" null"])
def test_a_document_that_is_no_list_is_one_item(document: bytes) -> None:
    items, reader = read(document)
    assert items == [document.strip()]
    assert reader.single
    assert reader.prefix + items[0] + reader.suffix == document
    assert document[reader.start : reader.stop] == items[0]


@pytest.mark.parametrize("path", ["", "orders"])
def test_an_empty_list_has_no_items(path: str) -> None:
    document = b'{"orders": [ ]}' if path else b"[ \n]"
    items, reader = read(document, path)
    assert items == []
    assert reader.prefix.endswith(b"[")
    assert reader.suffix.startswith(b"]")


def test_a_byte_order_mark_stays_in_the_prefix() -> None:
    assert read(b"\xef\xbb\xbf[1]")[1].prefix == b"\xef\xbb\xbf["
    assert read(b'\xef\xbb\xbf{"a":[1]}', "a")[0] == [b"1"]
    assert read(b"\xef\xbb\xbf 5")[0] == [b"5"]


@pytest.mark.parametrize(
    "item", [b'"\\ud800"', b'{"\\udC00x": "\\\\ud800\\ud83d"}', b'"\\ud83d\\ude00"', b'"\xff"']
)
@pytest.mark.parametrize("path", ["", "a"])
def test_text_that_no_decoder_would_take_survives_to_the_byte(item: bytes, path: str) -> None:
    document = b"[1 , " + item + b" ,2]"
    if path:
        document = b'{"\\ud801": 0, "a":' + document + b', "z": "\\ud800"}'
    assert read(document, path)[0] == [b"1", item, b"2"]


def test_a_single_document_with_a_lone_surrogate_survives() -> None:
    assert read(b'{"a": "\\ud800"}')[0] == [b'{"a": "\\ud800"}']


@pytest.mark.parametrize(
    ("document", "path", "says"),
    [
        (b"", "", "the document is empty"),
        (b" \n", "orders", "the document is empty"),
        (b"[1,2", "", "ends at byte 4, inside its list"),
        (b'[1,"', "", "ends at byte 4, inside its list"),
        (b"[1,]", "", "a comma without an element behind it at byte 2"),
        (b"[,1]", "", "a comma without an element before it at byte 1"),
        (b"[1,,2]", "", "at byte 3"),
        (b"[1] [2]", "", "more bytes behind the end of the list, at byte 4"),
        (b"[NaN]", "", "at byte 1"),
        (b"[1, Infinity]", "", "at byte 4"),
        (b"[01]", "", "at byte 2"),
        (b'["a\nb"]', "", "at byte 3"),
        (b'["\\x41"]', "", "at byte 3"),
        (b'["\\ud800", nul]', "", "at byte 12"),
        (b"[1}", "", "wrong bracket at byte 2"),
        (b'{"a":1} x', "", "at byte 8"),
        (b'{"a":1', "", "ends at byte 6"),
        (b"<html>", "", "at byte 0"),
        (b'{"a": {"b": 1}}', "a.c", "a has no 'c'"),
        (b'{"a": [1]}', "a.c", "a is a list (byte 6), not an object"),
        (b"[1]", "a", "the document is a list (byte 0), not an object"),
        (b'{"a": [1]}', "a[1].b", "a has only 1 elements"),
        (b'{"a": null}', "a", "there is null at the items path 'a' (byte 6), not a list"),
        (b'{"a": {}}', "a", "there is an object at the items path 'a' (byte 6), not a list"),
        (b'{"a": "x"}', "a", "there is a string"),
        (b'{"b": [1', "a", "ends at byte 8"),
        (b'{"b" 1}', "a", "at byte 5"),
        (b'{"a": [1], "b": nul}', "a", "at byte 17"),
        (b'{"a": [1]} {}', "a", "at byte 11"),
        (b'{"a": [1], "b": {', "a", "ends at byte 17"),
        (b'{"a": [1], "a": [2]}', "a", "the items path 'a' is there twice"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(document: bytes, path: str, says: str) -> None:
    error = fault(document, path)
    assert says in str(error)
    assert str(fault(document, path, step=1)) == str(error)


@pytest.mark.parametrize("path", ["a..b", "a.", "items[*]", "a[x]", "line_items.*.sku", "a]"])
def test_an_items_path_that_could_lead_to_many_lists_is_refused(path: str) -> None:
    with pytest.raises(ItemsInvalid, match="not understood") as caught:
        item_reader(JSON, path)
    assert caught.value.hint


def test_endless_nesting_is_an_error_and_no_crash() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    assert "nested too deeply" in str(fault(deep))
    assert "nested too deeply" in str(fault(b'{"a":' * 100_000 + b"1" + b"}" * 100_000))
    assert "nested too deeply" in str(fault(b'{"x":' + deep + b',"a":[1]}', "a"))
    assert "cut off" in str(fault(b"[" * 3_000_000))


def test_windows_give_the_same_items_however_the_document_is_fed() -> None:
    line = b'{"id": 5, "sku": "},{", "email": [1, 2]}'
    note = b'"\\"},{\\"id\\": 7,"'
    items = [
        b'{"id": %d, "email": "a,b@example.test", "lines": [%b], "note": %b}'
        % (n, b",".join([line] * 10), note)
        for n in range(6000)
    ]
    document = b"[" + b" ,\n".join(items) + b"]"
    assert len(document) > 2 * WINDOW_BYTES
    assert read(document)[0] == items
    assert read(document, step=7000)[0] == items
    nested = b'{"count": 6000, "orders": ' + document + b', "after": [1, {"id": 1, "email": 2}, 3]}'
    assert read(nested, "orders")[0] == items


@pytest.mark.parametrize(
    "item",
    [
        b'"' + b"},{" * 500_000 + b'"',
        b'"' + b'\\"],[' * 300_000 + b'"',
        b'"' + b"\\\\" * 700_000 + b'"',
        b"[" + b"[],{}," * 200_000 + b"[]]",
        b"1" * 2_500_000,
    ],
    ids=["commas", "quotes", "backslashes", "brackets", "digits"],
)
def test_an_element_larger_than_the_window(item: bytes) -> None:
    for step in (WINDOW_BYTES, 100_001):
        assert read(b"[1," + item + b',{"a":1}]', step=step)[0] == [b"1", item, b'{"a":1}']
        assert read(b'{"big":' + item + b',"a":[' + item + b"]}", "a", step)[0] == [item]


def test_a_fault_in_a_later_window_is_placed_in_the_document() -> None:
    good = b'{"a": 1, "b": "' + b"x" * 1000 + b'"},'
    document = b"[" + good * 3000 + b'{"a": nul}]'
    at = 1 + len(good) * 3000 + len(b'{"a": n')
    assert f"at byte {at}" in str(fault(document))


def test_items_before_a_fault_have_been_given() -> None:
    reader = item_reader(JSON)
    given = reader.feed(b"[" + b'{"a": 1},' * 200_000)
    assert len(given) > 100_000
    with pytest.raises(ItemsInvalid):
        reader.close()


def test_memory_is_the_window_while_items_are_small() -> None:
    reader = item_reader(JSON)
    reader.feed(b"[")
    piece = b'{"a": 1, "b": [1,2]},' * 5000
    for _ in range(100):
        reader.feed(piece)
    held = sum(len(value) for value in vars(reader).values() if isinstance(value, (bytes, bytearray)))
    assert held < WINDOW_BYTES + 2 * len(piece)
