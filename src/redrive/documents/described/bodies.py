"""What an operation takes as its body: JSON, a form, parts of a form, or other bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from redrive.core.counting import counted
from redrive.documents.described.model import Unfit, text_of
from redrive.documents.described.references import References
from redrive.documents.described.schemas import Schemas, enum_of, first_example

_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
_MOST_FIELDS: Final = 100


@dataclass
class Body:
    """`request`: what goes into the request; `declared`: parameters that it reads; `schema` of a payload."""

    request: dict[str, Any]
    per: Literal["payload", "item"] = "payload"
    schema: Any = None
    sample: Any = None
    declared: dict[str, dict[str, Any]] = field(default_factory=dict)


def body_of(about: Any, references: References, schemas: Schemas, note: Callable[[str], None]) -> Body | None:
    """None where the operation takes none. Errors: `Unfit`."""
    about = references.of(about)
    content = about.get("content") if isinstance(about, Mapping) else None
    if not isinstance(content, Mapping) or not content:
        return None
    kinds = {str(kind).partition(";")[0].strip().casefold(): kind for kind in content}
    chosen = next((kind for kind in kinds if _is_json(kind)), None)
    chosen = chosen or next((kind for kind in (_FORM, _MULTIPART) if kind in kinds), next(iter(kinds)))
    detail = content[kinds[chosen]]
    detail = detail if isinstance(detail, Mapping) else {}
    schema = detail.get("schema") or {}
    example = first_example(detail, references)
    sample = schemas.bounded(example) if example is not None else None
    if len(kinds) > 1:
        others = ", ".join(text_of(str(kind), 60) for kind in kinds if kind != chosen)
        note(f"its body is sent as {text_of(chosen, 60)}; it also takes {others}")
    if _is_json(chosen):
        if schemas.kind(schema) == "object" or isinstance(sample, dict):
            return Body({"body": "{{ item }}"}, "item", schema, sample)
        return Body({"body": "{{ payload }}"}, "payload", schema, sample)
    if chosen == _FORM:
        return _form(schema, schemas, sample)
    if chosen == _MULTIPART:
        return _multipart(schema, schemas)
    made: dict[str, Any] = {"body": "{{ payload }}"}
    if (
        chosen.isascii()
        and chosen.isprintable()
        and "*" not in chosen
        and "{{" not in chosen
        and "/" in chosen
    ):
        made["headers"] = {"Content-Type": chosen[:100]}
    return Body(made)


def _form(schema: Any, schemas: Schemas, sample: Any) -> Body:
    """One item is one form: its fields stand under the same names."""
    fields = {}
    for name in list(schemas.properties(schema))[:_MOST_FIELDS]:
        if _spells(name):
            fields[name] = f"{{{{ item.{name} | default(null) }}}}"
    if not fields:
        raise Unfit(
            "body",
            "it takes a form whose fields are not named",
            "Write this endpoint by hand, with the fields that you need in `form`.",
        )
    return Body({"form": fields}, "item", schema, sample)


def _multipart(schema: Any, schemas: Schemas) -> Body:
    """The payload is the one upload; other parts are parameters."""
    files: list[tuple[str, Mapping[str, Any]]] = []
    others: list[tuple[str, Mapping[str, Any]]] = []
    for name, inner in list(schemas.properties(schema).items())[:_MOST_FIELDS]:
        about = schemas.resolved(inner)
        upload = about.get("format") in {"binary", "byte"} or "contentMediaType" in about
        if about.get("readOnly") is True or not name.isprintable():
            continue
        if schemas.kind(inner) == "array":
            below = schemas.resolved(about.get("items"))
            upload = upload or below.get("format") == "binary"
        (files if upload else others).append((name, about))
    if len(files) != 1:
        raise Unfit(
            "body",
            f"it takes a form with {counted(len(files), 'upload')}, and a step sends one payload at a time",
            "Write this endpoint by hand, with `multipart` that says which part is the payload.",
        )
    parts: dict[str, Any] = {
        files[0][0]: {"value": "{{ payload }}", "filename": "{{ meta.filename | default('file') }}"}
    }
    declared: dict[str, dict[str, Any]] = {}
    needed = schemas.resolved(schema).get("required")
    for name, about in others:
        if not _spells(name):
            continue
        required = isinstance(needed, list) and name in needed
        if not required:
            continue  # a part cannot be left out of a form by an empty value
        declared[name] = {"required": True}
        if help_ := text_of(about.get("description"), 160):
            declared[name]["description"] = help_
        if values := enum_of(about):
            declared[name]["one_of"] = list(values)
        parts[name] = {"value": f"{{{{ with.{name} }}}}"}
    return Body({"multipart": parts}, declared=declared)


def _spells(name: Any) -> bool:
    """Whether a path of a template can spell it, and `with` can declare it under the same name."""
    return (
        isinstance(name, str)
        and len(name) <= 60
        and name.isascii()
        and name.replace("_", "a").isalnum()
        and name[0].isalpha()
    )


def _is_json(kind: str) -> bool:
    return kind in {"application/json", "text/json", "*/*", "application/*"} or kind.endswith("+json")
