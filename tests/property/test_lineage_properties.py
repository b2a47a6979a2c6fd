"""Any origins in, the same origins out, forwards and backwards."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from redrive.core.items import Item
from redrive.core.lineage import Lineage, LineageBuilder

_near = st.tuples(st.integers(0, 2), st.integers(0, 6))
_far = st.tuples(st.integers(0, 1 << 40), st.integers(0, 1 << 40))
_ranges = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 3)), max_size=3)
_pieces = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.one_of(_near, _far)),
        st.tuples(st.just("extend"), st.lists(_near, max_size=6)),
        st.tuples(st.just("run"), st.tuples(st.integers(0, 2), st.integers(0, 5), st.integers(0, 9))),
        st.tuples(st.just("all"), st.tuples(_ranges, st.integers(0, 3))),
    ),
    max_size=12,
)


@given(pieces=_pieces, payload=st.integers(0, 2))
def test_origins_survive(pieces: list[tuple[str, object]], payload: int) -> None:
    builder = LineageBuilder(payload)
    expected: list[list[tuple[int, int]]] = []
    for kind, what in pieces:
        if kind == "add":
            builder.add(*what)
            expected.append([what])
        elif kind == "all":
            ranges, items = what
            builder.add_all(ranges, items)
            origins = [(source, n) for source, first, length in ranges for n in range(first, first + length)]
            expected += [origins] * items
        elif kind == "run":
            builder.add_range(*what)
            source, first, length = what
            expected += [[(source, number)] for number in range(first, first + length)]
        else:
            builder.add_items(Item(b"", *origin) for origin in what)
            expected += [[origin] for origin in what]
    back = Lineage.decode(builder.encode(), items=builder.items, payload=payload)
    assert [back.origins(item) for item in range(len(expected))] == expected
    known = {origin for origins in expected for origin in origins}
    for origin in known | {(0, 99)}:
        assert back.outputs_of(*origin) == [item for item, of in enumerate(expected) if origin in of]
    merged = back.inputs()
    assert {(p, n) for p, first, length in merged for n in range(first, first + length)} == known
    assert merged == sorted(merged)
    some = sorted(known)[::2]
    assert sorted(back.outputs_of_many(some)) == [
        item for item, of in enumerate(expected) if set(of) & set(some)
    ]
