"""Shape convert: each format into each other, encodings, dialects, hostile documents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from redrive.core import formats
from redrive.core.jsonvalue import decode
from redrive.sdk import CHUNK_BYTES, Content, MemoryContent, Payload
from redrive.sdk.testing import MemoryContext, OutPayload, Result, run_shape
from redrive.sdk.writing import Writing
from redrive.shapes.convert import Convert
from tests.unit.shapes.builders import orders, payload, refusal

XML = "application/xml"


async def converted(
    data: bytes | str, media_type: str, *, items_path: str = "", **settings: Any
) -> OutPayload:
    result = await run_shape(
        Convert(**settings), [payload(data, media_type=media_type, items_path=items_path)]
    )
    assert result.error is None, result.error
    assert len(result.payloads) == 1
    return result.payloads[0]


async def refused(data: bytes | str, media_type: str, **settings: Any) -> str:
    result = await run_shape(Convert(**settings), [payload(data, media_type=media_type)])
    assert result.error is not None
    assert result.error.code == "payload.invalid"
    return f"{result.error.detail} {result.error.hint or ''}"


def rows(out: OutPayload) -> list[bytes]:
    """The items as a reader of the payload's own media type and items path finds them."""
    reader = formats.item_reader(out.media_type, out.items_path)
    return reader.feed(out.data) + reader.close()


# ---- CSV in


@pytest.mark.parametrize(
    ("document", "read", "gives"),
    [
        (b"a,b\n1,2\n", {}, b'[{"a":"1","b":"2"}]'),
        (b"\xef\xbb\xbfa;b\r\n1;2\r\n3;4", {}, b'[{"a":"1","b":"2"},{"a":"3","b":"4"}]'),
        (b'a,b\n"x, ""y""\nz",2\n', {}, b'[{"a":"x, \\"y\\"\\nz","b":"2"}]'),
        (
            b"1,2\n3,4\n",
            {"header": False},
            b'[{"column_1":"1","column_2":"2"},{"column_1":"3","column_2":"4"}]',
        ),
        (b"1,2\n", {"header": ["x", "y"]}, b'[{"x":"1","y":"2"}]'),
        (b"a||b\n1||2\n", {"delimiter": "|"}, b'[{"a":"1","column_2":"","b":"2"}]'),
        (b"a,b\n'1,5',2\n", {"quote": "'"}, b'[{"a":"1,5","b":"2"}]'),
        (b'a,b\n"1\\"5",2\\,0\n', {"escape": "\\"}, b'[{"a":"1\\"5","b":"2,0"}]'),
        (b"a,b\n1\n1,2,3\n", {"uneven": "fill"}, b'[{"a":"1","b":null},{"a":"1","b":"2","column_3":"3"}]'),
        (b'a,b\n,""\n', {"null_as": ""}, b'[{"a":null,"b":""}]'),
        (b"a , b\n 1 , 2 \n", {"trim": True}, b'[{"a":"1","b":"2"}]'),
        (b"a.b,a.c,d\n1,2,3\n", {"unfold": True}, b'[{"a":{"b":"1","c":"2"},"d":"3"}]'),
        (
            b"n,i,b,j,s\n19.90,007,yes,[1],1\n,,,,\n",
            {"types": {"n": "number", "i": "integer", "b": "boolean", "j": "json", "s": "string"}},
            b'[{"n":19.90,"i":7,"b":true,"j":[1],"s":"1"},{"n":null,"i":null,"b":null,"j":null,"s":""}]',
        ),
        (
            b"a,b,c,d,e\n19.90,007,true,1e5,-0\n",
            {"infer": True},
            b'[{"a":19.90,"b":"007","c":true,"d":1e5,"e":-0}]',
        ),
    ],
)
async def test_csv_is_read_as_its_dialect_says(document: bytes, read: dict[str, Any], gives: bytes) -> None:
    out = await converted(document, "text/csv", to="json", read=read)
    assert out.data == gives
    assert (out.media_type, out.items_path) == ("application/json", "")


@pytest.mark.parametrize(
    ("document", "read", "says"),
    [
        (b"a,b\n1,2\n1\n", {}, "row 1: the row has 1 fields and the header 2; mend the delimiter or the row"),
        (
            b"a,a\n1,2\n",
            {},
            "the header: two columns are named 'a' Name the columns: read: {header: [id, name]}",
        ),
        (b"a\n\xff\n", {}, "row 0: not UTF-8 at byte 0 of the row; name its encoding in read.encoding"),
        (b'a\n"x\n', {}, 'never ends Close the field with "'),
        (b"a\nx\n", {"types": {"a": "number"}}, "row 0: the column a holds a text that spells no number"),
        (b"a\n1.5\n", {"types": {"a": "integer"}}, "holds a text that spells no whole number"),
        (
            b"a\nperhaps\n",
            {"types": {"a": "boolean"}},
            "holds a text that is none of true, yes, 1, false, no, 0",
        ),
        (b"a\n{\n", {"types": {"a": "json"}}, "holds a text that is not JSON"),
        (b"a,a.b\n1,2\n", {"unfold": True}, "the columns a and a.b exclude each other"),
        (b"a\n\x81\n", {"encoding": "ascii"}, "not ascii at byte 2 Name the encoding in read.encoding"),
    ],
)
async def test_csv_that_is_not_what_it_should_be(document: bytes, read: dict[str, Any], says: str) -> None:
    assert says in await refused(document, "text/csv", to="json", read=read)


@pytest.mark.parametrize("encoding", ["windows-1252", "utf-16", "utf-16-le", "utf-8", "iso8859-15", "utf-32"])
async def test_an_encoding_is_read_where_it_is_named(encoding: str) -> None:
    document = "name;price\nCafé;5\n".encode(encoding)
    out = await converted(document, "text/csv", to="json", read={"encoding": encoding})
    assert decode(out.data) == [{"name": "Café", "price": "5"}]
    declared = await converted(document, f"text/csv; charset={encoding}", to="json")
    assert declared.data == out.data


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
async def test_a_byte_order_mark_is_enough(encoding: str) -> None:
    out = await converted("naïve\nü\n".encode(encoding), "text/csv", to="json")
    assert decode(out.data) == [{"naïve": "ü"}]


# ---- CSV out


@pytest.mark.parametrize(
    ("document", "write", "gives"),
    [
        (b'[{"a":1,"b":"x"},{"c":true,"a":null}]', {}, b"a,b,c\n1,x,\n,,true\n"),
        (
            b'[{"a":19.90,"b":123456789012345678901234567890,"c":1E5}]',
            {},
            b"a,b,c\n19.90,123456789012345678901234567890,1E5\n",
        ),
        (b'[{"a":"x,y","b":"say \\"hi\\"","c":"1\\n2"}]', {}, b'a,b,c\n"x,y","say ""hi""","1\n2"\n'),
        (b'[{"a":"x\\"y"}]', {"escape": "\\"}, b'a\n"x\\"y"\n'),
        (b'[{"a":"x,y"}]', {"quoting": "none", "escape": "\\"}, b"a\nx\\,y\n"),
        (b'[{"a":1,"b":"x"}]', {"quoting": "all", "line_end": "crlf"}, b'"a","b"\r\n"1","x"\r\n'),
        (b'[{"a":{"b":1,"c":{"d":[1, 2]}},"e":{}}]', {}, b'a.b,a.c.d,e\n1,"[1, 2]",{}\n'),
        (b'[{"a":{"b":1}}]', {"nested": "json"}, b'a\n"{""b"":1}"\n'),
        (b'[{"a":1,"b":2}]', {"columns": ["b", "z"]}, b"b,z\n2,\n"),
        (b'[{"a":1}]', {"header": False, "delimiter": "tab"}, b"1\n"),
        (b'[{"a":null,"b":"","c":"-"}]', {"null_as": "-"}, b'a,b,c\n-,,"-"\n'),
        (b'[{"a":""},{"a":null}]', {}, b'a\n""\n""\n'),
        (
            b'[{"a":"=1+1","b":-5,"c":"@x","d":"a=b"}]',
            {"guard_formulas": True},
            b"a,b,c,d\n'=1+1,-5,'@x,a=b\n",
        ),
        (b'[[1,"x"],[2]]', {"header": False}, b"1,x\n2,\n"),
        (b'["x",5]', {}, b"value\nx\n5\n"),
        (b'{"a":1}', {}, b"a\n1\n"),
        (b'[{"a":"\xc3\xa9"}]', {"encoding": "windows-1252"}, b"a\n\xe9\n"),
        (b'[{"a":"\xc3\xa9"}]', {"bom": True}, b"\xef\xbb\xbfa\n\xc3\xa9\n"),
        (b'[{"a":"\xe2\x98\x83"}]', {"encoding": "ascii", "unencodable": "replace"}, b"a\n?\n"),
        (b'[{"a":"x"}]', {"encoding": "utf-16"}, "a\nx\n".encode("utf-16")),
    ],
)
async def test_csv_is_written_as_its_dialect_says(
    document: bytes, write: dict[str, Any], gives: bytes
) -> None:
    out = await converted(document, "application/json", to="csv", write=write)
    assert out.data == gives
    assert out.count == len(rows(out))
    assert len(out.lineage) == out.count


@pytest.mark.parametrize(
    ("document", "write", "says"),
    [
        (b'[{"a":[1]}]', {"nested": "error"}, "item 0: a is a list or an object; map it to single values"),
        (
            b'[{"a":1},{"a":"x,y"}]',
            {"quoting": "none"},
            "item 1: a holds a delimiter, a line end or a quote, and quoting",
        ),
        (b'[{"a.b":1,"a":{"b":2}}]', {}, "two fields would both be the column 'a.b'; rename one"),
        (
            b'[{"a":"\xe2\x82\xac"}]',
            {"encoding": "latin-1"},
            "iso8859-1 has no character U+20AC; write in utf-8",
        ),
        (b'[{"a":"\xe2\x82\xac"}]', {"encoding": "shift_jis"}, "shift_jis has no character U+20AC"),
        (b'[{"a":"\\ud800"}]', {}, "item 0"),
    ],
)
async def test_what_csv_cannot_hold(document: bytes, write: dict[str, Any], says: str) -> None:
    assert says in await refused(document, "application/json", to="csv", write=write)


async def test_too_many_different_fields_are_no_columns() -> None:
    wide = "[" + ",".join(f'{{"f{number}":1}}' for number in range(10_001)) + "]"
    assert "more than 10000 different fields" in await refused(wide, "application/json", to="csv")


@pytest.mark.parametrize(
    "write",
    [
        {"header": False},
        {"quote": "'"},
        {"escape": "\\"},
        {"delimiter": "^"},
        {"delimiter": "space", "quote": "'"},
    ],
)
async def test_rows_of_an_unusual_dialect_are_still_items(write: dict[str, Any]) -> None:
    """Its media type says what a later step has to know."""
    given = b'[{"a":"it\'s, \\"x\\" ^\\\\","b":"1\\n2"},{"a":"","b":"\\"3"}]'
    out = await converted(given, "application/json", to="csv", write=write)
    assert out.count == len(rows(out)) == 2
    back = await converted(
        out.data, out.media_type, to="json", read={"header": ["a", "b"]} if "header" in write else {}
    )
    assert decode(back.data) == decode(given)


# ---- XML


@pytest.mark.parametrize(
    ("document", "read", "gives"),
    [
        ("<a/>", {}, {"a": None}),
        ("<a x='1'>t</a>", {}, {"a": {"@x": "1", "#text": "t"}}),
        ("<a><b>1</b><c/><b>2</b></a>", {}, {"a": {"b": ["1", "2"], "c": None}}),
        ("<a>\n <b> x </b>\n</a>", {}, {"a": {"b": " x "}}),
        ("<a>\n <b> x </b>\n</a>", {"trim": True}, {"a": {"b": "x"}}),
        ("<a><![CDATA[1 < 2]]>&amp;&#233;</a>", {}, {"a": "1 < 2&é"}),
        ("<a>x<b>1</b>y<!-- no --></a>", {}, {"a": {"b": "1", "#text": "xy"}}),
        ("<a><b>1</b></a>", {"lists": ["a.b"]}, {"a": {"b": ["1"]}}),
        ("<a n='7'><q>19.90</q></a>", {"infer": True}, {"a": {"@n": 7, "q": "n"}}),
        (
            "<a><b xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:nil='true'/></a>",
            {"namespaces": "strip"},
            {"a": {"b": None}},
        ),
        ("<s:a xmlns:s='urn:s'><s:b/></s:a>", {}, {"s:a": {"@xmlns:s": "urn:s", "s:b": None}}),
        ("<s:a xmlns:s='urn:s' s:x='1'><s:b/></s:a>", {"namespaces": "strip"}, {"a": {"@x": "1", "b": None}}),
        (
            "<a xmlns='urn:s'><q:b xmlns:q='urn:t'/></a>",
            {"namespaces": {"soap": "urn:s"}},
            {"soap:a": {"b": None}},
        ),
        ("<!DOCTYPE cXML SYSTEM 'http://xml.cxml.org/cXML.dtd'><cXML/>", {}, {"cXML": None}),
    ],
)
async def test_xml_becomes_objects(document: str, read: dict[str, Any], gives: Any) -> None:
    out = await converted(document, XML, to="json", read=read)
    if read.get("infer"):
        assert out.data == b'{"a":{"@n":7,"q":19.90}}'
    else:
        assert decode(out.data) == gives
    assert out.count == 1


async def test_elements_are_items_with_their_own_lineage() -> None:
    document = '<?xml version="1.0" encoding="ISO-8859-1"?><r><o n="1">\xe9</o><x/><o n="2"/></r>'.encode(
        "latin-1"
    )
    out = await converted(document, XML, items_path="r.o", to="json", read={"types": {"@n": "integer"}})
    assert decode(out.data) == [{"@n": 1, "#text": "é"}, {"@n": 2}]
    assert out.lineage == [[(0, 0)], [(0, 1)]]
    named = await converted(document, XML, to="json", read={"items": "r.o"})
    assert named.lineage == [[(0, 0)], [(0, 0)]]


@pytest.mark.parametrize(
    ("document", "write", "gives"),
    [
        (
            b'{"order": {"@id": 7, "b": [1, 2], "c": null, "#text": "x"}}',
            {},
            b'<order id="7"><b>1</b><b>2</b><c/>x</order>',
        ),
        (b'{"a": 1, "b": "<&>\\""}', {}, b'<root><a>1</a><b>&lt;&amp;&gt;"</b></root>'),
        (b'{"a": {"@x": "\\"<\\n"}}', {}, b'<a x="&quot;&lt;&#10;"/>'),
        (b'{"a": [[1, 2], 3]}', {"root": "r"}, b"<r><a><item>1</item><item>2</item></a><a>3</a></r>"),
        (b'{"s:a": {"@xmlns:s": "urn:s", "s:b": true}}', {}, b'<s:a xmlns:s="urn:s"><s:b>true</s:b></s:a>'),
        (b'{"t": 19.90, "u": 1E5}', {}, b"<root><t>19.90</t><u>1E5</u></root>"),
    ],
)
async def test_a_document_becomes_xml(document: bytes, write: dict[str, Any], gives: bytes) -> None:
    out = await converted(document, "application/json", to="xml", write=write)
    assert out.data == b'<?xml version="1.0" encoding="UTF-8"?>\n' + gives + b"\n"
    assert formats.parses(out.media_type, out.data) is None


async def test_items_become_elements_that_are_items_again() -> None:
    out = await converted(
        b'[{"id": 1, "n": "\xc3\xa9"}, {"id": 2}]',
        "application/json",
        to="xml",
        write={
            "root": "x:orders",
            "item": "order.line",
            "namespaces": {"x": "urn:x", "": "urn:d"},
            "encoding": "latin-1",
        },
    )
    assert out.data == (
        b'<?xml version="1.0" encoding="ISO8859-1"?>\n<x:orders xmlns:x="urn:x" xmlns="urn:d">\n'
        b"<order.line><id>1</id><n>\xe9</n></order.line>\n<order.line><id>2</id></order.line>\n</x:orders>\n"
    )
    assert out.media_type == "application/xml; charset=iso8859-1"
    assert len(rows(out)) == out.count == 2
    back = await converted(
        out.data, out.media_type, items_path=out.items_path, to="json", read={"infer": True}
    )
    assert decode(back.data) == [{"id": 1, "n": "é"}, {"id": 2}]
    assert back.lineage == [[(0, 0)], [(0, 1)]]


async def test_characters_that_an_encoding_lacks_are_references_in_xml() -> None:
    out = await converted('["€"]', "application/json", to="xml", write={"encoding": "ascii"})
    assert b"<item>&#8364;</item>" in out.data


@pytest.mark.parametrize(
    ("document", "write", "says"),
    [
        (
            '[{"first name": 1}]',
            {},
            "item 0: 'first name' cannot be the name of an XML element; give it another name",
        ),
        ('[{"a": "\\u0001"}]', {}, "the character U+0001 cannot stand in XML"),
        ('[{"soap:a": 1}]', {}, "the prefix of soap:a is not declared; name it in write.namespaces"),
        ('[{"@a": [1]}]', {}, "the attribute @a is a list or an object"),
        ('[{"éЖ": 1}]', {"encoding": "latin-1"}, "cannot be written in iso8859-1"),
        ('[{"a><script>": 1}]', {}, "cannot be the name of an XML element"),
    ],
)
async def test_what_xml_cannot_hold(document: str, write: dict[str, Any], says: str) -> None:
    assert says in await refused(document, "application/json", to="xml", write=write)


BOMB = (
    "<!DOCTYPE l [<!ENTITY a 'ha'>"
    + "".join(f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9))
    + "]><l>&j;</l>"
)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (BOMB, "declares entities"),
        (
            "<!DOCTYPE a SYSTEM 'file:///etc/passwd' [<!ENTITY % p SYSTEM 'http://x/'> %p;]><a/>",
            "declares entities",
        ),
        ("<!DOCTYPE a [<!ATTLIST a x CDATA 'y'>]><a/>", "declares entities or types of its own"),
        ("<!DOCTYPE a SYSTEM 'x.dtd'><a>&secret;</a>", "the entity &secret; is not one of XML's own five"),
        ("<a>" * 300 + "</a>" * 300, "more than 256 elements within each other"),
        ("<a b='" + "x" * (10 << 20) + "'/>", "a tag or comment of more than 8388608 bytes"),
        ("<a><b></a>", "not XML: mismatched tag (line 1, column"),
        ("<a/><b/>", "not XML"),
        ("<?xml version='1.0' encoding='klingon'?><a/>", "unknown encoding"),
        ("", None),
    ],
)
@pytest.mark.parametrize("read", [{}, {"items": "a.b"}])
async def test_hostile_xml_is_refused(document: str, read: dict[str, Any], says: str | None) -> None:
    shape = Convert(**{"from": "xml"}, to="json", read=read)
    result = await run_shape(shape, [payload(document, media_type="text/plain")])
    if says is None:
        assert result.payloads == []
        assert result.error is None
        return
    assert result.error is not None
    if "entities" in says or read == {}:
        assert says in result.error.detail


# ---- text, JSON


@pytest.mark.parametrize(
    ("document", "media_type", "settings", "gives"),
    [
        (b"a\r\n\nb", "text/plain", {"to": "json"}, b'["a","","b"]'),
        (b"a\nb\n", "text/plain", {"to": "json", "read": {"lines": False}}, b'"a\\nb\\n"'),
        (b"a\n", "text/plain", {"to": "ndjson", "read": {"field": "line %d"}}, b'{"line %d":"a"}\n'),
        (
            b'["a",19.90,null,{"b": [1,\n2]}]',
            "application/json",
            {"to": "text"},
            b'a\n19.90\n\n{"b": [1, 2]}\n',
        ),
        (
            b'[{"s":"a"},{"s":["b","c"]},{}]',
            "application/json",
            {"to": "text", "write": {"field": "s"}},
            b"a\nb\nc\n",
        ),
        (b'[1,\n{"a":\r\n2}]', "application/json", {"to": "ndjson"}, b'1\n{"a":  2}\n'),
        (b'{"a": 1}', "application/json", {"to": "ndjson"}, b'{"a": 1}\n'),
        (b'1\n{"a": 2}\n', "application/x-ndjson", {"to": "json"}, b'[1,{"a": 2}]'),
        (b"1\n", "application/x-ndjson", {"to": "json", "write": {"wrap": "a.b"}}, b'{"a":{"b":[1]}}'),
        (b'{"o": [1, 2]}', "text/plain", {"from": "json", "to": "json", "read": {"items": "o"}}, b"[1,2]"),
        (
            '{"a": "é"}'.encode("utf-16"),
            "application/json",
            {"to": "json", "read": {"encoding": "utf-16"}},
            '{"a": "é"}'.encode(),
        ),
    ],
)
async def test_text_and_json(
    document: bytes, media_type: str, settings: dict[str, Any], gives: bytes
) -> None:
    out = await converted(document, media_type, **settings)
    assert out.data == gives


async def test_what_is_in_the_format_already_passes_on_as_it_is() -> None:
    given = payload(b'{ "orders" : [1 , 2] }', items_path="orders", meta={"page": "1"})
    result = await run_shape(Convert(to="json"), [given])
    assert result.payloads[0].content is given.content
    assert result.payloads[0].items_path == "orders"
    assert result.payloads[0].meta == {"page": "1"}


async def test_an_unknown_media_type_needs_from() -> None:
    assert "which convert does not know Name the format" in await refused(
        b"x", "application/octet-stream", to="json"
    )


async def test_items_at_another_path_than_the_payload_has() -> None:
    given = payload(b'{"a": [1], "b": [2]}', items_path="a")
    result = await run_shape(Convert(to="csv", read={"items": "b"}), [given])
    assert result.error is not None
    assert "has its items at a, and read.items says b" in result.error.detail


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"to": "json", "write": {"delimiter": ";"}}, "write.delimiter belongs to csv, not to json"),
        (
            {"to": "csv", "from": "json", "read": {"types": {"a": "number"}}},
            "read.types belongs to csv and xml, not to json",
        ),
        ({"to": "csv", "write": {"delimiter": "ab"}}, "expected one ASCII character"),
        (
            {"to": "csv", "write": {"encoding": "klingon"}},
            "there is no encoding 'klingon'; expected one such as utf-8",
        ),
        ({"to": "csv", "write": {"encoding": "rot13"}}, "there is no encoding 'rot13'"),
        ({"to": "xml", "write": {"root": "a b"}}, "cannot be the name of an XML element"),
        ({"to": "json", "read": {"items": "a[0]"}}, "names one element of a list"),
        ({"to": "yaml"}, "Input should be 'json'"),
        ({"to": "csv", "read": {"types": {"a": "date"}}}, "Input should be 'string'"),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, Any], says: str) -> None:
    assert says in refusal(Convert, **settings)


# ---- large payloads


class Endless(Content):
    """A document of many equal parts that is never in memory as a whole."""

    def __init__(self, head: bytes, part: bytes, count: int, tail: bytes = b"") -> None:
        self.pieces = (head, part, count, tail)
        self.size_bytes = len(head) + len(part) * count + len(tail)
        self.digest = b"0" * 32
        self.open = 0

    async def read(self, start: int = 0, stop: int | None = None) -> bytes:
        raise AssertionError("read whole")

    async def stream(
        self, start: int = 0, stop: int | None = None, chunk_bytes: int = CHUNK_BYTES
    ) -> AsyncIterator[bytes]:
        head, part, count, tail = self.pieces
        yield head
        each = max(1, chunk_bytes // len(part))
        for at in range(0, count, each):
            yield part * min(each, count - at)
        yield tail


LARGE = [
    (Endless(b"id;name;price\n", b'7;"a ""b""";19.90\n', 80_000), "text/csv", "", {"to": "json"}),
    (Endless(b"<r>", b"<o id='1'><p>19.90</p></o>\n", 80_000, b"</r>"), XML, "r.o", {"to": "ndjson"}),
    (Endless(b'[{"a":1}', b',{"a":1,"b":{"c":"x"}}', 80_000, b"]"), "application/json", "", {"to": "csv"}),
    (Endless(b'[{"a":1}', b',{"a":1,"b":{"c":"x"}}', 80_000, b"]"), "application/json", "", {"to": "xml"}),
]


@pytest.mark.parametrize(
    ("content", "media_type", "at", "settings"), LARGE, ids=["csv", "xml", "to csv", "to xml"]
)
async def test_a_large_document_goes_through_in_a_stream(
    content: Endless, media_type: str, at: str, settings: dict[str, Any]
) -> None:
    """No part that is put out, and nothing that is read, has the size of the document."""
    given = Payload(content, media_type=media_type, items_path=at)
    largest = count = 0
    async for out in Convert(**settings).run(given, MemoryContext()):
        writing = await Writing.begin(out)
        assert writing is not None
        async for piece in writing.pieces():
            largest = max(largest, len(piece.data))
            count += len(piece.items)
    assert count == content.pieces[2] + (media_type == "application/json")
    assert largest < 8 << 20


async def test_an_xml_document_that_is_no_list_is_bounded() -> None:
    given = Payload(Endless(b"<r>", b"<o/>" * 1024, 20_000, b"</r>"), media_type=XML)
    result: Result = await run_shape(Convert(to="json"), [given])
    assert result.error is not None
    assert result.error.code == "payload.too_large"
    assert "read: {items: orders.order}" in (result.error.hint or "")


async def test_orders_survive_the_way_to_each_format_and_back() -> None:
    given = orders(50, size_bytes=80)
    for write, read in (
        ({"to": "csv"}, {"infer": True}),
        ({"to": "xml"}, {"infer": True}),
        ({"to": "ndjson"}, {}),
    ):
        out = await converted(given, "application/json", **write)
        back = await run_shape(
            Convert(to="json", read=read),
            [Payload(MemoryContent(out.data), media_type=out.media_type, items_path=out.items_path)],
        )
        assert back.error is None
        assert back.payloads[0].value == decode(given)
        assert b'"total":19.90' in back.payloads[0].data.replace(b" ", b"")
