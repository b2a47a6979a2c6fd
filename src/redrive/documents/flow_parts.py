"""A part of a flow as a flow of its own: from a step on, one path, up to a step, one step alone."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from redrive.core.flow import Variable, VariableType
from redrive.core.nearest import nearest
from redrive.documents.owned import owned_steps
from redrive.errors import NotFound

if TYPE_CHECKING:
    from redrive.registry import Registry

Chain = list[tuple[list[Any], int]]
"""The lists of steps around a step, from the flow's own inwards, with its place in each."""


def part_of(
    flow: Mapping[str, Any],
    registry: Registry,
    *,
    at: str | None = None,
    path: str | None = None,
    until: str | None = None,
    variables: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The document of the part. Ids stay; triggers, tests and what follows another path do not.

    `at`: the step, what follows it in its list, then what follows in each list around. `path`: that
    list of steps alone. `until`: nothing after that step. `variables`: declared besides, for such
    values: the steps that set them may not be in it.
    Errors: `step.unknown`, `path.unknown`.
    """
    part = copy.deepcopy({name: value for name, value in flow.items() if name not in {"triggers", "tests"}})
    steps = part.get("steps")
    if until is not None:
        for inside, index in _chain(steps, until, registry):
            del inside[index + 1 :]
    if path is not None:
        part["steps"] = _path(steps, path, registry)
    elif at is not None:
        part["steps"] = [
            step
            for depth, (inside, index) in enumerate(reversed(_chain(steps, at, registry)))
            for step in inside[index + (1 if depth else 0) :]
        ]
    declared = dict(part.get("variables") or {})
    for name, value in (variables or {}).items():
        declared.setdefault(name, {"type": _type_of(value)})
    if declared:
        part["variables"] = declared
    return part


def _type_of(value: Any) -> VariableType:
    kinds: tuple[VariableType, ...] = ("boolean", "integer", "number", "list", "object")
    return next(
        (kind for kind in kinds if value is not None and Variable(type=kind).accepts(value)), "string"
    )


def step_alone(flow: Mapping[str, Any], step: str, registry: Registry) -> dict[str, Any]:
    """The settings of one step as they are written. Errors: `step.unknown`."""
    inside, index = _chain(flow.get("steps"), step, registry)[-1]
    found: dict[str, Any] = copy.deepcopy(inside[index])
    return found


def _chain(steps: Any, step_id: str, registry: Registry) -> Chain:
    found = _find(steps, step_id, registry)
    if found is None:
        known = list(_ids(steps, registry))
        near = nearest(step_id, known)
        raise NotFound(
            f"the flow has no step {step_id!r}",
            code="step.unknown",
            at=step_id,
            hint=f"Did you mean {near!r}?" if near else f"It has {', '.join(known)}.",
        )
    return found


def _find(steps: Any, step_id: str, registry: Registry) -> Chain | None:
    for index, step in enumerate(steps):
        if step["id"] == step_id:
            return [(steps, index)]
        for owned in owned_steps(registry.shape(step["shape"]), step, ""):
            inner = _find(owned.steps or [], step_id, registry)
            if inner is not None:
                return [(steps, index), *inner]
    return None


def _ids(steps: Any, registry: Registry) -> Iterable[str]:
    for step in steps:
        yield step["id"]
        for owned in owned_steps(registry.shape(step["shape"]), step, ""):
            yield from _ids(owned.steps or [], registry)


def _path(steps: Any, name: str, registry: Registry) -> list[Any]:
    known: dict[str, list[Any]] = {}
    waiting = [steps]
    while waiting:
        for step in waiting.pop(0):
            for owned in owned_steps(registry.shape(step["shape"]), step, ""):
                given = owned.element.get("id") if owned.element is not None else None
                path_id = given if isinstance(given, str) else owned.name
                inner = owned.steps or []
                known[f"{step['id']}/{path_id}"] = inner
                known.setdefault(path_id, inner)
                waiting.append(inner)
    if name not in known:
        near = nearest(name, known)
        raise NotFound(
            f"the flow has no path {name!r}",
            code="path.unknown",
            at=name,
            hint=f"Did you mean {near!r}?" if near else f"It has {', '.join(known) or 'none'}.",
        )
    return known[name]
