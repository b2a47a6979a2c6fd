"""Reading inside payloads: windows, search, selections, differences, the way of an item."""

from __future__ import annotations

import pytest

from redrive.core.ids import to_text
from redrive.errors import PayloadError, UsageError
from redrive.service import reading as module
from redrive.service.payloads import Payloads

JSON, NDJSON, CSV, XML = "application/json", "application/x-ndjson", "text/csv", "application/xml"


@pytest.fixture
def payloads(home):
    return Payloads(home.kernel)


async def stored(home, data, **more):
    return to_text("p", (await home.bucket(0, -1, data, **more))[0].id)


def orders(count, width=200):
    return [b'{"id": %d, "note": "%s", "total": 19.90}' % (1000 + n, b"x" * width) for n in range(count)]


def document(form, items):
    if form == NDJSON:
        return b"\n".join(items) + b"\n", ""
    return b'{"meta": "id 7", "orders": [\n' + b" ,\n ".join(items) + b"\n]}", "orders"


@pytest.mark.parametrize("form", [JSON, NDJSON])
async def test_a_window_far_inside_is_the_same_whether_or_not_it_was_passed_before(home, payloads, form):
    items = orders(30_000)
    data, path = document(form, items)
    assert len(data) > 6 << 20
    payload = await stored(home, data, items=len(items), media_type=form, items_path=path)
    for start in (29_990, 15_000, 0, 29_000):  # the first one reads all, the others go on from marks
        window = await payloads.window(payload, start, start + 10)
        assert [one.text.encode() for one in window.items] == items[start : start + 10]
        assert (window.start, window.total, window.single) == (start, len(items), False)
    assert [one.number for one in window.items] == list(range(29_000, 29_010))


async def test_items_are_cut_where_the_view_asks_for_it(home, payloads):
    payload = await stored(home, b'["abcdefgh", 1]', items=2)
    window = await payloads.window(payload, 0, 9, item_bytes=4)
    assert [(one.text, one.size_bytes, one.trimmed) for one in window.items] == [
        ('"abc[trimmed]', 10, True),
        ("1", 1, False),
    ]


async def test_a_document_that_is_no_list_is_one_item(home, payloads):
    window = await payloads.window(await stored(home, b' {"a": 1.10}', items=1), 0, 5)
    assert window.single
    assert [one.text for one in window.items] == ['{"a": 1.10}']


async def test_a_window_of_csv_brings_its_header(home, payloads):
    window = await payloads.window(await stored(home, b"id;name\n1;a\n2;b\n", items=2, media_type=CSV), 1, 2)
    assert (window.head, [one.text for one in window.items]) == ("id;name\n", ["2;b"])


async def test_what_cannot_be_cut_out_is_refused(home, payloads, monkeypatch):
    monkeypatch.setattr(module, "MAX_ITEM_BYTES", 10)
    with pytest.raises(PayloadError) as caught:
        await payloads.window(await stored(home, b'["abcdefghijk"]', items=1), 0, 1)
    assert caught.value.code == "payload.too_large"


@pytest.mark.parametrize("form", [JSON, NDJSON])
async def test_search_says_which_item_holds_it(home, payloads, form):
    items = orders(20_000)
    data, path = document(form, items)
    payload = await stored(home, data, items=len(items), media_type=form, items_path=path)
    page = await payloads.search(payload, '"ID": 1999')
    assert [hit.item for hit in page.hits] == [999, *range(18_990, 19_000)]
    assert {hit.text for hit in page.hits} == {'"id": 1999'}
    assert all(data[hit.offset :].startswith(b'"id": 1999') for hit in page.hits)
    assert (page.next, page.searched_bytes) == (None, len(data))


async def test_search_goes_on_where_it_ended(home, payloads):
    payload = await stored(home, b'["aa","b","aaa"]', items=3)
    first = await payloads.search(payload, "aa", most=1)
    rest = await payloads.search(payload, "aa", start=first.next)
    found = [*first.hits, *rest.hits]
    assert [(hit.offset, hit.item) for hit in found] == [(2, 0), (11, 2)]
    assert (found[0].before, found[0].after) == ('["', '","b","aaa"]')


async def test_what_is_across_two_chunks_is_found_once(home, payloads, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_BYTES", 5)
    payload = await stored(home, b"....needle......needleneedle", items=1, media_type="text/plain")
    page = await payloads.search(payload, "needle", items=False)
    assert [hit.offset for hit in page.hits] == [4, 16, 22]


async def test_a_text_around_the_items_stands_in_none(home, payloads):
    payload = await stored(home, b'{"note":"here","list":[1,2]}', items=2, items_path="list")
    assert [hit.item for hit in (await payloads.search(payload, "here")).hits] == [None]


async def test_search_wants_a_text(home, payloads):
    with pytest.raises(UsageError) as caught:
        await payloads.search(await stored(home, b"[]"), "")
    assert caught.value.code == "search.invalid"


@pytest.mark.parametrize(
    ("expression", "ranges"),
    [
        ("id = 1002", [[2, 3]]),
        ("id in 1000,1001,1005", [[0, 2], [5, 6]]),
        ("#3,1,4:6,2", [[1, 6]]),
        ("#0:9 and id in 1001,1008", [[1, 2], [8, 9]]),
        ("id = 7", []),
    ],
)
async def test_a_selection_is_counted_before_it_is_used(home, payloads, expression, ranges):
    data, path = document(JSON, orders(9))
    picked = await payloads.pick(await stored(home, data, items=9, items_path=path), expression)
    assert picked.ranges == ranges
    assert picked.count == sum(stop - first for first, stop in ranges)


@pytest.mark.parametrize("expression", ["id is 7", "failed", "#x", "#3:3", "#1 and #2"])
async def test_a_selection_that_means_nothing_is_refused(home, payloads, expression):
    with pytest.raises(UsageError) as caught:
        await payloads.pick(await stored(home, b"[1]", items=1), expression)
    assert caught.value.code == "items.invalid"


async def test_two_payloads_are_compared_item_by_item(home, payloads):
    before = await stored(home, b'[{"id":1,"a":1.0},{"id":2},{"id":3}]', items=3)
    after = await stored(home, b'{"o":[{"id":3},{"id":1,"a":1.00},{"id":4}]}', items=3, items_path="o")
    found = await payloads.compare(before, after)
    assert [(one.kind, one.before, one.after, one.key) for one in found.differences] == [
        ("changed", 0, 1, "1"),
        ("removed", 1, None, "2"),
        ("added", None, 2, "4"),
    ]
    assert (found.equal, found.changed, found.added, found.removed, found.key) == (1, 1, 1, 1, "id")
    assert not found.same


async def test_equal_bytes_are_the_same_without_a_look_inside(home, payloads):
    before, after = [await stored(home, b"[1,2", items=None) for _ in range(2)]
    assert (await payloads.compare(before, after)).same


async def test_items_without_a_key_are_compared_in_their_order(home, payloads):
    before, after = await stored(home, b"[1,2,3]", items=3), await stored(home, b"[1,5,3,4]", items=4)
    found = await payloads.compare(before, after)
    assert [(one.kind, one.before, one.after) for one in found.differences] == [
        ("changed", 1, 1),
        ("added", None, 3),
    ]
