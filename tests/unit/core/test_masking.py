"""Masking: what is hidden, what stays to the byte, and what is withheld because nobody can read it."""

from __future__ import annotations

import pytest

from redrive.core.masking import HIDDEN, Mask, MaskRule, RuleInvalid, address, masker

JSON, CSV, XML = "application/json", "text/csv", "application/xml"
FORM = "application/x-www-form-urlencoded"
FIELDS = Mask([MaskRule(("email", "customer.phone", "card*"))])
PATTERN = Mask([MaskRule((), r"\b\d{16}\b")])


def shown(mask: Mask, data: bytes, media_type: str = JSON, step: int = 1000, path: str = "") -> bytes:
    reading = masker(mask, media_type, path)
    parts = [reading.feed(data[at : at + step]) for at in range(0, len(data), step)]
    return b"".join(parts) + reading.close()


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"a": 1.10, "email" : "x@y" }\n', b'{"a": 1.10, "email" : "********" }\n'),
        (
            b'{"EMAIL":null,"e\\u006dail":1,"emails":2}',
            b'{"EMAIL":"********","e\\u006dail":"********","emails":2}',
        ),
        (b'[{"customer":{"phone":1}},{"phone":1}]', b'[{"customer":{"phone":"********"}},{"phone":1}]'),
        (b'{"customer":[[{"phone":1}]]}', b'{"customer":[[{"phone":"********"}]]}'),
        (b'{"customer":{"x":{"phone":1}}}', b'{"customer":{"x":{"phone":1}}}'),
        (b'{"email":{"a":"}","b":[1,"]"]},"c":1e5}', b'{"email":"********","c":1e5}'),
        (b'{"card_no":[1,{"z":2}],"x":[]}', b'{"card_no":"********","x":[]}'),
        (b'{"x":"\\"email\\":","email":""}', b'{"x":"\\"email\\":","email":"********"}'),
        (
            b'{"n":123456789012345678901234567890,"n":-0.10}',
            b'{"n":123456789012345678901234567890,"n":-0.10}',
        ),
        (b'{"k":"v"}\n{"email":1}\n', b'{"k":"v"}\n{"email":"********"}\n'),
        (b'\xef\xbb\xbf{"email":1}', b'\xef\xbb\xbf{"email":"********"}'),
        (b"", b""),
        (b' "a text" ', b' "a text" '),
    ],
)
def test_fields_of_json(before, after, step):
    assert shown(FIELDS, before, step=step) == after


@pytest.mark.parametrize(
    "broken",
    [
        b'{"email" "secret"}', b'{"x" "secret"}', b"{email:'secret'}", b'{"x":1 "secret":1}', b'[1 "secret"]',
        b'{"x":"no end, secret', b"[1]]secret", b'{"x":1,}"secret"', b'{"x"}"secret"', b'[1:"secret"]',
    ],
)  # fmt: skip
@pytest.mark.parametrize("step", [1, 1000])
def test_what_does_not_read_as_json_is_withheld_from_there_on(broken, step):
    out = shown(FIELDS, broken, step=step)
    assert b"secret" not in out
    assert out.endswith(b'"********"')


def test_values_are_hidden_by_patterns_and_only_what_is_found():
    data = b'{"a":"no 4111111111111111, yes","b":4111111111111111,"c":"\\u0034111111111111111","d":1.50}'
    assert shown(PATTERN, data, step=5) == (
        b'{"a":"no ********, yes","b":"********","c":"********","d":1.50}'
    )
    assert b"4111" not in shown(PATTERN, b'{"4111111111111111": 1}')


def test_a_pattern_that_cannot_be_tried_hides_all():
    long = b'{"a":"' + b"x" * 200_000 + b'","b":1}'
    assert shown(PATTERN, long) == b'{"a":"********","b":1}'


@pytest.mark.parametrize("step", [60_000, 10_000_000])
def test_texts_of_any_length_go_through_in_pieces(step):
    data = b'{"a":"' + b"x\\\\" * 1_500_000 + b'\\"y","email":"' + b"z" * 3_000_000 + b'","q":1}'
    out = shown(FIELDS, data, step=step)
    assert out.startswith(data[: data.index(b'"email"')])
    assert out.endswith(b'"email":"********","q":1}')


def test_a_deep_document_is_read():
    depth = 100_000
    data = b'{"a":' * depth + b'{"email":1}' + b"}" * depth
    assert shown(FIELDS, data, step=65_536) == data.replace(b'"email":1', b'"email":"********"')


def test_an_item_is_a_part_of_what_it_stands_in():
    rule = Mask([MaskRule(("orders.id",))])
    assert shown(rule, b'{"id":1,"x":{"id":2}}', path="data.orders") == b'{"id":"********","x":{"id":2}}'
    assert shown(rule, b'{"id":1}') == b'{"id":1}'


@pytest.mark.parametrize("step", [1, 4, 1000])
def test_columns_of_csv(step):
    data = b'id;"email";x\r\n1;"a;""b";2.10\r\n\r\n3;;"q"\n'
    assert shown(FIELDS, data, CSV, step) == b'id;"email";x\r\n1;********;2.10\r\n\r\n3;********;"q"\n'
    assert shown(PATTERN, b"a,b\n1,4111111111111111\n", CSV, step) == b"a,b\n1,********\n"


def test_csv_without_header_or_with_a_field_that_never_ends_is_withheld():
    assert shown(FIELDS, b"1,secret\n", "text/csv; header=absent") == HIDDEN.encode()
    assert shown(FIELDS, b'a,email\n1,"secret\n2,secret\n', CSV) == b"a,email\n********"


@pytest.mark.parametrize("step", [1, 5, 1000])
def test_elements_and_attributes_of_xml(step):
    data = (
        b'<?xml version="1.0"?><!-- n --><o xmlns:e="urn:e"><e:email k="1">x<b>y</b></e:email>'
        b"<customer phone='3'><phone>1</phone></customer><phone>2</phone><email/>\r\n<z a='&lt;'>1.10</z></o>"
    )
    assert shown(FIELDS, data, XML, step) == (
        b'<?xml version="1.0"?><!-- n --><o xmlns:e="urn:e"><e:email>********</e:email>'
        b"<customer phone='********'><phone>********</phone></customer><phone>2</phone><email/>\r\n"
        b"<z a='&lt;'>1.10</z></o>"
    )
    assert b"secret" not in shown(FIELDS, b"<a><b>1</a>secret</b>", XML, step)
    assert b"4111" not in shown(PATTERN, b"<a>4111111111111111<![CDATA[4111111111111111]]></a>", XML, step)


def test_forms_addresses_and_lines_of_text():
    assert shown(FIELDS, b"a=1&email=b%40c&customer[phone]=3", FORM) == (
        b"a=1&email=********&customer[phone]=********"
    )
    assert address("https://x/y?email=a%40b&n=%31", FIELDS) == "https://x/y?email=********&n=%31"
    assert address("https://x/4111111111111111", PATTERN) == "https://x/********"
    text = b'to ann, email: ann@example.com\nbody {"email":"ann@example.com"} email\n'
    assert shown(FIELDS, text, "text/plain", 3) == (
        b'to ann, email: ********\nbody {"email":********} email\n'
    )


@pytest.mark.parametrize("media_type", ["image/png", "application/pdf", "application/zip", "x/unheard-of"])
def test_what_nobody_can_read_is_withheld_whole(media_type):
    assert shown(FIELDS, b"\x89PNG secret", media_type, 3) == HIDDEN.encode()
    assert shown(FIELDS, b"secret", media_type, 3) == HIDDEN.encode()


@pytest.mark.parametrize(
    "data", ['{"email":"secret"}'.encode("utf-16"), '{"email":"secret"}'.encode("utf-16-le")]
)
def test_other_encodings_are_withheld(data):
    for media_type in (JSON, "application/json; charset=utf-16", "text/plain"):
        assert shown(FIELDS, data, media_type) == HIDDEN.encode()


def test_json_that_is_called_something_else_is_read_as_json():
    for media_type in ("text/plain", "application/octet-stream", ""):
        assert shown(FIELDS, b' {"email":"x","n":1.10}', media_type, 1) == b' {"email":"********","n":1.10}'


def test_values_in_memory():
    assert FIELDS.value({"email": 1, "a": [{"customer": {"phone": 2, "x": 3}}]}) == {
        "email": HIDDEN,
        "a": [{"customer": {"phone": HIDDEN, "x": 3}}],
    }
    assert PATTERN.value({"n": 4111111111111111, "t": True, "s": "x 4111111111111111"}) == {
        "n": HIDDEN,
        "t": True,
        "s": f"x {HIDDEN}",
    }


@pytest.mark.parametrize(
    ("rule", "setting"),
    [
        (MaskRule(), "fields"),
        (MaskRule(("a..b",)), "fields"),
        (MaskRule(("$.a",)), "fields"),
        (MaskRule(("",)), "fields"),
        (MaskRule(("a[0]",)), "fields"),
        (MaskRule((), "("), "pattern"),
        (MaskRule((), "x*"), "pattern"),
        (MaskRule((), "(a+)+$"), "pattern"),
    ],
)
def test_rules_that_hide_nothing_or_too_much_are_refused(rule, setting):
    with pytest.raises(RuleInvalid) as caught:
        rule.check()
    assert caught.value.setting == setting
