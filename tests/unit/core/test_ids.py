"""Ids rise strictly, and their text survives a person's hands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.core import ids

_2026 = 1_790_000_000_000


def maker(*times: int, random: int = 5) -> ids.IdMaker:
    clock = iter(times)
    return ids.IdMaker(lambda: next(clock), lambda bits: random % (1 << bits))


def test_ids_rise_with_the_clock_and_within_a_millisecond() -> None:
    made = maker(_2026, _2026, _2026 + 1)
    first, second, third = made.next(), made.next(), made.next()
    assert second == first + 1
    assert third > second
    assert ids.made_at_ms(third) == _2026 + 1


def test_ids_rise_when_the_clock_goes_back_or_is_wrong() -> None:
    made = maker(_2026, _2026 - 60_000, 0, _2026 * 1000)
    numbers = [made.next() for _ in range(4)]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] < 1 << 63


def test_a_block_is_followed_by_what_is_made_later() -> None:
    made = maker(_2026, _2026, _2026)
    block = made.block(5_000_000)
    assert len(block) == 5_000_000
    assert made.next() == block[-1] + 1
    assert len(made.block(0)) == 0


def test_the_text_of_an_id() -> None:
    assert ids.to_text(ids.RUN, 0) == "r0000000000000"
    assert ids.to_text(ids.PAYLOAD, (1 << 63) - 1) == "p7zzzzzzzzzzzz"
    with pytest.raises(ValueError, match="63 bits"):
        ids.to_text("r", 1 << 63)
    with pytest.raises(ValueError, match="63 bits"):
        ids.to_text("r", -1)


@given(st.integers(0, (1 << 63) - 1), st.integers(0, (1 << 63) - 1))
def test_text_goes_both_ways_and_sorts_as_the_numbers(one: int, other: int) -> None:
    text = ids.to_text("d", one)
    assert ids.from_text("d", text) == one
    assert ids.from_text("d", f" {text.upper()} ") == one
    assert ids.from_text("d", text[0] + text[1:].replace("0", "O").replace("1", "l")) == one
    assert ids.from_text("d", text[0] + text[1:].replace("1", "I")) == one
    assert (text < ids.to_text("d", other)) == (one < other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "r",
        "p0000000000001",
        "r000000000001",
        "r00000000000011",
        "r000000000000u",
        "r-000000000001",
        "r8000000000000",
        "1042",
    ],
)
def test_other_text_is_no_id(text: str) -> None:
    assert ids.from_text("r", text) is None
