"""What a function is: its name, arguments, help and examples, and how arguments are checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from redrive.core.compare import as_number
from redrive.core.dates import FORMS, as_offset, strftime_pattern, zone
from redrive.core.invalid import Invalid, kind_of, trimmed
from redrive.core.jsonvalue import MISSING
from redrive.core.nearest import nearest
from redrive.core.patterns import compile_pattern

Kind = Literal[
    "text",
    "integer",
    "number",
    "boolean",
    "any",
    "choice",
    "pattern",
    "timezone",
    "form",
    "offset",
    "relative",
]

REQUIRED: Final[Any] = MISSING
_FAR: Final = 10**9


class FunctionInvalid(Invalid):
    """Functions, or arguments of one, that are not valid."""


class Argument(msgspec.Struct, frozen=True):
    """One argument. Without `default` it must be given."""

    name: str
    kind: Kind
    help: str
    default: Any = REQUIRED
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None


class Example(msgspec.Struct, frozen=True):
    """A worked example: `do` is the entry as a document writes it. `fails`: part of the message."""

    do: Any
    given: Any
    gives: Any = None
    fails: str | None = None


class Function(msgspec.Struct, frozen=True):
    """A pure function of a value.

    apply: called as `apply(value, **arguments)`; `now=` besides where `clock` is set, `references=`
        where `references` is. Raises `ValueError` for a value that it cannot take; the message does
        not hold the value.
    verbatim: its arguments are taken as they are written, without templates.
    whole: what stands behind the name is the one argument itself, even where it is an object.
    nulls: it is called for null and missing values too; others leave these as they are.
    """

    name: str
    group: str
    help: str
    apply: Callable[..., Any]
    arguments: tuple[Argument, ...] = ()
    examples: tuple[Example, ...] = ()
    whole: bool = False
    nulls: bool = False
    clock: bool = False
    references: bool = False
    verbatim: bool = False

    def bind(self, written: Any) -> dict[str, Any]:
        """The arguments by name, checked, from what stands behind the name (MISSING: nothing).

        A single value is the first argument; an object names them. Errors: `FunctionInvalid`,
        its `setting` the argument.
        """
        if isinstance(written, Mapping) and not self.whole:
            given = dict(written)
        elif written is MISSING or (written is None and not self._takes_null):
            given = {}
        elif not self.arguments:
            raise FunctionInvalid(f"{self.name} takes no argument", expected=f"{self.name} alone")
        else:
            given = {self.arguments[0].name: written}
        known = {argument.name: argument for argument in self.arguments}
        for name in given:
            if name not in known:
                raise FunctionInvalid(
                    f"{self.name} has no argument {trimmed(str(name))!r}",
                    setting=str(name),
                    expected=f"one of {', '.join(known)}" if known else f"{self.name} alone",
                    nearest=nearest(str(name), known),
                )
        return {argument.name: self._checked(argument, given) for argument in self.arguments}

    @property
    def _takes_null(self) -> bool:
        return bool(self.arguments) and self.arguments[0].kind == "any"

    def _checked(self, argument: Argument, given: Mapping[str, Any]) -> Any:
        if argument.name not in given:
            if argument.default is REQUIRED:
                raise FunctionInvalid(
                    f"{self.name} needs {argument.name}", expected=f"{_kind_text(argument)}: {argument.help}"
                )
            return argument.default
        place = "" if self.whole else argument.name
        try:
            return check(argument, given[argument.name])
        except Invalid as error:
            raise FunctionInvalid(
                f"{self.name}: {error.title}", setting=place, expected=error.expected, nearest=error.nearest
            ) from None
        except ValueError as error:
            raise FunctionInvalid(
                f"{self.name}: {error}",
                setting=place,
                expected=None if "expected" in str(error) else _kind_text(argument),
            ) from None

    def call(
        self, value: Any, arguments: Mapping[str, Any], now: datetime | None, references: Any = None
    ) -> Any:
        """The result for one value. Errors: `ValueError`; `Asked`."""
        if (value is None or value is MISSING) and not self.nulls:
            return value
        try:
            if self.references:
                if references is None:
                    raise ValueError("nothing can be looked up here")
                return self.apply(value, references=references, **arguments)
            if self.clock:
                return self.apply(value, now=now, **arguments)
            return self.apply(value, **arguments)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from None


def check(argument: Argument, value: Any) -> Any:
    """An argument in the form that functions get. Errors: `ValueError`."""
    return _CHECKS[argument.kind](argument, value)


def _kind_text(argument: Argument) -> str:
    if argument.choices:
        return f"one of {', '.join(argument.choices)}"
    return _KIND_TEXTS[argument.kind]


_KIND_TEXTS: Final[Mapping[str, str]] = {
    "text": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "any": "any value",
    "choice": "one of its values",
    "pattern": "a regular expression",
    "timezone": "a time zone such as Europe/London",
    "form": "a date format such as iso or DD/MM/YYYY",
    "offset": "an object such as {days: 2}",
    "relative": "{ago: {days: 2}} or {in: {hours: 3}}",
}


def _text(argument: Argument, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"{argument.name} is {kind_of(value)}")


def _integer(argument: Argument, value: Any) -> int:
    number = as_number(value)
    # The bound comes first: a huge exponent must not be written out.
    if number is None or not -_FAR < number < _FAR or number != int(number):
        raise ValueError(f"{argument.name} is not a whole number")
    if argument.least is not None and number < argument.least:
        raise Invalid(f"{argument.name} is too small", expected=f"at least {argument.least}")
    if argument.most is not None and number > argument.most:
        raise Invalid(f"{argument.name} is too large", expected=f"at most {argument.most}")
    return int(number)


def _number(argument: Argument, value: Any) -> int | Decimal:
    number = as_number(value)
    if number is None:
        raise ValueError(f"{argument.name} is not a number")
    return number


def _boolean(argument: Argument, value: Any) -> bool:
    if value is True or value == "true":
        return True
    if value is False or value == "false":
        return False
    raise ValueError(f"{argument.name} is {kind_of(value)}")


def _choice(argument: Argument, value: Any) -> str:
    if isinstance(value, str) and value in argument.choices:
        return value
    raise Invalid(
        f"{argument.name} is {trimmed(repr(value)) if isinstance(value, str) else kind_of(value)}",
        expected=f"one of {', '.join(argument.choices)}",
        nearest=nearest(value, argument.choices) if isinstance(value, str) else None,
    )


def _pattern(argument: Argument, value: Any) -> str:
    text = _text(argument, value)
    compile_pattern(text)
    return text


def _timezone(argument: Argument, value: Any) -> str:
    name = _text(argument, value)
    zone(name)
    return name


def _form(argument: Argument, value: Any) -> str:
    form = _text(argument, value)
    if form not in FORMS:
        strftime_pattern(form)
    return form


def _relative(argument: Argument, value: Any) -> Any:
    if isinstance(value, Mapping) and len(value) == 1:
        if "ago" in value:
            return -as_offset(value["ago"])
        if "in" in value:
            return as_offset(value["in"])
    raise ValueError(f"{argument.name} is {kind_of(value)} that names no relative date")


_CHECKS: Final[Mapping[str, Callable[[Argument, Any], Any]]] = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "any": lambda _argument, value: value,
    "choice": _choice,
    "pattern": _pattern,
    "timezone": _timezone,
    "form": _form,
    "offset": lambda _argument, value: as_offset(value),
    "relative": _relative,
}


def argument_schema(argument: Argument) -> dict[str, Any]:
    """The JSON Schema of an argument. Where it is not a text, a template is possible too."""
    schema: dict[str, Any] = dict(_SCHEMAS[argument.kind])
    if argument.choices:
        schema = {"anyOf": [{"enum": list(argument.choices)}, {"type": "string", "pattern": r"\{\{"}]}
    schema["description"] = argument.help
    if argument.default is not REQUIRED and argument.default is not None:
        schema["default"] = argument.default
    return schema


_OFFSET_SCHEMA: Final = {"type": "object", "minProperties": 1}
_SCHEMAS: Final[Mapping[str, Mapping[str, Any]]] = {
    "text": {"type": ["string", "number"]},
    "integer": {"type": ["integer", "string"]},
    "number": {"type": ["number", "string"]},
    "boolean": {"type": ["boolean", "string"]},
    "any": {},
    "choice": {},
    "pattern": {"type": "string"},
    "timezone": {"type": "string"},
    "form": {"type": "string"},
    "offset": _OFFSET_SCHEMA,
    "relative": _OFFSET_SCHEMA,
}


def texts_of(values: Sequence[Any]) -> list[str]:
    """The texts of a list's values as templates spell them; for `join`. Errors: `ValueError`."""
    return [need_text(value) if value is not None else "" for value in values]


def need_text(value: Any) -> str:
    """A text, or how a number, true or false is spelt. Errors: `ValueError`."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    raise ValueError(f"the value is {kind_of(value)}; a text is needed")


def need_list(value: Any) -> list[Any]:
    """A list. Errors: `ValueError`."""
    if isinstance(value, list | tuple):
        return list(value)
    raise ValueError(f"the value is {kind_of(value)}; a list is needed")


def need_number(value: Any) -> int | Decimal:
    """A number, or a text that spells one. Errors: `ValueError`."""
    number = as_number(value)
    if number is None:
        kind = "a text that spells no number" if isinstance(value, str) else kind_of(value)
        raise ValueError(f"the value is {kind}; a number is needed")
    return number
