"""A shape has a look at the next payload while it works on the one before: never twice, never in its way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from redrive.core.run import PayloadRow
from redrive.engine.apart import Apart
from redrive.engine.apart.attempts import LEAST_LOOK_BYTES, Attempts, AtWork
from redrive.engine.contents import StoredContent
from redrive.sdk import MemoryContent, Out, Payload, Shape, StepContext

SEEN: list[str] = []


class Looking(Shape, kind="looking", group="test"):
    """Notes when it looks and when it works."""

    async def look_ahead(self, payload: Payload, ctx: StepContext) -> Any:
        SEEN.append(f"look {payload.position}")
        if payload.position == 2:
            raise ValueError("nothing for anybody to hear of")
        return f"found {payload.position}"

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        SEEN.append(f"run {payload.position}: {await payload.found_ahead()}")
        await asyncio.sleep(0)
        SEEN.append(f"end {payload.position}")
        yield Out(content=payload.content, like=payload)


async def rows(sizes: list[int]) -> AsyncIterator[tuple[int, PayloadRow, StoredContent]]:
    for number, size in enumerate(sizes):
        content = MemoryContent(b"x" * size)
        row = PayloadRow(
            id=number + 1, bucket=1, position=number, digest=content.digest, size_bytes=size, items=1,
            media_type="application/json",
        )  # fmt: skip
        yield number, row, cast("StoredContent", content)


@pytest.fixture
async def attempts() -> AsyncIterator[Attempts]:
    SEEN.clear()
    apart = Apart(0)
    yield Attempts(apart, Looking(), {}, cast("Any", None), lambda _: None)
    await apart.close()


async def carry_out(one: AtWork) -> None:
    async for _ in one.attempt():
        pass


async def test_a_large_payload_is_looked_at_while_the_one_before_is_worked_on(attempts: Attempts) -> None:
    large = LEAST_LOOK_BYTES
    async for one in attempts.of_each(Looking(), rows([large, large, large, large - 1])):
        await carry_out(one)
        if one.number == 1:
            await carry_out(one)  # a further attempt knows it too
    assert SEEN == [
        "run 0: None", "look 1", "end 0",
        "run 1: found 1", "look 2", "end 1", "run 1: found 1", "end 1",
        "run 2: None", "end 2",
        "run 3: None", "end 3",
    ]  # fmt: skip


async def test_a_look_that_nobody_waits_for_ends_with_the_step(attempts: Attempts) -> None:
    works = attempts.of_each(Looking(), rows([LEAST_LOOK_BYTES] * 3))
    assert (await anext(works)).number == 0
    await works.aclose()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "look ahead"]
    assert SEEN == []
