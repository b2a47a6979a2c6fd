"""Any scalar of any JSON is found in its item, by the tokens and in the bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from redrive.core.searching import Query, matches, tokens, values_of

_texts = st.text(alphabet=st.sampled_from('aBß1 "\\{}[]:,.-\n\té😀İ'), max_size=8) | st.text(max_size=6)
_scalars = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _texts | st.booleans()
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=12,
)


def scalars(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from scalars(one)
    elif isinstance(value, list):
        for one in value:
            yield from scalars(one)
    else:
        yield value if isinstance(value, str) else json.dumps(value)


@settings(max_examples=60)
@given(item=_values, ascii=st.booleans(), spaced=st.booleans(), data=st.data())
def test_any_scalar_is_found(item: Any, data: st.DataObject, *, ascii: bool, spaced: bool) -> None:
    raw = json.dumps(item, ensure_ascii=ascii, indent=2 if spaced else None).encode()
    there = [text for text in scalars(item) if text]
    assume(there)
    text = data.draw(st.sampled_from(there))
    query = Query(text)
    known = tokens(values_of(raw, "application/json"))
    assert query.whole in known
    assert text in [match.value for match in matches(raw, "application/json", query)]


@settings(max_examples=60)
@given(item=_values, text=_texts)
def test_what_the_bytes_hold_the_tokens_allow(item: Any, text: str) -> None:
    """The index may show too much, never too little."""
    assume(text)
    raw = json.dumps(item).encode()
    query = Query(text)
    if list(matches(raw, "application/json", query)):
        known = tokens(values_of(raw, "application/json"))
        assert query.whole in known or (query.words and set(query.words) <= known)


@given(raw=st.binary(max_size=60), media=st.sampled_from(["application/json", "text/csv", "text/xml", "x/y"]))
def test_any_bytes_are_read(raw: bytes, media: str) -> None:
    for value in values_of(raw, media):
        assert tokens([value]) or not value
    list(matches(raw, media, Query("a")))
