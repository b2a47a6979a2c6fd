"""The program of a helper process: one shape after another, over bytes that it asks for.

It opens nothing, and ends when the engine does: its input is closed then.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from array import array
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Literal, cast

from redrive.core.items import Item
from redrive.core.jsonvalue import MISSING
from redrive.core.lineage import LineageBuilder
from redrive.engine.apart import wire
from redrive.engine.crashes import crashed
from redrive.engine.roots import Roots
from redrive.errors import RedriveError
from redrive.sdk.content import CHUNK_BYTES, Content
from redrive.sdk.context import RunInfo, StepContext
from redrive.sdk.payload import Bucket, Payload
from redrive.sdk.shape import GatherShape, Out, Shape
from redrive.sdk.writing import Writing

# The processes that answer and commit come first.
NICER = 5
WATCH_S = 1.0


class Asking:
    """Asks for bytes and payloads ahead of their use; answers come in any order."""

    def __init__(self, pipe: wire.Pipe) -> None:
        self._pipe = pipe
        self._tickets = itertools.count()
        self._asked: set[int] = set()
        self._unwanted: set[int] = set()
        self._there: dict[int, tuple[Any, bytes]] = {}

    def read(self, position: int, start: int, stop: int) -> int:
        return self._ask(wire.Read(ticket := next(self._tickets), position, start, stop), ticket)

    def next(self, number: int) -> int:
        return self._ask(wire.Next(ticket := next(self._tickets), number), ticket)

    def _ask(self, question: Any, ticket: int) -> int:
        self._asked.add(ticket)
        self._pipe.send(question)
        return ticket

    def answer(self, ticket: int) -> tuple[Any, bytes]:
        while ticket not in self._there:
            self._take()
        return self._there.pop(ticket)

    def forget(self, ticket: int) -> None:
        if self._there.pop(ticket, None) is None:
            self._unwanted.add(ticket)

    def settle(self) -> None:
        """Take the answers that nobody waits for any more."""
        self._unwanted |= self._asked
        while self._asked:
            self._take()

    def _take(self) -> None:
        head, body = self._pipe.receive()
        self._asked.discard(head.ticket)
        if head.ticket in self._unwanted:
            self._unwanted.remove(head.ticket)
        else:
            self._there[head.ticket] = (head, body)


class AskedContent(Content):
    """Content of an input payload, which the engine reads."""

    def __init__(self, asking: Asking, facts: wire.PayloadFacts) -> None:
        self._asking = asking
        self.position = facts.position
        self.digest = facts.digest
        self.size_bytes = facts.size_bytes

    async def read(self, start: int = 0, stop: int | None = None) -> bytes:
        end = self.size_bytes if stop is None else min(stop, self.size_bytes)
        if start >= end:
            return b""
        return self._asking.answer(self._asking.read(self.position, start, end))[1]

    async def stream(
        self, start: int = 0, stop: int | None = None, chunk_bytes: int = CHUNK_BYTES
    ) -> AsyncIterator[bytes]:
        asking, position = self._asking, self.position
        end = self.size_bytes if stop is None else min(stop, self.size_bytes)
        ahead: int | None = None
        try:
            while start < end:
                upto = min(start + chunk_bytes, end)
                ticket = asking.read(position, start, upto) if ahead is None else ahead
                ahead = None
                data = asking.answer(ticket)[1]
                if upto < end:  # read while this chunk is worked on
                    ahead = asking.read(position, upto, min(upto + chunk_bytes, end))
                yield data
                start = upto
        finally:
            if ahead is not None:
                asking.forget(ahead)


class _Log:
    def __init__(self, pipe: wire.Pipe) -> None:
        self._pipe = pipe

    def info(self, message: str, **data: Any) -> None:
        self._pipe.send(wire.Line("info", message, data))

    def warning(self, message: str, **data: Any) -> None:
        self._pipe.send(wire.Line("warning", message, data))

    def error(self, message: str, **data: Any) -> None:
        self._pipe.send(wire.Line("error", message, data))


class ApartContext:
    """The part of `StepContext` that a separable shape may use."""

    def __init__(self, pipe: wire.Pipe, facts: wire.ContextFacts) -> None:
        self._pipe = pipe
        self._facts = facts
        self.log = _Log(pipe)
        self.run: RunInfo = facts.run
        self.step: str = facts.step
        self.attempt: int = facts.attempt
        self.missing: Literal["error", "empty", "skip_item"] = facts.missing
        self.state: Any = facts.state
        self.preview: bool = facts.preview
        self.vars: Mapping[str, Any] = facts.vars
        self.last_success = facts.last_success

    def now(self) -> datetime:
        return self._facts.now

    def wall_now(self) -> datetime:
        return datetime.now(UTC)

    def scope(self, payload: Payload | None = None, value: Any = None, item: Any = None) -> Mapping[str, Any]:
        nothing = payload is None or not payload.size_bytes
        return Roots(self, payload, MISSING if value is None and nothing else value, item)

    def track(self, field: str, value: str, item: Item) -> None:
        self._pipe.send(wire.Tracked(field, value, item.payload, item.number))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"a shape that is separable has no ctx.{name}")


class Work:
    """One job."""

    def __init__(self, pipe: wire.Pipe, job: wire.Job) -> None:
        self._pipe = pipe
        self._job = job
        self._asking = Asking(pipe)
        self._passes = itertools.count()

    async def run(self) -> None:
        job = self._job
        shape = job.shape.model_validate(job.settings)  # type: ignore[attr-defined]
        ctx = cast("StepContext", ApartContext(self._pipe, job.context))
        if isinstance(job.work, int):
            assert isinstance(shape, GatherShape)
            outs = shape.run(Bucket(_Again(self._payloads), job.work), ctx)
        else:
            assert isinstance(shape, Shape)
            outs = shape.run(self._payload(job.work), ctx)
        try:
            async for out in outs:
                await self._put(out)
        finally:
            if (close := getattr(outs, "aclose", None)) is not None:
                await close()
            self._asking.settle()

    def _payload(self, facts: wire.PayloadFacts) -> Payload:
        return Payload(
            AskedContent(self._asking, facts),
            media_type=facts.media_type,
            items_path=facts.items_path,
            meta=facts.meta,
            position=facts.position,
            id=facts.id,
        )

    async def _payloads(self) -> AsyncIterator[Payload]:
        number = next(self._passes)
        while (facts := self._asking.answer(self._asking.next(number))[0].payload) is not None:
            yield self._payload(facts)

    async def _put(self, out: Out) -> None:
        like = out.like.position if out.like is not None else None
        if isinstance(out.content, AskedContent):
            origins = None if out.from_items is None else tuple(out.from_items)
            meta = None if out.meta is None else dict(out.meta)
            self._pipe.send(
                wire.PassedOn(out.content.position, like, out.media_type, out.items_path, meta, origins,
                              out.path, out.checkpoint)
            )  # fmt: skip
            return
        writing = await Writing.begin(out)
        if writing is None:
            self._pipe.send(wire.Nothing(out.checkpoint))
            return
        lineage = LineageBuilder()
        whole = writing.whole
        end = None
        if whole is not None:
            lineage.add_items(writing.items)
            end = self._end(writing, out, lineage)
        items = places(whole, writing.items, like) if whole is not None else b""
        made = wire.Made(like, writing.media_type, writing.items_path, dict(writing.meta), out.path,
                         out.checkpoint, end, items)  # fmt: skip
        self._pipe.send(made, whole or b"")
        if whole is None:
            async with aclosing(writing.pieces()) as pieces:
                async for piece in pieces:
                    lineage.add_items(piece.items)
                    self._pipe.send(wire.Part(places(piece.data, piece.items, like)), piece.data)
            self._pipe.send(self._end(writing, out, lineage))

    @staticmethod
    def _end(writing: Writing, out: Out, lineage: LineageBuilder) -> wire.End:
        if out.content is not None:
            return wire.End(writing.count, None, from_content=True, origins=writing.origins)
        return wire.End(writing.count, lineage.encode())


def places(data: bytes, items: Sequence[Item], like: int | None) -> bytes:
    """Where the items stand in some bytes, if all of them come from the payload `like`: begin and
    end of each.
    """
    if like is None or not items or any(item.payload != like for item in items):
        return b""
    found = array("Q")
    at = 0
    for item in items:
        raw = item.raw
        if data.startswith(raw, at + 1):  # behind a separator of one byte
            at += 1
        elif (at := data.find(raw, at)) < 0:
            return b""
        found.append(at)
        at += len(raw)
        found.append(at)
    return found.tobytes()


class _Again:
    """A stream that can be read from the start any number of times."""

    def __init__(self, make: Any) -> None:
        self._make = make

    def __aiter__(self) -> AsyncIterator[Payload]:
        return cast("AsyncIterator[Payload]", self._make())


def failed(error: Exception) -> wire.Failed:
    """An error in a form that arrives."""
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, RedriveError):
        with contextlib.suppress(Exception):
            again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
            if again.as_dict() == error.as_dict():
                return wire.Failed(again, trace)
    made = crashed(error)
    made.__cause__ = None
    return wire.Failed(made, trace)


async def serve(pipe: wire.Pipe) -> None:
    """Job after job, until there is no engine any more."""
    while True:
        try:
            job, _ = pipe.receive()
        except EOFError:
            return
        except Exception as error:  # noqa: BLE001 - the module of a plug-in may raise anything
            pipe.send(wire.Failed(RuntimeError(str(error)), unable=True))
            continue
        try:
            await Work(pipe, job).run()
        except (EOFError, BrokenPipeError):
            return
        except Exception as error:  # noqa: BLE001 - a shape may raise anything
            pipe.send(failed(error))
        else:
            pipe.send(wire.Done())


def watch(engine: int) -> None:
    """End with the engine also in the middle of a shape that never comes back."""
    while os.getppid() == engine:
        time.sleep(WATCH_S)
    os._exit(1)


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asked for the end tells the engine
    with contextlib.suppress(OSError, AttributeError):
        os.nice(NICER)
    threading.Thread(target=watch, args=(os.getppid(),), daemon=True).start()
    # What a shape prints must not get between the messages.
    reading, writing = os.fdopen(os.dup(0), "rb", 0), os.fdopen(os.dup(1), "wb", 0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    with contextlib.suppress(BrokenPipeError):
        asyncio.run(serve(wire.Pipe(cast("Any", reading), cast("Any", writing))))
    sys.stderr.flush()


if __name__ == "__main__":
    main()
