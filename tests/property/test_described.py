"""The text of a connector document reads back as what was written, whatever stands in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from redrive.documents.described.names import endpoint_names
from redrive.documents.described.writing import member
from redrive.documents.yaml_source import PURE_LOADER, parse_yaml

texts = st.text(max_size=40).filter(lambda text: not any("\ud800" <= char <= "\udfff" for char in text))
scalars = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=25,
)


@given(values)
def test_what_is_written_reads_back(value):
    text = "\n".join(member("value", value, 0)) + "\n"
    for parsed in (parse_yaml(text), parse_yaml(text, loader=PURE_LOADER)):
        assert not parsed.problems, text
        assert parsed.parts[0].node.value == {"value": value}


paths = st.lists(st.sampled_from(["a", "b", "{c}", "{d}", "A", "a-b", "é", ""]), max_size=4).map("/".join)


@given(
    st.lists(st.tuples(st.sampled_from(["", "x", "listX", "list-x"]), st.sampled_from(["GET", "PUT"]), paths))
)
def test_names_are_unique_and_do_not_depend_on_the_order(operations):
    unique = list(
        {f"{method} {path}": (wanted, method, path) for wanted, method, path in operations}.values()
    )
    names = endpoint_names(unique)
    assert len(set(names.values())) == len(unique)
    assert names == endpoint_names(unique[::-1])
