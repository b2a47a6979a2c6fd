"""What every shape keeps: each item, its bytes, its order, and where it came from."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from redrive.sdk import MemoryContent, Payload
from redrive.sdk.testing import MemoryContext, Result, run_shape
from redrive.shapes.add_to_cache import AddToCache
from redrive.shapes.convert import Convert
from redrive.shapes.filter import Filter
from redrive.shapes.flow_control import FlowControl
from redrive.shapes.load_from_cache import LoadFromCache
from redrive.shapes.map import Map
from redrive.shapes.merge import Merge
from redrive.shapes.set_variables import SetVariables
from redrive.shapes.split import Split
from redrive.shapes.track import Track

SPACE = st.sampled_from(["", " ", "\n", "\t", " \r\n "])
NUMBERS = st.sampled_from(
    ["0", "-0", "19.90", "1E5", "1e-7", "123456789012345678901234567890", "0.1000", "-1.50e+3", "9" * 400]
)
STRINGS = st.one_of(
    st.text(max_size=8).map(json.dumps),
    st.text(
        max_size=8, alphabet=st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\')
    ).map(lambda text: f'"{text}"'),
    st.sampled_from(
        [r'"\ud800"', r'"\u0041\/\n"', r'"\ud83d\ude00"', '"],["', r'"\"},{\""', '"{{ item.x }}"']
    ),
)
NAMES = st.sampled_from(['"id"', '"keep"', '"lines"', r'"i\u0064"', '"a.b"', '""', '"é"'])


@st.composite
def joined(draw: st.DrawFn, opening: str, parts: list[str], closing: str) -> str:
    out = [opening]
    for number, part in enumerate(parts):
        out += [",", draw(SPACE)] if number else [draw(SPACE)]
        out += [part, draw(SPACE)]
    return "".join([*out, closing])


def objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Objects, also with the same name twice."""
    member = st.tuples(NAMES, SPACE, values).map(lambda m: f"{m[0]}{m[1]}:{m[2]}")
    return st.lists(member, max_size=4).flatmap(lambda members: joined("{", members, "}"))


def lists(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(values, max_size=4).flatmap(lambda parts: joined("[", parts, "]"))


VALUES = st.recursive(
    st.one_of(NUMBERS, STRINGS, st.sampled_from(["true", "false", "null"])),
    lambda inner: st.one_of(objects(inner), lists(inner)),
    max_leaves=6,
)
ITEMS = st.lists(VALUES, max_size=9).map(lambda items: [item.encode() for item in items])
BUCKETS = st.lists(ITEMS, min_size=1, max_size=4)
MARKED = st.lists(
    st.tuples(st.sampled_from(["true", "false"]), VALUES).map(
        lambda pair: f'{{"keep":{pair[0]},"rest":{pair[1]}}}'.encode()
    ),
    max_size=9,
)


def payload(items: list[bytes], at: str = "") -> Payload:
    body = b"[" + b",".join(items) + b"]"
    return Payload(MemoryContent(b'{"n":1,"rows":' + body + b',"end":2}' if at else body), items_path=at)


def all_items(result: Result) -> list[bytes]:
    assert result.failed == []
    return [item for one in result.payloads for item in one.items()]


def all_lineage(result: Result) -> list[tuple[int, int]]:
    assert all(len(one.lineage) == one.count for one in result.payloads)
    flat = [origins for one in result.payloads for origins in one.lineage]
    assert all(len(origins) == 1 for origins in flat)
    return [origins[0] for origins in flat]


def everything(bucket: list[list[bytes]]) -> list[tuple[int, int]]:
    return [(position, number) for position, items in enumerate(bucket) for number in range(len(items))]


@given(BUCKETS, st.integers(1, 7), st.sampled_from(["", "rows"]))
async def test_flow_control_loses_nothing_and_keeps_order_and_bytes(
    bucket: list[list[bytes]], size: int, at: str
) -> None:
    result = await run_shape(FlowControl(size=size), [payload(items, at) for items in bucket])
    total = sum(map(len, bucket))
    assert all_items(result) == [item for items in bucket for item in items]
    assert all_lineage(result) == everything(bucket)
    sizes = [one.count for one in result.payloads]
    assert sizes == [size] * (total // size) + ([total % size] if total % size else [])


@given(BUCKETS, st.integers(1, 7))
async def test_flow_control_per_payload_never_mixes(bucket: list[list[bytes]], size: int) -> None:
    result = await run_shape(FlowControl(size=size, per_payload=True), [payload(items) for items in bucket])
    assert all_items(result) == [item for items in bucket for item in items]
    assert all_lineage(result) == everything(bucket)
    assert len(result.payloads) == sum(-(-len(items) // size) for items in bucket)
    assert all(len({position for ((position, _),) in one.lineage}) == 1 for one in result.payloads)


@given(BUCKETS)
async def test_flow_control_unwraps_every_item_as_its_own_document(bucket: list[list[bytes]]) -> None:
    result = await run_shape(FlowControl(size=1, unwrap_single=True), [payload(items) for items in bucket])
    assert [one.data for one in result.payloads] == [item for items in bucket for item in items]


@given(BUCKETS, st.integers(1, 5))
async def test_flow_control_at_a_level_keeps_every_element(bucket: list[list[bytes]], size: int) -> None:
    parents = [
        [b'{"id":%d,"lines":[' % number + b",".join(items) + b"]}" for number, items in enumerate(pages)]
        for pages in [[one] for one in bucket]
    ]
    result = await run_shape(FlowControl(size=size, level="lines"), [payload(items) for items in parents])
    assert all_items(result) == [item for items in bucket for item in items]
    assert all_lineage(result) == [(position, 0) for position, items in enumerate(bucket) for _ in items]


@given(st.lists(MARKED, min_size=1, max_size=4), st.sampled_from(["", "rows"]), st.booleans())
async def test_filter_keeps_order_bytes_and_lineage_and_counts_add_up(
    bucket: list[list[bytes]], at: str, drop: bool
) -> None:
    condition = {"field": "keep", "is": True}
    given_payloads = [payload(items, at) for items in bucket]
    result = await run_shape(Filter(**{"drop" if drop else "keep": condition}), given_payloads)
    other = await run_shape(Filter(**{"keep" if drop else "drop": condition}), given_payloads)
    stays = [
        (position, number)
        for position, number in everything(bucket)
        if bucket[position][number].startswith(b'{"keep":true') is not drop
    ]
    assert all_lineage(result) == stays
    assert all_items(result) == [bucket[position][number] for position, number in stays]
    assert len(all_items(result)) + len(all_items(other)) == sum(map(len, bucket))
    for one in result.payloads:
        source = given_payloads[one.lineage[0][0][0]]
        if one.count == len(bucket[one.lineage[0][0][0]]):
            assert one.content is source.content
        assert one.data.startswith(b'{"n":1,"rows":[' if at else b"[")


@given(BUCKETS)
async def test_split_gives_one_payload_for_each_with_an_element(bucket: list[list[bytes]]) -> None:
    parents = [[b'{"id":1}', b'{"lines":[' + b",".join(items) + b"]}"] for items in bucket]
    result = await run_shape(Split(at="lines"), [payload(items) for items in parents])
    assert all_items(result) == [item for items in bucket for item in items]
    assert all_lineage(result) == [(position, 1) for position, items in enumerate(bucket) for _ in items]
    assert len(result.payloads) == sum(bool(items) for items in bucket)


@given(BUCKETS)
async def test_map_keeps_the_bytes_of_what_it_does_not_touch(bucket: list[list[bytes]]) -> None:
    parents = [[b'{"old": %s ,"x":{"y":[%s]}}' % (item, item) for item in items] for items in bucket]
    shape = Map(fields=[{"to": "new", "from": "old"}, {"to": "a.b[].c", "from": "x.y[]"}])
    result = await run_shape(shape, [payload(items) for items in parents])
    expected = [b'{"new":%s,"a":{"b":[{"c":%s}]}}' % (item, item) for items in bucket for item in items]
    assert all_items(result) == expected
    assert all_lineage(result) == everything(bucket)


@given(BUCKETS)
async def test_an_automatic_map_with_nothing_else_copies_objects(bucket: list[list[bytes]]) -> None:
    parents = [[b'{"b":%s,"a":%s}' % (item, item) for item in items] for items in bucket]
    result = await run_shape(Map(automatic=True), [payload(items) for items in parents])
    assert all_items(result) == [item for items in parents for item in items]


@given(BUCKETS, st.sampled_from(["", "rows"]), st.sampled_from([None, "all"]))
async def test_merge_loses_nothing_and_keeps_order_and_bytes(
    bucket: list[list[bytes]], at: str, wrap: str | None
) -> None:
    result = await run_shape(Merge(wrap=wrap), [payload(items, at) for items in bucket])
    assert all_items(result) == [item for items in bucket for item in items]
    assert all_lineage(result) == everything(bucket)
    assert len(result.payloads) == bool(all_items(result))


KEYED = st.lists(st.tuples(st.sampled_from("abc"), VALUES), max_size=6)


@given(st.lists(KEYED, min_size=1, max_size=3), st.sampled_from(["deep", "first", "last", "group"]))
async def test_merge_by_key_gives_one_item_for_each_key_in_order(
    bucket: list[list[tuple[str, str]]], combine: str
) -> None:
    pages = [[f'{{"key":"{key}","value":{value}}}'.encode() for key, value in items] for items in bucket]
    result = await run_shape(Merge(by="key", combine=combine), [payload(items) for items in pages])
    assert result.failed == []
    places: dict[str, list[tuple[int, int]]] = {}
    for position, items in enumerate(bucket):
        for number, (key, _) in enumerate(items):
            places.setdefault(key, []).append((position, number))
    expected = [
        origins if combine in ("deep", "group") else [origins[0 if combine == "first" else -1]]
        for origins in places.values()
    ]
    assert [origins for out in result.payloads for origins in out.lineage] == expected
    kept = [item for out in result.payloads for item in out.items()]
    assert len(kept) == len(places)
    if combine != "deep":
        whole = [b",".join(pages[position][number] for position, number in origins) for origins in expected]
        assert kept == ([b"[" + one + b"]" for one in whole] if combine == "group" else whole)


@given(BUCKETS)
async def test_convert_to_lines_and_back_keeps_every_value(bucket: list[list[bytes]]) -> None:
    lines = await run_shape(Convert(to="ndjson"), [payload(items) for items in bucket])
    flat = [item for items in bucket for item in items]
    assert [item.replace(b"\n", b" ").replace(b"\r", b" ") for item in flat] == all_items(lines)
    assert all_lineage(lines) == everything(bucket)


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ['"', "'", ",", ";", "\t", "\r\n", "\n", "\r", "\\", "=1+1", " ", "", '""', "x,y"]
)
NAMED = st.lists(CELLS, min_size=1, max_size=4, unique=True).filter(lambda names: "" not in names)


@given(
    NAMED.flatmap(
        lambda names: st.tuples(
            st.just(names), st.lists(st.tuples(*[CELLS] * len(names)), min_size=1, max_size=5)
        )
    ),
    st.sampled_from([",", ";", "tab", "|", "^", "space"]),
    st.sampled_from(['"', "'"]),
    st.sampled_from(["", "\\"]),
    st.sampled_from(["minimal", "all"]),
    st.sampled_from(["lf", "crlf"]),
    st.sampled_from(["utf-8", "utf-16"]),
)
async def test_texts_survive_every_dialect_of_csv(
    rows: tuple[list[str], list[tuple[str, ...]]],
    delimiter: str,
    quote: str,
    escape: str,
    quoting: str,
    line_end: str,
    encoding: str,
) -> None:
    names, cells = rows
    records = [dict(zip(names, row, strict=True)) for row in cells]
    dialect = {"delimiter": delimiter, "quote": quote, "escape": escape, "encoding": encoding}
    to_csv = Convert(to="csv", write={**dialect, "quoting": quoting, "line_end": line_end, "nested": "json"})
    written = await run_shape(to_csv, [payload([json.dumps(one).encode() for one in records])])
    assert written.failed == []
    (out,) = written.payloads
    if encoding == "utf-8":
        assert out.lineage == [[(0, number)] for number in range(len(records))]
        assert len(out.items()) == len(records)
    read = await run_shape(
        Convert(to="json", read={key: value for key, value in dialect.items() if key != "encoding"}),
        [Payload(MemoryContent(out.data), media_type=out.media_type)],
    )
    assert read.failed == []
    assert [json.loads(item) for item in all_items(read)] == records


XML_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=8
).filter(lambda text: not text.isspace())
XML_VALUES = st.recursive(
    XML_TEXT | st.none(),
    lambda inner: (
        st.dictionaries(
            st.sampled_from(["a", "b.c", "d-e", "_f", "é"]),
            inner | st.lists(inner, min_size=2, max_size=3),
            min_size=1,
            max_size=3,
        )
        | st.tuples(XML_TEXT, XML_TEXT).map(lambda pair: {"@x": pair[0], "#text": pair[1]})
    ),
    max_leaves=8,
)


@given(st.lists(XML_VALUES, min_size=1, max_size=4), st.sampled_from(["utf-8", "windows-1252", "utf-16"]))
async def test_values_survive_xml(values: list[object], encoding: str) -> None:
    if encoding == "windows-1252" and "é" in json.dumps(values, ensure_ascii=False):
        encoding = "utf-8"
    items = [json.dumps(one, ensure_ascii=False).encode() for one in values]
    to_xml = Convert(to="xml", write={"root": "r", "item": "i", "encoding": encoding})
    written = await run_shape(to_xml, [payload(items)])
    assert written.failed == []
    (out,) = written.payloads
    if encoding != "utf-16":
        assert out.items_path == "r.i"
        assert len(out.items()) == len(values)
    read = await run_shape(
        Convert(to="json", read={"items": "r.i"}),
        [Payload(MemoryContent(out.data), media_type=out.media_type, items_path=out.items_path)],
    )
    assert read.failed == []
    assert [json.loads(item) for item in all_items(read)] == values


@given(BUCKETS, st.sampled_from(["", "rows"]))
async def test_set_variables_keeps_every_byte(bucket: list[list[bytes]], at: str) -> None:
    given_payloads = [payload(items, at) for items in bucket]
    result = await run_shape(SetVariables(meta={"n": "{{ run.flow }}"}), given_payloads)
    assert [one.content for one in result.payloads] == [one.content for one in given_payloads]
    assert all(one.items_path == at and one.meta == {"n": "test"} for one in result.payloads)
    assert all_lineage(result) == everything(bucket)


@given(BUCKETS, st.sampled_from(["", "rows"]))
async def test_track_keeps_every_byte_and_names_every_item(bucket: list[list[bytes]], at: str) -> None:
    keyed = [[b'{"key":%d,"rest":%b}' % (n, item) for n, item in enumerate(items)] for items in bucket]
    given_payloads = [payload(items, at) for items in keyed]
    result = await run_shape(Track(fields=["key"]), given_payloads)
    assert [one.content for one in result.payloads] == [one.content for one in given_payloads]
    assert [one.item for one in result.tracked] == everything(keyed)
    assert [one.value for one in result.tracked] == [str(number) for _, number in everything(keyed)]


@given(BUCKETS, st.sampled_from(["", "rows"]), st.booleans())
async def test_a_cache_gives_back_what_it_was_given(bucket: list[list[bytes]], at: str, append: bool) -> None:
    ctx = MemoryContext()
    given_payloads = [payload(items, at) for items in bucket]
    kept = await run_shape(AddToCache(cache="c", append=append), given_payloads, ctx=ctx)
    assert [one.content for one in kept.payloads] == [one.content for one in given_payloads]
    found = await run_shape(LoadFromCache(cache="c"), [payload([b"1"])], ctx=MemoryContext(caches=ctx.caches))
    assert [one.content for one in found.payloads] == [one.content for one in given_payloads]
    assert all(one.items_path == at for one in found.payloads)
