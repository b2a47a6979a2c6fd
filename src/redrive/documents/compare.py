"""Two flow documents beside each other: what a person changed, step by step."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from redrive.core.compare import identical
from redrive.core.jsonvalue import encode
from redrive.documents.owned import owned_steps

if TYPE_CHECKING:
    from redrive.registry import Registry

Kind = Literal["added", "removed", "changed"]


class Change(msgspec.Struct, frozen=True):
    """One setting: its place (`fields[2].to`), what it was, what it is."""

    setting: str
    kind: Kind
    old: Any = None
    new: Any = None


class StepChange(msgspec.Struct, frozen=True, kw_only=True):
    """One step that differs. `moved`: it stands in another list, or among the others elsewhere.

    Places are told as `first`, `after STEP`, with ` in STEP/PATH` inside a path.
    """

    step: str
    shape: str
    result: Literal["added", "removed", "changed", "moved"]
    place_before: str | None = None
    place_after: str | None = None
    moved: bool = False
    changes: tuple[Change, ...] = ()


class _Place(msgspec.Struct, frozen=True):
    step: Mapping[str, Any]
    owner: str
    """The list that it stands in: `STEP/PATH`, or nothing for the flow's own."""
    before: str | None
    index: int

    def __str__(self) -> str:
        here = f"after {self.before}" if self.before else "first"
        return f"{here} in {self.owner}" if self.owner else here


def compare_steps(old: Mapping[str, Any], new: Mapping[str, Any], registry: Registry) -> list[StepChange]:
    """Steps of the new flow in document order, then those that it no longer has."""
    before, after = _places(old, registry), _places(new, registry)
    moved = _moved(before, after)
    found: list[StepChange] = []
    for name, place in after.items():
        shape = str(place.step.get("shape"))
        was = before.get(name)
        if was is None:
            found.append(StepChange(step=name, shape=shape, result="added", place_after=str(place)))
            continue
        changes = tuple(changed(_own(was.step, registry), _own(place.step, registry)))
        if changes or name in moved:
            found.append(
                StepChange(
                    step=name,
                    shape=shape,
                    result="changed" if changes else "moved",
                    place_before=str(was),
                    place_after=str(place),
                    moved=name in moved,
                    changes=changes,
                )
            )
    found += [
        StepChange(step=name, shape=str(place.step.get("shape")), result="removed", place_before=str(place))
        for name, place in before.items()
        if name not in after
    ]
    return found


def compare_parts(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Everything but the steps: variables, triggers, settings, tests, the description."""
    left = {name: value for name, value in old.items() if name != "steps"}
    right = {name: value for name, value in new.items() if name != "steps"}
    tests = (_by_name(left.pop("tests", None)), _by_name(right.pop("tests", None)))
    return [*changed(left, right), *changed({"tests": tests[0]}, {"tests": tests[1]})]


def _by_name(tests: Any) -> dict[str, Any]:
    return {str(one.get("test")): one for one in tests or () if isinstance(one, Mapping)}


def _own(step: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """A step without its id and the steps that it owns; of its paths, what they say themselves."""
    shape = registry.shapes.get(str(step.get("shape")))
    settings = shape.own_settings(step) if shape is not None else dict(step)
    return {name: value for name, value in settings.items() if name != "id"}


def _places(flow: Mapping[str, Any], registry: Registry) -> dict[str, _Place]:
    return {str(place.step["id"]): place for place in _walk(flow.get("steps") or (), "", registry)}


def _walk(steps: Sequence[Any], owner: str, registry: Registry) -> Iterator[_Place]:
    before: str | None = None
    for index, step in enumerate(steps):
        yield _Place(step, owner, before, index)
        before = str(step["id"])
        shape = registry.shapes.get(str(step.get("shape")))
        for owned in owned_steps(shape, step, "") if shape is not None else ():
            given = owned.element.get("id") if owned.element is not None else None
            path = given if isinstance(given, str) else owned.name
            yield from _walk(owned.steps or (), f"{before}/{path}", registry)


def _moved(before: Mapping[str, _Place], after: Mapping[str, _Place]) -> set[str]:
    """As few steps as explain the new order: all but a longest run that kept theirs, list by list."""
    moved = {name for name, place in after.items() if name in before and place.owner != before[name].owner}
    lists: dict[str, list[str]] = {}
    for name, place in after.items():
        if name in before and name not in moved:
            lists.setdefault(place.owner, []).append(name)
    for names in lists.values():
        stayed = _longest_rising([before[name].index for name in names])
        moved |= {name for number, name in enumerate(names) if number not in stayed}
    return moved


def _longest_rising(numbers: Sequence[int]) -> set[int]:
    """The positions of a longest rising subsequence."""
    tails: list[int] = []
    ends: list[int] = []
    previous: list[int | None] = []
    for position, number in enumerate(numbers):
        at = bisect_left(tails, number)
        tails[at : at + 1] = [number]
        ends[at : at + 1] = [position]
        previous.append(ends[at - 1] if at else None)
    found: set[int] = set()
    last = ends[-1] if ends else None
    while last is not None:
        found.add(last)
        last = previous[last]
    return found


def changed(old: Any, new: Any, setting: str = "") -> Iterator[Change]:
    """Where two values differ, as deep as both have the same form."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in [*old, *(name for name in new if name not in old)]:
            place = _inside(setting, str(name))
            if name not in new:
                yield Change(place, "removed", old=old[name])
            elif name not in old:
                yield Change(place, "added", new=new[name])
            else:
                yield from changed(old[name], new[name], place)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(old, new, setting)
    elif not identical(old, new):
        yield Change(setting, "changed", old=old, new=new)


def _lists(old: list[Any], new: list[Any], setting: str) -> Iterator[Change]:
    """Elements that are equal pair up first; of the rest, those at the same place are compared."""
    matcher = SequenceMatcher(None, [*map(encode, old)], [*map(encode, new)], autojunk=False)
    for tag, start, stop, first, last in matcher.get_opcodes():
        if tag == "equal":
            continue
        pairs = min(stop - start, last - first)
        for number in range(pairs):
            yield from changed(old[start + number], new[first + number], f"{setting}[{first + number}]")
        for number in range(start + pairs, stop):
            yield Change(f"{setting}[{number}]", "removed", old=old[number])
        for number in range(first + pairs, last):
            yield Change(f"{setting}[{number}]", "added", new=new[number])


def _inside(setting: str, name: str) -> str:
    plain = name.replace("_", "a").replace("-", "a").isalnum()
    if not plain:
        return f"{setting}[{name!r}]"
    return f"{setting}.{name}" if setting else name
