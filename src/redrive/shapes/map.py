"""Build target records from source fields."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    model_validator,
)
from pydantic import (
    Field as PlainField,
)

from redrive.errors import PayloadError
from redrive.sdk import (
    JSON,
    MISSING,
    Asked,
    Envelope,
    Example,
    Field,
    Functions,
    FunctionsField,
    Item,
    Missing,
    Out,
    Path,
    PathText,
    Payload,
    RawReader,
    Resolver,
    Segment,
    Shape,
    StepContext,
    Templated,
    TemplatedValue,
    apply,
    decode,
    encode,
    render,
    unreadable,
)
from redrive.shapes.map_target import (
    NULL,
    Found,
    Leaf,
    Places,
    Record,
    TargetInvalid,
    at_places,
    depth,
    target_segments,
)


class _SkipItem(Exception):
    """The item that is being mapped is left out."""


def _target(path: Path) -> Path:
    target_segments(path)
    return path


def _listed(paths: Any) -> Any:
    return [paths] if isinstance(paths, str) else paths


class MapField(BaseModel):
    """One field of the target record."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, arbitrary_types_allowed=True
    )

    to: Annotated[PathText, AfterValidator(_target)] = Field(
        help="Where it stands in the target: a name, customer.email, lines[].sku."
    )
    from_: Annotated[list[PathText], BeforeValidator(_listed), PlainField(min_length=1)] | None = Field(
        None, alias="from", help="Path of the source, relative to the item; or several, which give a list."
    )
    value: TemplatedValue | None = Field(None, help="A value or template, instead of a source.")
    do: FunctionsField | None = Field(None, help="Transforms, carried out in order.")
    missing: Missing | None = Field(
        None,
        help="What to do where the source finds nothing: fail the payload, put null, or leave the item out. "
        "Unless set: empty for from; for templates in value what the step says.",
    )

    @property
    def plain(self) -> bool:
        """Whether what its one source finds goes into the target as it is, or as null."""
        single = self.from_ is None or len(self.from_) == 1
        return single and self.do is None and self.missing in (None, "empty")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.from_ is not None) == ("value" in self.model_fields_set):
            raise ValueError(f"the field {self.to}: expected either from or value")
        return self


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
    Errors: `field.missing`, `template.missing`, `lookup.unknown`; `transform.failed` where a
    transform cannot work on a value or finds nothing in a lookup; `payload.invalid` if the payload is
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
    def compiled(self) -> _Compiled:
        return _Compiled(self.fields)

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        whole = await payload.value() if "payload" in self.compiled.roots else None
        scope = dict(ctx.scope(payload, whole))
        resolver = Resolver(ctx)
        if self.compiled.looks_up:
            scope["references"] = resolver
        mapper = _Mapper(self, scope, ctx.missing)
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
        self, payload: Payload, mapper: _Mapper, resolver: Resolver
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
                    except _SkipItem:
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


def _form(fields: Sequence[MapField]) -> Record:
    form = Record()
    for number, field in enumerate(fields):
        try:
            form.add(target_segments(field.to), Leaf(number, plain=field.plain))
        except TargetInvalid as error:
            raise ValueError(f"the target {field.to} clashes: {error}") from None
    return form


class _Query:
    """A JSONPath that only python-jsonpath can follow: what it finds is written anew."""

    def __init__(self, path: Path, *, apart: bool) -> None:
        self._path = path
        self._apart = apart

    def found(self, value: Any) -> Found:
        found = [encode(one) for one in self._path.find(value)]
        if not found:
            return None
        return found if self._apart else _as_list(found)


class _Compiled:
    """What of a map is the same for every payload: its target's form, its sources and templates."""

    def __init__(self, fields: Sequence[MapField]) -> None:
        self.form = _form(fields)
        # Of each field: what its sources found, or its value.
        self.start: list[list[Found]] = []
        self.templates: list[tuple[int, MapField, Templated]] = []
        self.strict = [
            (number, field)
            for number, field in enumerate(fields)
            if field.from_ is not None and field.missing in ("error", "skip_item")
        ]
        self.roots = frozenset(
            root
            for field in fields
            for part in (field.value, field.do)
            if part is not None
            for root in part.roots
        )
        self.looks_up = any(field.do is not None and field.do.looks_up for field in fields)
        paths: list[tuple[tuple[Segment, ...], int]] = []
        self.sources: list[tuple[int, int]] = []
        self.queries: list[tuple[int, int, _Query]] = []
        for number, field in enumerate(fields):
            lists = depth(target_segments(field.to))
            self.start.append([None] * len(field.from_ or (None,)))
            for place, path in enumerate(field.from_ or ()):
                if path.segments is None:
                    self.queries.append((number, place, _Query(path, apart=lists > 0)))
                else:
                    self.sources.append((number, place))
                    paths.append((path.segments, lists))
            if field.from_ is None:
                if field.value is None or field.value.constant:
                    self.start[number] = [NULL if field.value is None else encode(field.value.render({}))]
                else:
                    self.templates.append((number, field, field.value))
        self.reader = RawReader(paths)
        # Each field has one source, in order, and nothing else is asked: what is read is what is found.
        self.plain = (
            bool(self.sources)
            and not self.queries
            and not self.strict
            and self.sources == [(number, 0) for number in range(len(fields))]
        )


class _Mapper:
    """A compiled map at work on one payload: reads the sources of an item and writes its record."""

    def __init__(self, settings: Map, scope: dict[str, Any], missing: Missing) -> None:
        self._fields = settings.fields
        self._automatic = settings.automatic
        self._scope = scope
        self._missing = missing
        self._compiled = compiled = settings.compiled
        self._reads_item = "item" in compiled.roots or bool(compiled.queries)
        self._found: list[list[Found]] = []
        self._item: Item
        self._asked = False

    def record(self, item: Item) -> bytes:
        """Errors: `_SkipItem`, `Asked`, `ValueError` (not JSON), and those of `Map`."""
        self._item = item
        self._asked = False
        compiled = self._compiled
        values = compiled.reader.read(item.raw)
        if compiled.plain:
            self._found = found = [[value] for value in values]
        else:
            self._found = found = [[*start] for start in compiled.start]
            for (number, place), value in zip(compiled.sources, values, strict=True):
                found[number][place] = value
        if self._reads_item:
            decoded = decode(item.raw)
            self._scope["item"] = decoded
            for number, place, query in compiled.queries:
                found[number][place] = query.found(decoded)
        for number, field, value in compiled.templates:
            found[number][0] = encode(self._rendered(field, value))
        for number, field in compiled.strict:
            if all(one is None for one in found[number]):
                self._nothing(field)
        record = compiled.form.write(found, (), self._value, item.raw if self._automatic else None)
        if self._asked:
            raise Asked
        return record

    def _rendered(self, field: MapField, value: Templated) -> Any:
        rendered = render(
            value, self._scope, field.missing or self._missing, where=self._where, at=f"field {field.to}"
        )
        if rendered is MISSING:
            raise _SkipItem
        return rendered

    @property
    def _where(self) -> str:
        return f"payload {self._item.payload}, item {self._item.number}"

    def _nothing(self, field: MapField) -> None:
        """Nothing was found for a field: fail or skip, or return for null."""
        if field.missing == "skip_item":
            raise _SkipItem
        if field.missing == "error":
            paths = ", ".join(str(path) for path in field.from_ or ())
            raise PayloadError(
                f"{self._where}: nothing stands at {paths}, which the field {field.to} needs",
                code="field.missing",
                at=f"/{self._item.number}",
                hint="Edit the item, or set missing of the field to empty or skip_item.",
            )

    def _value(self, number: int, places: Places) -> bytes:
        """One value of a field, as it goes into the record."""
        field = self._fields[number]
        parts: list[bytes | None] = self._found[number]
        if places:
            parts = [at_places(one, places) for one in parts]
        if not any(parts):
            self._nothing(field)
        raw = (parts[0] or NULL) if len(parts) == 1 else _as_list(parts)
        return raw if field.do is None else self._transformed(field, field.do, raw)

    def _transformed(self, field: MapField, functions: Functions, raw: bytes) -> bytes:
        try:
            value = apply(
                functions,
                decode(raw),
                self._scope,
                field.missing or self._missing,
                where=self._where,
                at=f"field {field.to}",
            )
        except Asked:
            self._asked = True  # the other fields say first what they look up
            return NULL
        if value is MISSING:
            raise _SkipItem
        return encode(value)


def _as_list(values: Sequence[bytes | None]) -> bytes:
    return b"[" + b",".join([value or NULL for value in values]) + b"]"
