"""Shapes that helper processes run in tests: they import this module by its name."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

from redrive.errors import RemoteUnavailable
from redrive.sdk import GatherShape, Out, Payload, Shape, StepContext


class Separable(Shape, kind="separable", group="test"):
    @property
    def separable(self) -> bool:
        return True


class Pid(Separable, kind="pid", group="test"):
    """Puts out the id of the process that it runs in."""

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        print("not between the messages")
        yield Out(content=b"[%d]" % os.getpid(), like=payload)


class Falling(Separable, kind="falling", group="test"):
    """Takes its process along: `at_first` at the first attempt, else at each."""

    at_first: bool = True

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        yield Out(content=payload.content, like=payload)
        if ctx.attempt == 1 or not self.at_first:
            os.kill(os.getpid(), signal.SIGKILL)


class Raising(Separable, kind="raising", group="test"):
    """Fails on the payload [2], in the way that is asked for."""

    how: str

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        yield Out(content=payload.content, like=payload)
        if await payload.value() == [2]:
            if self.how == "ours":
                raise RemoteUnavailable("away", hint="Wait.")
            if self.how == "theirs":
                raise KeyError("secret")
            await ctx.sleep(1)


class Endless(Separable, kind="endless", group="test"):
    """Never ends by itself."""

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        ctx.log.info("begun")
        yield Out(content=payload.content, like=payload)
        await asyncio.Event().wait()


class Twice(GatherShape, kind="twice", group="test"):
    """Reads its bucket twice, the second time leaving off in the middle of each payload."""

    @property
    def separable(self) -> bool:
        return True

    async def run(self, bucket: object, ctx: StepContext) -> AsyncIterator[Out]:
        count = 0
        async for payload in bucket.payloads():  # type: ignore[attr-defined]
            count += payload.size_bytes
        async for payload in bucket.payloads():  # type: ignore[attr-defined]
            async for data in payload.content.stream(chunk_bytes=2):
                yield Out(content=b"[%d,%d]" % (count, len(data)), like=payload)
                break


SHAPES = [Pid, Falling, Raising, Endless, Twice]
