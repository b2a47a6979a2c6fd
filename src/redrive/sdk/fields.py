"""Settings of shapes: a pydantic field with a unit and help, worked examples, and compiled types.

The compiled types take a setting as it stands in a document and give the compiled form; in dumps
and in the JSON Schema it is again what the document holds:

    key: PathText | None = Field(None, help="The delivery key of each item.")   # a Path
    keep: ConditionField | None = Field(None, help="…")                         # a Condition
    value: TemplatedValue = Field(None, help="…")                               # a Templated
    do: FunctionsField | None = Field(None, help="…")                           # Functions

What does not parse is an ordinary pydantic error. Its `ctx["error"]` is the `redrive.core.invalid.Invalid`
with the place within the setting, what was expected and the nearest known name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import pydantic
from pydantic import (
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from redrive.core.conditions import Condition
from redrive.core.durations import EXPECTED, PATTERN, duration_s
from redrive.core.functions import FunctionInvalid, Functions, as_script, functions_schema
from redrive.core.paths import Path
from redrive.core.template import CONNECTOR_ROOTS, FLOW_ROOTS, SIGNING_ROOTS, Templated, compile_value
from redrive.sdk.condition_schema import condition_schema
from redrive.sdk.scripting import check_script


def Field(default: Any = ..., *, help: str, unit: str | None = None, **limits: Any) -> Any:
    """One setting: its default (none: required), limits (`ge=`, `le=`, `pattern=`, …), unit and help.

    `help` and `unit` go into the form of the UI, the reference page and the JSON Schema.
    """
    extra: dict[str, Any] = {"unit": unit} if unit else {}
    return pydantic.Field(default, description=help, json_schema_extra=extra or None, **limits)


@dataclass(frozen=True)
class Example:
    """A worked example of a shape: documentation and its first test.

    `given` is a list of payloads; a payload is any JSON value (a list is a list of items), or
    `bytes`. `gives` is the list of payloads that come out, compared as JSON values. `fails` is
    the error code instead. `meta` and `variables` set the scene; `gives_variables` and
    `gives_meta` (one map per payload out) say what must come of them. `lookups` are tables as {from: to},
    `pools` the keys that a data pool holds, `caches` the documents of an entry, named SCOPE/CACHE/ENTRY,
    `flows` the documents that a flow which is called puts out.
    """

    title: str
    settings: Mapping[str, Any]
    given: Sequence[Any]
    gives: Sequence[Any] | Mapping[str, Sequence[Any]] | None = None
    fails: str | None = None
    items_path: str = ""
    media_type: str = "application/json"
    meta: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    gives_variables: Mapping[str, Any] | None = None
    gives_meta: Sequence[Mapping[str, str]] | None = None
    lookups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    pools: Mapping[str, Sequence[str]] = field(default_factory=dict)
    caches: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    flows: Mapping[str, Sequence[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Compiled:
    """Tells pydantic how a compiled type is read, written and described."""

    kind: type
    compile: Callable[[Any], Any]
    source: Callable[[Any], Any]
    describe: Callable[[GetJsonSchemaHandler], JsonSchemaValue]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(self._serialise),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return self.describe(handler)

    def _validate(self, value: Any) -> Any:
        return value if isinstance(value, self.kind) else self.compile(value)

    def _serialise(self, value: Any) -> Any:
        # A default may stand uncompiled; it is its own source.
        return self.source(value) if isinstance(value, self.kind) else value


def _path(value: Any) -> Path:
    if not isinstance(value, str):
        raise ValueError("a path is a text such as customer.email")
    return Path.parse(value)


def _seconds(value: Any) -> Any:
    try:
        return duration_s(value)
    except ValueError as error:
        raise ValueError(f"{error}; expected {EXPECTED}") from None


def _functions(document: Any) -> Functions:
    functions = Functions.parse(document)
    for place, code in functions.scripts:
        check_script(code, arguments=("value",), setting=place, invalid=FunctionInvalid, expression=as_script)
    return functions


def _templated(roots: tuple[str, ...]) -> _Compiled:
    return _Compiled(
        kind=Templated,
        compile=lambda value: compile_value(value, roots),
        source=lambda value: value.source,
        describe=lambda _: {
            "description": f"Any value; its texts may hold templates that begin with {_or(roots)}."
        },
    )


def _condition(roots: tuple[str, ...]) -> _Compiled:
    return _Compiled(
        kind=Condition,
        compile=lambda value: Condition.parse(value, roots),
        source=lambda value: value.source,
        describe=condition_schema,
    )


def _or(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


PathText = Annotated[
    Path,
    _Compiled(
        kind=Path,
        compile=_path,
        source=str,
        describe=lambda _: {
            "type": "string",
            "format": "redrive-path",
            "minLength": 1,
            "examples": ["customer.email", "line_items.*.sku", "items[0].id"],
        },
    ),
]
"""A text that is a path; compiled to `Path`."""

PathId = Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)]
"""The id of a path that a shape owns; no other path or step of the flow has it."""
Duration = Annotated[
    float,
    BeforeValidator(_seconds),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": PATTERN}]}
    ),
]
"""A length of time in seconds; a document may write 90s, 30m, 2h, 1h30m or 7d."""

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
PlainName = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=100)]
"""The name of a lookup, data pool or cache: letters, digits, dots, hyphens and underscores."""

TemplatedValue = Annotated[Templated, _templated(FLOW_ROOTS)]
"""Any JSON value with templates in its texts; compiled to `Templated`."""

ConnectorTemplatedValue = Annotated[Templated, _templated(CONNECTOR_ROOTS)]
"""As `TemplatedValue`, in connector documents: also `with`, `connection`, `response` and `page`."""

SigningTemplatedValue = Annotated[Templated, _templated(SIGNING_ROOTS)]
"""As `TemplatedValue`, where a request is signed: `connection`, `request` and `signature`."""

ConditionField = Annotated[Condition, _condition(FLOW_ROOTS)]
"""A condition; compiled to `Condition`."""

ConnectorConditionField = Annotated[Condition, _condition(CONNECTOR_ROOTS)]
"""As `ConditionField`, in connector documents."""

FunctionsField = Annotated[
    Functions,
    _Compiled(
        kind=Functions,
        compile=_functions,
        source=lambda value: value.source,
        describe=lambda _: functions_schema(),
    ),
]
"""A list of functions, as `do:` in a map; compiled to `Functions`."""
