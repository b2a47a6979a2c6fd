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
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Literal, cast

from blake3 import blake3

from redrive.core import ranges
from redrive.core.items import Item
from redrive.core.jsonvalue import MISSING
from redrive.core.lineage import LineageBuilder
from redrive.engine.allocator import give_back
from redrive.engine.apart import wire
from redrive.engine.crashes import crashed
from redrive.engine.locating import CHECK_BYTES, LEAST_RECIPE_BYTES, Locating, worth
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
# Pieces of an input payload that stay at hand: items of the output are looked up in them.
PASSED = 6


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
        self.data: bytes | None = None
        self._passed: deque[tuple[int, bytes]] = deque(maxlen=PASSED)

    async def read(self, start: int = 0, stop: int | None = None) -> bytes:
        end = self.size_bytes if stop is None else min(stop, self.size_bytes)
        if start >= end:
            return b""
        for begin, data in self._passed:
            if begin <= start and end <= begin + len(data):
                return data[start - begin : end - begin]
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
                self._passed.append((start, data))
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
        self._locating: dict[int, Locating | None] = {}

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
        if writing.whole is not None:
            lineage.add_items(writing.items)
            await self._put_whole(out, writing, writing.whole, lineage)
        else:
            await self._put_pieces(out, writing, lineage)

    async def _put_whole(self, out: Out, writing: Writing, whole: bytes, lineage: LineageBuilder) -> None:
        located = await self._locate(whole, writing.items, out.like)
        if located is None:
            self._pipe.send(_made(out, writing, self._end(writing, out, lineage)), whole)
            return
        end = self._end(writing, out, lineage, blake3(whole).digest(), len(whole))
        self._pipe.send(_made(out, writing, end, located=True), located)

    async def _locate(self, whole: bytes, items: Sequence[Item], like: Payload | None) -> bytes | None:
        """The recipe of an output, where it is much smaller than that. Outputs that follow each other begin
        where the last one ended.
        """
        if len(whole) < LEAST_RECIPE_BYTES or not items or like is None or not _from(like, items):
            return None
        place = like.position
        if place not in self._locating:
            self._locating.clear()
            self._locating[place] = Locating(like.content) if isinstance(like.content, AskedContent) else None
        locating = self._locating[place]
        if locating is None:
            return None
        parts = await locating.parts(whole, [item.raw for item in items], strict=True)
        if parts is None:
            self._locating[place] = None
            return None
        recipe = ranges.encode(parts.to)
        return recipe if len(recipe) * ranges.LEAST_GAIN <= len(whole) else None

    async def _put_pieces(self, out: Out, writing: Writing, lineage: LineageBuilder) -> None:
        like = out.like
        content = like.content if like is not None else None
        locating = Locating(content) if isinstance(content, AskedContent) else None
        hasher, size, number = blake3(), 0, 0
        async with aclosing(writing.pieces()) as pieces:
            async for data, items in pieces:
                lineage.add_items(items)
                parts = None
                if locating is not None:
                    raws = [item.raw for item in items] if like is not None and _from(like, items) else ()
                    parts = await locating.parts(data, raws)
                if not number:
                    locating = locating if worth(parts, len(data)) else None
                    self._pipe.send(_made(out, writing, None, located=locating is not None))
                number += 1
                if locating is None:
                    self._pipe.send(wire.Part(), data)
                elif data:
                    hasher.update(data)
                    size += len(data)
                    to: list[ranges.Part] = [data] if parts is None else parts.to
                    check = blake3(data).digest(length=CHECK_BYTES)
                    self._pipe.send(wire.Part(len(data), check), ranges.encode(to))
        if not number:
            self._pipe.send(_made(out, writing, None))
        told = (hasher.digest(), size) if locating is not None else (b"", 0)
        self._pipe.send(self._end(writing, out, lineage, *told))

    @staticmethod
    def _end(
        writing: Writing, out: Out, lineage: LineageBuilder, digest: bytes = b"", size_bytes: int = 0
    ) -> wire.End:
        if out.content is not None:
            return wire.End(writing.count, None, True, writing.origins, digest, size_bytes)
        return wire.End(writing.count, lineage.encode(), digest=digest, size_bytes=size_bytes)


def _made(out: Out, writing: Writing, end: wire.End | None, *, located: bool = False) -> wire.Made:
    like = out.like.position if out.like is not None else None
    return wire.Made(like, writing.media_type, writing.items_path, dict(writing.meta), out.path,
                     out.checkpoint, end, located)  # fmt: skip


def _from(like: Payload, items: Sequence[Item]) -> bool:
    return all(item.payload == like.position for item in items)


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
    give_back()
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
