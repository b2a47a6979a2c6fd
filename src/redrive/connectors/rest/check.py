"""What is wrong with a connector document, in parts that a report can place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from redrive.connectors.rest.manifest import ConnectorModel
from redrive.sdk import DocumentProblem, Invalid, nearest


def problems(document: Mapping[str, Any]) -> list[DocumentProblem]:
    """Every fault, in the order of the document's models; empty if it is valid."""
    try:
        ConnectorModel.model_validate(document)
    except ValidationError as error:
        return [_problem(fault, document) for fault in error.errors(include_url=False)]
    return []


def _problem(fault: ErrorDetails, document: Mapping[str, Any]) -> DocumentProblem:
    kind, context = fault["type"], fault.get("ctx") or {}
    spot = _walk(fault["loc"], document, missing=kind == "missing")
    name = str(spot.places[-1]) if spot.places else ""
    cause = context.get("error")
    if kind == "extra_forbidden":
        names = [info.alias or one for one, info in spot.model.model_fields.items()] if spot.model else []
        expected = f"one of {', '.join(names)}" if names else None
        return spot.problem(f"there is no setting {name!r}", expected, nearest(name, names))
    if kind == "missing":
        return spot.problem(f"the setting {name!r} is missing")
    if kind.startswith("union_tag"):
        return _untagged(spot, str(context.get("discriminator", "")).strip("'"), document)
    if isinstance(cause, Invalid):
        return spot.below(cause.setting).problem(cause.title, cause.expected, cause.nearest)
    if cause is not None:
        return spot.problem(str(cause))
    if (wanted := context.get("expected")) is not None:
        possible = [one.strip(" '") for one in str(wanted).replace(" or ", ",").split(",")]
        return spot.problem(
            "this is not one of the possible values",
            f"one of {', '.join(possible)}",
            nearest(str(fault["input"]), possible),
        )
    return spot.problem(fault["msg"][:1].lower() + fault["msg"][1:])


def _untagged(spot: _Spot, key: str, document: Mapping[str, Any]) -> DocumentProblem:
    """A union whose kind is missing or unknown: `key` says the kind."""
    known = [
        tag
        for model in _models(spot.annotation)
        for tag in get_args(model.model_fields[key].annotation)
        if key in model.model_fields
    ]
    value = _at(document, spot.places)
    given = value.get(key) if isinstance(value, Mapping) else None
    title = f"the setting {key!r} is missing" if given is None else f"this {key!r} is not known"
    return spot.below(key).problem(title, f"one of {', '.join(known)}", nearest(str(given or ""), known))


@dataclass(frozen=True)
class _Spot:
    """A place in the document; `model`: of the object that holds its last part; `annotation`: its type."""

    places: list[int | str]
    model: type[BaseModel] | None
    annotation: Any

    def below(self, setting: str) -> _Spot:
        parts = setting.replace("]", "").replace("[", ".").split(".")
        further = [int(part) if part.isdigit() else part for part in parts if part]
        return _Spot([*self.places, *further], None, None)

    def problem(self, title: str, expected: str | None = None, near: str | None = None) -> DocumentProblem:
        pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in self.places)
        return DocumentProblem(pointer, title, expected, near)


def _walk(loc: tuple[int | str, ...], document: Any, *, missing: bool) -> _Spot:
    """Follows a place as pydantic names it.

    Pydantic also names the union members that it chose; these do not stand in the document.
    `missing`: the last part does not stand there either.
    """
    places: list[int | str] = []
    value: Any = document
    model: type[BaseModel] | None = ConnectorModel
    annotation: Any = None
    for number, part in enumerate(loc):
        last = number == len(loc) - 1
        if _stands_in(value, part):
            value = value[part]
        elif not (last and missing):
            model = _member(annotation, part) or model
            continue
        places.append(part)
        field = _field(model, part)
        if field is not None:
            annotation = field.annotation
        if last:
            break
        if field is not None:
            found = _models(annotation)
            model = found[0] if len(found) == 1 else None
    return _Spot(places, model, annotation)


def _field(model: type[BaseModel] | None, part: int | str) -> FieldInfo | None:
    if model is None:
        return None
    found = model.model_fields.get(str(part))
    return found or next((one for one in model.model_fields.values() if one.alias == part), None)


def _stands_in(value: Any, part: int | str) -> bool:
    if isinstance(value, list):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, Mapping) and part in value


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _member(annotation: Any, tag: int | str) -> type[BaseModel] | None:
    """The member of a union that pydantic chose by this tag."""
    for model in _models(annotation):
        if any(tag in get_args(info.annotation) for info in model.model_fields.values()):
            return model
    return None


def _at(document: Any, places: list[int | str]) -> Any:
    for part in places:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return None
    return document
