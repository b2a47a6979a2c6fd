"""What values a document has, and which of them fit what is searched for."""

from __future__ import annotations

import pytest

from redrive.core.searching import Match, Query, header_of, matches, token, tokens, values_of


def found(raw, text, media="application/json", header=()):
    return list(matches(raw, media, Query(text), header))


def test_json_values_are_taken_as_they_are_spelt():
    raw = (
        b'{"id":123456789012345678901234567890,"price":19.90,"e":1E5,"ok":true,"no":null,"k\\u0041":"\\u00e9\\n",'
        b'"s":"\\ud800","k":"","n":[-1,{"x":"a\\"b"}]}'
    )
    values = values_of(raw, "application/json")
    assert set(values) == {
        "123456789012345678901234567890", "19.90", "1E5", "true", "é\n", "\ud800", "", "-1", 'a"b',
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("19.90", "lines[1].price"),
        ("ANN LEE", "who"),
        ("large", "note"),
        ("ann.lee@EXAMPLE.com", 'mail["to.me"]'),
        ("blue shirt", "note"),
        ("straße", "street"),
        ("true", "paid"),
    ],
)
def test_a_value_or_a_part_of_one_is_found_with_its_field(text, field):
    raw = (
        '{"who":"Ann Lee","mail":{"to.me":"ann.lee@example.com"},"note":"a Blue shirt, large",'
        '"lines":[{"price":19.9},{"price":19.90}],"street":"Straße","paid":true}'
    ).encode()
    assert [match.field for match in found(raw, text)] == [field]


@pytest.mark.parametrize("text", ["nn", "an", "who", "Ann  Lee", "19.9", "e lee", "price", "Lee,", " ", "."])
def test_what_is_no_value_and_no_word_of_one_is_not_found(text):
    assert found(b'{"who":"Ann Lee","price":19.90}', text) == []


def test_the_first_of_duplicate_keys_is_found_too():
    assert found(b'{"a":"one","a":"two"}', "one") == [Match("", "one")]
    assert found(b'{"a":"one","a":"two"}', "two") == [Match("a", "two")]


def test_deep_and_broken_json_is_found_without_a_field():
    deep = b"[" * 3000 + b'"needle"' + b"]" * 3000
    assert [match.value for match in found(deep, "needle")] == ["needle"]
    assert [match.value for match in found(b'{"a": "needle", "b"', "needle")] == ["needle"]


def test_csv_has_its_columns():
    document = b'id;who\n1;"Lee; Ann"\n'
    assert set(values_of(document, "text/csv")) == {"id", "who", "1", "Lee; Ann"}
    header = header_of(b"id;who", "text/csv")
    assert found(b'1;"Lee; Ann"', "lee; ann", "text/csv", header) == [Match("who", "Lee; Ann")]
    assert found(b"1;2;3", "3", "text/csv", header) == [Match("", "3")]
    assert header_of(b"id;who", "application/json") == []


def test_xml_has_elements_attributes_and_entities():
    raw = b'<order id="A1"><who>Ann &amp; Lee</who><x/><n><![CDATA[raw <b>]]></n></order>'
    assert found(raw, "a1", "application/xml") == [Match("order.@id", "A1")]
    assert found(raw, "ann & lee", "application/xml") == [Match("order.who", "Ann & Lee")]


def test_text_has_lines_in_its_own_encoding():
    assert found("caf\xe9 noir".encode("latin-1"), "café", "text/plain; charset=latin-1") == [
        Match("", "café noir")
    ]
    assert found(b"\xff\xfa plain", "plain", "text/plain")
    assert found(b"one\ntwo", "one two", "application/octet-stream") == []


def test_tokens_hold_what_a_query_asks_for():
    known = tokens(["Ann Lee", "19.90"])
    for text in ("ann lee", "Ann", "19.90"):
        assert Query(text).whole in known
    query = Query("lee, ann")
    assert query.whole not in known
    assert set(query.words) <= known
    assert token("nobody") not in known
    assert Query("lee").words == ()
