"""A flow as a tree of steps: the records that everything reads and nothing changes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import msgspec

from redrive.core import jsonvalue
from redrive.core.nearest import nearest
from redrive.core.retention import Keep
from redrive.errors import NotFound

Priority = Literal["highest", "high", "regular", "low", "lowest"]
Overlap = Literal["queue", "skip", "allow", "cancel_running"]
MissingPolicy = Literal["error", "empty", "skip_item"]
VariableType = Literal["string", "integer", "number", "boolean", "date", "list", "object"]

DEFAULT_TIMEOUT_S = 1800.0

_INTEGER = re.compile(r"[-+]?[0-9]+", re.ASCII)
_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """A flow variable. `required`: a manual start must give it; other starts take the default."""

    type: VariableType = "string"
    default: Any = None
    description: str = ""
    required: bool = False

    def accepts(self, value: Any) -> bool:
        """Whether a value is of the variable's type; null always is."""
        if value is None:
            return True
        match self.type:
            case "string":
                return isinstance(value, str)
            case "integer":
                return isinstance(value, int) and not isinstance(value, bool)
            case "number":
                return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
            case "boolean":
                return isinstance(value, bool)
            case "date":
                return isinstance(value, str) and _is_date(value)
            case "list":
                return isinstance(value, (list, tuple))
            case "object":
                return isinstance(value, Mapping)

    def read(self, text: str) -> Any:
        """The value that a text gives (`--var name=text`, a form). Raises `ValueError`."""
        match self.type:
            case "string":
                return text
            case "integer" if _INTEGER.fullmatch(text) and len(text) <= 4000:
                return int(text)
            case "number" if _INTEGER.fullmatch(text) and len(text) <= 4000:
                return int(text)
            case "number" if _NUMBER.fullmatch(text) and len(text) <= 4000:
                return Decimal(text)
            case "boolean" if text in {"true", "false"}:
                return text == "true"
            case "date" if _is_date(text):
                return text
            case "list" | "object":
                value = _decoded(text)
                if self.accepts(value) and value is not None:
                    return value
        raise ValueError(f"expected {EXPECTED_OF[self.type]}")


EXPECTED_OF: Mapping[str, str] = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "date": "a date such as 2026-05-31",
    "list": "a list (JSON)",
    "object": "a mapping (JSON)",
}


def _decoded(text: str) -> Any:
    try:
        return jsonvalue.decode(text)
    except ValueError:
        return jsonvalue.MISSING


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


class TriggerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What starts runs by itself. `settings` are those of its kind; overlap None: the flow's."""

    kind: str
    settings: Mapping[str, Any] = {}
    overlap: Overlap | None = None
    overlap_key: str | None = None
    line: int | None = None


class FlowSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`timeout_s` bounds a whole run; where `retention` says nothing the home's settings hold.

    `max_running`: most runs of the flow at the same time, `_per_key` most with the same overlap key.
    """

    priority: Priority = "regular"
    overlap: Overlap | None = None
    overlap_key: str | None = None
    max_running: int | None = None
    max_running_per_key: int | None = None
    use_queued_time: bool = True
    timeout_s: float | None = None
    retention: Keep = Keep()
    search: bool = True
    notify_on_failure: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


class PathNode(msgspec.Struct, frozen=True, kw_only=True):
    """A list of steps that a step owns.

    `id` is the path's own, unique in the flow; a list without one (`catch`, `otherwise`) has its
    name in the document, unique in its step. `when` is the condition as the document has it.
    """

    id: str
    steps: tuple[StepNode, ...] = ()
    when: Any = None


class StepNode(msgspec.Struct, frozen=True, kw_only=True):
    """A shape placed in a flow. `settings` are the shape's own, without the steps of its paths.

    `retries` None: the shape's default.
    """

    id: str
    shape: str
    settings: Mapping[str, Any] = {}
    name: str = ""
    note: str = ""
    skip: bool = False
    retries: int | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    missing: MissingPolicy = "error"
    paths: tuple[PathNode, ...] = ()
    line: int | None = None

    def walk(self) -> Iterator[StepNode]:
        """This step and all steps in its paths, in document order."""
        yield self
        for path in self.paths:
            for step in path.steps:
                yield from step.walk()


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a step stands: its list, its position in it, and the path and step that own the list."""

    step: StepNode
    siblings: tuple[StepNode, ...]
    index: int
    path: PathNode | None = None
    owner: Place | None = None

    @property
    def following(self) -> tuple[StepNode, ...]:
        """The steps after it in its own list."""
        return self.siblings[self.index + 1 :]

    @property
    def chain(self) -> tuple[Place, ...]:
        """The places from the flow's own list inwards to this one."""
        return (*self.owner.chain, self) if self.owner else (self,)


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    description: str = ""
    variables: Mapping[str, Variable] = {}
    triggers: tuple[TriggerSpec, ...] = ()
    settings: FlowSettings = FlowSettings()
    steps: tuple[StepNode, ...] = ()
    tests: tuple[Mapping[str, Any], ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        return self.settings.labels

    def walk(self) -> Iterator[StepNode]:
        """All steps in document order: a step, then the steps of its paths, then the next."""
        for step in self.steps:
            yield from step.walk()

    def places(self) -> Iterator[Place]:
        """The place of every step, in document order."""
        yield from _places(self.steps, None, None)

    def step(self, step_id: str) -> StepNode:
        """Errors: `step.unknown`, which names the nearest one."""
        return self.place(step_id).step

    def place(self, step_id: str) -> Place:
        """Errors: `step.unknown`, which names the nearest one."""
        for place in self.places():
            if place.step.id == step_id:
                return place
        near = nearest(step_id, [step.id for step in self.walk()])
        raise NotFound(
            f"flow {self.name} has no step {step_id!r}",
            code="step.unknown",
            at=step_id,
            hint=f"Did you mean {near!r}?" if near else "`redrive export` shows the flow's steps.",
        )

    def chain(self, step_id: str) -> tuple[Place, ...]:
        """The places from the flow's own list inwards to the step."""
        return self.place(step_id).chain

    def steps_after(self, step_id: str) -> tuple[StepNode, ...]:
        """What follows a step: the rest of its own list, then of each list around it, outwards."""
        return tuple(step for place in reversed(self.chain(step_id)) for step in place.following)


def _places(steps: tuple[StepNode, ...], path: PathNode | None, owner: Place | None) -> Iterator[Place]:
    for index, step in enumerate(steps):
        place = Place(step=step, siblings=steps, index=index, path=path, owner=owner)
        yield place
        for inner in step.paths:
            yield from _places(inner.steps, inner, place)
