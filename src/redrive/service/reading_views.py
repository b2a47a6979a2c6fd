"""What reading inside a payload gives: windows of items, hits, selections, differences, ways of an item."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from redrive.service.views import OnlyTrue, View

Span = Annotated[list[int], Field(min_length=2, max_length=2)]
"""Item numbers `[first, stop]`, half-open."""


class ItemText(View):
    """One item as stored. A text longer than was asked for is cut and ends in `[trimmed]`."""

    number: int
    size_bytes: int
    text: str
    trimmed: OnlyTrue = False


class ItemWindow(View):
    """Items `start` to before `stop`. `single`: the document is no list, and its one item the whole of it.

    `head` is what stands before the rows of a CSV document.
    """

    payload: str
    start: int
    stop: int
    total: int | None
    single: bool
    head: str | None = None
    items: list[ItemText]


class Hit(View):
    """Where a text stands: its place in bytes, the item that holds it, and what stands around it."""

    offset: int
    length: int
    item: int | None
    before: str
    text: str
    after: str


class HitPage(View):
    """Hits in the order of the bytes. `next` is where the search goes on, null at the end."""

    payload: str
    hits: list[Hit]
    searched_bytes: int
    size_bytes: int
    next: int | None


class Picked(View):
    """Which items a selection takes. `ranges` may end before all of them: `more` says so."""

    payload: str
    count: int
    total: int | None
    ranges: list[Span]
    more: OnlyTrue = False


class ItemDifference(View):
    """One item that is not in both payloads alike; a number is null where one has none for it."""

    kind: Literal["changed", "added", "removed"]
    before: int | None
    after: int | None
    key: str | None = None


class PayloadDiff(View):
    """Two payloads item by item. Items with equal bytes are equal wherever they stand; the others belong
    together by their key, else by their order.
    """

    before: str
    after: str
    same: bool
    equal: int
    changed: int
    added: int
    removed: int
    key: str | None
    differences: list[ItemDifference]
    more: OnlyTrue = False


class Waypoint(View):
    """One place that an item passed: `depth` steps before (negative) or after the item asked for."""

    depth: int
    run: str
    step: str | None
    side: Literal["in", "out", "failed"]
    payload: str
    item: int
    expired: OnlyTrue = False


class ItemWay(View):
    """From where an item came, and what became of it in its run, in the order of the steps."""

    payload: str
    item: int
    before: list[Waypoint]
    after: list[Waypoint]
    more: OnlyTrue = False


class StartVariable(View):
    name: str
    type: str
    default: Any = None
    description: str = ""
    required: bool = False


class StartStep(View):
    step: str
    shape: str
    name: str | None = None
    skip: bool = False
    depth: int = 0


class StartOptions(View):
    """What a start of a flow version can be given: variables, and steps that may be skipped.

    `version` null: the draft. `deployed_skips`: steps that the deployed version skips in every run.
    """

    flow: str
    version: int | None
    variables: list[StartVariable]
    steps: list[StartStep]
    deployed_skips: list[str]
