"""Functions of any value: lists, conversion to another type, defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from redrive.core.compare import as_number, identical
from redrive.core.dates import parse_instant, spell_instant
from redrive.core.functions.describe import Argument, Example, Function, need_list, need_number
from redrive.core.invalid import kind_of
from redrive.core.jsonvalue import MISSING
from redrive.core.template import spell

_LARGEST: Final = 10**1_000
_WORDS: Final = {
    "true": True, "yes": True, "on": True, "1": True, "y": True, "t": True,
    "false": False, "no": False, "off": False, "0": False, "n": False, "f": False,
}  # fmt: skip


def _first(value: Any) -> Any:
    elements = need_list(value)
    return elements[0] if elements else MISSING


def _last(value: Any) -> Any:
    elements = need_list(value)
    return elements[-1] if elements else MISSING


def _element(value: Any, at: int) -> Any:
    elements = need_list(value)
    return elements[at] if -len(elements) <= at < len(elements) else MISSING


def _count(value: Any) -> int:
    if value is None or value is MISSING:
        return 0
    return len(value) if isinstance(value, Mapping) else len(need_list(value))


def _unique(value: Any) -> list[Any]:
    found: list[Any] = []
    seen: set[str | int | Decimal] = set()
    for element in need_list(value):
        if isinstance(element, str | int | Decimal) and not isinstance(element, bool):
            if element not in seen:
                seen.add(element)
                found.append(element)
        elif not any(identical(element, one) for one in found):
            found.append(element)
    return found


def _each(value: Any, functions: Callable[[Any], Any]) -> list[Any]:
    changed = [functions(element) for element in need_list(value)]
    return [element for element in changed if element is not MISSING]


def _cast(value: Any, to: str, read: str | None) -> Any:
    return _CASTS[to](value, read)


def _string(value: Any, _read: str | None) -> str:
    return spell(value)


def _number(value: Any, _read: str | None) -> int | Decimal:
    number = need_number(value)
    if isinstance(number, Decimal) and isinstance(value, str) and value.strip().lstrip("+-").isdigit():
        return int(number)
    return number


def _integer(value: Any, _read: str | None) -> int:
    number = need_number(value)
    # The bound comes first: 1e999999999 must not be written out.
    if not -_LARGEST < number < _LARGEST:
        raise ValueError("the number is beyond all bounds")
    if number != int(number):
        raise ValueError("the number is not whole; round it first")
    return int(number)


def _boolean(value: Any, _read: str | None) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and (found := _WORDS.get(value.strip().casefold())) is not None:
        return found
    if not isinstance(value, str) and (number := as_number(value)) in (0, 1):
        return number == 1
    shown = "a text that says neither" if isinstance(value, str) else kind_of(value)
    raise ValueError(f"the value is {shown}; true, yes, on, 1 or false, no, off, 0 is needed")


def _date(value: Any, read: str | None) -> str:
    return spell_instant(parse_instant(value, read))


_CASTS: Final[Mapping[str, Callable[[Any, str | None], Any]]] = {
    "string": _string,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "date": _date,
}


def _default(given: Any, value: Any, *, empty: bool) -> Any:
    if given is None or given is MISSING or (empty and given in ("", [], {})):
        return value
    return given


FUNCTIONS: Final = (
    Function(
        "first",
        "list",
        "The first element; missing if there is none.",
        _first,
        examples=(Example("first", [3, 4], 3), Example("first", [], MISSING)),
    ),
    Function(
        "last",
        "list",
        "The last element; missing if there is none.",
        _last,
        examples=(Example("last", [3, 4], 4),),
    ),
    Function(
        "element",
        "list",
        "One element; missing if there is none.",
        _element,
        (Argument("at", "integer", "Its number, from 0; negative counts from the end."),),
        (Example({"element": 1}, ["a", "b"], "b"), Example({"element": 5}, ["a"], MISSING)),
    ),
    Function(
        "count",
        "list",
        "How many elements a list has, or members an object; 0 for null and missing.",
        _count,
        examples=(
            Example("count", [1, 2], 2),
            Example("count", None, 0),
            Example("count", "ab", fails="a list is needed"),
        ),
        nulls=True,
    ),
    Function(
        "unique",
        "list",
        "The list without repetitions, in the order of first appearance.",
        _unique,
        examples=(Example("unique", ["b", "a", "b"], ["b", "a"]), Example("unique", [1, True, 1], [1, True])),
    ),
    Function(
        "each",
        "list",
        "Applies functions to each element; elements that end as missing are left out.",
        _each,
        (Argument("functions", "any", "A list of functions, as in `do`."),),
        (Example({"each": ["trim", {"case": "upper"}]}, [" a", "b "], ["A", "B"]),),
        whole=True,
    ),
    Function(
        "cast",
        "value",
        "Converts to another type, or fails.",
        _cast,
        (
            Argument("to", "choice", "The type.", choices=tuple(_CASTS)),
            Argument("read", "form", "For date: epoch, epoch_ms, or the pattern that the value is in.", None),
        ),
        (
            Example({"cast": "string"}, Decimal("1.10"), "1.10"),
            Example({"cast": "number"}, "19.90", Decimal("19.90")),
            Example({"cast": "integer"}, "42", 42),
            Example({"cast": "integer"}, Decimal("1.5"), fails="round it first"),
            Example({"cast": "boolean"}, "yes", True),
            Example({"cast": "date"}, "2026-05-04", "2026-05-04T00:00:00Z"),
            Example({"cast": "number"}, "", fails="a text that spells no number"),
        ),
    ),
    Function(
        "default",
        "value",
        "Stands in for a value that is null or missing.",
        _default,
        (
            Argument("value", "any", "What to put there."),
            Argument(
                "empty",
                "boolean",
                "Whether it stands in for empty texts, lists and objects too.",
                default=False,
            ),
        ),
        (
            Example({"default": "n/a"}, None, "n/a"),
            Example({"default": 0}, 5, 5),
            Example({"default": None}, MISSING),
            Example({"default": {"value": "n/a", "empty": True}}, "", "n/a"),
        ),
        nulls=True,
    ),
)
