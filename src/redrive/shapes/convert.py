"""Convert payloads between JSON, NDJSON, CSV, XML and text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Self

from pydantic import Field as PlainField
from pydantic import model_validator

from redrive.errors import PayloadError
from redrive.sdk import Example, Field, Out, Payload, Shape, StepContext
from redrive.shapes.convert_options import Format, ReadOptions, WriteOptions
from redrive.shapes.convert_read import Source, format_of
from redrive.shapes.convert_write import TARGETS


class Convert(Shape, kind="convert", version=1, group="payload"):
    """Convert payloads between JSON, NDJSON, CSV, XML and text.

    Everything passes through JSON values: a row of CSV is an object of its columns, an element of
    XML an object of its attributes (`@id`), children and text (`#text`), a line of text a string.
    Numbers stay as they are spelt. Values of CSV and XML are texts unless `types` or `infer`
    says more. The how-to *Convert CSV and XML* shows each way.

    In: JSON, NDJSON, CSV, XML or text, by its media type unless `from` names it; a payload without
    a byte gives nothing.
    Out: one payload with the same meta and the items in the same order, each made from its item.
    Its items path is the list (JSON: `wrap`; XML: `items.item`). Text, and CSV and XML in an
    encoding such as UTF-16, are one item that all items went into. A payload that is in the
    format already, with nothing set in `read` and `write`, passes on as it is. What stands around
    the items of a document is left out.
    Errors: `payload.invalid` for a document that does not parse, or a value that the format cannot
    hold; `payload.too_large` for an XML document of more than 64 MiB without an items path;
    not retried.
    """

    to: Format = Field(help="The format that is put out.")
    from_: Annotated[Format | None, PlainField(alias="from")] = Field(
        None, alias="from", help="The format that comes in; unless set, what the media type says."
    )
    read: ReadOptions = Field(default_factory=ReadOptions, help="How the document is read.")
    write: WriteOptions = Field(default_factory=WriteOptions, help="How the new one is written.")

    examples = (
        Example(
            "CSV to JSON",
            {"from": "csv", "to": "json", "read": {"types": {"qty": "integer", "price": "number"}}},
            given=[b"sku;qty;price\na;2;19.90\nb;;5\n"],
            gives=[b'[{"sku":"a","qty":2,"price":19.90},{"sku":"b","qty":null,"price":5}]'],
        ),
        Example(
            "JSON to CSV, objects as columns",
            {"to": "csv", "write": {"delimiter": ";"}},
            given=[
                [
                    {"id": 1, "customer": {"email": "a@example.com"}, "note": "x; y"},
                    {"id": 2, "tags": ["vip"]},
                ]
            ],
            gives=[
                b'id;customer.email;note;tags\n1;a@example.com;"x; y";\n2;;;"[""vip""]"\n',
            ],
        ),
        Example(
            "XML to JSON",
            {"from": "xml", "to": "json", "read": {"items": "orders.order", "lists": ["line"]}},
            given=[
                b'<orders><order id="7"><line>a</line><total cur="GBP">9.50</total><gift/></order></orders>'
            ],
            gives=[[{"@id": "7", "line": ["a"], "total": {"@cur": "GBP", "#text": "9.50"}, "gift": None}]],
        ),
        Example(
            "JSON to XML",
            {"to": "xml", "write": {"root": "orders", "item": "order"}},
            given=[b'[{"@id": 7, "line": ["a", "b"], "total": 9.50, "note": "1 < 2", "gift": null}]'],
            gives=[
                (
                    b'<?xml version="1.0" encoding="UTF-8"?>\n<orders>\n<order id="7"><line>a</line>'
                    b"<line>b</line><total>9.50</total><note>1 &lt; 2</note><gift/></order>\n</orders>\n"
                ),
            ],
        ),
        Example(
            "JSON to NDJSON, bytes kept",
            {"to": "ndjson"},
            given=[b'[{"id": 1, "total": 19.90},\n {"id": 2}]'],
            gives=[b'{"id": 1, "total": 19.90}\n{"id": 2}\n'],
        ),
        Example(
            "lines of text to objects",
            {"from": "text", "to": "json", "read": {"field": "sku"}},
            given=[b"a-1\nb-2\n"],
            gives=[[{"sku": "a-1"}, {"sku": "b-2"}]],
        ),
        Example(
            "one field to lines of text",
            {"to": "text", "write": {"field": "sku"}},
            given=[[{"sku": "a-1"}, {"sku": "b-2"}]],
            gives=[b"a-1\nb-2\n"],
        ),
        Example(
            "entities are refused",
            {"from": "xml", "to": "json"},
            given=[b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'],
            fails="payload.invalid",
        ),
        Example(
            "a row with a field too many",
            {"from": "csv", "to": "json"},
            given=[b"sku,qty\na,1,2\n"],
            fails="payload.invalid",
        ),
    )

    @model_validator(mode="after")
    def _options_of_the_formats(self) -> Self:
        self.write.check("write", self.to)
        if self.from_ is not None:
            self.read.check("read", self.from_)
        return self

    @property
    def separable(self) -> bool:
        return True

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        if not payload.size_bytes:
            return
        stored = format_of(payload.media_type)
        format = self.from_ or stored
        if format is None:
            raise PayloadError(
                f"payload {payload.position} is {payload.media_type}, which convert does not know",
                hint="Name the format that comes in: from: json, ndjson, csv, xml or text.",
            )
        if format == stored == self.to and not (self.read.model_fields_set or self.write.model_fields_set):
            yield Out(content=payload.content, like=payload)
            return
        source = Source(payload, format, self.read)
        values = source.values()
        first = await anext(values, None)
        if first is not None:
            yield await TARGETS[self.to](self.write).out(payload, source, first, values)
