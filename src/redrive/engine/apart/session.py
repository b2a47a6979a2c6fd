"""One shape at work in a helper process: hands it what it asks for, gives what it puts out."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

from redrive.core import ranges
from redrive.core.items import Item
from redrive.engine.apart import wire
from redrive.engine.apart.pool import Apart, Helper, Unable
from redrive.engine.context import EngineContext
from redrive.engine.locating import Found
from redrive.errors import RedriveError
from redrive.log import get_logger
from redrive.sdk.payload import Bucket, Payload
from redrive.sdk.shape import Out, ShapeBase

# Messages that may wait until somebody stores what they hold: some megabytes.
WAITING = 4

_log = get_logger(__name__)


class Trace(Exception):
    """What a helper says of an error, as its cause."""


class Making:
    """A payload that a helper makes. `end` is there once `whole` is, or `pieces` has ended."""

    def __init__(self, made: wire.Made, like: Payload | None, body: bytes, more: Messages) -> None:
        self.like = like
        self.media_type = made.media_type
        self.items_path = made.items_path
        self.meta: Mapping[str, str] = made.meta
        self.path = made.path
        self.checkpoint = made.checkpoint
        self.end = made.end
        self.located = made.located
        """Whether it is told by where it stands in `like`: `found` gives it, not `whole` or `pieces`."""
        self.whole = body if made.end is not None else None
        self._more = more

    async def pieces(self) -> AsyncIterator[bytes]:
        """All of its bytes. Once only."""
        async for body, _ in self._bodies():
            yield body

    async def found(self) -> AsyncIterator[Found]:
        """Its segments. Once only."""
        async for body, part in self._bodies():
            yield Found(ranges.decode(body), part.size_bytes, part.check)

    def told(self) -> tuple[bytes, int]:
        """Hash and size of what was located, at the end."""
        assert self.end is not None
        return self.end.digest, self.end.size_bytes

    async def drain(self) -> None:
        """Let it pass: nobody wants it."""
        async for _ in self._bodies():
            pass

    async def _bodies(self) -> AsyncIterator[tuple[bytes, wire.Part]]:
        if self.whole is not None:
            yield self.whole, wire.Part()
            return
        async for head, body in self._more:
            if isinstance(head, wire.End):
                self.end = head
                return
            yield body, head


class Messages:
    """What a helper has sent, in order, until it is done. Errors are raised in their place."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[tuple[Any, bytes] | BaseException | None] = asyncio.Queue(WAITING)

    async def put(self, message: tuple[Any, bytes] | BaseException | None) -> None:
        await self._waiting.put(message)

    def __aiter__(self) -> Messages:
        return self

    async def __anext__(self) -> tuple[Any, bytes]:
        message = await self._waiting.get()
        if message is None:
            raise StopAsyncIteration
        if isinstance(message, BaseException):
            raise message
        return message


class Session:
    """One attempt on one payload, or on a bucket. `start` may come long before `outs`."""

    def __init__(
        self,
        apart: Apart,
        shape: ShapeBase,
        settings: dict[str, Any],
        work: Payload | Bucket,
        context: EngineContext,
        *,
        attempt: int,
        state: Any,
    ) -> None:
        self._apart = apart
        self._shape = shape
        self._settings = settings
        self._work = work
        self._context = context
        self._attempt = attempt
        self._state = state
        self._payloads: dict[int, Payload] = {}
        self._passes: dict[int, AsyncIterator[Payload]] = {}
        self._asked: asyncio.Queue[wire.Read | wire.Next] = asyncio.Queue()
        self._messages = Messages()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin as soon as a helper is free."""
        if self._task is None:
            self._task = asyncio.create_task(self._main(), name="apart")

    async def close(self) -> None:
        """A job under way is broken off."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def outs(self) -> AsyncGenerator[Out | Making]:
        """What the shape puts out. Read each to its end before the next.

        Errors: those of the shape, `Unable` before anything is put out, `HelperLost`.
        """
        self.start()
        context = self._context
        try:
            async for head, body in self._messages:
                match head:
                    case wire.Made():
                        yield Making(head, self._like(head.like), body, self._messages)
                    case wire.PassedOn():
                        yield self._passed_on(head)
                    case wire.Nothing():
                        yield Out(items=(), checkpoint=head.checkpoint)
                    case wire.Line():
                        getattr(context.log, head.level)(head.message, **head.data)
                    case wire.Tracked():
                        context.track(head.field, head.value, Item(b"", head.payload, head.number))
        finally:
            await self.close()

    def _like(self, position: int | None) -> Payload | None:
        return self._payloads[position] if position is not None else None

    def _passed_on(self, head: wire.PassedOn) -> Out:
        return Out(
            content=self._payloads[head.position].content,
            like=self._like(head.like),
            media_type=head.media_type,
            items_path=head.items_path,
            meta=head.meta,
            from_items=head.origins,
            path=head.path,
            checkpoint=head.checkpoint,
        )

    # ---- beside it, the helper

    async def _main(self) -> None:
        try:
            job = self._job()
            async with self._apart.helper() as helper:
                answering = asyncio.create_task(self._answer(helper))
                try:
                    await helper.send(job)
                    await self._listen(helper, answering)
                finally:
                    answering.cancel()
                    await asyncio.gather(answering, return_exceptions=True)
        except Exception as error:  # noqa: BLE001 - raised where its outs are read
            await self._messages.put(error)
        else:
            await self._messages.put(None)

    def _job(self) -> wire.Job:
        context, work = self._context, self._work
        facts = wire.ContextFacts(
            run=context.run,
            step=context.step,
            attempt=self._attempt,
            missing=context.missing,
            state=self._state,
            preview=context.preview,
            now=context.now(),
            last_success=context.last_success,
            vars=dict(context.vars),
        )
        what = work.count if isinstance(work, Bucket) else self._facts(work)
        job = wire.Job(type(self._shape), self._settings, facts, what)
        try:
            pickle.dumps(job)
        except (pickle.PickleError, AttributeError, TypeError) as error:
            raise Unable(str(error)) from None
        return job

    async def _listen(self, helper: Helper, answering: asyncio.Task[None]) -> None:
        while True:
            receiving = asyncio.create_task(helper.receive())
            try:
                await asyncio.wait((receiving, answering), return_when=asyncio.FIRST_COMPLETED)
                if answering.done():  # it only ends with an error
                    await answering
                head, body = await receiving
            finally:
                receiving.cancel()
            match head:
                case wire.Read() | wire.Next():
                    self._asked.put_nowait(head)
                case wire.Done():
                    return
                case wire.Failed():
                    await self._messages.put(self._error(head))
                    return
                case _:
                    await self._messages.put((head, body))

    def _error(self, failed: wire.Failed) -> Exception:
        error = failed.error
        if failed.unable:
            return Unable(str(error))
        if not isinstance(error, RedriveError) or error.code == "shape.crashed":
            error.__cause__ = Trace(failed.trace)
            _log.error("shape.crashed", step=self._context.step, error=error)
        return error

    async def _answer(self, helper: Helper) -> None:
        while True:
            asked = await self._asked.get()
            if isinstance(asked, wire.Read):
                content = self._payloads[asked.position].content
                await helper.send(wire.Data(asked.ticket), await content.read(asked.start, asked.stop))
            else:
                assert isinstance(self._work, Bucket)
                if asked.number not in self._passes:
                    self._passes[asked.number] = aiter(self._work.payloads())
                payload = await anext(self._passes[asked.number], None)
                facts = self._facts(payload) if payload is not None else None
                await helper.send(wire.Following(asked.ticket, facts))

    def _facts(self, payload: Payload) -> wire.PayloadFacts:
        self._payloads[payload.position] = payload
        return wire.PayloadFacts(
            position=payload.position,
            id=payload.id,
            digest=payload.content.digest,
            size_bytes=payload.size_bytes,
            media_type=payload.media_type,
            items_path=payload.items_path,
            meta=dict(payload.meta),
        )
