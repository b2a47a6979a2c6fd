"""Masking of any JSON: nothing hidden is shown, nothing else is changed, and pieces make no difference."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from redrive.core.masking import HIDDEN, Mask, MaskRule, masker

SECRET = "s3cr3t"
MASK = Mask([MaskRule(("email", "to.name"))])

names = st.sampled_from(["email", "name", "to", "Email", "x", 'q"', "é", "\\"])
plain = st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('ab"\\é,:{}[] \n'), max_size=6)
values = st.recursive(
    plain | st.just(SECRET),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


def hidden(value, path=()):
    """The same, the long way."""
    last = [one.lower() for one in path[-2:]]
    if last[-1:] == ["email"] or last == ["to", "name"]:
        return HIDDEN
    if isinstance(value, dict):
        return {name: hidden(one, (*path, name)) for name, one in value.items()}
    if isinstance(value, list):
        return [hidden(one, path) for one in value]
    return value


@given(values, st.integers(1, 9), st.sampled_from([None, 1]), st.booleans())
def test_any_document(value, step, indent, ascii_only):
    data = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    reading = masker(MASK, "application/json")
    out = b"".join([reading.feed(data[at : at + step]) for at in range(0, len(data), step)]) + reading.close()
    assert json.loads(out) == hidden(value)
    if HIDDEN.encode() not in out:
        assert out == data


@given(st.binary(max_size=60) | st.text(st.sampled_from('{}[],:" \\email1'), max_size=40).map(str.encode))
def test_any_bytes_do_not_break_it(data):
    whole = masker(MASK, "application/json")
    out = whole.feed(data) + whole.close()
    pieces = masker(MASK, "application/json")
    apart = b"".join([pieces.feed(data[at : at + 1]) for at in range(len(data))]) + pieces.close()
    assert out == apart
