"""Take a part out of each item and put the parts out as items."""

from __future__ import annotations

from collections.abc import AsyncIterator

from redrive.sdk import (
    JSON,
    Elements,
    Envelope,
    Example,
    Field,
    Item,
    Out,
    PathText,
    Payload,
    Shape,
    StepContext,
)


class Split(Shape, kind="split", version=1, group="items"):
    """Take what stands at `at` out of each item; its elements are the items of the output.

    In: a payload of JSON items (JSON or NDJSON).
    Out: one payload, a plain JSON list with the meta of the input; each element keeps its bytes and
    its origin, the item that it stood in. A value that is not a list is one item; an item in
    which the path finds nothing (or an empty list) contributes none. A payload without any
    element is not put out.
    Errors: `payload.invalid` if the payload is not JSON or does not parse; not retried.
    """

    at: PathText = Field(help="Path of the part, relative to the item.")

    examples = (
        Example(
            "the lines of two orders",
            {"at": "lines"},
            given=[[{"id": 1, "lines": [{"sku": "a"}, {"sku": "b"}]}, {"id": 2, "lines": [{"sku": "c"}]}]],
            gives=[[{"sku": "a"}, {"sku": "b"}, {"sku": "c"}]],
        ),
        Example("text has no parts", {"at": "lines"}, given=[b"<order/>"], fails="payload.invalid"),
        Example(
            "one object for each item",
            {"at": "customer.address"},
            given=[[{"customer": {"address": {"city": "Leeds"}}}]],
            gives=[[{"city": "Leeds"}]],
        ),
        Example(
            "items without the part",
            {"at": "lines"},
            given=[[{"id": 1}, {"id": 2, "lines": [7]}], [{"id": 3}]],
            gives=[[7]],
        ),
        Example("one document", {"at": "orders"}, given=[{"orders": [1, 2]}], gives=[[1, 2]]),
    )

    @property
    def separable(self) -> bool:
        return True

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        yield Out(
            self._parts(payload), like=payload, media_type=JSON, items_path="", envelope=Envelope.at("")
        )

    async def _parts(self, payload: Payload) -> AsyncIterator[list[Item]]:
        elements = Elements(self.at)
        async for items in payload.json_chunks():
            yield [part for item in items for part in elements.of(item)]
