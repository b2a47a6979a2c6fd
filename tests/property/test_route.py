"""What a route keeps: each item goes down the paths that its conditions say, with its bytes, in order."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from redrive.sdk import MemoryContent, Payload
from redrive.sdk.testing import run_shape
from redrive.shapes.route import OTHERWISE, Route

FIELDS = ("a", "b", "c")
CONDITIONS = st.lists(st.one_of(st.none(), st.sampled_from(FIELDS)), min_size=1, max_size=4)
ITEMS = st.lists(st.frozensets(st.sampled_from(FIELDS)), max_size=9)


def item(number: int, fields: frozenset[str], filler: str) -> bytes:
    # Spelt as no parser would give it back.
    flags = "".join(f', "{name}":true' for name in sorted(fields))
    return f'{{"n": {number}.10 {flags}, "filler":"{filler}"}}'.encode()


def payload(items: list[bytes], at: str) -> Payload:
    body = b"[" + b" ,\n".join(items) + b"]"
    return Payload(MemoryContent(b'{"n":1,"rows":' + body + b"}" if at else body), items_path=at)


def paths_of(
    fields: frozenset[str], conditions: list[str | None], *, first: bool, otherwise: bool
) -> list[str]:
    """The model: where an item belongs. The path "" is that of the items that are only counted."""
    met = [f"p{place}" for place, name in enumerate(conditions) if name is None or name in fields]
    rest = [OTHERWISE] if otherwise else [""]
    # Where no path has a condition everything goes down all of them.
    return (met[:1] if first and any(conditions) else met) or rest


def shape(conditions: list[str | None], *, first: bool, otherwise: bool) -> Route:
    document: dict[str, Any] = {
        "send_to": "first" if first else "all",
        "paths": [
            {"id": f"p{place}"} | ({"when": {"field": name, "is": True}} if name else {})
            for place, name in enumerate(conditions)
        ],
    }
    return Route(**document, **({"otherwise": {}} if otherwise else {}))


async def check(
    bucket: list[list[frozenset[str]]],
    conditions: list[str | None],
    *,
    first: bool,
    otherwise: bool,
    at: str,
    filler: str = "",
) -> None:
    raws = [[item(number, fields, filler) for number, fields in enumerate(items)] for items in bucket]
    payloads = [payload(items, at) for items in raws]
    result = await run_shape(shape(conditions, first=first, otherwise=otherwise), payloads)
    assert result.failed == []
    wanted: dict[str, list[tuple[int, int]]] = {}
    for position, items in enumerate(bucket):
        for number, fields in enumerate(items):
            for path in paths_of(fields, conditions, first=first, otherwise=otherwise):
                wanted.setdefault(path, []).append((position, number))
    found: dict[str, list[tuple[int, int]]] = {}
    for out in result.payloads:
        origins = [origin for (origin,) in out.lineage]
        found.setdefault(out.path or "", []).extend(origins)
        assert out.items() == [raws[position][number] for position, number in origins]
        if len(origins) == len(bucket[origins[0][0]]) and not filler:
            # Where all that is held goes the same way nothing is written anew.
            assert out.data == payloads[origins[0][0]].content.data  # type: ignore[attr-defined]
    assert found == wanted


@given(
    st.lists(ITEMS, min_size=1, max_size=3),
    CONDITIONS,
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "rows"]),
)
async def test_every_item_goes_where_its_conditions_say(
    bucket: list[list[frozenset[str]]], conditions: list[str | None], first: bool, otherwise: bool, at: str
) -> None:
    bucket = [items for items in bucket if items]
    await check(bucket, conditions, first=first, otherwise=otherwise, at=at)


@settings(max_examples=5, deadline=None)
@given(
    st.lists(st.frozensets(st.sampled_from(FIELDS)), min_size=7, max_size=9),
    CONDITIONS,
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "rows"]),
)
async def test_the_same_in_a_payload_too_large_to_hold(
    items: list[frozenset[str]], conditions: list[str | None], first: bool, otherwise: bool, at: str
) -> None:
    await check([items], conditions, first=first, otherwise=otherwise, at=at, filler="x" * 200_000)


async def test_the_large_payload_is_read_in_several_windows() -> None:
    """Else the second law would be the first one again."""
    large = payload([item(number, frozenset(), "x" * 200_000) for number in range(7)], "")
    assert len([chunk async for chunk in large.json_chunks()]) > 1
