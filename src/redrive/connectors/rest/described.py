"""What a connector document says about its endpoints for those who use them: parameters, bodies, samples."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import ConfigDict, model_validator

from redrive.connectors.rest.parts import Model
from redrive.errors import PayloadError
from redrive.sdk import Field, Invalid, nearest

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")


class Parameter(Model):
    """A parameter of an endpoint: what steps give under `with`."""

    description: str = Field("", help="What it is for.")
    type: Literal["string", "integer", "number", "boolean", "array", "object"] | None = Field(
        None, help="The kind of its value, for forms and completion."
    )
    required: bool = Field(False, help="A step that does not give it fails before anything is sent.")
    default: Any = Field(None, help="What stands in where a step does not give it. Default: null.")
    one_of: list[Any] | None = Field(None, help="The values that are possible.", min_length=1)
    example: Any = Field(None, help="A value that is possible.")

    @model_validator(mode="after")
    def _default_fits(self) -> Self:
        if self.one_of is not None and self.default is not None and self.default not in self.one_of:
            raise Invalid("the default is none of `one_of`", setting="default", expected=_listed(self.one_of))
        return self


class About(Model):
    """What a body looks like: for completion, tests, and trying an endpoint."""

    # `schema` is the domain's word, and a method of the base class that nothing here calls.
    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, populate_by_name=True
    )

    schema_: dict[str, Any] | None = Field(
        None, alias="schema", help="Its JSON Schema; a large one may be cut."
    )
    sample: Any = Field(None, help="One such body.")


def names_of_parameters(value: dict[str, Parameter]) -> dict[str, Parameter]:
    """The names that a template can spell. Errors: `Invalid`."""
    for name in value:
        if not _NAME.match(name):
            raise Invalid(
                "a parameter has another name",
                setting=name,
                expected="letters, digits, hyphens and underscores, a letter first",
            )
    return value


def filled(label: str, declared: Mapping[str, Parameter], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters of one call: those given, defaults for the others.

    An endpoint that declares none takes any. Errors: `parameter.missing`, `parameter.unknown`,
    `parameter.invalid`.
    """
    if not declared:
        return given
    for name in given:
        if name not in declared:
            near = nearest(name, declared)
            raise PayloadError(
                f"{label} has no parameter {name!r}",
                code="parameter.unknown",
                at=f"with.{name}",
                hint=f"Did you mean {near!r}?" if near else f"It has {', '.join(declared)}.",
            )
    values: dict[str, Any] = {}
    for name, about in declared.items():
        value = given.get(name)
        if value is None or value == "":
            if about.required:
                raise PayloadError(
                    f"{label} needs the parameter {name!r}",
                    code="parameter.missing",
                    at=f"with.{name}",
                    hint=f"Give it under `with` of the step: {name}: … ({about.description or 'required'})",
                )
            value = about.default if value is None else value
        elif about.one_of is not None and not _possible(value, about.one_of):
            raise PayloadError(
                f"{label}: the parameter {name!r} cannot have this value",
                code="parameter.invalid",
                at=f"with.{name}",
                hint=f"Possible are {_listed(about.one_of)}.",
            )
        values[name] = value
    return values


def _possible(value: Any, one_of: Sequence[Any]) -> bool:
    known = {str(one) for one in one_of}
    values = value if isinstance(value, list) else [value]
    return all(str(one) in known for one in values)


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values[:20])) + (" …" if len(values) > 20 else "")
