"""NDJSON, CSV and whole documents; checks of edited documents; ranges of items."""

from __future__ import annotations

import pytest

from redrive.core import formats
from redrive.core.formats import ItemReader, ItemsInvalid, item_reader
from redrive.core.formats.base import WINDOW_BYTES

NDJSON = "application/x-ndjson; charset=utf-8"
CSV = "text/csv"


def read(media_type: str, document: bytes, step: int = WINDOW_BYTES) -> tuple[list[bytes], ItemReader]:
    reader = item_reader(media_type)
    items = []
    for at in range(0, len(document), step):
        items += reader.feed(document[at : at + step])
    items += reader.close()
    return items, reader


# -- NDJSON


def test_each_line_is_an_item() -> None:
    items, reader = read(NDJSON, b'\xef\xbb\xbf{"a" : 1.10}\r\n\n  [2, 3] \n"\\ud800"\n19.90')
    assert items == [b'{"a" : 1.10}', b"[2, 3]", b'"\\ud800"', b"19.90"]
    assert (reader.prefix, reader.separator, reader.suffix, reader.single) == (b"", b"\n", b"", False)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b'{"a":1}\n{"b":nul}\n', "line 2: not JSON: invalid character at byte 14"),
        (b'{"a":\n1}\n', "line 1: not JSON"),
        (b"1\n2 3\n", "line 2: not JSON: trailing characters at byte 4"),
        (b"\n\n  {", "line 3: not JSON: the document ends at byte 5"),
        (b"[" * 100_000 + b"]" * 100_000, "line 1: nested too deeply"),
    ],
)
def test_a_line_that_is_no_value_is_named(document: bytes, says: str) -> None:
    with pytest.raises(ItemsInvalid) as caught:
        read(NDJSON, document)
    assert says in str(caught.value)
    assert caught.value.hint


def test_lines_of_any_length_in_any_pieces() -> None:
    lines = [b'{"n": %d}' % n for n in range(200_000)]
    lines.insert(100_000, b'"' + b"x" * (3 * WINDOW_BYTES) + b'"')
    document = b"\n".join(lines)
    assert read(NDJSON, document)[0] == lines
    assert read(NDJSON, document, 70_001)[0] == lines
    with pytest.raises(ItemsInvalid, match="line 200002: "):
        read(NDJSON, document + b"\n{")


# -- CSV


@pytest.mark.parametrize("step", [1, 7, WINDOW_BYTES])
def test_rows_keep_their_bytes_and_the_header_is_the_prefix(step: int) -> None:
    document = b'id,"na\nme",x\r\n1,"a ""b"", c\r\nd",2\r\n\r\n2,5" pipe,"x"y\r\n'
    items, reader = read(CSV, document, step)
    assert items == [b'1,"a ""b"", c\r\nd",2', b'2,5" pipe,"x"y']
    assert (reader.prefix, reader.separator, reader.suffix) == (b'id,"na\nme",x\r\n', b"\r\n", b"\r\n")
    assert document[reader.start : reader.stop] == document[14:-2]


@pytest.mark.parametrize("step", [1, WINDOW_BYTES])
@pytest.mark.parametrize(
    ("document", "prefix", "items", "suffix"),
    [
        (b"a,b\n1,2\n3,4", b"a,b\n", [b"1,2", b"3,4"], b""),
        (b'a;b\n1;"x\ny"\n2;x, "y\n', b"a;b\n", [b'1;"x\ny"', b'2;x, "y'], b"\n"),
        (b"a\tb\r1\t2\r", b"a\tb\r", [b"1\t2"], b"\r"),
        (b"\xef\xbb\xbfa,b\n", b"\xef\xbb\xbfa,b\n", [], b""),
        (b"a,b", b"a,b\n", [], b""),
        (b"a\n\n\nx\n\n", b"a\n", [b"x"], b"\n"),
        (b"", b"", [], b""),
    ],
)
def test_other_ways_to_write_csv(
    document: bytes, prefix: bytes, items: list[bytes], suffix: bytes, step: int
) -> None:
    found, reader = read(CSV, document, step)
    assert (reader.prefix, found, reader.suffix) == (prefix, items, suffix)


def test_many_rows_in_any_pieces() -> None:
    rows = [b"%d,plain,%d" % (n, n * 7) for n in range(100_000)]
    rows[50_000:50_000] = [b'1,"' + b"x\n" * WINDOW_BYTES + b'",2', b'2,"a"",b",3']
    document = b"id,text,n\n" + b"\n".join(rows) + b"\n"
    assert read(CSV, document)[0] == rows
    assert read(CSV, document, 70_001)[0] == rows


def test_a_quoted_field_without_end_is_named() -> None:
    with pytest.raises(ItemsInvalid, match="in the row at byte 8 never ends") as caught:
        read(CSV, b'a,b\n1,2\n3,"4\n5,6\n')
    assert caught.value.hint


# -- anything else


def test_other_documents_are_one_item() -> None:
    items, reader = read("text/plain", b" two\nlines \n", 3)
    assert items == [b" two\nlines \n"]
    assert reader.single
    assert (reader.start, reader.stop) == (0, 12)
    assert read("application/octet-stream", b"")[0] == []


@pytest.mark.parametrize(
    ("media_type", "is_json"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/vnd.api+json", True),
        ("text/json", True),
        ("application/x-ndjson", False),
        ("text/csv", False),
        ("", False),
    ],
)
def test_is_json(media_type: str, *, is_json: bool) -> None:
    assert formats.is_json(media_type) is is_json


@pytest.mark.parametrize(
    ("media_type", "data", "path", "says"),
    [
        ("application/json", b'[{"a": 1}]', "", None),
        ("application/json", b'{"a": "\\ud800"}', "", None),
        ("application/json", b'{"a": [1]}', "a", None),
        ("application/json", b'{"a": [1]}', "b", "has no 'b'"),
        ("application/json", b'[{"a": 1}', "", "cut off"),
        ("application/json", b'["\xff"]', "", "not UTF-8 at byte 2"),
        ("application/json", b"", "", "empty"),
        ("application/x-ndjson", b"1\n2\n", "", None),
        ("application/x-ndjson", b"1\n}\n", "", "line 2"),
        ("text/csv", b"a,b\n1,2\n", "", None),
        ("text/csv", b'a,b\n1,"2\n', "", "never ends"),
        ("application/xml", b"<a><b/></a>", "", None),
        ("application/soap+xml", b"<a><b></a>", "", "not XML: mismatched tag (line 1"),
        ("text/xml", b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "", "declares entities"),
        ("application/octet-stream", b"\xff\x00", "", None),
    ],
)
def test_why_an_edited_document_does_not_parse(
    media_type: str, data: bytes, path: str, says: str | None
) -> None:
    reason = formats.parses(media_type, data, path)
    assert reason is None if says is None else says in (reason or "")


def test_a_range_of_items_reads_again_as_its_media_type() -> None:
    assert formats.render_range([b'{"a": 1.10}', b"2"], "application/json") == b'[{"a": 1.10},2]'
    assert formats.render_range([], "application/json") == b"[]"
    assert formats.render_range([b"1,2"], "text/csv", b"a,b\r\n") == b"a,b\r\n1,2\r\n"
    assert formats.render_range([b"1", b"2"], "application/x-ndjson") == b"1\n2\n"
    assert formats.render_range([b"x", b"y"], "text/plain") == b"xy"


def test_the_media_type_of_a_file_name() -> None:
    names = ["orders.json", "a.b/orders.CSV", "x.jsonl", "orders", "x.bin", "x.xml"]
    found = [formats.media_type_of(name) for name in names]
    assert found == [formats.JSON, formats.CSV, formats.NDJSON, None, None, formats.XML]
