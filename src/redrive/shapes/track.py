"""Make runs findable by values of their items."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from pydantic import BeforeValidator

from redrive.sdk import Example, Field, Out, PathText, Payload, Shape, StepContext, TextFields, indexable


def _named(fields: Any) -> Any:
    """A list of paths stands for a map in which each is its own name."""
    if isinstance(fields, list | tuple) and all(isinstance(path, str) for path in fields):
        return {path: path for path in fields}
    return fields


class Track(Shape, kind="track", version=1, group="run log"):
    """Record values of each item, so that run, step, payload and item can be found by them.

    A value counts as text, as it is spelt in the item (of a string: its characters). Each element
    of a list is recorded. Nothing is recorded for null, "", an object, or a value of more than
    1,000 characters or 2,000 bytes; the last two give one warning per payload and field.

    In: a payload of JSON items (JSON or NDJSON).  Out: the same payload.
    Errors: `payload.invalid` if it is not JSON or does not parse; not retried.
    """

    fields: Annotated[dict[str, PathText], BeforeValidator(_named)] = Field(
        min_length=1, help="Paths relative to the item, by the name to find them under; or a list of paths."
    )

    examples = (
        Example("by name", {"fields": {"order": "id"}}, given=[[{"id": 1042}]], gives=[[{"id": 1042}]]),
        Example(
            "paths as names",
            {"fields": ["id", "customer.email"]},
            given=[[{"id": 1, "customer": {"email": "a@example.com"}}]],
            gives=[[{"id": 1, "customer": {"email": "a@example.com"}}]],
        ),
        Example(
            "every element of a list",
            {"fields": {"sku": "lines.*.sku"}},
            given=[[{"lines": [{"sku": "a"}, {"sku": "b"}]}]],
            gives=[[{"lines": [{"sku": "a"}, {"sku": "b"}]}]],
        ),
        Example("not JSON", {"fields": ["id"]}, given=[b"<order/>"], fails="payload.invalid"),
    )

    @property
    def separable(self) -> bool:
        return True

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        names = tuple(self.fields)
        reader = TextFields(tuple(self.fields.values()))
        left_out: dict[str, int] = {}
        async for items in payload.json_chunks():
            for item in items:
                for name, values in zip(names, reader.of(item), strict=True):
                    for value in values:
                        if value is None or not indexable(value):
                            left_out[name] = left_out.get(name, 0) + 1
                        elif value:
                            ctx.track(name, value, item)
        for name, count in left_out.items():
            ctx.log.warning(
                f"field {name}: {count} values are objects or too long and were not tracked",
                payload=payload.position,
            )
        yield Out(content=payload.content, like=payload)
