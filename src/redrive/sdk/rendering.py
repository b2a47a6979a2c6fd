"""Filling in the templates of a step's settings, by the step's rule for what finds nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from redrive.core.jsonvalue import MISSING
from redrive.core.template import Templated, TemplateMissing
from redrive.errors import PayloadError

Missing = Literal["error", "empty", "skip_item"]


def render(templated: Templated, scope: Mapping[str, Any], missing: Missing, *, where: str, at: str) -> Any:
    """The value with its templates filled in; MISSING where one finds nothing and `missing` is
    `skip_item`: the caller then leaves out what the value was for.

    With `empty` a template that finds nothing gives null, and nothing at all within a longer text.
    `where` names payload and item in messages, `at` the setting.
    Errors: `template.missing` where `missing` is `error`; `template.failed` (a date out of bounds).
    """
    try:
        return templated.render(scope, empty=missing == "empty")
    except TemplateMissing as error:
        if missing == "skip_item":
            return MISSING
        raise PayloadError(
            f"{where}: the template of {at} finds nothing at {error.path}",
            code="template.missing",
            at=at,
            hint="Give it a default, as in {{ item.name | default('') }}, or set missing to empty or "
            "skip_item.",
        ) from None
    except ValueError as error:
        raise PayloadError(f"{where}: the template of {at} fails: {error}", code="template.failed", at=at) from None
