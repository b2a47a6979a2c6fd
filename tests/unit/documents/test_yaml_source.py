# ruff: noqa: E501, ISC004 - messages stand in one piece, as they are shown
from __future__ import annotations

from decimal import Decimal

import pytest

from redrive.core.jsonvalue import encode
from redrive.documents.nodes import MAX_DEPTH
from redrive.documents.yaml_source import FAST_LOADER, PURE_LOADER, parse_yaml


@pytest.fixture(params=[FAST_LOADER, PURE_LOADER], ids=["fast", "pure"])
def loader(request):
    return request.param


def value_of(text, loader):
    parsed = parse_yaml(text, loader=loader)
    assert parsed.problems == []
    return parsed.parts[0].node.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("NO", "NO"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("12", 12),
        ("-3", -3),
        ("+3", 3),
        ("0", 0),
        ("0x1F", 31),
        ("0o17", 15),
        ("1_000", "1_000"),
        ("12:30:00", "12:30:00"),
        ("2026-05-04", "2026-05-04"),
        ("2026-05-04T10:00:00Z", "2026-05-04T10:00:00Z"),
        ("1.2.3", "1.2.3"),
        ("-", "-"),
        ("'12'", "12"),
        ('"no"', "no"),
        ("123456789012345678901234567890", 123456789012345678901234567890),
    ],
)
def test_scalars_are_read_by_the_core_schema_of_yaml_1_2(text, value, loader):
    if text == "-":
        text = "'-'"
    found = value_of(f"a: {text}", loader)["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "spelt"), [("1.10", "1.10"), ("19.90", "19.90"), ("1e5", "1E+5"), (".5", "0.5")]
)
def test_numbers_with_a_fraction_keep_every_digit(text, spelt, loader):
    value = value_of(f"a: {text}", loader)["a"]
    assert isinstance(value, Decimal)
    assert encode({"a": value}) == f'{{"a":{spelt}}}'.encode()


def test_a_number_that_would_lose_its_leading_zero_is_refused(loader):
    parsed = parse_yaml("a: 1\npostcode: 02134", "f.yaml", loader=loader)
    (problem,) = parsed.problems
    assert str(problem) == (
        "f.yaml:2: a whole number does not start with 0; put it into quotes if it is a text"
    )


@pytest.mark.parametrize("text", [".inf", "-.INF", ".nan"])
def test_what_json_has_no_number_for_is_refused(text, loader):
    (problem,) = parse_yaml(f"a: {text}", loader=loader).problems
    assert problem.title == "infinity and not-a-number are no JSON numbers"


def test_names_are_text_as_they_are_spelt(loader):
    assert value_of("{200: a, true: b, no: c, 1.10: d, ~: e}", loader) == {
        "200": "a",
        "true": "b",
        "no": "c",
        "1.10": "d",
        "~": "e",
    }


def test_every_value_knows_its_line(loader):
    text = "# a flow\nflow: x\nsteps:\n\n  - id: a\n    keep: {field: f,\n       is: 1}\n  - id: b\n"
    node = parse_yaml(text, loader=loader).parts[0].node
    lines = {
        "": 2,
        "/flow": 2,
        "/steps": 3,
        "/steps/0": 5,
        "/steps/0/keep": 6,
        "/steps/0/keep/is": 7,
        "/steps/1/id": 8,
        "/steps/1/absent": 8,
        "/steps/7/id": 3,
        "/nothing": 2,
    }
    assert {pointer: node.line_at(pointer) for pointer in lines} == lines


def test_line_separators_of_unicode_are_no_lines(loader):
    node = parse_yaml("a: 'x\u2028y'\nb: 1\n", loader=loader).parts[0].node
    assert node.line_at("/b") == 2


def test_the_texts_of_all_documents_are_the_file(loader):
    text = "\ufeff# first\n---\nflow: a # é \U0001f600\n...\n# between\n---\r\nconnector: b\r\n---\n# none\n"
    parsed = parse_yaml(text, loader=loader)
    assert [part.node.value for part in parsed.parts] == [{"flow": "a"}, {"connector": "b"}]
    assert "".join(text[part.start : part.end] for part in parsed.parts) == text
    assert text[parsed.parts[1].start :].startswith("---\r\nconnector")
    assert parsed.parts[1].node.line == 7


def test_a_name_twice_in_one_mapping_is_a_problem(loader):
    parsed = parse_yaml("a: 1\nb: {c: 1, d: 2,\n  c: 3}\na: 2\n", "f.yaml", loader=loader)
    assert [str(problem) for problem in parsed.problems] == [
        "f.yaml:3: the name 'c' stands twice in one mapping (first in line 2)",
        "f.yaml:4: the name 'a' stands twice in one mapping (first in line 1)",
    ]


def test_aliases_stand_for_their_anchor(loader):
    assert value_of("a: &x {b: &n name}\nc: *x\n*n : 1\n", loader) == {
        "a": {"b": "name"},
        "c": {"b": "name"},
        "name": 1,
    }


def test_aliases_count_in_full(loader):
    laugh = "a0: &a0 [1,2,3,4,5,6,7,8,9]\n" + "".join(
        f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 20)
    )
    parsed = parse_yaml(laugh, loader=loader)
    assert [problem.code for problem in parsed.problems] == ["document.too_large"]
    assert parsed.problems[0].line == 6


def test_an_alias_inside_its_own_anchor_is_refused(loader):
    (problem,) = parse_yaml("a: &x [1, *x]", loader=loader).problems
    assert problem.title == "the alias *x stands inside its own anchor"


def test_an_alias_without_an_anchor_is_refused(loader):
    (problem,) = parse_yaml("a: 1\nb: *x\n", loader=loader).problems
    assert (problem.line, problem.title) == (2, "the alias *x names no anchor (&x)")


def test_depth_is_bounded(loader):
    assert not parse_yaml("a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1), loader=loader).problems
    (problem,) = parse_yaml("a: " + "[" * 3000, loader=loader).problems
    assert problem.title == f"nested more than {MAX_DEPTH} levels deep"


@pytest.mark.parametrize("text", ["a: !!python/object:os.system x", "a: !x {}", "!!str a: 1", "a: !!str 5"])
def test_tags_are_refused(text, loader):
    (problem,) = parse_yaml(text, loader=loader).problems
    assert (problem.code, problem.line) == ("document.tag", 1)


@pytest.mark.parametrize(
    ("text", "line", "title"),
    [
        ("a: b: c", 1, "the file is not YAML: a ':' stands where no name can; put text that holds ': ' into quotes"),
        ("a:\n\t- x", 2, "the file is not YAML: a character that no text starts with; indent with spaces, not "
                         "tabs, and put text that starts with @, ` or % into quotes"),
        ("a: 1\nb: 'x\n", 2, "the file is not YAML: a quote is not closed"),
        ("a: 1\nb: \x01", 2, "the character U+0001 cannot stand in YAML"),
        ("a: \ud800", 1, "the character U+D800 cannot stand in YAML"),
        ("a: 1\n? [x]\n: 2", 2, "a name of a mapping is text, not a list or a mapping"),
        ("a: &x {}\n<<: *x", 2, "merge keys (<<) are not part of YAML 1.2"),
    ],
)  # fmt: skip
def test_what_does_not_parse_is_told_with_its_line(text, line, title, loader):
    (problem,) = parse_yaml(text, loader=loader).problems
    assert (problem.line, problem.title) == (line, title)


@pytest.mark.parametrize("text", ["a: [", "- a\nb: 1", "{a: 1", "a: |x\n", "%YAML 3.0\n---\na: 1"])
def test_both_parsers_refuse_the_same(text, loader):
    (problem,) = parse_yaml(text, loader=loader).problems
    assert problem.code == "document.syntax"
    assert problem.line is not None


def test_the_documents_before_a_broken_one_are_read(loader):
    parsed = parse_yaml("flow: a\n---\nflow: [", loader=loader)
    assert [part.node.value for part in parsed.parts] == [{"flow": "a"}]
    assert len(parsed.problems) == 1
