from __future__ import annotations

import json

import pytest

from redrive.core.erasing import Wanted, masked_key, tombstone

JSON = "application/json"


@pytest.mark.parametrize(
    "raw",
    [
        b'{"id": 1042}',
        b'{"id": "1042"}',
        b'{"a": {"b": ["x", {"c": "order 1042."}]}}',
        b'{"1042": true}',
        b'{"id": "10\\u00342"}',
        b'{"a": 1, "a": 1042}',
    ],
)
def test_an_item_that_holds_the_value(raw):
    assert Wanted("1042").in_item(raw, JSON)


@pytest.mark.parametrize(
    "raw", [b'{"id": 10420}', b'{"id": "A1042"}', b'{"total": 1042.0}', b'{"id": 1}', b'{"id": "1042x"}']
)
def test_an_item_that_does_not(raw):
    assert not Wanted("1042").in_item(raw, JSON)


def test_only_in_the_field():
    wanted = Wanted("1042", "customer.id")
    assert wanted.in_item(b'{"customer": {"id": 1042}}', JSON)
    assert not wanted.in_item(b'{"id": 1042}', JSON)


@pytest.mark.parametrize(
    "spelt",
    ["jörg@x.de", "j\\u00f6rg@x.de", "j\\u00F6rg\\u0040x.de", "j\\u00f6rg@x\\u002ede"],
)
def test_any_spelling_of_a_text_is_seen(spelt):
    wanted = Wanted("jörg@x.de")
    raw = f'{{"mail": "{spelt}"}}'.encode()
    assert wanted.may_hold(raw)
    assert wanted.in_item(raw, JSON)
    assert json.loads(wanted.scrub_bytes(raw)) == {"mail": "[erased]"}


def test_surrogate_pairs_and_slashes():
    assert Wanted("a/b").may_hold(b'"a\\/b"')
    assert Wanted("😀").may_hold(b'"\\ud83d\\ude00"')
    assert not Wanted("a/b").may_hold(b'"a\\\\b"')


def test_records_are_scrubbed_in_texts_names_and_long_numbers():
    value = {"order": 1042, "text": "1042, again", "1042": [1042, 10420], "n": 3}
    assert Wanted("1042").scrub_value(value) == {
        "order": None, "text": "[erased], again", "[erased]": [None, 10420], "n": 3,
    }  # fmt: skip
    assert Wanted("42").scrub_value({"items": 42, "key": "42"}) == {"items": 42, "key": "[erased]"}


@pytest.mark.parametrize(
    ("data", "lists"),
    [
        (b'{"orders": [{"id": 1042}], "next": null}', ["orders"]),
        (b'{"data": {"orders": [{"lines": [{"sku": "1042"}]}]}}', ["data.orders"]),
        (b'[{"id": 1042}]', [""]),
        (b'{"id": 1042, "lines": [1, 1042]}', []),
        (b'{"a b": [1042]}', []),
        (b"no json 1042", None),
    ],
)
def test_where_the_records_of_a_body_stand(data, lists):
    assert Wanted("1042").lists(data) == lists


def test_a_tombstone_has_the_form_of_an_item():
    assert json.loads(tombstone(b"{}", JSON)) == {"_erased": True}
    assert tombstone(b"1042;Ann;x", "text/csv", b"id;name;note\n") == b"[erased];;"
    assert tombstone(b"1042", "text/plain") == b"[erased]"


def test_the_key_of_an_erased_item_needs_the_secret():
    one, other = b"1" * 32, b"2" * 32
    assert masked_key("1042", one) == masked_key("1042", one)
    assert len({masked_key("1042", one), masked_key("1042", other), masked_key("1043", one)}) == 3
