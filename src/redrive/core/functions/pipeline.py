"""A compiled list of functions, as `do:` holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from redrive.core.functions.describe import (
    REQUIRED,
    Function,
    FunctionInvalid,
    argument_schema,
)
from redrive.core.functions.references import ROOT, Asked
from redrive.core.invalid import Invalid, kind_of, trimmed
from redrive.core.jsonvalue import MISSING
from redrive.core.nearest import nearest
from redrive.core.template import FLOW_ROOTS, Scope, compile_value

_FORM = "a list such as [trim, {case: upper}, {round: 2}]"
_NO_SCOPE: Scope = {}

# Names of other systems -> ours, for the hint in an error.
_MEANT: Mapping[str, str] = {
    "upper": "case", "lower": "case", "title": "case", "uppercase": "case", "lowercase": "case",
    "capitalize": "case", "strip": "trim", "substring": "slice", "substr": "slice", "concat": "suffix",
    "append": "suffix", "prepend": "prefix", "regex": "replace_pattern", "format": "date_format",
    "date": "date_format",
    "to_date": "date_format", "ago": "date_relative", "now": "date_relative", "date_add": "date_shift",
    "length": "count", "size": "count", "int": "cast", "integer": "cast", "string": "cast", "number": "cast",
    "boolean": "cast", "coalesce": "default", "map": "each", "distinct": "unique", "plus": "add",
    "minus": "subtract", "times": "multiply", "abs": "absolute", "ceil": "ceiling",
}  # fmt: skip


def _registry() -> Mapping[str, Function]:
    # `each` applies functions to elements, so the table of functions and this module need each other.
    from redrive.core.functions import FUNCTIONS  # noqa: PLC0415

    return FUNCTIONS


class Functions:
    """`roots`: the template roots that the arguments read, and `now` if a function counts from it.

    `lookups`: the tables that are named as they are. `scripts`: the code of scripts, each with its place
    in the list. `looks_up`: whether the functions need
    `References` in their scope. `leaves_out`: a look-up among them may ask that its item is left out.
    """

    __slots__ = ("_steps", "leaves_out", "looks_up", "lookups", "roots", "scripts", "source")

    def __init__(
        self, source: Any, steps: tuple[Callable[[Any, Scope], Any], ...], roots: frozenset[str]
    ) -> None:
        self.source = source
        self.roots = roots - {ROOT}
        self.looks_up = ROOT in roots
        self.lookups = frozenset(_lookups(source)) if self.looks_up else frozenset()
        self.scripts = tuple(_scripts(source, "")) if self.looks_up else ()
        self.leaves_out = self.looks_up and _leaves_out(source)
        self._steps = steps

    @staticmethod
    def parse(document: Any, roots: tuple[str, ...] = FLOW_ROOTS) -> Functions:
        """Errors: `FunctionInvalid`; its `setting` is the place in the list (`[1].round.decimals`)."""
        if not isinstance(document, list | tuple):
            raise FunctionInvalid(f"{kind_of(document)} is not a list of functions", expected=_FORM)
        read: set[str] = set()
        steps = tuple(_step(entry, f"[{number}]", roots, read) for number, entry in enumerate(document))
        return Functions(document, steps, frozenset(read))

    def apply(self, value: Any, scope: Scope = _NO_SCOPE) -> Any:
        """The value after every function. MISSING and null pass by those that cannot take them.

        Errors: `ValueError` (what a function cannot take, or an argument that a template makes
        wrong), `TemplateMissing`.
        """
        for step in self._steps:
            value = step(value, scope)
        return value

    def __repr__(self) -> str:
        return f"Functions({trimmed(repr(self.source))})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Functions) and other.source == self.source

    def __hash__(self) -> int:
        return hash(repr(self.source))


def _step(entry: Any, place: str, roots: tuple[str, ...], read: set[str]) -> Callable[[Any, Scope], Any]:
    if isinstance(entry, str):
        name, written = entry, MISSING
    elif isinstance(entry, Mapping) and len(entry) == 1:
        name, written = next(iter(entry.items()))
    else:
        shown = f"an object of {len(entry)} names" if isinstance(entry, Mapping) else kind_of(entry)
        raise FunctionInvalid(
            f"{shown} is not a function", setting=place, expected="one name, as in trim or {case: upper}"
        )
    function = _registry().get(name)
    if function is None:
        raise FunctionInvalid(
            f"unknown function {trimmed(str(name))!r}",
            setting=place,
            expected=f"one of {', '.join(_registry())}",
            nearest=_MEANT.get(str(name).casefold()) or nearest(str(name), _registry()),
        )
    if function.clock:
        read.add("now")
    if function.references:
        read.add(ROOT)
    try:
        if function.name == "each":
            return _each(written, roots, read)
        template = compile_value(None if function.verbatim else written, roots)
        read |= template.roots
        if not template.constant:
            return lambda value, scope: function.call(
                value,
                function.bind(template.render(scope)),
                _now(function, scope),
                _references(function, scope),
            )
        arguments = function.bind(written if function.verbatim else template.render(_NO_SCOPE))
    except Invalid as error:
        inner = f"{place}.{name}"
        if error.setting:
            inner += error.setting if error.setting.startswith("[") else f".{error.setting}"
        raise FunctionInvalid(
            error.title, setting=inner, expected=error.expected, nearest=error.nearest
        ) from None
    return lambda value, scope: function.call(
        value, arguments, _now(function, scope), _references(function, scope)
    )


def _each(written: Any, roots: tuple[str, ...], read: set[str]) -> Callable[[Any, Scope], Any]:
    inner = Functions.parse(None if written is MISSING else written, roots)
    read |= inner.roots | ({ROOT} if inner.looks_up else set())

    def step(value: Any, scope: Scope) -> Any:
        asked = False

        def one(element: Any) -> Any:
            nonlocal asked
            try:
                return inner.apply(element, scope)
            except Asked:
                asked = True  # the other elements say first what they ask for
                return None

        result = _registry()["each"].call(value, {"functions": one}, None)
        if asked:
            raise Asked
        return result

    return step


def _now(function: Function, scope: Scope) -> datetime | None:
    return scope.get("now") if function.clock else None


def _references(function: Function, scope: Scope) -> Any:
    return scope.get(ROOT) if function.references else None


def _lookups(document: Any) -> Iterator[str]:
    """The tables that functions name, wherever they stand; not those that a template names."""
    for entry in document:
        name, written = next(iter(entry.items())) if isinstance(entry, Mapping) else (entry, None)
        if name == "each":
            yield from _lookups(written)
        elif name == "lookup":
            table = written.get("table") if isinstance(written, Mapping) else written
            if isinstance(table, str) and "{{" not in table:
                yield table


def _leaves_out(document: Any) -> bool:
    """Whether a function here ends as missing on request; within `each` only an element would."""
    written = [value for entry in document if isinstance(entry, Mapping) for value in entry.values()]
    return any(isinstance(one, Mapping) and one.get("missing") == "skip_item" for one in written)


def _scripts(document: Any, place: str) -> Iterator[tuple[str, str]]:
    """The place and code of each script, wherever it stands."""
    for number, entry in enumerate(document):
        name: Any
        written: Any
        name, written = next(iter(entry.items())) if isinstance(entry, Mapping) else (entry, None)
        inner = f"{place}[{number}].{name}"
        if name == "each":
            yield from _scripts(written, inner)
        elif name == "script":
            named = isinstance(written, Mapping)
            yield (f"{inner}.code", str(written["code"])) if named else (inner, str(written))


def functions_schema() -> dict[str, Any]:
    """The JSON Schema of a `do:` list."""
    bare = [
        function.name
        for function in _registry().values()
        if all(argument.default is not REQUIRED for argument in function.arguments)
    ]
    return {
        "type": "array",
        "items": {
            "anyOf": [
                {"enum": bare},
                *(_function_schema(function) for function in _registry().values() if function.arguments),
            ]
        },
    }


def _function_schema(function: Function) -> dict[str, Any]:
    first = argument_schema(function.arguments[0])
    named = {
        "type": "object",
        "properties": {argument.name: argument_schema(argument) for argument in function.arguments},
        "required": [argument.name for argument in function.arguments if argument.default is REQUIRED],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "description": function.help,
        "properties": {
            function.name: first if function.whole else {"anyOf": [first, named, {"type": "null"}]}
        },
        "required": [function.name],
        "additionalProperties": False,
    }
