"""Documents as they could be written: what is read is what was meant, and nothing makes the parser fall."""

from __future__ import annotations

import json
import string
from decimal import Decimal

from hypothesis import example, given, settings
from hypothesis import strategies as st

from redrive.core.jsonvalue import decode, encode
from redrive.documents.flow_document import parse_flow
from redrive.documents.json_source import parse_json
from redrive.documents.load import load_one, read_text
from redrive.documents.yaml_source import FAST_LOADER, PURE_LOADER, parse_yaml
from redrive.errors import FlowInvalid
from tests.unit.documents import document_shapes

REGISTRY = document_shapes.registry()

texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=20)
numbers = st.integers() | st.decimals(allow_nan=False, allow_infinity=False, places=3)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_json_is_read_as_the_json_parser_reads_it(value):
    data = encode(value)
    (part,) = parse_json(data.decode()).parts
    assert part.node.value == decode(data)
    assert encode(part.node.value) == data


@given(values)
def test_ascii_json_is_the_same_in_yaml(value):
    text = encode({"flow": value}).decode()
    if not text.isascii() or "\\u" in text or "\x7f" in text:
        text = json.dumps({"flow": "x"})
    yaml = parse_yaml(text)
    assert yaml.problems == []
    # YAML reads 1E+5 as JSON does, and keeps every digit.
    assert encode(yaml.parts[0].node.value) == encode(parse_json(text).parts[0].node.value)


@given(st.text(alphabet=string.printable + "é\u2028\ufeff\U0001f600", max_size=60))
@example("\ufeff\ufeff")
@settings(max_examples=150)
def test_no_text_makes_the_parsers_fall(text):
    fast, pure = parse_yaml(text, loader=FAST_LOADER), parse_yaml(text, loader=PURE_LOADER)
    parse_json(text)
    if not fast.problems and not pure.problems:
        assert [part.node.value for part in fast.parts] == [part.node.value for part in pure.parts]
    lines = text.count("\n") + 1
    assert all(1 <= (problem.line or 0) <= lines for problem in fast.problems + pure.problems)


kinds_of_documents = st.sampled_from(["flow: a", "connector: b", "connection: c\nconnector: b"])


@given(
    st.lists(kinds_of_documents, min_size=1, max_size=4),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "# end\n", "\n\n"]),
)
def test_the_texts_of_documents_are_the_file(documents, end, last):
    text = f"{end}---{end}".join(document.replace("\n", end) for document in documents) + end + last
    assert "".join(document.text for document in read_text(text).documents) == text


names = st.sampled_from(
    ["id", "shape", "size", "keep", "steps", "paths", "with", "key", "skip", "timeout", "vars"]
)
kinds = st.sampled_from([*REGISTRY.shapes, "flter", "", 5])
leaves = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(
    ["a", "b", "{{ vars.x }}", "{{ nope }}", "{{", "5m", Decimal("1.5")]
)  # fmt: skip
steps = st.recursive(
    st.dictionaries(names, leaves, max_size=4),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "id": st.sampled_from("abc"),
            "shape": kinds,
            "steps": st.lists(inner | leaves, max_size=3) | leaves,
            "paths": st.lists(inner | leaves, max_size=3) | leaves,
            "otherwise": inner | leaves,
            "catch": st.lists(inner, max_size=2),
            "fields": st.lists(inner | leaves, max_size=3) | inner,
            "keep": inner | leaves,
            "variables": inner | leaves,
        },
    ),
    max_leaves=12,
)


@given(st.lists(steps | leaves, max_size=4), st.dictionaries(names, leaves | steps, max_size=2))
@settings(max_examples=200)
def test_any_flow_is_read_or_refused_with_lines(steps, rest):
    document = load_one(encode({"flow": "f", "steps": steps, **rest}).decode(), "f.json")
    try:
        flow = parse_flow(document, REGISTRY)
    except FlowInvalid as error:
        problems = error.problems
    else:
        found = [step.id for step in flow.walk()]
        assert len(found) == len(set(found))
        return
    assert problems
    assert all(problem.line == 1 and str(problem) for problem in problems)
