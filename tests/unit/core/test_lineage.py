"""Origins of items: compact in the common cases, exact in all."""

from __future__ import annotations

import pytest

from redrive.core.items import Item
from redrive.core.lineage import Lineage, LineageBuilder


def build(origins: list[tuple[int, int]], payload: int = 0) -> LineageBuilder:
    builder = LineageBuilder(payload)
    builder.add_items(Item(b"", source, number) for source, number in origins)
    return builder


def lineage(builder: LineageBuilder, payload: int = 0) -> Lineage:
    return Lineage.decode(builder.encode(), items=builder.items, payload=payload)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_one_to_one_costs_nothing(count: int) -> None:
    builder = build([(7, number) for number in range(count)], payload=7)
    assert builder.encode() is None
    back = Lineage.decode(None, items=count, payload=7)
    assert [back.origins(item) for item in range(count)] == [[(7, number)] for number in range(count)]
    assert back.inputs() == ([(7, 0, count)] if count else [])
    assert back.outputs_of(7, 0) == ([0] if count else [])
    assert back.outputs_of(6, 0) == []


def test_what_only_looks_one_to_one_is_written_down() -> None:
    assert build([(0, 1), (0, 2)]).encode() is not None
    assert build([(1, 0), (1, 1)]).encode() is not None
    assert build([(0, 0), (0, 0)]).encode() is not None
    assert build([(0, 0), (1, 0)]).encode() is not None


@pytest.mark.parametrize(
    ("origins", "most_bytes"),
    [
        ([(0, number) for number in range(0, 100_000, 2)], 50_010),
        ([(3, number) for number in range(0, 100_000, 7)], 15_000),
        ([(0, number) for number in range(100_000) if number % 50], 4010),
        ([(0, number // 5) for number in range(100_000)], 40_010),
        ([(payload, number) for payload in range(400) for number in range(250)], 2000),
        ([(0, number) for number in range(100_000, 0, -1)], 100_010),
    ],
    ids=["every second", "every seventh", "most", "split in fives", "400 pages", "reversed"],
)
def test_the_size_of_common_cases(origins: list[tuple[int, int]], most_bytes: int) -> None:
    builder = build(origins)
    assert builder.items == len(origins)
    assert len(builder.encode() or b"") <= most_bytes
    back = lineage(builder)
    assert back.origins(len(origins) - 1) == [origins[-1]]
    assert len(origins) - 1 in back.outputs_of(*origins[-1])


def test_items_made_from_many() -> None:
    builder = LineageBuilder()
    builder.add(2, 5)
    builder.add_all([(0, 0, 2), (4, 7, 1), (1, 3, 0)], items=3)
    builder.add_all([], items=1)
    builder.add(4, 8)
    back = lineage(builder)
    assert back.origins(0) == [(2, 5)]
    assert back.origins(1) == back.origins(3) == [(0, 0), (0, 1), (4, 7)]
    assert back.origins(4) == []
    assert back.origins(5) == [(4, 8)]
    assert back.origins(6) == []
    assert back.outputs_of(0, 1) == [1, 2, 3]
    assert back.outputs_of(4, 8) == [5]
    assert back.outputs_of_many([(4, 8), (0, 1), (4, 7), (9, 9)]) == [1, 2, 3, 5]
    assert back.inputs() == [(0, 0, 2), (2, 5, 1), (4, 7, 2)]


def test_a_range_goes_on_from_what_stands_before_it() -> None:
    builder = LineageBuilder()
    builder.add_range(0, 0, 3)
    builder.add_range(0, 3, 2)
    assert builder.encode() is None
    builder.add_range(0, 4, 1)
    builder.add_range(0, 4, 3)
    builder.add_range(1, 0, 0)
    numbers = [0, 1, 2, 3, 4, 4, 4, 5, 6]
    assert [lineage(builder).origins(item) for item in range(9)] == [[(0, number)] for number in numbers]


def test_the_column_may_be_read_while_it_grows() -> None:
    builder = build([(0, 0), (0, 2)])
    before = builder.encode()
    assert builder.encode() == before
    builder.add(0, 3)
    assert [lineage(builder).origins(item) for item in range(3)] == [[(0, 0)], [(0, 2)], [(0, 3)]]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x02", "unknown format"),
        (b"", "unknown format"),
        (b"\x01\x81", "cut off"),
        (b"\x01\x01", "cut off"),
        (b"\x01\x0b", "unknown operation"),
        (b"\x01\x00", "does not cover 2 items"),
    ],
)
def test_damaged_columns_are_refused(data: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Lineage.decode(data, items=2)
