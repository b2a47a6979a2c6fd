"""A content put together from ranges of another is that content, to the byte."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from redrive.core import ranges
from redrive.core.ranges import Finder, Layout, Part, Parts, SegmentIndex, SegmentWriter, cooked, recipe

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


parts = st.lists(
    st.one_of(st.binary(max_size=9), st.tuples(st.integers(0, 200), st.integers(0, 50))), max_size=8
)
BASE = bytes(range(250))


def plain(made: list[Part]) -> bytes:
    return b"".join(part if isinstance(part, bytes) else BASE[part[0] : part[0] + part[1]] for part in made)


@settings(max_examples=40)
@given(parts)
def test_windows_hold_all_that_the_parts_need(made: list[Part]):
    held = [(start, BASE[start:stop]) for start, stop in ranges.windows(made)]
    assert ranges.joined(made, held) == plain(made)
    assert ranges.decode(ranges.encode(made)) == made


@settings(max_examples=40)
@given(parts, st.integers(0, 300), st.integers(0, 300))
def test_a_range_of_parts_is_that_range_of_their_bytes(made: list[Part], start: int, length: int):
    whole = plain(made)
    start = min(start, len(whole))
    stop = min(start + length, len(whole))
    assert plain(list(Layout(made).cut(start, stop))) == whole[start:stop]


@settings(max_examples=40)
@given(st.lists(parts, max_size=6), st.integers(0, 400), st.integers(0, 400))
def test_the_segments_of_a_range_hold_it(many: list[list[Part]], start: int, stop: int):
    writer = SegmentWriter()
    plains = [plain(made) for made in many]
    written = b"".join(
        writer.add(made, len(data), data[:8].ljust(8)) for made, data in zip(many, plains, strict=True)
    )
    written += writer.finish()
    length = SegmentIndex.length(written[-SegmentIndex.TRAILER_BYTES :])
    index = SegmentIndex(written[-length:], len(written))
    whole = b"".join(plains)
    assert index.size_bytes == len(whole)
    got = b""
    for segment in index.segments(start, stop):
        data = plain(ranges.decode(written[segment.begin : segment.end]))
        assert data[:8].ljust(8) == segment.check
        got += data[max(start - segment.start, 0) : max(stop - segment.start, 0)]
    assert got == whole[start:stop]


@settings(max_examples=40)
@given(st.binary(max_size=80))
def test_what_is_no_recipe_of_segments_is_refused(data: bytes):
    try:
        length = SegmentIndex.length(data[-SegmentIndex.TRAILER_BYTES :])
        SegmentIndex(data[-length:], len(data))
    except ValueError:
        return
    raise AssertionError("taken for a recipe")


@settings(max_examples=40)
@given(items, st.integers(1, 7))
def test_items_are_found_in_bytes_that_come_in_pieces(there: list[bytes], size: int):
    base = joined(there)
    finder, made = Finder(), Parts()
    for item in there:
        while (found := finder.find(item)) < 0:
            assert finder.end < len(base)
            finder.feed(base[finder.end : finder.end + size])
        finder.take(made, b",", found, len(item))
    held = [(0, base)]
    assert ranges.joined(made.to, held) == b"".join(b"," + item for item in there)
