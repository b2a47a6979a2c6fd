"""The JSON Schema of conditions, which editors and the settings form work from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, GetJsonSchemaHandler, TypeAdapter, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from typing_extensions import TypeAliasType, TypedDict

from redrive.core.dates import UNITS
from redrive.core.operators import OPERATORS

_TEMPLATE: Mapping[str, Any] = {"type": "string", "pattern": r"\{\{"}
_OFFSET: Mapping[str, Any] = {
    "type": "object",
    "patternProperties": {f"^({'|'.join(UNITS)})$": {"type": ["number", "string"]}},
    "additionalProperties": False,
    "minProperties": 1,
}


def _object(*names: str, of: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict.fromkeys(names, of),
        "required": list(names),
        "additionalProperties": False,
    }


_INSTANT: Mapping[str, Any] = {
    "anyOf": [{"type": ["string", "null"]}, _object("ago", of=_OFFSET), _object("in", of=_OFFSET)]
}
_VALUES: Mapping[str, Mapping[str, Any]] = {
    "in": {"type": ["array", "string", "number", "boolean", "null"]},
    "not_in": {"type": ["array", "string", "number", "boolean", "null"]},
    "gt": {"type": ["number", "string", "null"]},
    "gte": {"type": ["number", "string", "null"]},
    "lt": {"type": ["number", "string", "null"]},
    "lte": {"type": ["number", "string", "null"]},
    "contains": {"type": ["string", "number", "boolean", "null"]},
    "starts": {"type": ["string", "number", "boolean", "null"]},
    "ends": {"type": ["string", "number", "boolean", "null"]},
    "matches": {"type": ["string", "null"]},
    "exists": {"anyOf": [{"type": "boolean"}, _TEMPLATE, {"enum": ["true", "false"]}]},
    "before": _INSTANT,
    "after": _INSTANT,
    "within": {
        "anyOf": [
            _object("last", of=_OFFSET),
            _object("next", of=_OFFSET),
            _object("from", "to", of=_INSTANT),
        ]
    },
}

_PathOrTemplate = Annotated[
    str,
    Field(
        min_length=1, description="A path such as customer.email, or a template such as {{ vars.country }}."
    ),
]
_operators: dict[str, Any] = {
    name: NotRequired[Annotated[Any, WithJsonSchema({**_VALUES.get(name, {}), "description": operator.help})]]
    for name, operator in OPERATORS.items()
}
# Names such as `in` and `not` are Python's own words: only the functional form can hold them.
Comparison = TypedDict("Comparison", {"field": _PathOrTemplate, **_operators})  # type: ignore[misc]
Comparison.__pydantic_config__ = ConfigDict(  # type: ignore[attr-defined]
    extra="forbid",
    json_schema_extra={
        "minProperties": 2,
        "description": "A field and the operators that must all hold for it.",
    },
)


class AllOf(TypedDict):
    """Every one of these must hold."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]
    all: Annotated[list[Condition], Field(min_length=1)]


class AnyOf(TypedDict):
    """At least one of these must hold."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]
    any: Annotated[list[Condition], Field(min_length=1)]


NotOf = TypedDict("NotOf", {"not": "Condition"})
NotOf.__doc__ = "This must not hold."
NotOf.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]

Condition = TypeAliasType("Condition", "Comparison | AllOf | AnyOf | NotOf")

_adapter: TypeAdapter[Any] = TypeAdapter(Condition)


def condition_schema(handler: GetJsonSchemaHandler) -> JsonSchemaValue:
    """A reference to the recursive definition, which pydantic puts among the document's `$defs`."""
    return handler(_adapter.core_schema)
