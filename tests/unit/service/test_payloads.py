"""Payloads: bounded text, ranges of items, exact bytes, where one stands, uploads."""

from __future__ import annotations

import pytest

from redrive.core.ids import to_text
from redrive.core.jsonvalue import encode
from redrive.core.run import Plan
from redrive.errors import NotFound, PayloadError, PayloadGone, UsageError
from redrive.service import payloads as module
from redrive.service.payloads import Payloads
from redrive.store import payloads as place_store
from redrive.store import runs as store
from tests.unit.service.building import open_home

ORDERS = b'[{"id": 1042, "total": 19.90}, {"id":1043},\n {"id": 1044, "id": 1}]'
ITEMS = [b'{"id": 1042, "total": 19.90}', b'{"id":1043}', b'{"id": 1044, "id": 1}']


@pytest.fixture
def payloads(home):
    return Payloads(home.kernel)


async def stored(home, data, **more):
    """The id of a payload with these bytes."""
    return to_text("p", (await home.bucket(0, -1, data, **more))[0].id)


async def chunks(*parts):
    for part in parts:
        yield part


async def whole(stream):
    return b"".join([chunk async for chunk in stream])


# ---- text


@pytest.fixture
async def small(tmp_path):
    async with open_home(tmp_path, payload_display_bytes=16) as home:
        yield home


async def test_text_is_shown_as_stored(home, payloads):
    detail = await payloads.get(
        await stored(home, ORDERS, items=3, meta=b'{"page":"7"}', items_path="orders")
    )
    assert detail.text == ORDERS.decode()
    assert not detail.trimmed
    assert (detail.items, detail.size_bytes, detail.meta) == (3, len(ORDERS), {"page": "7"})
    assert (detail.items_path, detail.media_type) == ("orders", "application/json")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"x" * 16, "x" * 16),
        (b"x" * 17, "x" * 16 + "[trimmed]"),
        ("x" * 15 + "é", None),
        (b"x" * 15 + "é".encode(), "x" * 15 + "[trimmed]"),
        (b"x" * 13 + "🎉!".encode(), "x" * 13 + "[trimmed]"),
        (b"x" * 12 + "🎉!".encode(), "x" * 12 + "🎉[trimmed]"),
    ],
)
async def test_a_long_text_is_cut_between_characters(small, data, text):
    data = data.encode() if isinstance(data, str) else data
    detail = await Payloads(small.kernel).get(await stored(small, data))
    assert detail.trimmed is (len(data) > 16)
    assert detail.text == (text if text is not None else "x" * 15 + "[trimmed]")


@pytest.mark.parametrize(
    "data", [b"\xff\xfe", b"a\0b", b"caf\xe9", b"\xf0\x9f\x8e", b"\x89PNG\r\n\x1a\n" + b"\0" * 40]
)
async def test_what_is_no_text_is_not_shown(small, data):
    detail = await Payloads(small.kernel).get(await stored(small, data))
    assert detail.text is None


@pytest.mark.parametrize("data", [b"", b"\x1b[31m<script>", b"\xef\xbb\xbf[]", b"[trimmed]"])
async def test_odd_text_is_text(small, data):
    assert (await Payloads(small.kernel).get(await stored(small, data))).text == data.decode()


async def test_a_megabyte_shows_64_kib(home, payloads):
    data = encode(list(range(200_000)))
    detail = await payloads.get(await stored(home, data))
    assert detail.text == data[: 64 << 10].decode() + "[trimmed]"


# ---- where it stands


async def test_a_payload_that_a_step_put_out(home, payloads):
    run = await home.run()
    await home.step(run, "mark")
    out = await home.bucket(run.id, 1, b"[1]", b"[2]")
    detail = await payloads.get(to_text("p", out[1].id))
    assert (detail.run, detail.step, detail.side, detail.position) == (to_text("r", run.id), "mark", "out", 1)


@pytest.mark.parametrize(
    ("plan", "side"), [(Plan(start="at", step="send"), "in"), (Plan(start="after", step="send"), "out")]
)
async def test_a_payload_that_was_handed_to_a_run(home, payloads, plan, side):
    run = await home.run(start_step="send", plan=plan)
    given = await home.bucket(run.id, -1, b"[1]")
    detail = await payloads.get(to_text("p", given[0].id))
    assert (detail.run, detail.step, detail.side) == (to_text("r", run.id), "send", side)


async def test_an_upload_stands_in_no_run(home, payloads):
    view = await payloads.upload(chunks(b"[1]"))
    detail = await payloads.get(view.id)
    assert (detail.run, detail.step, detail.side) == (None, None, None)


async def test_an_edited_payload_names_its_original_and_the_change(home, payloads):
    run = await home.run(start_step="send")
    old = await home.bucket(run.id, 0, b'[{"total":1.10}]')
    new = await home.bucket(run.id, -1, b'[{"total":1.20}]', edited_from=old[0].id)
    patch = b'[{"op":"replace","path":"/0/total","value":1.20}]'
    await home.write((store.INSERT_EDIT, (new[0].id, old[0].id, patch, "price was wrong", "ann", 1)))
    detail = await payloads.get(to_text("p", new[0].id))
    assert detail.edited_from == to_text("p", old[0].id)
    assert detail.edit_reason == "price was wrong"
    assert b'"value":1.20' in detail.to_json()
    selected = await home.bucket(run.id, -1, b"[]", edited_from=old[0].id)
    assert (await payloads.get(to_text("p", selected[0].id))).edited_from is None


@pytest.mark.parametrize(
    "text", ["", "p", "p0000000000000", "r0000000000000", "/etc/passwd", "p" * 99, "\ud800"]
)
async def test_an_unknown_payload_is_not_found(payloads, text):
    calls = (
        payloads.get(text), payloads.items(text, 0, 1), anext(payloads.stream(text)),
        anext(payloads.items_bytes(text, 0, 1)), payloads.upload(chunks(b""), like=text),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(NotFound) as caught:
            await call
        assert caught.value.code == "payload.unknown"


async def test_expired_bytes_are_gone(home, payloads):
    number = await stored(home, ORDERS)
    await home.forget_contents()
    calls = (
        payloads.get(number), payloads.items(number, 0, 1), anext(payloads.stream(number)),
        anext(payloads.items_bytes(number, 0, 1)),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(PayloadGone):
            await call


# ---- bytes


@pytest.mark.parametrize("size", [0, 5, 3 << 20])
async def test_the_exact_bytes_and_ranges_of_them(home, payloads, size):
    data = bytes(n * 7 % 251 for n in range(min(size, 4096))) * max(1, size // 4096)
    number = await stored(home, data, media_type="application/octet-stream")
    assert await whole(payloads.stream(number)) == data
    for start, stop in ((0, 0), (1, 4), (2, None), (len(data) - 1 if data else 0, 1 << 60), (9 << 30, None)):
        assert await whole(payloads.stream(number, start, stop)) == data[start:stop]


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (0, -1), (-3, -1)])
async def test_ranges_do_not_count_from_the_end(home, payloads, start, stop):
    number = await stored(home, ORDERS)
    calls = (
        payloads.items(number, start, stop), anext(payloads.stream(number, start, stop)),
        anext(payloads.items_bytes(number, start, stop)),
    )  # fmt: skip
    for call in calls:
        with pytest.raises(UsageError) as caught:
            await call
        assert caught.value.code == "range.invalid"


# ---- items


@pytest.mark.parametrize("known", [3, None])
@pytest.mark.parametrize(
    ("start", "stop"),
    [(0, 3), (0, 1), (1, 2), (2, 3), (0, 0), (2, 1), (3, 4), (0, 99), (99, 100), (1, 1 << 60)],
)
async def test_a_range_of_items_is_half_open_and_cut_at_the_end(home, payloads, start, stop, known):
    number = await stored(home, ORDERS, items=known)
    found = await payloads.items(number, start, stop)
    wanted = ITEMS[start:stop]
    assert [item.encode() for item in found.items] == wanted
    assert (found.payload, found.start, found.stop, found.total) == (
        number,
        start,
        start + len(wanted),
        known,
    )
    assert await whole(payloads.items_bytes(number, start, stop)) == b"[" + b",".join(wanted) + b"]"


async def test_items_deep_in_a_large_payload(home, payloads):
    rows = [{"id": n, "text": "x" * 100} for n in range(40_000)]
    number = await stored(home, encode({"orders": rows}), items_path="orders", items=40_000)
    found = await payloads.items(number, 39_000, 39_003)
    assert [item.encode() for item in found.items] == [encode(row) for row in rows[39_000:39_003]]
    assert await whole(payloads.items_bytes(number, 10, 30_010)) == encode(rows[10:30_010])


async def test_an_answer_of_items_is_bounded_and_says_where_it_stopped(home, payloads, monkeypatch):
    number = await stored(home, encode(list(range(5000))), items=5000)
    found = await payloads.items(number, 100, 4000)
    assert (found.start, found.stop, len(found.items)) == (100, 1100, 1000)
    monkeypatch.setattr(module, "MAX_ITEMS_BYTES", 30)
    assert (await payloads.items(number, 1000, 2000)).stop == 1007
    monkeypatch.setattr(module, "MAX_ITEMS_BYTES", 1)
    assert (await payloads.items(number, 1000, 2000)).items == ["1000"]


@pytest.mark.parametrize(
    ("media_type", "data", "bounds", "text"),
    [
        ("text/csv", b"id,sku\r\n1,a\r\n2,b\r\n3,c\r\n", (1, 3), b"id,sku\r\n2,b\r\n3,c\r\n"),
        ("text/csv", b"id,sku\n1,a\n", (5, 9), b"id,sku\n"),
        ("application/x-ndjson", b'{"a":1}\n{"a":2}\n', (1, 2), b'{"a":2}\n'),
        ("application/xml", b"<orders><o/></orders>", (0, 1), b"<orders><o/></orders>"),
        ("application/octet-stream", b"\xff\0", (0, 5), b"\xff\0"),
        ("application/json", b'{"id": 1}', (0, 1), b'[{"id": 1}]'),
        ("application/json", b"", (0, 1), b"[]"),
    ],
)
async def test_a_range_is_written_as_its_media_type_asks(home, media_type, data, bounds, text):
    number = await stored(home, data, media_type=media_type)
    assert await whole(Payloads(home.kernel).items_bytes(number, *bounds)) == text


async def test_a_long_range_of_rows_has_one_header(home, payloads):
    lines = [b"%d,%s" % (n, b"x" * 60) for n in range(50_000)]
    number = await stored(home, b"id,text\r\n" + b"\r\n".join(lines) + b"\r\n", media_type="text/csv")
    got = await whole(payloads.items_bytes(number, 1, 49_999))
    assert got == b"id,text\r\n" + b"".join(line + b"\r\n" for line in lines[1:49_999])


async def test_a_range_of_elements_stands_within_its_root(home, payloads):
    elements = [b"<o n='%d'>%s</o>" % (n, b"x" * 60) for n in range(40_000)]
    document = (
        b"<?xml version='1.0'?>\n<s:r xmlns:s='urn:s'>\n<page>1</page>" + b"\n".join(elements) + b"</s:r>"
    )
    number = await stored(home, document, media_type="application/xml", items_path="r.o", items=40_000)
    opening, closing = b"<?xml version='1.0'?><s:r xmlns:s='urn:s'>", b"</s:r>"
    for start, stop in ((0, 1), (1, 39_999), (50_000, 50_001)):
        got = await whole(payloads.items_bytes(number, start, stop))
        assert got == opening + b"".join(elements[start:stop]) + closing
    assert (await payloads.items(number, 39_999, 40_000)).items == [elements[-1].decode()]


async def test_an_upload_of_elements_counts_them(payloads):
    view = await payloads.upload(chunks(b"<r><o/><o/></r>"), filename="o.xml", items_path="r.o")
    assert (view.media_type, view.items) == ("application/xml", 2)
    with pytest.raises(PayloadError) as caught:
        await payloads.upload(chunks(b"<r><o/>"), filename="o.xml", items_path="r.o")
    assert "is said to be application/xml, but not XML" in caught.value.detail


async def test_items_that_are_no_text_are_shown_with_replacements(home, payloads):
    number = await stored(home, b"a,b\ncaf\xe9,1\n", media_type="text/csv")
    assert (await payloads.items(number, 0, 1)).items == ["caf\ufffd,1"]


@pytest.mark.parametrize("data", [b"[1,2", b'{"orders": 1}', b"<html>"])
async def test_items_of_a_payload_that_does_not_parse(home, payloads, data):
    number = await stored(home, data)
    path = await stored(home, data, items_path="orders")
    for one in {number, path} if data != b'{"orders": 1}' else {path}:
        with pytest.raises(PayloadError) as caught:
            await payloads.items(one, 0, 10)
        assert caught.value.code == "payload.invalid"


# ---- uploads


async def test_an_upload_is_kept_byte_for_byte(home, payloads):
    view = await payloads.upload(chunks(ORDERS[:9], b"", ORDERS[9:]), filename="edited.json")
    assert (view.size_bytes, view.media_type, view.items_path, view.items) == (
        len(ORDERS),
        "application/json",
        "",
        3,
    )
    assert await whole(payloads.stream(view.id)) == ORDERS
    payload = await payloads._payload(view.id)
    place = await home.kernel.deps.reader.run(lambda rows: place_store.place_of(rows, payload))
    assert (place.run_id, place.position) == (0, -1)


async def test_a_large_upload_goes_by_in_a_stream(home, payloads):
    item = b'{"id":1042,"text":"' + b"x" * 1000 + b'"}'

    async def parts():
        yield b'{"orders":['
        for n in range(4000):
            yield (b"," if n else b"") + item
        yield b"]}"

    view = await payloads.upload(parts(), media_type="application/json", items_path="orders")
    assert (view.items, view.size_bytes) == (4000, 4000 * len(item) + 3999 + 13)
    assert (await payloads.items(view.id, 3999, 4000)).items == [item.decode()]


@pytest.mark.parametrize(
    ("filename", "data", "media_type", "items"),
    [
        (None, b'[1, {"a": 2}]', "application/json", 2),
        (None, b' {"a": 2}', "application/json", 1),
        (None, b"12", "application/json", 1),
        (None, b"<xml/>", "application/octet-stream", 1),
        (None, b"[1,", "application/octet-stream", 1),
        (None, b'["caf\xe9"]', "application/octet-stream", 1),
        (None, b"", "application/octet-stream", 0),
        ("o.ndjson", b"1\n2\n", "application/x-ndjson", 2),
        ("o.csv", b"a;b\n1;2\n", "text/csv", 1),
        ("o.csv", b"a;b\ncaf\xe9;2\n", "text/csv", 1),
        ("o.xml", b"<a/>", "application/xml", 1),
        ("o.bin", b"[1]", "application/json", 1),
        ("o.JSON", b"[]", "application/json", 0),
    ],
)
async def test_what_an_upload_is_told_by_its_name_or_its_bytes(payloads, filename, data, media_type, items):
    view = await payloads.upload(chunks(data), filename=filename)
    assert (view.media_type, view.items) == (media_type, items)
    assert await whole(payloads.stream(view.id)) == data


@pytest.mark.parametrize("data", [b"[1,2", b"", b"nope", b'["caf\xe9"]', b"[1] [2]", b'["\xc3', b"[" * 5000])
async def test_json_that_does_not_parse_is_refused(home, payloads, data):
    for given in ({"filename": "edited.json"}, {"media_type": "application/json"}, {"items_path": "orders"}):
        with pytest.raises(PayloadError) as caught:
            await payloads.upload(chunks(data), **given)
        assert caught.value.code == "payload.invalid"
        assert "nope" not in caught.value.detail
    view = await payloads.upload(chunks(data), media_type="text/plain", filename="edited.json")
    assert view.media_type == "text/plain"


async def test_an_items_path_that_leads_nowhere_is_refused(payloads):
    for path in ("lines", "a..b", "orders[*]"):
        with pytest.raises(PayloadError) as caught:
            await payloads.upload(chunks(b'{"orders":[1]}'), media_type="application/json", items_path=path)
        assert caught.value.at == path


async def test_an_upload_like_a_payload_takes_what_the_bytes_do_not_say(home, payloads):
    model = await stored(home, b'{"orders":[1]}', items_path="orders", items=1, meta=b'{"page":"3"}')
    view = await payloads.upload(chunks(b'{"orders":[1,2]}'), like=model, filename="o.csv")
    assert (view.media_type, view.items_path, view.items) == ("application/json", "orders", 2)
    assert (await payloads.get(view.id)).meta == {"page": "3"}
    broken = await payloads.upload(chunks(b'{"orders":[1,2'), like=model)  # an edit may be forced
    assert (broken.media_type, broken.items) == ("application/json", None)


async def test_a_stream_that_breaks_off_leaves_nothing(home, payloads):
    async def parts():
        yield b"x" * 500_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await payloads.upload(parts())
    assert list(home.kernel.blobs.iterate()) == []
