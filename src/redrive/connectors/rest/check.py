"""What is wrong with a connector document, in parts that a report can place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from redrive.connectors.rest.manifest import ConnectorModel
from redrive.sdk import DocumentProblem, nearest

_TITLES = {"missing": "a setting is missing", "extra_forbidden": "there is no such setting"}


def problems(document: Mapping[str, Any]) -> list[DocumentProblem]:
    """Every fault, in the order of the document's models; empty if it is valid."""
    try:
        ConnectorModel.model_validate(document)
    except ValidationError as error:
        return [_problem(fault, document) for fault in error.errors(include_url=False)]
    return []


def _problem(fault: ErrorDetails, document: Mapping[str, Any]) -> DocumentProblem:
    places, model = _walk(fault["loc"], document)
    cause = (fault.get("ctx") or {}).get("error")
    title = _TITLES.get(fault["type"])
    expected = near = None
    if fault["type"] == "extra_forbidden":
        names = [info.alias or name for name, info in model.model_fields.items()] if model else []
        near = nearest(str(places[-1]), names)
        expected = f"one of {', '.join(names)}" if names else None
        title = f"there is no setting {str(places[-1])!r}"
    elif fault["type"] == "missing":
        title = f"the setting {str(places[-1])!r} is missing"
    elif fault["type"].startswith("union_tag"):
        expected = (fault.get("ctx") or {}).get("expected_tags")
        title = "this kind is not known" if "invalid" in fault["type"] else "it does not say its kind"
        key = str((fault.get("ctx") or {}).get("discriminator", "")).strip("'")
        if isinstance(given := _at(document, places), Mapping) and expected:
            near = nearest(str(given.get(key, "")), [tag.strip(" '") for tag in expected.split(",")])
        if key:
            places = [*places, key]
    elif cause is not None and hasattr(cause, "title"):
        title, expected, near = str(cause.title), cause.expected, cause.nearest
        if cause.setting:
            places = [*places, *_parts(cause.setting)]
    elif cause is not None:
        title = str(cause)
    elif (wanted := (fault.get("ctx") or {}).get("expected")) is not None:
        title, expected = "the value is not one of those possible", str(wanted)
        near = nearest(
            str(fault["input"]), [one.strip(" '") for one in expected.replace(" or ", ",").split(",")]
        )
    return DocumentProblem(_pointer(places), title or fault["msg"], expected, near)


def _walk(loc: tuple[int | str, ...], document: Any) -> tuple[list[int | str], type[BaseModel] | None]:
    """The place in the document, and the model of the object in which its last part stands.

    Pydantic also names the union members that it chose; these do not stand in the document.
    """
    places: list[int | str] = []
    value: Any = document
    model: type[BaseModel] | None = ConnectorModel
    inner: Any = None
    for number, part in enumerate(loc):
        last = number == len(loc) - 1
        if _stands_in(value, part):
            value = value[part]
        elif last and isinstance(value, Mapping):
            pass
        else:
            model = _member(inner, part) or model
            continue
        places.append(part)
        if last:
            break
        field = model.model_fields.get(str(part)) if model is not None else None
        if model is not None and field is None:
            field = next((one for one in model.model_fields.values() if one.alias == part), None)
        if field is not None:
            inner = field.annotation
            found = _models(inner)
            model = found[0] if len(found) == 1 else None
    return places or [*loc[:1]], model


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


def _parts(setting: str) -> list[int | str]:
    parts = setting.replace("]", "").replace("[", ".").split(".")
    return [int(part) if part.isdigit() else part for part in parts if part]


def _pointer(places: list[int | str]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in places)
