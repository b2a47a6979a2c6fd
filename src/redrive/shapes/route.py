"""Send items down the paths whose conditions they meet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from redrive.sdk import (
    ConditionField,
    Example,
    Field,
    Item,
    ItemTest,
    Out,
    PathId,
    Payload,
    Shape,
    StepContext,
)

Items = list[Item]

OTHERWISE = "otherwise"


class RoutePath(BaseModel):
    """One path: its steps run with the items that meet its condition."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    id: PathId = Field(help="Name of the path, unique in the flow.")
    when: ConditionField | None = Field(
        None, help="Condition of the items that go down this path; none: all of them."
    )


class Otherwise(BaseModel):
    """The path of the items that meet no condition."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Route(Shape, kind="route", version=1, group="paths"):
    """Send each item down the first path whose condition it meets, or down all of them.

    A path without a condition takes every item that comes to it; where no path has one, every item
    goes down all of them. The paths run side by side. What follows in the same list gets what
    all paths put out, in the order of the paths. A path that gets nothing does not run: its steps
    stay pending.

    In: a payload of JSON items (JSON or NDJSON); of any kind where no path has a condition.
    Out: for each path the same payload with its items, in order and with their own bytes. Where all
    items go down a path the content passes on as it is. A payload without any byte (a start
    without data) goes down the paths that have no condition.
    Errors: `payload.invalid` if the payload is not JSON or does not parse; not retried.

    Items that go down no path are counted and end there, with a warning in the run log; with
    `otherwise` they go down that path. A path that fails does not cut off the others: they run to
    their end, then the run fails.
    """

    owns_steps: ClassVar[tuple[str, ...]] = ("paths[].steps", "otherwise.steps")
    tree: ClassVar[Literal["route", "branch", "try"] | None] = "route"

    send_to: Literal["first", "all"] = Field(
        "all", help="Whether an item goes down the first path whose condition it meets, or down all of them."
    )
    paths: tuple[RoutePath, ...] = Field(
        help="The paths in order, each with an id and its steps.", min_length=1, max_length=100
    )
    otherwise: Otherwise | None = Field(None, help="The steps for the items that go down no other path.")

    examples = (
        Example(
            "the first path that fits, and one for the rest",
            {
                "send_to": "first",
                "paths": [
                    {"id": "large", "when": {"field": "total", "gt": 100}, "steps": []},
                    {"id": "domestic", "when": {"field": "country", "is": "GB"}, "steps": []},
                ],
                "otherwise": {"steps": []},
            },
            given=[
                [
                    {"id": 1, "total": 250, "country": "GB"},
                    {"id": 2, "total": 20, "country": "GB"},
                    {"id": 3, "total": 20, "country": "FR"},
                ]
            ],
            gives={
                "large": [[{"id": 1, "total": 250, "country": "GB"}]],
                "domestic": [[{"id": 2, "total": 20, "country": "GB"}]],
                "otherwise": [[{"id": 3, "total": 20, "country": "FR"}]],
            },
        ),
        Example(
            "every path that fits",
            {
                "paths": [
                    {"id": "vip", "when": {"field": "tags", "contains": "vip"}, "steps": []},
                    {"id": "gift", "when": {"field": "tags", "contains": "gift"}, "steps": []},
                ]
            },
            given=[[{"id": 1, "tags": ["vip", "gift"]}, {"id": 2, "tags": ["gift"]}, {"id": 3, "tags": []}]],
            gives={
                "vip": [[{"id": 1, "tags": ["vip", "gift"]}]],
                "gift": [[{"id": 1, "tags": ["vip", "gift"]}, {"id": 2, "tags": ["gift"]}]],
                "": [[{"id": 3, "tags": []}]],
            },
        ),
        Example(
            "no conditions: everything down all paths, whatever it is",
            {"paths": [{"id": "warehouse", "steps": []}, {"id": "archive", "steps": []}]},
            given=[b"<order/>"],
            gives={"warehouse": [b"<order/>"], "archive": [b"<order/>"]},
        ),
        Example(
            "a condition needs JSON",
            {"paths": [{"id": "paid", "when": {"field": "paid", "is": True}, "steps": []}]},
            given=[b"<order/>"],
            fails="payload.invalid",
        ),
    )

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        conditions = [path.when for path in self.paths if path.when is not None]
        if not conditions or not payload.size_bytes:
            for path in self._open():
                yield Out(content=payload.content, like=payload, path=path)
            return
        reads_all = any("payload" in condition.roots for condition in conditions)
        scope = ctx.scope(payload, await payload.value() if reads_all else None)
        tests = [
            ItemTest(path.when, scope, ctx.missing, setting=f"when of path {path.id}") if path.when else None
            for path in self.paths
        ]
        sorting = _Sorting(tests, first=self.send_to == "first")
        names = [*(path.id for path in self.paths), OTHERWISE if self.otherwise is not None else None]
        chunks = payload.json_chunks()
        head = await anext(chunks, None)
        if head is not None and await anext(chunks, None) is not None:
            # Too large to hold: read once for each path.
            for place, name in enumerate(names):
                yield Out(_sorted(payload, sorting.at(place)), like=payload, path=name)
            return
        for name, items in zip(names, sorting.of(head or []), strict=True):
            if head and len(items) == len(head):
                yield Out(content=payload.content, like=payload, path=name)
            elif items:
                yield Out(items, like=payload, path=name)

    def _open(self) -> list[str]:
        """The paths of what has no items to ask conditions of."""
        free = [path.id for path in self.paths if path.when is None]
        conditions = len(free) < len(self.paths)
        return free[:1] if conditions and self.send_to == "first" else free


class _Sorting:
    """Which of the paths an item goes down; the place after the last path is that of the rest."""

    def __init__(self, tests: list[ItemTest | None], *, first: bool) -> None:
        self._tests = tests
        self._first = first

    def of(self, items: Items) -> list[Items]:
        """The items of every path, then the rest. One that `missing: skip_item` leaves out is in none."""
        found: list[Items] = []
        rest = items
        for test in self._tests:
            here = rest if self._first else items
            met, unmet = _split(test, here)
            found.append(met)
            if self._first:
                rest = unmet
            else:
                kept = set(map(id, unmet))
                rest = [item for item in rest if id(item) in kept]
        return [*found, rest]

    def at(self, place: int) -> Callable[[Items], Items]:
        """Sorts out the items of one place alone, and asks no condition that does not decide that."""
        tests = self._tests

        def alone(items: Items) -> Items:
            if place < len(tests) and not self._first:
                return _split(tests[place], items)[0]
            for test in tests[:place]:
                items = _split(test, items)[1]
            return _split(tests[place], items)[0] if place < len(tests) else items

        return alone


def _split(test: ItemTest | None, items: Items) -> tuple[Items, Items]:
    if test is None:
        return items, []
    answers = [test.of(item) for item in items]
    pairs = list(zip(answers, items, strict=True))
    return [item for met, item in pairs if met], [item for met, item in pairs if met is False]


async def _sorted(payload: Payload, alone: Callable[[Items], Items]) -> AsyncIterator[Items]:
    async for items in payload.json_chunks():
        yield alone(items)
