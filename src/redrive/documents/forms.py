"""Reads a mapping by a pydantic model and tells what is wrong in our words, at the line of each setting."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from redrive.core.nearest import nearest
from redrive.documents.nodes import pointer_to
from redrive.documents.problems import Findings, at_dotted, one_of, setting_name, shown

M = TypeVar("M", bound=BaseModel)
Loc = tuple[str | int, ...]


class Form(BaseModel):
    """A part of the documents' own grammar: nothing is converted, unknown names are refused."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True
    )


class FormError(ValueError):
    """Raised by validators of forms: what is wrong and what would be right."""

    def __init__(self, title: str, expected: str | None = None, near: str | None = None) -> None:
        super().__init__(title)
        self.title = title
        self.expected = expected
        self.nearest = near
        self.setting = ""


def read_form(
    form: type[M],
    data: Mapping[str, Any],
    pointer: str,
    findings: Findings,
    *,
    step: str | None = None,
    base: str | None = None,
    what: str = "setting",
    also: Iterable[str] = (),
) -> M | None:
    """The model's instance, or None after all problems were added to `findings`.

    `pointer` is where `data` stands; setting names in messages are relative to `base` (default:
    to `pointer`); `what` is what an unknown name is called; `also` are names that may stand in `data`
    although the form does not have them.
    """
    try:
        return form.model_validate(dict(data))
    except ValidationError as error:
        errors = cast("list[dict[str, Any]]", error.errors(include_url=False))
    reader = _Errors(form, data, pointer, findings, step, pointer if base is None else base, what, also)
    reader.tell(errors)
    return None


@dataclass(frozen=True, slots=True)
class _Errors:
    """Where the errors of one reading belong."""

    form: type[BaseModel]
    data: Mapping[str, Any]
    pointer: str
    findings: Findings
    step: str | None
    base: str
    what: str
    also: Iterable[str]

    def tell(self, errors: Sequence[dict[str, Any]]) -> None:
        for place, group in _by_union(_telling(errors), self.data).items():
            if place is None:
                for error in group:
                    self._tell_one(error)
                continue
            branches = _branches(group, len(place))
            fitting = [found for found in branches if not any(self._is_misfit(e, place) for e in found)]
            if fitting:
                # Of the alternatives that take this kind of value, the one that is nearly met.
                for error in min(fitting, key=_badness):
                    self._tell_one(error)
            else:
                self._tell_misfit(place, group)

    def _is_misfit(self, error: dict[str, Any], place: Loc) -> bool:
        """Whether the value at the union itself is of another kind than this branch takes."""
        return _in_data(error, self.data) == place and error["type"] in _KIND_OF_TYPE

    def _tell_misfit(self, place: Loc, errors: list[dict[str, Any]]) -> None:
        expected = list(dict.fromkeys(text for error in errors if (text := _expected(error))))
        pointer = pointer_to(self.pointer, *place)
        self._add(
            "setting.invalid", f"this is {kind_of(_value(self.data, place))}", pointer, one_of(expected)
        )

    def _tell_one(self, error: dict[str, Any]) -> None:
        place = _in_data(error, self.data)
        pointer = pointer_to(self.pointer, *place)
        kind = error["type"]
        context = error.get("ctx") or {}
        cause = context.get("error")
        name = str(error["loc"][-1]) if error["loc"] else ""
        if kind == "missing":
            inner = pointer_to(pointer, name)
            setting = setting_name(inner, self.base)
            self.findings.add(
                f"{self.what}.missing",
                f"{name!r} is missing" + self._help(error["loc"]),
                pointer,
                step=self.step,
                setting=setting,
            )
        elif kind == "extra_forbidden":
            known = _names_at(self.form, error["loc"][:-1])
            if len(error["loc"]) == 1:
                known = known | set(self.also)
            self.findings.unknown_name(
                name, known, pointer, step=self.step, setting=setting_name(pointer, self.base), what=self.what
            )
        elif kind == "literal_error":
            names = re.findall(r"'([^']*)'", str(context.get("expected", "")))
            value = error.get("input")
            near = nearest(value, names) if isinstance(value, str) else None
            title = (
                f"{shown(value)} is not known here" if isinstance(value, str) else f"this is {kind_of(value)}"
            )
            self._add("setting.invalid", title, pointer, one_of(names), near)
        elif isinstance(cause, Exception):
            for one in (cause, *getattr(cause, "also", ())):
                dotted = getattr(one, "setting", "")
                value = _value(self.data, place)
                inner = at_dotted(value, pointer, dotted) if isinstance(dotted, str) else pointer
                self._add(
                    "setting.invalid",
                    str(getattr(one, "title", None) or one),
                    inner,
                    getattr(one, "expected", None),
                    getattr(one, "nearest", None),
                    getattr(one, "line", None),
                )
        elif (expected := _expected(error)) is not None:
            title = (
                f"this is {kind_of(error.get('input'))}"
                if kind in _KIND_OF_TYPE
                else _BOUND_TITLES.get(kind, "the value is out of its bounds")
            )
            self._add("setting.invalid", title, pointer, expected)
        else:
            self._add("setting.invalid", str(error["msg"]), pointer, None)

    def _add(
        self,
        code: str,
        title: str,
        pointer: str,
        expected: str | None,
        near: str | None = None,
        line: int | None = None,
    ) -> None:
        self.findings.add(
            code,
            title,
            pointer,
            step=self.step,
            setting=setting_name(pointer, self.base) or None,
            expected=expected,
            nearest=near,
            line=line,
        )

    def _help(self, loc: Loc) -> str:
        """What a setting is for, to stand after its name."""
        for name, info in self.form.model_fields.items() if len(loc) == 1 else ():
            if (info.alias or name) == loc[0] and info.description:
                text = info.description.rstrip(".")
                return f" ({text[0].lower() if text[1:2].islower() else text[0]}{text[1:]})"
        return ""


def _telling(errors: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the lists that are too short only because an element of theirs is wrong."""
    places = [error["loc"] for error in errors]
    return [
        error
        for error in errors
        if error["type"] != "too_short"
        or not any(len(at) > len(error["loc"]) and at[: len(error["loc"])] == error["loc"] for at in places)
    ]


def kind_of(value: Any) -> str:
    """What a value is, for messages that do not show it."""
    match value:
        case None:
            return "nothing (null)"
        case bool():
            return "true or false"
        case str():
            return "text" if value else "an empty text"
        case int():
            return "a whole number"
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case _:
            return "a number"


_KIND_OF_TYPE = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing", "decimal_type", "decimal_parsing"), "a number"),
    "string_type": "text",
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "a list"),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), "a mapping"),
    **dict.fromkeys(("datetime_type", "datetime_parsing", "datetime_from_date_parsing"), "a date and time"),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), "a date"),
    "none_required": "nothing (null)",
}
_BOUND_TITLES = {
    "string_too_short": "the text is too short",
    "string_too_long": "the text is too long",
    "too_short": "the list is too short",
    "too_long": "the list is too long",
    "string_pattern_mismatch": "the text is not of the right form",
    "greater_than": "the number is too small",
    "greater_than_equal": "the number is too small",
    "less_than": "the number is too large",
    "less_than_equal": "the number is too large",
    "union_tag_invalid": "this kind is not known",
    "union_tag_not_found": "its kind is missing",
}


# What a bound wants: the words, and the name of its limit in the error.
_BOUNDS = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "too_short": "at least {min_length}",
    "too_long": "at most {max_length}",
    "string_pattern_mismatch": "text that matches {pattern}",
    "union_tag_invalid": "one of {expected_tags}",
    "union_tag_not_found": "the name {discriminator}",
    "literal_error": "{expected}",
}


def _expected(error: dict[str, Any]) -> str | None:
    kind = error["type"]
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(**error["ctx"])
    return _KIND_OF_TYPE.get(kind)


def _in_data(error: dict[str, Any], data: Any) -> Loc:
    """The part of an error's place that is in the data: without pydantic's own labels."""
    place: list[str | int] = []
    for part in error["loc"]:
        if _holds(data, part):
            data = data[part]
            place.append(part)
    return tuple(place)


def _holds(data: Any, part: str | int) -> bool:
    if isinstance(part, int):
        return isinstance(data, (list, tuple)) and part < len(data)
    return isinstance(data, Mapping) and part in data


def _value(data: Any, place: Loc) -> Any:
    for part in place:
        data = data[part]
    return data


def _by_union(
    errors: Sequence[dict[str, Any]], data: Mapping[str, Any]
) -> dict[Loc | None, list[dict[str, Any]]]:
    """Errors of alternatives together by the place of the choice; all others under None."""
    groups: dict[Loc | None, list[dict[str, Any]]] = {}
    for error in errors:
        choice: Loc | None = None
        value: Any = data
        for depth, part in enumerate(error["loc"]):
            if not _holds(value, part):
                last = depth == len(error["loc"]) - 1
                if not (last and error["type"] == "missing"):
                    choice = error["loc"][:depth]
                break
            value = value[part]
        groups.setdefault(choice, []).append(error)
    return groups


def _branches(errors: list[dict[str, Any]], depth: int) -> list[list[dict[str, Any]]]:
    branches: dict[str | int, list[dict[str, Any]]] = {}
    for error in errors:
        branches.setdefault(error["loc"][depth], []).append(error)
    return list(branches.values())


def _badness(errors: list[dict[str, Any]]) -> int:
    return sum(3 if error["type"] in {"missing", "extra_forbidden"} else 1 for error in errors)


def _names_at(form: type[BaseModel], loc: Loc) -> set[str]:
    """The names that the model has at a place; follows models in lists, maps and alternatives."""
    models: list[type[BaseModel]] = [form]
    for part in loc:
        found: list[type[BaseModel]] = []
        for model in models:
            for name, info in model.model_fields.items():
                if (info.alias or name) == part:
                    found.extend(_models_in(info.annotation))
        named = [model for model in models if model.__name__ == part]
        models = found or named or models
    return {info.alias or name for model in models for name, info in model.model_fields.items()}


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]
