"""Items of XML: elements as they stand, whatever the pieces; and how a range is printed."""

from __future__ import annotations

import pytest

from redrive.core import formats
from redrive.core.formats import ItemsInvalid, xml_items

DOCUMENT = (
    b'<?xml version="1.0"?>\n<!-- shop --><shop xmlns:a="urn:a" note="<>"><head/><orders>\n '
    b'<order id="1>2"/>\n <a:order><x><order/></x><![CDATA[</order>]]></a:order>\n '
    b"<order></order><other/><order/>"
    b"</orders><tail/></shop>\n"
).replace(b'note="<>"', b'note="&lt;>"')
ITEMS = [
    b'<order id="1>2"/>',
    b"<a:order><x><order/></x><![CDATA[</order>]]></a:order>",
    b"<order></order>",
    b"<order/>",
]


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
@pytest.mark.parametrize("window", [1, 5, 1 << 20])
def test_elements_are_items_to_the_byte(step: int, window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_items, "WINDOW_BYTES", window)
    reader = formats.item_reader("application/xml", "shop.orders.order")
    items: list[bytes] = []
    for at in range(0, len(DOCUMENT), step):
        items += reader.feed(DOCUMENT[at : at + step])
    items += reader.close()
    assert items == ITEMS
    assert reader.prefix == DOCUMENT[: DOCUMENT.index(b"<order ")]
    assert reader.suffix == b"</orders><tail/></shop>\n"
    assert reader.separator == b"\n "
    assert DOCUMENT[reader.start : reader.stop].endswith(b"<other/><order/>")
    again = reader.prefix + reader.separator.join(items) + reader.suffix
    assert formats.parses("text/xml", again, "shop.orders.order") is None
    second = formats.item_reader("text/xml", "shop.orders.order")
    assert second.feed(again) + second.close() == items


def test_a_range_is_printed_within_its_root() -> None:
    reader = formats.item_reader("application/xml", "shop.orders.order")
    items = reader.feed(DOCUMENT) + reader.close()
    text = formats.render_range(items[:2], "application/xml", reader.prefix)
    assert text == (
        b'<?xml version="1.0"?><shop xmlns:a="urn:a" note="&lt;>"><orders>'
        + b"".join(ITEMS[:2])
        + b"</orders></shop>"
    )
    assert formats.parses("text/xml", text) is None


@pytest.mark.parametrize(
    ("document", "path", "says"),
    [
        (b"<a><b/></a>", "x.b", "the root is a, and the items path 'x.b' begins with x"),
        (b"<a><b></a>", "a.b", "not XML: mismatched tag (line 1, column"),
        (b"<a><b/>", "a.b", "not XML: no element found"),
        ("<a/>".encode("utf-16"), "a.b", "the document is in UTF-16 or UTF-32"),
        (b"<a/>", "a[0]", "names one element of a list"),
        (b"<!DOCTYPE a [<!ENTITY x 'y'>]><a/>", "a.b", "declares entities"),
        (b"<a>" * 257, "a.b", "more than 256 elements"),
    ],
)
def test_what_has_no_items(document: bytes, path: str, says: str) -> None:
    def read() -> None:
        reader = formats.item_reader("application/xml", path)
        reader.feed(document)
        reader.close()

    with pytest.raises(ItemsInvalid) as caught:
        read()
    assert says in str(caught.value)
    assert (says in (formats.parses("application/xml", document, path) or "")) or "[" in path


@pytest.mark.parametrize("document", [b"<a/>", b"<a><c/></a>", b"<a>text</a>"])
def test_no_element_is_no_item(document: bytes) -> None:
    reader = formats.item_reader("application/xml", "a.b")
    assert reader.feed(document) + reader.close() == []


def test_without_a_path_the_document_is_the_item() -> None:
    reader = formats.item_reader("application/xml", "")
    assert reader.feed(b"<a/>") + reader.close() == [b"<a/>"]
    assert reader.single
