"""Settings of shapes: a pydantic field with a unit and help, and worked examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pydantic


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
    `gives_meta` (one map per payload out) say what must come of them.
    """

    title: str
    settings: Mapping[str, Any]
    given: Sequence[Any]
    gives: Sequence[Any] | None = None
    fails: str | None = None
    items_path: str = ""
    meta: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    gives_variables: Mapping[str, Any] | None = None
    gives_meta: Sequence[Mapping[str, str]] | None = None
