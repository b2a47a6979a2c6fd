"""The examples of shapes that own paths, run by the engine: their steps are part of what they show."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from redrive.client import connect
from redrive.client.records import StartRequest
from redrive.core.jsonvalue import decode, encode
from redrive.registry import Registry
from redrive.sdk import Example, TreeShape

SHAPES = [shape for shape in Registry.discover().shapes.values() if issubclass(shape, TreeShape)]
EXAMPLES = [
    pytest.param(shape, example, id=f"{shape.kind}: {example.title}")
    for shape in SHAPES
    for example in shape.examples
]


def test_there_are_enough() -> None:
    assert {shape.kind for shape in SHAPES} >= {"branch", "try"}
    assert all(len(shape.examples) >= 3 for shape in SHAPES)


@pytest.mark.parametrize(("shape", "example"), EXAMPLES)
async def test_the_example_holds(shape: type[TreeShape], example: Example, tmp_path: Path) -> None:
    step = {"id": "it", "shape": shape.kind, **example.settings}
    document = encode({"flow": "example", "steps": [step]})

    async def chunks(value: Any) -> AsyncIterator[bytes]:
        yield encode(value)

    async with connect(home=tmp_path) as client:
        payloads = [
            (await client.payloads.upload(chunks(one), media_type="application/json")).id
            for one in example.given
        ]
        row = await client.runs.start_document(document, "example.json", StartRequest(payloads=payloads))
        await client.finish(row.id)
        run = await client.runs.get(row.id)
        shown = run.steps[0]
        assert (shown.error.code if shown.error else None) == example.fails
        if example.gives is not None:
            out = [
                b"".join([chunk async for chunk in client.payloads.stream(payload.id)])
                for payload in shown.payloads_out
            ]
            assert [decode(one) for one in out] == [decode(encode(one)) for one in example.gives]
