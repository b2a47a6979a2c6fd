"""Schemas of a description, bounded: what a body looks like, and a sample made from that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from redrive.documents.described.model import Unfit
from redrive.documents.described.references import References

MAX_DEPTH: Final = 7
MAX_ENUM: Final = 30
MAX_TEXT: Final = 200
MAX_NAME: Final = 120
MAX_WORK: Final = 4_000
"""Schemas that are looked at for one body: a description may nest them beyond all bounds."""

_SAMPLES: Final = {
    "date-time": "2026-01-15T12:00:00Z",
    "date": "2026-01-15",
    "time": "12:00:00Z",
    "uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "email": "person@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "byte": "dGV4dA==",
    "binary": "text",
}
_KEPT: Final = ("format", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")


class Schemas:
    """Reads schemas. `nodes`: most values of one schema or sample that is kept."""

    def __init__(self, references: References, nodes: int) -> None:
        self._references = references
        self._most = nodes
        self._left = 0
        self._work = 0
        self.cut = False
        """Whether something did not fit, since the last look."""

    def resolved(self, schema: Any) -> Mapping[str, Any]:
        """The schema itself, with what `allOf` puts together; {} where nothing is known."""
        self._work = MAX_WORK
        return self._whole(schema, ())[0]

    def properties(self, schema: Any) -> Mapping[str, Any]:
        """The properties of an object."""
        found = self.resolved(schema).get("properties")
        return found if isinstance(found, Mapping) else {}

    def kind(self, schema: Any) -> str:
        """`array`, `object`, `string`, … or empty."""
        return _kind(self.resolved(schema))

    def kept(self, schema: Any) -> dict[str, Any]:
        """The schema as the connector document keeps it: references resolved, cut where it is too large."""
        self._left, self._work = self._most, MAX_WORK
        return self._kept(schema, 0, ())

    def sample(self, schema: Any, *, writing: bool = False) -> Any:
        """A value that fits the schema, the same one every time. `writing`: what a system only gives is
        left out.
        """
        self._left, self._work = self._most, MAX_WORK
        return self._sample(schema, 0, (), writing)

    def bounded(self, value: Any) -> Any:
        """An example of the description, with long texts and lists cut."""
        self._left = self._most
        return self._cut(value, 0)

    # ---- one schema

    def _whole(self, schema: Any, within: Sequence[str]) -> tuple[Mapping[str, Any], Sequence[str]]:
        """With references and `allOf` resolved; and the references that it stands inside of."""
        self._work -= 1
        if self._work < 0:
            self.cut = True
            return {}, within
        name = self._references.name_of(schema)
        if name is not None:
            if name in within or len(within) > MAX_DEPTH * 4:
                self.cut = True
                return {}, within
            within = (*within, name)
        try:
            found = self._references.of(schema)
        except Unfit:
            self.cut = True
            return {}, within
        if not isinstance(found, Mapping):
            return {}, within
        parts = found.get("allOf")
        return self._together(found, parts, within) if isinstance(parts, list) else (found, within)

    def _together(
        self, found: Mapping[str, Any], parts: list[Any], within: Sequence[str]
    ) -> tuple[Mapping[str, Any], Sequence[str]]:
        """What `allOf` puts together, as one schema."""
        whole: dict[str, Any] = {key: value for key, value in found.items() if key != "allOf"}
        own = {key: whole.pop(key) for key in ("properties", "required") if key in whole}
        properties: dict[str, Any] = {}
        required: list[Any] = []
        for part in [*parts[:50], own]:
            inner, within = self._whole(part, within)
            for key, value in inner.items():
                if key == "properties" and isinstance(value, Mapping):
                    properties |= value
                elif key == "required" and isinstance(value, list):
                    required += value
                else:
                    whole.setdefault(key, value)
        if properties:
            whole["properties"] = properties
            whole.setdefault("type", "object")
        if required:
            whole["required"] = required
        return whole, within

    def _kept(self, schema: Any, depth: int, within: Sequence[str]) -> dict[str, Any]:
        found, within = self._whole(schema, within)
        if not found or depth > MAX_DEPTH or not self._take(2):
            return {}
        kind = _kind(found)
        kept = self._kept_scalars(found, kind)
        if kind == "array":
            if inner := self._kept(found.get("items"), depth + 1, within):
                kept["items"] = inner
        elif kind == "object":
            self._kept_object(kept, found, depth, within)
        for key in ("oneOf", "anyOf"):
            options = found.get(key)
            if isinstance(options, list):
                some = [self._kept(one, depth + 1, within) for one in options[:4]]
                if any(some):
                    kept["anyOf"] = [one for one in some if one]
        return kept

    def _kept_scalars(self, found: Mapping[str, Any], kind: str) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        if kind:
            kept["type"] = [kind, "null"] if _nullable(found) else kind
        for key in _KEPT:
            value = found.get(key)
            if isinstance(value, (int, Decimal, str)) and not isinstance(value, bool) and self._take(1):
                kept[key] = _short(value)
        if (values := enum_of(found)) and self._take(len(values)):
            kept["enum"] = list(values)
        return kept

    def _kept_object(
        self, kept: dict[str, Any], found: Mapping[str, Any], depth: int, within: Sequence[str]
    ) -> None:
        properties: dict[str, Any] = {}
        for name, inner in _named(found.get("properties")):
            if not self._take(1):
                break
            properties[name] = self._kept(inner, depth + 1, within)
        if properties:
            kept["properties"] = properties
        required = found.get("required")
        if isinstance(required, list):
            names = list(dict.fromkeys(one for one in required if isinstance(one, str) and one in properties))
            if names and self._take(len(names)):
                kept["required"] = names

    # ---- one sample

    def _sample(self, schema: Any, depth: int, within: Sequence[str], writing: bool) -> Any:
        found, within = self._whole(schema, within)
        if not self._take(1):
            return None
        for value in _examples(found):
            return self._cut(value, depth)
        if values := enum_of(found):
            return values[0]
        for key in ("oneOf", "anyOf"):
            options = found.get(key)
            if isinstance(options, list) and options and not found.get("properties"):
                return self._sample(options[0], depth + 1, within, writing)
        kind = _kind(found)
        if kind == "object":
            return self._sample_object(found, depth, within, writing)
        if kind == "array":
            if depth > MAX_DEPTH:
                return []
            one = self._sample(found.get("items"), depth + 1, within, writing)
            return [one] if one is not None else []
        return _scalar_sample(kind, found)

    def _sample_object(
        self, found: Mapping[str, Any], depth: int, within: Sequence[str], writing: bool
    ) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if depth > MAX_DEPTH:
            return made
        required = found.get("required")
        needed = set(map(str, required)) if isinstance(required, list) else set[str]()
        named = list(_named(found.get("properties")))
        for name, inner in [*(one for one in named if one[0] in needed), *named]:
            if name in made or self._left <= 0:
                continue
            about = self._whole(inner, within)[0]
            if about.get("readOnly" if writing else "writeOnly") is True:
                continue
            value = self._sample(inner, depth + 1, within, writing)
            if value is not None or name in needed:
                made[name] = value
        return {name: made[name] for name, _ in named if name in made}

    def _cut(self, value: Any, depth: int) -> Any:
        if not self._take(1) or depth > MAX_DEPTH * 2:
            return None
        if isinstance(value, Mapping):
            return {name: self._cut(inner, depth + 1) for name, inner in _named(value) if self._left > 0}
        if isinstance(value, list):
            if len(value) > 2:
                self.cut = True
            return [self._cut(inner, depth + 1) for inner in value[:2]]
        return _short(value)

    def _take(self, nodes: int) -> bool:
        if self._left < nodes:
            self._left = 0
            self.cut = True
            return False
        self._left -= nodes
        return True


def enum_of(schema: Mapping[str, Any]) -> tuple[Any, ...]:
    """The values that are possible, where they are few and plain."""
    values = schema.get("enum")
    if values is None and "const" in schema:
        values = [schema["const"]]
    if not isinstance(values, list) or not 0 < len(values) <= MAX_ENUM:
        return ()
    plain = tuple(one for one in values if isinstance(one, (str, int, Decimal)))
    return plain if all(len(str(one)) <= MAX_TEXT for one in plain) else ()


def first_example(holder: Mapping[str, Any], references: References) -> Any:
    """`example`, or the value of the first of `examples`; None where there is none."""
    if "example" in holder:
        return holder["example"]
    examples = holder.get("examples")
    if isinstance(examples, Mapping):
        for one in examples.values():
            try:
                found = references.of(one)
            except Unfit:
                continue
            if isinstance(found, Mapping) and "value" in found:
                return found["value"]
    return None


def _examples(schema: Mapping[str, Any]) -> Iterator[Any]:
    if schema.get("example") is not None:
        yield schema["example"]
    examples = schema.get("examples")
    if isinstance(examples, list) and examples and examples[0] is not None:
        yield examples[0]
    if schema.get("default") is not None:
        yield schema["default"]


def _named(properties: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(properties, Mapping):
        for name, inner in properties.items():
            if isinstance(name, str) and 0 < len(name) <= MAX_NAME and name.isprintable():
                yield name, inner


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), None)
    if isinstance(kind, str):
        return kind[:MAX_TEXT]
    if isinstance(schema.get("properties"), Mapping):
        return "object"
    return "array" if "items" in schema else ""


def _nullable(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    return schema.get("nullable") is True or (isinstance(kind, list) and "null" in kind)


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return value[:MAX_TEXT]
    return value


def _scalar_sample(kind: str, schema: Mapping[str, Any]) -> Any:
    if kind == "string":
        known = _SAMPLES.get(str(schema.get("format")))
        if known is not None:
            return known
        least = schema.get("minLength")
        return "text" if not isinstance(least, int) or least <= 4 else "t" * min(least, MAX_TEXT)
    if kind in {"integer", "number"}:
        least = schema.get("minimum")
        return least if isinstance(least, (int, Decimal)) and not isinstance(least, bool) else 1
    return True if kind == "boolean" else None
