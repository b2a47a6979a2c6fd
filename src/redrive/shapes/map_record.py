"""The fields of a map, compiled, and how the record of an item is made by them."""

from __future__ import annotations

from collections.abc import Sequence
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
    MISSING,
    Asked,
    Field,
    Functions,
    FunctionsField,
    Item,
    Missing,
    Path,
    PathText,
    RawReader,
    Segment,
    Templated,
    TemplatedValue,
    apply,
    decode,
    encode,
    render,
)
from redrive.shapes.map_row import RowForm
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


class SkipItem(Exception):
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


def form_of(fields: Sequence[MapField]) -> Record:
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


class Compiled:
    """What of a map is the same for every payload: its target's form, its sources and templates."""

    def __init__(self, fields: Sequence[MapField]) -> None:
        self.fields = fields
        self.form = form_of(fields)
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
        # Where no field has several sources: what is found takes the place of what a record starts with.
        self.singles = (
            [number for number, _ in self.sources]
            if all(len(start) == 1 for start in self.start) and not self.queries
            else None
        )
        self.changing = [number for number, _, _ in self.templates]
        # Each field has one source, in order, and nothing else is asked: what is read is what is found.
        self.plain = (
            bool(self.sources)
            and not self.queries
            and not self.strict
            and self.sources == [(number, 0) for number in range(len(fields))]
        )

        self.row = RowForm.of(self)

    def found(self, values: Sequence[Found]) -> list[list[Found]]:
        """What the sources of each field found, by what the reader gives."""
        if self.plain:
            return [[value] for value in values]
        if self.singles is None:
            found = [[*start] for start in self.start]
            for (number, place), value in zip(self.sources, values, strict=True):
                found[number][place] = value
            return found
        found = [*self.start]
        for number, value in zip(self.singles, values, strict=True):
            found[number] = [value]
        for number in self.changing:
            found[number] = [None]
        return found


class Mapper:
    """A compiled map at work on one payload: reads the sources of an item and writes its record."""

    def __init__(
        self, compiled: Compiled, scope: dict[str, Any], missing: Missing, *, automatic: bool
    ) -> None:
        self._fields = compiled.fields
        self._automatic = automatic
        self._scope = scope
        self._missing = missing
        self._compiled = compiled
        self._reads_item = "item" in compiled.roots or bool(compiled.queries)
        self._row = None if automatic or self._reads_item else compiled.row
        self._found: list[list[Found]] = []
        self._item: Item
        self._asked = False

    def record(self, item: Item) -> bytes:
        """Errors: `SkipItem`, `Asked`, `ValueError` (not JSON), and those of `Map`."""
        self._item = item
        self._asked = False
        compiled = self._compiled
        if self._row is not None and (row := self._row.record(item.raw, self._transform)) is not None:
            return row
        self._found = found = compiled.found(compiled.reader.read(item.raw))
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
            raise SkipItem
        return rendered

    @property
    def _where(self) -> str:
        return f"payload {self._item.payload}, item {self._item.number}"

    def _nothing(self, field: MapField) -> None:
        """Nothing was found for a field: fail or skip, or return for null."""
        if field.missing == "skip_item":
            raise SkipItem
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
        return self._transform(field, raw)

    def _transform(self, field: MapField, raw: bytes) -> bytes:
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
            raise SkipItem
        return encode(value)


def _as_list(values: Sequence[bytes | None]) -> bytes:
    return b"[" + b",".join([value or NULL for value in values]) + b"]"
