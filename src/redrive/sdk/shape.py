"""The contract of a shape: its class is its settings, its `run` is what it does.

    class Reverse(Shape, kind="reverse", version=1, group="items"):
        \"\"\"Put the items of each payload out in reverse order.\"\"\"

        examples = (Example("three", {}, given=[[1, 2, 3]], gives=[[3, 2, 1]]),)

        async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
            items = [item async for chunk in payload.chunks() for item in chunk]
            yield Out(items=items[::-1], like=payload)

One file in `redrive.shapes`, or an entry point in the group `redrive.shapes`, is all it takes.
"""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from redrive.core.items import Item
from redrive.sdk.calling import Called
from redrive.sdk.content import Content
from redrive.sdk.context import StepContext
from redrive.sdk.fields import Example
from redrive.sdk.payload import Bucket, Envelope, Payload

STEP_NAMES = frozenset({"id", "shape", "name", "note", "skip", "retries", "timeout", "missing"})
CONNECTOR_NAMES = frozenset({"connection", "endpoint", "with", "key", "ledger", "delivery"})


@dataclass(slots=True)
class Out:
    """One payload that a step puts out. Give either `items` or `content`.

    items: the items, in order, as a list or as an asynchronous stream of lists (which is written
        as it comes, so memory does not grow). Each keeps its origin. A payload without any item
        is not put out.
    content: the whole bytes, in memory, as a stream, or content that is stored already.
    like: media type, items path, meta and the bytes around the items (the envelope) are taken
        from this input payload where not given here. A `like` that is a single item, not a list,
        gives a single item too when exactly one is put out.
    envelope: for `items` only: the bytes around them, instead of those of `like`
        (`Envelope.at("orders")`). Say `items_path` too where it differs from that of `like`.
    unwrap_single: for `items` only: where exactly one is put out, it is the whole document.
    from_items: for `content` only: the input items that this payload was made from, as (payload
        position, first item, count). Default: every item of the input payload; in a GatherShape
        every item of the bucket. Each item of the output then counts as made from all of these.
    count: for stored `content` only: how many items stand in it, where the shape has counted them; else it
        is read to count them.
    path: for a shape with `tree = "route"`: the path that gets it, by its id, or by its name in the
        document where it has none (`otherwise`). Without a path its items go nowhere: the step
        reports how many there were.
    hand_on: instead of items or content: stored payloads as they are, by reference. The bucket that
        came in, or what a flow called by `ctx.call` put out.
    checkpoint: anything JSON can hold. Once this payload is durable, a crash or a further
        attempt goes on from here: `ctx.state` is this value, and payloads put out before stay.
        Without a checkpoint the step begins its input payload again, and what it had put out
        for it is dropped.
    """

    items: Sequence[Item] | AsyncIterable[Sequence[Item]] | None = None
    content: bytes | Content | AsyncIterable[bytes] | None = None
    like: Payload | None = None
    media_type: str | None = None
    items_path: str | None = None
    meta: Mapping[str, str] | None = None
    from_items: Iterable[tuple[int, int, int]] | None = None
    count: int | None = None
    path: str | None = None
    checkpoint: Any = None
    envelope: Envelope | None = None
    unwrap_single: bool = False
    hand_on: Bucket | Called | None = None


class ShapeBase(BaseModel):
    """What `Shape` and `GatherShape` share. `kind` names the shape in flow documents."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, arbitrary_types_allowed=True
    )

    kind: ClassVar[str] = ""
    version: ClassVar[int] = 1
    group: ClassVar[str] = "other"
    examples: ClassVar[tuple[Example, ...]] = ()
    # Effects outside the run (a request, a message): a plan stops before such a step.
    effects: ClassVar[bool] = False
    # What a plan says behind the id of a step that it stops before.
    unforeseen: ClassVar[str] = "reaches out again: what it brings is not known before it runs"
    # Settings that hold lists of steps, for shapes that own paths: ("steps", "catch") or
    # ("paths[].steps", "otherwise.steps").
    owns_steps: ClassVar[tuple[str, ...]] = ()
    # How the engine runs these lists, the paths: `route`: side by side, each with what the shape puts
    # out for it (`Out.path`); `branch`: one after the other, each with the whole input; `try`: the
    # first with the input, the second with the payloads that failed in the first.
    tree: ClassVar[Literal["route", "branch", "try"] | None] = None
    default_retries: ClassVar[int] = 3

    def __init_subclass__(
        cls, kind: str | None = None, version: int = 1, group: str = "other", **kwargs: Any
    ) -> None:
        super().__init_subclass__(**kwargs)
        if kind is not None:
            cls.kind, cls.version, cls.group = kind, version, group

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        taken = STEP_NAMES if cls.kind == "connector" else STEP_NAMES | CONNECTOR_NAMES
        names = {info.alias or name for name, info in cls.model_fields.items()}
        if clash := sorted(names & taken):
            raise TypeError(f"shape {cls.kind!r}: {', '.join(clash)} belong to every step")

    @classmethod
    def upgrade(cls, settings: dict[str, Any], from_version: int) -> dict[str, Any]:
        """Settings as an older version of this shape wrote them, in today's form."""
        return settings

    @property
    def lookups(self) -> frozenset[str]:
        """The lookups that the settings name: `redrive check` and a start look whether they are there."""
        return frozenset()

    @property
    def separable(self) -> bool:
        """Whether `run` needs no more of its context than what can be told beforehand (`run step attempt
        missing state preview vars now wall_now scope`), `log` and `track`. Where payloads are large it
        then runs in a helper process, which imports the class by its module and name.
        """
        return False

    @property
    def gathers(self) -> bool:
        """Whether `run` gets the whole bucket instead of one payload after the other."""
        return isinstance(self, GatherShape)

    @classmethod
    def own_settings(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings as this class takes them: the lists of steps that it owns taken out."""
        result = dict(settings)
        for location in cls.owns_steps:
            result = _without(result, location.split("."))
        return result

    @classmethod
    def help(cls) -> str:
        """The docstring, as text for the reference page."""
        return inspect.cleandoc(cls.__doc__ or "")


class Shape(ShapeBase):
    """A shape that works on one payload at a time, in bucket order.

    A payload that fails does not stop the others; each has its own attempts and checkpoints.
    """

    @abstractmethod
    def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        """Put out any number of payloads made from this one (an async generator)."""
        raise NotImplementedError

    async def look_ahead(self, payload: Payload, ctx: StepContext) -> Any:
        """What `run` will want to know of a large payload, found while the one before it is under way:
        `payload.found_ahead()` gives it there. Reads only; an error does not count, `run` meets it again.
        """
        return None


class GatherShape(ShapeBase):
    """A shape that works on all payloads of its input bucket together."""

    @abstractmethod
    def run(self, bucket: Bucket, ctx: StepContext) -> AsyncIterator[Out]:
        """Put out any number of payloads made from the bucket (an async generator)."""
        raise NotImplementedError


class TreeShape(ShapeBase):
    """A shape that does nothing to payloads itself: it owns steps, and the engine runs these."""


def _without(data: Any, parts: list[str]) -> Any:
    if not isinstance(data, Mapping):
        return data
    part, rest = parts[0], parts[1:]
    name = part.removesuffix("[]")
    if name not in data:
        return data
    if not rest:
        return {key: value for key, value in data.items() if key != name}
    inner = data[name]
    if part.endswith("[]"):
        changed = [_without(one, rest) for one in inner] if isinstance(inner, list) else inner
    else:
        changed = _without(inner, rest)
    return {key: changed if key == name else value for key, value in data.items()}
