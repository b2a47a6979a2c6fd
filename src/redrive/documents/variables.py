"""Which flow variables the templates of a step name, and which ones a step sets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from redrive.documents.nodes import pointer_to

if TYPE_CHECKING:
    from redrive.sdk.shape import ShapeBase

# A backslash before the braces makes them plain text, one before a backslash that one.
_TEMPLATE = re.compile(r"(?<!\\)(?:\\\\)*\{\{(.*?)\}\}", re.DOTALL)
# Quoted texts are matched too, so that what stands in them is passed over.
_VARIABLE = re.compile(
    r"""(?<![\w.\]-])vars(?:\.([A-Za-z_][\w-]*)|\[\s*(["'])(.+?)\2\s*\])|"(?:[^"\\]|\\.)*"|'[^']*'""",
    re.ASCII,
)


def variables_read(
    instance: ShapeBase, settings: Mapping[str, Any], pointer: str
) -> Iterator[tuple[str, str]]:
    """Each variable that a template names, with the pointer of the text it stands in.

    A setting whose value the shape left as it was written holds no templates (a script's text,
    for example) and is not looked at.
    """
    for name, info in type(instance).model_fields.items():
        written = info.alias or name
        if written in settings and getattr(instance, name) != settings[written]:
            yield from variables_in(settings[written], pointer_to(pointer, written))


def variables_in(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Each variable that the templates in a value name, with the pointer of its text."""
    if isinstance(value, str):
        yield from ((name, pointer) for name in _names(value))
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from variables_in(inner, pointer_to(pointer, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from variables_in(inner, pointer_to(pointer, index))


def _names(text: str) -> Iterator[str]:
    for template in _TEMPLATE.finditer(text) if "{{" in text else ():
        for found in _VARIABLE.finditer(template[1]):
            if name := found[1] or found[3]:
                yield name


def variables_set(instance: ShapeBase) -> set[str]:
    """The variables that a step sets: by convention a setting `variables` names them."""
    names = getattr(instance, "variables", None)
    return {str(name) for name in names} if isinstance(names, Mapping) else set()
