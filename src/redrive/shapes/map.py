"""Build target records from source fields."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import cached_property
from typing import Self

from pydantic import (
    model_validator,
)

from redrive.sdk import (
    JSON,
    Asked,
    Envelope,
    Example,
    Field,
    Item,
    Out,
    Payload,
    Resolver,
    Shape,
    StepContext,
    unreadable,
)
from redrive.shapes.map_record import Compiled, MapField, Mapper, SkipItem


class Map(Shape, kind="map", version=1, group="items"):
    """Build a target record from each item.

    A value that no transform touches keeps its bytes, number spelling included. `[]` in a target
    stands for the elements of a list: `lines[].sku` from `line_items[].sku` pairs by index, and
    a source without `[]` stands in every element. A source that finds several values for a target
    without `[]` gives a list. Where a source finds nothing, its target is null unless `missing`
    says otherwise; transforms see null then.

    In: a payload of JSON items (JSON or NDJSON).
    Out: one payload with one record for each item (less those that `missing: skip_item` leaves
    out), each made from its item; the bytes around the items are those of the input unless
    `wrap` or `unwrap` is set. None where no item is left.
    Errors: `field.missing`, `template.missing`, `lookup.unknown`, those of `script`; `transform.failed`
    where a transform cannot work on a value or finds nothing in a lookup; `payload.invalid` if the payload is
    not JSON or does not parse; none is retried.
    """

    fields: list[MapField] = Field(default_factory=list, help="Fields of the target, in order.")
    automatic: bool = Field(
        False, help="Copy all top-level fields of the item by equal names; listed fields override."
    )
    wrap: str | None = Field(
        None,
        pattern=r"^[^.\[\]*$\"'\s]+(\.[^.\[\]*$\"'\s]+)*$",
        help='Put the records into an object under this name: orders gives {"orders": […]}.',
    )
    unwrap: bool = Field(False, help="Put the records out as a plain list, without what is around it.")
    wrap_input: bool = Field(
        False,
        help="Take the whole payload (at most 64 MiB) as one item, also where it is a list; [] begins a "
        "path to its elements.",
    )

    examples = (
        Example(
            "rename, constant, nested target",
            {
                "fields": [
                    {"to": "number", "from": "id"},
                    {"to": "customer.email", "from": "email"},
                    {"to": "source", "value": "web"},
                ]
            },
            given=[[{"id": 1042, "email": "a@example.com", "note": "x"}]],
            gives=[[{"number": 1042, "customer": {"email": "a@example.com"}, "source": "web"}]],
        ),
        Example(
            "lists are paired by index",
            {
                "fields": [
                    {"to": "lines[].sku", "from": "line_items[].sku", "do": [{"case": "upper"}]},
                    {"to": "lines[].qty", "from": "line_items[].quantity"},
                    {"to": "lines[].order", "from": "id"},
                ]
            },
            given=[[{"id": 7, "line_items": [{"sku": "a", "quantity": 1}, {"sku": "b"}]}]],
            gives=[[{"lines": [{"sku": "A", "qty": 1, "order": 7}, {"sku": "B", "qty": None, "order": 7}]}]],
        ),
        Example(
            "templates and numbers as they are spelt",
            {
                "fields": [
                    {"to": "ref", "value": "{{ meta.shop }}-{{ item.id }}"},
                    {"to": "total", "from": "total"},
                ]
            },
            given=[b'[{"id": 1, "total": 19.90}]'],
            meta={"shop": "uk"},
            gives=[b'[{"ref":"uk-1","total":19.90}]'],
        ),
        Example(
            "all fields but one as they are",
            {"automatic": True, "fields": [{"to": "total", "value": 0}]},
            given=[[{"id": 1, "total": 5, "tags": ["a"]}]],
            gives=[[{"id": 1, "total": 0, "tags": ["a"]}]],
        ),
        Example(
            "wrapped",
            {"fields": [{"to": "id", "from": "id"}], "wrap": "orders"},
            given=[[{"id": 1}, {"id": 2}]],
            gives=[{"orders": [{"id": 1}, {"id": 2}]}],
        ),
        Example(
            "a list as one item",
            {
                "wrap_input": True,
                "fields": [
                    {"to": "count", "from": "$", "do": ["count"]},
                    {"to": "lines[].sku", "from": "[].id"},
                ],
            },
            given=[[{"id": "a"}, {"id": "b"}]],
            gives=[{"count": 2, "lines": [{"sku": "a"}, {"sku": "b"}]}],
        ),
        Example(
            "items without a field left out",
            {"fields": [{"to": "email", "from": "customer.email", "missing": "skip_item"}]},
            given=[[{"customer": {"email": "a@example.com"}}, {"customer": None}]],
            gives=[[{"email": "a@example.com"}]],
        ),
        Example(
            "from a cross-reference table, and back",
            {
                "fields": [
                    {"to": "country", "from": "country_code", "do": [{"lookup": "countries"}]},
                    {
                        "to": "currency",
                        "from": "currency_name",
                        "do": [
                            {
                                "lookup": {
                                    "table": "currencies",
                                    "direction": "backward",
                                    "match": "loose",
                                    "default": "EUR",
                                }
                            }
                        ],
                    },
                ]
            },
            given=[[{"country_code": "FR", "currency_name": "euro"}, {"country_code": "GB"}]],
            lookups={
                "countries": {"FR": "France", "GB": "United Kingdom"},
                "currencies": {"EUR": "Euro", "GBP": "Pound"},
            },
            gives=[
                [
                    {"country": "France", "currency": "EUR"},
                    {"country": "United Kingdom", "currency": None},
                ]
            ],
        ),
        Example(
            "what another step has put into a cache",
            {
                "automatic": True,
                "fields": [
                    {
                        "to": "free",
                        "from": "sku",
                        "do": [{"cache_lookup": {"cache": "stock", "at": "free", "default": 0}}],
                    }
                ],
            },
            given=[[{"sku": "A"}, {"sku": "B"}]],
            caches={"flow/stock/A": [{"free": 12}]},
            gives=[[{"sku": "A", "free": 12}, {"sku": "B", "free": 0}]],
        ),
        Example(
            "Python of your own for one value",
            {
                "automatic": True,
                "fields": [
                    {
                        "to": "gross",
                        "from": "net",
                        "do": [{"script": "value * Decimal('1.20')"}, {"round": 2}],
                    },
                    {"to": "skus", "from": "skus", "do": [{"each": [{"script": "value.partition('-')[2]"}]}]},
                ],
            },
            given=[b'[{"net": 10.05, "skus": ["a-1", "b-2"]}, {"net": null, "skus": []}]'],
            gives=[b'[{"net":10.05,"skus":["1","2"],"gross":12.06},{"net":null,"skus":[],"gross":null}]'],
        ),
        Example(
            "a value that is in no row",
            {"fields": [{"to": "country", "from": "code", "do": [{"lookup": "countries"}]}]},
            given=[[{"code": "XX"}]],
            lookups={"countries": {"FR": "France"}},
            fails="transform.failed",
        ),
        Example(
            "a field that must be there",
            {"fields": [{"to": "email", "from": "customer.email", "missing": "error"}]},
            given=[[{"id": 1}]],
            fails="field.missing",
        ),
    )

    @model_validator(mode="after")
    def _a_target_with_a_form(self) -> Self:
        if not self.fields and not self.automatic:
            raise ValueError("no field is mapped; expected fields, or automatic: true")
        if self.wrap is not None and self.unwrap:
            raise ValueError("expected wrap or unwrap, not both")
        _ = self.compiled
        return self

    @cached_property
    def compiled(self) -> Compiled:
        return Compiled(self.fields)

    @property
    def separable(self) -> bool:
        return not self.compiled.looks_up

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        whole = await payload.value() if "payload" in self.compiled.roots else None
        scope = dict(ctx.scope(payload, whole))
        resolver = Resolver(ctx)
        if self.compiled.looks_up:
            scope["references"] = resolver
        mapper = Mapper(self.compiled, scope, ctx.missing, automatic=self.automatic)
        out = Out(self._records(payload, mapper, resolver), like=payload)
        if self.wrap is not None:
            out.media_type, out.items_path, out.envelope = JSON, self.wrap, Envelope.at(self.wrap)
        elif self.unwrap and (payload.items_path or not payload.is_json):
            out.media_type, out.items_path, out.envelope = JSON, "", Envelope.at("")
        if not self.wrap_input:
            yield out
            return
        async for records in self._records(payload, mapper, resolver):
            for record in records:
                around = Envelope.at(self.wrap or "") if self.wrap or self.unwrap else Envelope(b"", b"", b"")
                yield Out(
                    content=around.prefix + record.raw + around.suffix,
                    like=payload,
                    media_type=JSON,
                    items_path=self.wrap or "",
                )

    @property
    def lookups(self) -> frozenset[str]:
        return frozenset(name for field in self.fields if field.do is not None for name in field.do.lookups)

    async def _records(
        self, payload: Payload, mapper: Mapper, resolver: Resolver
    ) -> AsyncIterator[list[Item]]:
        async for items in self._items(payload):
            records: list[Item | None] = [None] * len(items)
            waiting: Sequence[int] = range(len(items))
            resolver.forget()
            while waiting:
                asked = []
                for number in waiting:
                    item = items[number]
                    try:
                        records[number] = item.of(mapper.record(item))
                    except SkipItem:
                        continue
                    except Asked:
                        asked.append(number)
                    except ValueError as error:
                        raise unreadable(item, error) from None
                if asked:
                    await resolver.fetch()
                waiting = asked
            yield [record for record in records if record is not None]

    async def _items(self, payload: Payload) -> AsyncIterator[list[Item]]:
        if not self.wrap_input:
            async for items in payload.json_chunks():
                yield items
        elif payload.size_bytes:
            await payload.value()  # refuses what is too large, or no JSON
            raw = await payload.content.read()
            if not payload.is_json:
                items = [item async for chunk in payload.json_chunks() for item in chunk]
                raw = b"[" + b",".join([item.raw for item in items]) + b"]"
            yield [Item(raw.removeprefix(b"\xef\xbb\xbf"), payload.position, 0)]
