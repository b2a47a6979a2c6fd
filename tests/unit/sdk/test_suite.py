"""The suite for shapes of other packages notices what it is there for."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from redrive.registry import Registry
from redrive.sdk import Example, Out, Payload, Shape, StepContext
from redrive.sdk.suite import check_description, check_lineage, check_settings, shape_suite

SHAPES = [
    one for kind, one in Registry.discover().shapes.items() if kind in {"filter", "split", "flow_control"}
]


class Forgetful(Shape, kind="forgetful", group="items"):
    """Drop the last item of each payload.

    In: a payload of items.  Out: the same without its last item.
    """

    examples = (Example("three", {}, given=[[1, 2, 3]], gives=[[1, 2]]),)

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        items = [item async for chunk in payload.chunks() for item in chunk]
        yield Out(items=items[:-1], like=payload)


class Fickle(Forgetful, kind="fickle", group="items"):
    """Put out something else each time.

    In: any payload.  Out: a number.
    """

    asked: int = 1
    examples = (Example("one", {}, given=[[1]], gives=[1]),)

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        _COUNT.append(1)
        yield Out(content=str(len(_COUNT)).encode(), like=payload)


class Lying(Forgetful, kind="lying", group="items"):
    """Name items that did not come in

    In: any payload.  Out: the same.
    """

    examples = (Example("one", {}, given=[[1]], gives=[[1]]),)

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        yield Out(content=payload.content, like=payload, from_items=[(0, 5, 1)])


_COUNT: list[int] = []


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.kind)
async def test_built_in_shapes_pass(shape):
    check_description(shape)
    check_settings(shape)
    await check_lineage(shape)


async def test_a_lost_item_is_noticed_where_none_may_be_lost():
    await check_lineage(Forgetful)
    with pytest.raises(AssertionError, match="1 items are lost, the first is item 2 of payload 0"):
        await check_lineage(Forgetful, keeps_all=True)


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        (Fickle, "the same input gave two outputs"),
        (Lying, "comes from item 5 of payload 0, which did not come in"),
    ],
)
async def test_outputs_that_cannot_be_true_are_noticed(shape, says):
    with pytest.raises(AssertionError, match=says):
        await check_lineage(shape)


@pytest.mark.parametrize(("shape", "says"), [(Fickle, "'asked' has no help"), (Lying, "is no sentence")])
def test_a_poor_description_is_noticed(shape, says):
    with pytest.raises(AssertionError, match=says):
        check_description(shape)


def test_a_suite_is_named_for_its_shape():
    assert shape_suite(Forgetful).__name__ == "TestForgetful"
