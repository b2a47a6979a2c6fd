"""Attempts of a shape: in this process, or in helper processes where the payloads are large."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, NamedTuple

from redrive.core.run import PayloadRow
from redrive.engine.apart.pool import Apart, Unable
from redrive.engine.apart.session import Making, Session
from redrive.engine.buckets import as_payload
from redrive.engine.contents import StoredContent
from redrive.engine.context import EngineContext
from redrive.sdk.payload import Bucket, Payload
from redrive.sdk.shape import GatherShape, Out, Shape, ShapeBase

# Small payloads that are worked on one after the other make way for others that often.
BREATH_S = 0.005
# Of a smaller one there is little to find out.
LEAST_LOOK_BYTES = 16 << 10

Attempt = Callable[[], AsyncIterator[Out | Making]]


class AtWork(NamedTuple):
    """A payload, and what makes an attempt on it."""

    number: int
    row: PayloadRow
    content: StoredContent
    payload: Payload
    attempt: Attempt


class Attempts:
    """Those of one step execution. `state`: the checkpoint to go on from, by payload."""

    def __init__(
        self,
        apart: Apart,
        shape: ShapeBase,
        settings: Mapping[str, Any],
        context: EngineContext,
        state: Callable[[int], Any],
    ) -> None:
        self._apart = apart
        self._shape = shape
        self._settings = dict(settings)
        self._context = context
        self._state = state
        self._away = False

    def decide(self, size_bytes: int, payloads: int) -> None:
        """Where they are made, by the size of the step's input."""
        self._away = self._apart.suits(self._shape, size_bytes, payloads)

    def of_bucket(self, shape: GatherShape, bucket: Bucket) -> Attempt:
        here = partial(shape.run, bucket, self._context)
        return partial(self._made, bucket, 0, here) if self._away else here

    async def of_each(
        self, shape: Shape, rows: AsyncIterable[tuple[int, PayloadRow, StoredContent]]
    ) -> AsyncGenerator[AtWork]:
        """In order. Those in helper processes begin before they are asked for."""
        if self._away:
            async with aclosing(self._ahead(shape, rows)) as ahead:
                async for one in ahead:
                    yield one
            return
        breath = time.monotonic()
        async with aclosing(self._looking_ahead(shape, rows)) as works:
            async for one in works:
                yield one
                if time.monotonic() - breath > BREATH_S:
                    await asyncio.sleep(0)
                    breath = time.monotonic()

    async def _looking_ahead(
        self, shape: Shape, rows: AsyncIterable[tuple[int, PayloadRow, StoredContent]]
    ) -> AsyncGenerator[AtWork]:
        """In this process. The shape has a look at a large payload while the one before it is under way."""
        looks = type(shape).look_ahead is not Shape.look_ahead
        held: AtWork | None = None
        try:
            async for number, row, content in rows:
                payload = as_payload(number, row, content)
                one = AtWork(number, row, content, payload, partial(shape.run, payload, self._context))
                if not looks:
                    yield one
                    continue
                before, held = held, one
                if before is not None:
                    if row.size_bytes >= LEAST_LOOK_BYTES:
                        looking = shape.look_ahead(payload, self._context)
                        payload.ahead = asyncio.create_task(looking, name="look ahead")
                        payload.ahead.add_done_callback(_heard)
                    yield before
            if held is not None:
                yield held
        finally:
            if held is not None and held.payload.ahead is not None:
                held.payload.ahead.cancel()
                await asyncio.gather(held.payload.ahead, return_exceptions=True)

    async def _ahead(
        self, shape: Shape, rows: AsyncIterable[tuple[int, PayloadRow, StoredContent]]
    ) -> AsyncGenerator[AtWork]:
        begun: deque[tuple[AtWork, Session]] = deque()
        try:
            async for number, row, content in rows:
                payload = as_payload(number, row, content)
                session = self._session(payload, number, attempt=1)
                session.start()
                here = partial(shape.run, payload, self._context)
                attempt = partial(self._made, payload, number, here, [session])
                begun.append((AtWork(number, row, content, payload, attempt), session))
                if len(begun) > self._apart.processes:
                    yield begun[0][0]
                    begun.popleft()
            while begun:
                yield begun[0][0]
                begun.popleft()
        finally:
            for _, session in begun:
                await session.close()

    def _session(self, work: Payload | Bucket, number: int, attempt: int) -> Session:
        return Session(
            self._apart,
            self._shape,
            self._settings,
            work,
            self._context,
            attempt=attempt,
            state=self._state(number),
        )

    async def _made(
        self,
        work: Payload | Bucket,
        number: int,
        here: Callable[[], AsyncIterator[Out]],
        begun: list[Session] | None = None,
    ) -> AsyncGenerator[Out | Making]:
        """One attempt: that which has begun, else a new one; in this process if helpers cannot."""
        session = begun.pop() if begun else self._session(work, number, self._context.attempt)
        try:
            async with aclosing(session.outs()) as outs:
                async for out in outs:
                    yield out
            return
        except Unable as error:
            self._apart.refuse(type(self._shape), str(error))
            self._away = False
        async for one in here():
            yield one


def _heard(looked: asyncio.Task[Any]) -> None:
    """Its error is for whoever asks for what it found."""
    if not looked.cancelled():
        looked.exception()
