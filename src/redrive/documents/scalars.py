"""Names, times and texts as all parts of the documents' own grammar take them."""

from __future__ import annotations

import re
import zoneinfo
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema

from redrive.core import durations
from redrive.core.nearest import nearest
from redrive.documents.forms import FormError
from redrive.documents.problems import shown

NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
VARIABLE_PATTERN: Final = r"^[A-Za-z_][A-Za-z0-9_-]*$"
ENV_PATTERN: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"
_MAX_NAME = 100


def _named(pattern: str, expected: str) -> AfterValidator:
    """The check of a name, which messages tell in words."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        # `$` also matches before a last line end.
        if not compiled.match(text) or text.endswith("\n"):
            raise FormError(
                "the name is empty" if not text else f"{shown(text)} cannot be a name here", expected
            )
        if len(text) > _MAX_NAME:
            raise FormError("the name is too long", f"at most {_MAX_NAME} characters")
        return text

    return AfterValidator(check)


def _pattern(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "maxLength": _MAX_NAME})


def _no_file_name(text: str) -> str:
    # `redrive run X` takes X for a file where it ends so.
    if text.lower().endswith((".yaml", ".yml", ".json")):
        raise FormError(
            "the name ends like that of a file", "a name that does not end in .yaml, .yml or .json"
        )
    return text


def _timezone(text: str) -> str:
    known = zoneinfo.available_timezones()
    if text not in known:
        raise FormError(
            f"the time zone {shown(text)} is not known", "a name such as Europe/London", nearest(text, known)
        )
    return text


def _duration(value: Any) -> float:
    try:
        return durations.duration_s(value)
    except ValueError as error:
        raise FormError(str(error), durations.EXPECTED) from None


Name = Annotated[
    str,
    _named(NAME_PATTERN, "letters, digits, dots, hyphens and underscores, a letter or digit first"),
    _pattern(NAME_PATTERN),
]
FlowName = Annotated[
    str,
    _named(NAME_PATTERN, "letters, digits, dots, hyphens and underscores, a letter or digit first"),
    AfterValidator(_no_file_name),
    _pattern(NAME_PATTERN),
]
Id = Annotated[
    str,
    _named(ID_PATTERN, "letters, digits, hyphens and underscores, a letter or digit first"),
    _pattern(ID_PATTERN),
]
VariableName = Annotated[
    str,
    _named(VARIABLE_PATTERN, "letters, digits, hyphens and underscores, a letter first"),
    _pattern(VARIABLE_PATTERN),
]
EnvName = Annotated[str, _named(ENV_PATTERN, "the name of an environment variable"), _pattern(ENV_PATTERN)]
Text = Annotated[str, StringConstraints(max_length=10_000)]
Timezone = Annotated[str, AfterValidator(_timezone)]
DurationS = Annotated[
    float,
    BeforeValidator(_duration),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": durations.PATTERN, "minLength": 2},
            ],
            "examples": ["30m", "2h", 90],
        }
    ),
]
