"""Paths read out of bytes agree with a naive walk of the decoded value."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from redrive.core.jsonvalue import MISSING, decode, encode
from redrive.core.paths import EACH, Fields, Path, scan_path, spell_path

# Few names, so that paths meet something; among them those that are hard to spell or to decode.
NAMES = st.sampled_from(["a", "b", "id", "a.b", "", "0", 'q"', "b\\s", "$", "*", "é", "[0]", "line\n", "x y"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(10**30), max_value=10**30)
    | st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9)
    | st.text(st.characters(codec="utf-8"), max_size=5)
)
VALUES = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=4),
    max_leaves=12,
)
SEGMENTS = st.lists(
    NAMES | st.integers(min_value=-3, max_value=3) | st.just(EACH),
    min_size=1,
    max_size=4,
).map(tuple)
PATHS = st.lists(SEGMENTS, max_size=5)


def naive(value: Any, segments: tuple[Any, ...]) -> list[Any]:
    if not segments:
        return [value]
    first, rest = segments[0], segments[1:]
    if first is EACH:
        children = (
            value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
        )
    elif isinstance(first, str):
        children = [value[first]] if isinstance(value, dict) and first in value else []
    else:
        inside = isinstance(value, list) and -len(value) <= first < len(value)
        children = [value[first]] if inside else []
    return [found for child in children for found in naive(child, rest)]


def expected(value: Any, path: Path, segments: tuple[Any, ...]) -> Any:
    found = naive(value, segments)
    if not found:
        return MISSING
    return found[0] if path.single else found


@given(VALUES, PATHS)
def test_fields_agree_with_a_naive_walk(value: Any, many: list[tuple[Any, ...]]) -> None:
    paths = [Path.of(segments) for segments in many]

    read = Fields(paths).read(encode(value))

    assert list(read) == [expected(value, path, segments) for path, segments in zip(paths, many, strict=True)]


@given(VALUES, SEGMENTS)
def test_find_agrees_with_a_naive_walk(value: Any, segments: tuple[Any, ...]) -> None:
    path = Path.of(segments)

    assert path.find(value) == naive(value, segments)
    assert path.first(value) == (naive(value, segments) or [MISSING])[0]


@given(VALUES, PATHS)
def test_raw_fields_are_the_bytes_of_the_values(value: Any, many: list[tuple[Any, ...]]) -> None:
    single = [segments for segments in many if EACH not in segments]

    read = Fields([Path.of(segments) for segments in single]).read_raw(encode(value))

    for raw, segments in zip(read, single, strict=True):
        found = naive(value, segments)
        assert (raw is MISSING) == (not found)
        assert not found or decode(bytes(raw)) == found[0]


@given(VALUES, PATHS)
def test_a_broken_neighbour_changes_nothing(value: Any, many: list[tuple[Any, ...]]) -> None:
    if not isinstance(value, dict):
        value = {"a": value}
    # A path that begins otherwise, or with a name that no record can have, reads the whole item.
    many = [segments for segments in many if isinstance(segments[0], str) and not {*'"\\\n'} & {*segments[0]}]
    broken = rb'{"broken":"\ud800",' + encode(value)[1:] if value else rb'{"broken":"\ud800"}'
    fields = Fields([Path.of(segments) for segments in many])

    assert fields.read(broken) == fields.read(encode(value))


@given(SEGMENTS)
def test_the_spelling_of_a_path_is_read_back(segments: tuple[Any, ...]) -> None:
    text = spell_path(segments)

    assert scan_path(text, 0) == (segments, len(text))
    assert Path.parse(text).segments == segments


@given(VALUES, SEGMENTS)
def test_jsonpath_agrees_with_dots(value: Any, segments: tuple[Any, ...]) -> None:
    text = "$" + "".join(f"[{'*' if one is EACH else json.dumps(one)}]" for one in segments)

    assert Fields([Path.parse(text)]).read(encode(value)) == Fields([Path.of(segments)]).read(encode(value))
    assert Path.parse(text).find(value) == naive(value, segments)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_numbers_are_exact(number: Decimal) -> None:
    (read,) = Fields([Path.parse("n")]).read(b'{"n": %s, "m": 1}' % str(number).encode())

    assert read == number
