"""Lists of steps inside a step's settings, found by what the shape says it owns (`owns_steps`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redrive.documents.nodes import pointer_to

if TYPE_CHECKING:
    from redrive.sdk.shape import ShapeBase


@dataclass(frozen=True, slots=True)
class OwnedSteps:
    """One list of steps.

    `element` is the mapping of a list such as `paths` that it stands in, with an id of its own; None
    where the shape has one such list at most, which is then known by `name`.
    """

    name: str
    steps: Any
    pointer: str
    element: Mapping[str, Any] | None
    owner: str
    """Pointer of the element, or of the step."""


def owned_steps(shape: type[ShapeBase], data: Mapping[str, Any], pointer: str) -> Iterator[OwnedSteps]:
    """The lists of steps of a step, in the order in which the shape names them."""
    for location in shape.owns_steps:
        parts = location.split(".")
        yield from _find(data, parts, pointer, name=parts[0].removesuffix("[]"), element=None, owner=pointer)


def _find(
    data: Any,
    parts: list[str],
    pointer: str,
    *,
    name: str,
    element: Mapping[str, Any] | None,
    owner: str,
) -> Iterator[OwnedSteps]:
    if not isinstance(data, Mapping):
        return
    part, rest = parts[0], parts[1:]
    inner = part.removesuffix("[]")
    if not rest:
        if inner in data or element is not None or pointer != owner:
            yield OwnedSteps(name, data.get(inner), pointer_to(pointer, inner), element, owner)
        return
    if part.endswith("[]"):
        elements = data.get(inner)
        for index, one in enumerate(elements if isinstance(elements, list) else ()):
            at = pointer_to(pointer, inner, index)
            yield from _find(
                one, rest, at, name=name, element=one if isinstance(one, Mapping) else None, owner=at
            )
    elif inner in data:
        yield from _find(
            data[inner], rest, pointer_to(pointer, inner), name=name, element=element, owner=owner
        )
