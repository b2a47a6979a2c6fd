"""What every shape keeps: each item, its bytes, its order, and where it came from."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from redrive.sdk import MemoryContent, Payload
from redrive.sdk.testing import Result, run_shape
from redrive.shapes.filter import Filter
from redrive.shapes.flow_control import FlowControl
from redrive.shapes.map import Map
from redrive.shapes.split import Split

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
