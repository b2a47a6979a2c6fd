"""Keep or remove items by conditions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Self

from pydantic import model_validator

from redrive.sdk import (
    ConditionField,
    Example,
    Field,
    Item,
    ItemTest,
    Out,
    Payload,
    Shape,
    StepContext,
)


class Filter(Shape, kind="filter", version=1, group="items"):
    """Keep the items for which a condition holds, or drop them.

    A condition on a field that an item lacks is false, except under `not` and `exists: false`.
    Paths are relative to the item; both sides may be templates.

    In: a payload of JSON items (JSON or NDJSON).
    Out: the same payload with the remaining items, in order and with their own bytes; none where
    no item is left. Where no item is dropped the content passes on as it is.
    Errors: `payload.invalid` if the payload is not JSON or does not parse; not retried.
    """

    keep: ConditionField | None = Field(None, help="Condition of the items that stay.")
    drop: ConditionField | None = Field(None, help="Condition of the items that go.")

    examples = (
        Example(
            "paid orders only",
            {"keep": {"field": "financial_status", "is": "paid"}},
            given=[
                [{"id": 1, "financial_status": "paid"}, {"id": 2, "financial_status": "pending"}, {"id": 3}]
            ],
            gives=[[{"id": 1, "financial_status": "paid"}]],
        ),
        Example(
            "drop what is cancelled",
            {"drop": {"field": "cancelled_at", "exists": True}},
            given=[[{"id": 1}, {"id": 2, "cancelled_at": "2026-01-02"}]],
            gives=[[{"id": 1}]],
        ),
        Example(
            "any of two, and not a third",
            {
                "keep": {
                    "all": [
                        {"any": [{"field": "total", "gt": 100}, {"field": "tags", "contains": "vip"}]},
                        {"not": {"field": "test", "is": True}},
                    ]
                }
            },
            given=[
                [{"total": 150}, {"total": 20, "tags": ["vip"]}, {"total": 500, "test": True}, {"total": 20}]
            ],
            gives=[[{"total": 150}, {"total": 20, "tags": ["vip"]}]],
        ),
        Example(
            "nothing left, nothing put out", {"keep": {"field": "id", "is": 9}}, given=[[{"id": 1}]], gives=[]
        ),
        Example("not JSON", {"keep": {"field": "id", "is": 1}}, given=[b"<order/>"], fails="payload.invalid"),
    )

    @property
    def separable(self) -> bool:
        return True

    @model_validator(mode="after")
    def _one_of_keep_and_drop(self) -> Self:
        if (self.keep is None) == (self.drop is None):
            raise ValueError("expected either keep or drop")
        return self

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        condition = self.drop if self.keep is None else self.keep
        assert condition is not None
        whole = await payload.value() if "payload" in condition.roots else None
        setting = "keep" if self.drop is None else "drop"
        test = ItemTest(condition, ctx.scope(payload, whole), ctx.missing, setting=setting)

        def sieve(items: list[Item]) -> list[Item]:
            return test.matching(items, self.drop is None)

        chunks = payload.json_chunks()
        first = await anext(chunks, None)
        if first is None:
            return
        kept = sieve(first)
        second = await anext(chunks, None)
        if second is not None:
            yield Out(_rest(sieve, kept, second, chunks), like=payload)
        elif len(kept) == len(first):
            yield Out(content=payload.content, like=payload)
        else:
            yield Out(kept, like=payload)


async def _rest(
    sieve: Callable[[list[Item]], list[Item]],
    kept: list[Item],
    chunk: list[Item],
    chunks: AsyncIterator[list[Item]],
) -> AsyncIterator[list[Item]]:
    yield kept
    yield sieve(chunk)
    async for items in chunks:
        yield sieve(items)
