"""A content put together from ranges of another is that content, to the byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from redrive.core.ranges import cooked, recipe

items = st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=30)


def joined(parts: list[bytes]) -> bytes:
    return b"[" + b",".join(parts) + b"]"


@given(items, st.data())
def test_what_is_kept_of_a_list_comes_back_as_it_was(there: list[bytes], data: st.DataObject):
    kept = data.draw(st.lists(st.sampled_from(range(len(there))), unique=True, min_size=1).map(sorted))
    base, whole = joined(there), joined([there[n] for n in kept])
    written = recipe(whole, [there[n] for n in kept], base)
    if written is not None:
        assert cooked(written, base) == whole
        assert len(written) * 8 <= len(whole)


@given(items, items)
def test_items_from_elsewhere_are_never_taken_for_ranges(there: list[bytes], other: list[bytes]):
    base, whole = joined(there), joined(other)
    written = recipe(whole, other, base)
    assert written is None or cooked(written, base) == whole


def test_a_run_of_neighbours_is_one_range():
    there = [b"%d" % n * 40 for n in range(100)]
    base = joined(there)
    kept = there[10:60]
    written = recipe(joined(kept), kept, base)
    assert written is not None
    assert len(written) < 20
    assert cooked(written, base) == joined(kept)


def test_changed_items_are_no_ranges():
    there = [b"a" * 50, b"b" * 50]
    assert recipe(joined([b"a" * 49 + b"x"]), [b"a" * 49 + b"x"], joined(there)) is None
