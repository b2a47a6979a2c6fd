"""Dotted paths, JSONPath, and reading only the named fields out of bytes."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from redrive.core.jsonvalue import MISSING
from redrive.core.paths import EACH, Fields, Path, PathInvalid

ORDER: dict[str, Any] = {
    "id": 1042,
    "a.b": {"c d": 1},
    "note": None,
    "0": "zero",
    "customer": {"email": "ann@example.com", "$ref": 7},
    "items": [{"id": 1, "sku": "A"}, {"id": 2}, {"id": 3, "sku": "C"}],
    "grid": [[1, 2], [3]],
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("id", [1042]),
        ("customer.email", ["ann@example.com"]),
        ("customer.$ref", [7]),
        ("note", [None]),
        ("note.x", []),
        ("missing", []),
        ("id.x", []),
        ("items[0].id", [1]),
        ("items[-1].id", [3]),
        ("items[3].id", []),
        ("items.0", []),
        ('["0"]', ["zero"]),
        ("0", ["zero"]),
        ("items.*.sku", ["A", "C"]),
        ("items[].sku", ["A", "C"]),
        ("items[*].sku", ["A", "C"]),
        ("grid.*.*", [1, 2, 3]),
        ("grid[0][1]", [2]),
        ("customer.*", ["ann@example.com", 7]),
        ('["a.b"]["c d"]', [1]),
        ("['a.b']['c d']", [1]),
        ('["\\u0061.b"]', [{"c d": 1}]),
        ("$", [ORDER]),
        ("$.customer.email", ["ann@example.com"]),
        ("$['a.b']['c d']", [1]),
        ("$.items[?@.id > 1].id", [2, 3]),
        ("$..id", [1042, 1, 2, 3]),
        ("$.items[0:2].id", [1, 2]),
        ("$.items[?@.id == $.customer['$ref']]", []),
    ],
)
def test_a_path_finds_the_same_in_values_and_in_bytes(text: str, found: list[Any]) -> None:
    path = Path.parse(text)

    assert path.find(ORDER) == found
    assert path.first(ORDER) == (found[0] if found else MISSING)
    (read,) = Fields([path]).read(json.dumps(ORDER).encode())
    assert read == ((found[0] if path.single else found) if found else MISSING)


@pytest.mark.parametrize(
    ("text", "segments", "single"),
    [
        ("a.b", ("a", "b"), True),
        ("a[2]", ("a", 2), True),
        ("a.*.b", ("a", EACH, "b"), False),
        ("a[].b", ("a", EACH, "b"), False),
        ("$.a[0]", ("a", 0), True),
        ("$", (), True),
        ("$..a", None, False),
    ],
)
def test_a_path_tells_its_segments(text: str, segments: Any, single: bool) -> None:
    path = Path.parse(text)

    assert (path.segments, path.single, str(path)) == (segments, single, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the path is empty; expected a path"),
        ("a..b", "unexpected '.' at character 3"),
        ("a.", "unexpected the end"),
        ("a b", "unexpected ' ' at character 2"),
        ("total>5", "unexpected '>' at character 6"),
        ("a[x]", "unexpected '[' at character 2"),
        ("a[0]b", "unexpected 'b' at character 5"),
        ('["\\x"]', "is not a JSON text"),
        ("$.a[", "the JSONPath '$.a[' is not valid: unexpected end of query"),
        ("$.a[?nope(@.b)]", "function 'nope' is not defined"),
    ],
)
def test_what_is_no_path_is_refused_with_the_place(text: str, message: str) -> None:
    with pytest.raises((PathInvalid, ValueError)) as caught:
        Path.parse(text)

    assert message in str(caught.value)


def test_roots_are_the_first_name() -> None:
    assert Path.parse("a.b").roots == {"a"}
    assert Path.parse("$.a[?@.x == 1]").roots == {"a"}
    assert Path.parse("[0].a").roots == frozenset()


def test_numbers_of_a_filter_compare_exactly() -> None:
    fields = Fields(
        [Path.parse("$.lines[?@.price == 1.1].id"), Path.parse("$[?@.n == 123456789012345678901].n")]
    )

    raw = (
        b'{"lines": [{"id": 1, "price": 1.10}, {"id": 2, "price": 1.11}], "x": {"n": 123456789012345678901}}'
    )

    assert fields.read(raw) == ([1], [123456789012345678901])


def test_numbers_arrive_exactly() -> None:
    raw = b'{"total": 19.90, "id": 123456789012345678901234567890, "tiny": 1e-400}'

    total, number, tiny = Fields([Path.parse(name) for name in ("total", "id", "tiny")]).read(raw)

    assert (str(total), number, tiny) == ("19.90", 123456789012345678901234567890, Decimal("1e-400"))


@pytest.mark.parametrize("raw", [b"5", b'"text"', b"null", b"[1, 2]", b" true "])
def test_an_item_that_is_no_object_has_no_fields(raw: bytes) -> None:
    assert Fields([Path.parse("id"), Path.parse("a.b")]).read(raw) == (MISSING, MISSING)


def test_an_item_that_is_a_list_has_elements() -> None:
    assert Fields([Path.parse("[1]"), Path.parse("id")]).read(b"[1, 2]") == (2, MISSING)


@pytest.mark.parametrize(
    "member",
    [
        rb'"x": "\ud83d"',
        rb'"x": {"y": ["\udc00 tail"]}',
        b'"x": "\xff\xfe"',
        b'"x\xff": 1',
        rb'"\ud800": 1',
        b'"x": 1e99999999999999999999',
        b'"x": ' + b"9" * 6000,
        b'"id": 1',
        b'"x": ' + b"[" * 150 + b"]" * 150,
    ],
)
def test_what_is_wrong_in_other_fields_does_not_matter(member: bytes) -> None:
    raw = b"{" + member + b', "customer": {' + member + b', "email": "e"}, "id": 42, "tags": [1, 2]}'
    fields = Fields([Path.parse("id"), Path.parse("customer.email"), Path.parse("tags[1]")])

    assert fields.read(raw) == (42, "e", 2)
    assert [bytes(one) for one in fields.read_raw(raw)] == [b"42", b'"e"', b"2"]


def test_elements_are_found_beside_broken_ones() -> None:
    (found,) = Fields([Path.parse("x[1]")]).read_raw(rb'{"x": ["\ud800", 1.50]}')

    assert bytes(found) == b"1.50"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (rb'{"id": "\ud83d"}', "id: a text holds half of a character"),
        (b'{"id": 1e99999999999999999999}', "id: a number is beyond all bounds"),
        (b'{"id": ' + b"9" * 6000 + b"}", "id: Integer value out of range"),
        (b'{"id": "\xff"}', "id: it is not UTF-8"),
        (b'{"id": 1, "x": [1,,2]}', "not readable as JSON: JSON is malformed"),
        (b'{"id": 1, "x": NaN}', "not readable as JSON: JSON is malformed"),
        (b'{"id": 1', "not readable as JSON: Input data was truncated"),
        (b'{"id": 1} {}', "not readable as JSON"),
        (b"", "not readable as JSON"),
        (b'{"x": ' + b"[" * 9000 + b"]" * 9000 + b', "id": 1}', "not readable as JSON: nested too deeply"),
        (rb'{"x": "\ud800", "id": [1,,2]}', "not readable as JSON"),
        (rb'{"x": "\ud800", "id": 1} 5', "not readable as JSON"),
        (rb'{"x": "\ud800", "id": NaN}', "not readable as JSON"),
        (rb'{"x": "\ud800", 5: 1}', "not readable as JSON"),
    ],
)
def test_what_cannot_be_read_is_a_value_error_with_the_reason(raw: bytes, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared below
        Fields([Path.parse("id")]).read(raw)

    assert message in str(caught.value)


def test_of_duplicate_names_the_last_counts() -> None:
    raw = b'{"id": 1, "c": {"e": 1}, "c": {"e": 2}, "id": 2}'

    assert Fields([Path.parse("id"), Path.parse("c.e")]).read(raw) == (2, 2)
    assert Fields([Path.parse("c.e")]).read(b'{"c": {"e": 1}, "c": 5}') == (MISSING,)


def test_raw_bytes_keep_their_spelling() -> None:
    raw = b'{"id": 1.10, "customer": { "email": null }, "items": [{"sku": "\\u0041"}]}'
    fields = Fields(
        [Path.parse(t) for t in ("id", "customer", "customer.email", "items[0].sku", "items[9]", "x.y")]
    )

    values = fields.read_raw(raw)

    assert [bytes(one) for one in values[:4]] == [b"1.10", b'{ "email": null }', b"null", b'"\\u0041"']
    assert values[4:] == (MISSING, MISSING)
    assert all(isinstance(one, msgspec.Raw) for one in values[:4])


def test_raw_bytes_need_single_paths() -> None:
    with pytest.raises(ValueError, match=r"items\.\*\.id may find several values"):
        Fields([Path.parse("items.*.id")]).read_raw(b"{}")


def test_names_that_no_record_can_have_are_found() -> None:
    value = {'say "hi"': {"a\\b": 1}, "": {"": 2}, "line\nbreak": 3}
    paths = [Path.of(('say "hi"', "a\\b")), Path.of(("", "")), Path.of(("line\nbreak",))]

    assert Fields(paths).read(json.dumps(value).encode()) == (1, 2, 3)


def test_no_paths_read_nothing() -> None:
    assert Fields([]).read(b'{"a": 1}') == ()


def test_records_and_raw_values_are_walked_like_objects() -> None:
    class Info(msgspec.Struct):
        id: str

    scope = {"run": Info("r1"), "payload": msgspec.Raw(b'{"a": [1.10]}')}

    assert Path.parse("run.id").first(scope) == "r1"
    assert Path.parse("run.other").first(scope) is MISSING
    assert Path.parse("payload.a[0]").first(scope) == Decimal("1.10")
    assert Path.parse("payload.a.*").find(scope) == [Decimal("1.10")]
