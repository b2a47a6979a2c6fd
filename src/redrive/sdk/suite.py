"""One test class for all that every shape promises, for authors of shapes in packages of their own.

TestSample = shape_suite(Sample)
TestReverse = shape_suite(Reverse, keeps_all=True)
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from redrive.core.jsonvalue import encode
from redrive.errors import RedriveError
from redrive.sdk.fields import Example
from redrive.sdk.payload import Payload
from redrive.sdk.shape import GatherShape, Shape
from redrive.sdk.testing import Result, check_examples, run_shape

AnyShape = type[Shape] | type[GatherShape]

_MOST_ITEMS = 200
_SHUFFLES = 5


def check_description(shape: AnyShape) -> None:
    """Its reference page and form can be made: a docstring with In and Out, and help for each setting.

    Errors: `AssertionError` with what is missing.
    """
    help_ = shape.help()
    assert help_, f"shape {shape.kind!r} has no docstring; its first line is shown in lists"
    first = help_.split("\n", 1)[0]
    assert first.endswith("."), (
        f"shape {shape.kind!r}: the first line of the docstring is no sentence: {first!r}"
    )
    for word in ("In:", "Out:"):
        assert word in help_, (
            f"shape {shape.kind!r}: the docstring does not say what goes {word.rstrip(':').lower()}"
        )
    for name, info in shape.model_fields.items():
        assert info.description, f"shape {shape.kind!r}: the setting {name!r} has no help"
    assert shape.group, f"shape {shape.kind!r} has no group"
    assert shape.version >= 1, f"shape {shape.kind!r}: its version is {shape.version}"


def check_settings(shape: AnyShape) -> None:
    """Settings have a JSON Schema, unknown ones are refused, and those of the examples are read.

    Errors: `AssertionError`.
    """
    schema = shape.model_json_schema()
    assert schema["type"] == "object"
    encode(schema)
    for example in shape.examples:
        try:
            shape.model_validate({**example.settings, "no-such-setting": 1})
        except ValueError:
            continue
        raise AssertionError(f"shape {shape.kind!r} takes settings that it does not have")


async def check_lineage(shape: AnyShape, *, keeps_all: bool = False) -> None:
    """On the items of its examples, in many orders and amounts: each item that comes out names items that
    came in; the same input gives the same output. `keeps_all`: every item that came in is named.

    Errors: `AssertionError` with the example and the first item that is wrong.
    """
    for example in shape.examples:
        if example.fails is not None:
            continue
        for given in _variants(example):
            try:
                instance = shape.model_validate(example.settings)
                results = [
                    await run_shape(
                        instance,
                        given,
                        items_path=example.items_path,
                        meta=example.meta,
                        variables=example.variables,
                    )
                    for _ in range(2)
                ]
            except RedriveError:
                continue
            where = f"shape {shape.kind!r}, items of the example {example.title!r}"
            outs = [[payload.data for payload in result.payloads] for result in results]
            assert outs[0] == outs[1], f"{where}: the same input gave two outputs"
            counts = [len(await _items(one, example)) for one in given]
            _check_origins(where, results[0], counts, keeps_all=keeps_all)


def _check_origins(where: str, result: Result, counts: Sequence[int], *, keeps_all: bool) -> None:
    named: set[tuple[int, int]] = set()
    for number, payload in enumerate(result.payloads):
        count = payload.count
        assert count is None or len(payload.lineage) == count, (
            f"{where}: payload {number} has {count} items, but {len(payload.lineage)} origins"
        )
        for item, origins in enumerate(payload.lineage):
            for position, place in origins:
                there = position < len(counts) and 0 <= place < counts[position]
                assert there, (
                    f"{where}: item {item} of payload {number} comes from item {place} of payload "
                    f"{position}, which did not come in"
                )
                named.add((position, place))
    if keeps_all and not result.failed:
        every = {(position, place) for position, count in enumerate(counts) for place in range(count)}
        lost = sorted(every - named)
        assert not lost, (
            f"{where}: {len(lost)} items are lost, the first is item {lost[0][1]} of payload {lost[0][0]}"
        )


async def _items(value: Any, example: Example) -> list[bytes]:
    if isinstance(value, Payload):
        return [item.raw async for items in value.chunks() for item in items]
    data = value if isinstance(value, bytes) else encode(value)
    from redrive.core import formats  # noqa: PLC0415 - only for payloads that are looked into

    reader = formats.item_reader("application/json", example.items_path or "")
    return [*reader.feed(data), *reader.close()] if data else []


def _variants(example: Example) -> Iterable[list[Any]]:
    """The given payloads, then their items shuffled, doubled and dealt out otherwise."""
    given = list(example.given)
    yield given
    lists = [one for one in given if isinstance(one, list)]
    if len(lists) != len(given) or not lists:
        return
    chance = random.Random(example.title)  # noqa: S311 - the same in each run
    items = [item for one in lists for item in one]
    for _ in range(_SHUFFLES):
        more = [*items, *items][:_MOST_ITEMS]
        chance.shuffle(more)
        cut = chance.randint(0, len(more))
        yield [part for part in (more[:cut], more[cut:]) if part]


def shape_suite(*shapes: AnyShape, keeps_all: bool = False) -> type:
    """A test class for pytest. `keeps_all`: the shapes lose no item, whatever they do with them."""

    class Suite:
        tested: ClassVar[tuple[AnyShape, ...]] = shapes

        def test_it_is_described(self) -> None:
            for shape in self.tested:
                check_description(shape)

        def test_its_settings_are_read(self) -> None:
            for shape in self.tested:
                check_settings(shape)

        def test_its_examples_are_true(self) -> None:
            for shape in self.tested:
                asyncio.run(check_examples(shape))

        def test_its_lineage_is_complete(self) -> None:
            for shape in self.tested:
                asyncio.run(check_lineage(shape, keeps_all=keeps_all))

    Suite.__name__ = Suite.__qualname__ = f"Test{shapes[0].__name__}" if shapes else "TestShapes"
    return Suite
