"""Run a shape on payloads in memory, exactly as the engine would, and run its examples.

result = await run_shape(Filter(keep={"field": "paid", "is": True}), [[{"paid": True}, {}]])
assert result.values == [[{"paid": True}]]
assert result.payloads[0].lineage == [[(0, 0)]]

await check_examples(Filter)      # one test for all that the class promises
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, cast

import msgspec

from redrive.core.items import Item
from redrive.core.jsonvalue import decode, encode
from redrive.errors import NotFound, RedriveError, ShapeCrashed, StepError
from redrive.sandbox import Sandbox
from redrive.sdk.answering import Answered, Reply
from redrive.sdk.calling import Called, Level
from redrive.sdk.connection import Connection
from redrive.sdk.content import Content, MemoryContent
from redrive.sdk.context import RunInfo, StepLog
from redrive.sdk.delivery import Ledger
from redrive.sdk.exchange import Answer, Request
from redrive.sdk.fields import Example
from redrive.sdk.payload import Bucket, Payload
from redrive.sdk.references import CachedPayload, CacheScope
from redrive.sdk.scripting import Script, Session
from redrive.sdk.shape import GatherShape, Out, Shape
from redrive.sdk.testing_calls import Call, CalledFlow, MemoryCalled, Notice
from redrive.sdk.testing_examples import compare
from redrive.sdk.testing_ledger import MemoryLedger
from redrive.sdk.testing_log import LogLine, MemoryLog
from redrive.sdk.testing_references import MemoryCache, MemoryLookup, MemoryPool, MemoryPoolOfRun, PoolBusy
from redrive.sdk.testing_results import Failed, OutPayload, Result, Tracked
from redrive.sdk.writing import Writing

__all__ = [
    "NOW",
    "Call",
    "CalledFlow",
    "Failed",
    "LogLine",
    "MemoryCache",
    "MemoryContext",
    "MemoryPool",
    "Notice",
    "OutPayload",
    "PoolBusy",
    "Result",
    "Tracked",
    "check_examples",
    "example_context",
    "given_payload",
    "run_shape",
]

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
"""The clock of a test run, unless one is given."""


class MemoryContext:
    """A `StepContext` that keeps everything in memory and never waits.

    `lookups` are tables by name, as {from: to}; `pools` by name and `caches` by (scope, name) hold
    what they are given and what the shape puts there. Give two contexts the same ones to see two steps,
    or two runs, on one pool or cache.

    `flows` are those that may be called: by name the documents that they put out, a function that makes
    these of the documents that they are given, or the error with which they fail.

    `slept` holds the seconds that the shape asked to wait, `waited` the instants. What a shape tracks
    or sets is provisional until its payload is done, as in the engine: `settle` keeps it, `drop` forgets
    it.
    """

    def __init__(
        self,
        *,
        variables: Mapping[str, Any] | None = None,
        now: datetime = NOW,
        missing: Literal["error", "empty", "skip_item"] = "error",
        ledger: Ledger | None = None,
        connections: Mapping[str, Connection] | None = None,
        last_success: datetime | None = None,
        preview: bool = False,
        step: str = "step",
        run: RunInfo | None = None,
        lookups: Mapping[str, Mapping[str, str]] | None = None,
        pools: dict[str, MemoryPool] | None = None,
        caches: dict[tuple[str, str], MemoryCache] | None = None,
        flows: Mapping[str, CalledFlow] | None = None,
    ) -> None:
        self.replies: list[Reply] = []
        self.run = run or RunInfo(id="run-1", flow="test", version=1, trigger="manual")
        self.step = step
        self.attempt = 1
        self.missing: Literal["error", "empty", "skip_item"] = missing
        self.log: StepLog = MemoryLog()
        self.state: Any = None
        self.ledger: Ledger = ledger or MemoryLedger()
        self.preview = preview
        self.exchanges: list[tuple[Request, Answer]] = []
        self.slept: list[float] = []
        self.targets: dict[str, str | None] = {}
        self.waited: list[datetime] = []
        self.flows: dict[str, CalledFlow] = dict(flows or {})
        self.calls: list[Call] = []
        self.notices: list[Notice] = []
        self.at_hand: Sequence[Payload] = ()
        """The payloads that the shape works on: one, or the bucket."""
        self.tracked: list[Tracked] = []
        self.set: dict[str, Any] = {}
        self._now = now
        self._last_success = last_success
        self._connections = dict(connections or {})
        self.lookups = {name: MemoryLookup(name, rows) for name, rows in (lookups or {}).items()}
        self.pools = {} if pools is None else pools
        self.caches = {} if caches is None else caches
        self._before = dict(variables or {})
        self._new_tracked: list[Tracked] = []
        self._new_set: dict[str, Any] = {}
        self._sandbox: Sandbox | None = None

    @property
    def vars(self) -> Mapping[str, Any]:
        return MappingProxyType({**self._before, **self.set, **self._new_set})

    def now(self) -> datetime:
        return self._now

    def wall_now(self) -> datetime:
        return self._now

    def scope(self, payload: Payload | None = None, value: Any = None, item: Any = None) -> Mapping[str, Any]:
        return {
            "payload": value,
            "item": item,
            "meta": payload.meta if payload is not None else {},
            "vars": self.vars,
            "run": msgspec.structs.asdict(self.run),
            "now": self._now,
            "last_success": self._last_success,
        }

    def set_variable(self, name: str, value: Any) -> None:
        self._new_set[name] = value

    def track(self, field: str, value: str, item: Item) -> None:
        self._new_tracked.append(Tracked(field, value, (item.payload, item.number)))

    async def connection(self, name: str) -> Connection:
        if name not in self._connections:
            raise NotFound(f"there is no connection {name!r}", code="connection.unknown")
        return self._connections[name]

    async def lookup(self, name: str) -> MemoryLookup:
        if name not in self.lookups:
            raise StepError(f"there is no lookup {name!r}", code="lookup.unknown", at=name, stops_step=True)
        return self.lookups[name]

    def pool(self, name: str, *, shared: bool = True) -> MemoryPoolOfRun:
        own = name if shared else f"{self.run.flow}/{name}"
        return self.pools.setdefault(own, MemoryPool(own)).of_run(self.run, self.step)

    def cache(self, name: str, scope: CacheScope = "flow") -> MemoryCache:
        return self.caches.setdefault((scope, name), MemoryCache(name))

    async def store(self, data: AsyncIterable[bytes] | bytes) -> Content:
        if not isinstance(data, bytes):
            data = b"".join([part async for part in data])
        return MemoryContent(data)

    async def slice(self, content: Content, start: int, stop: int) -> Content:
        return MemoryContent(await content.read(start, stop))

    def exchange(self, request: Request, answer: Answer, *, payload: Payload | None = None) -> str:
        self.exchanges.append((request, answer))
        return f"exchange-{len(self.exchanges)}"

    @asynccontextmanager
    async def script(self, script: Script, payload: Payload | None = None) -> AsyncIterator[Session]:
        self._sandbox = self._sandbox or Sandbox(processes=2)
        async with self._sandbox.open(
            script,
            now=self._now,
            meta=payload.meta if payload is not None else {},
            variables=self.vars,
            printed=self.log.info,
            failed=self.log.error,
        ) as session:
            yield session

    async def close(self) -> None:
        """Ends the processes of scripts, if there were any; `run_shape` does so."""
        if self._sandbox is not None:
            await self._sandbox.close()
            self._sandbox = None

    async def answer(self, reply: Reply) -> Answered:
        """A caller waits where the run's trigger is `callback`; `replies` holds what was answered."""
        if self.run.trigger != "callback":
            return "nobody"
        body = reply.content
        if not isinstance(body, bytes | Content):
            reply = replace(reply, content=b"".join([chunk async for chunk in body]))
        self.replies.append(reply)
        return "answered" if len(self.replies) == 1 else "before"

    async def go_ahead(self, connection: str) -> None:
        """Nothing is paused in a test."""

    def heard(self, connection: str, down: str | None = None) -> None:
        """What is known of the target is in `targets`."""
        self.targets[connection] = down

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def reach(self, state: Any) -> None:
        self.state = decode(encode(state))  # as the store keeps it

    async def wait_until(self, moment: datetime) -> None:
        self.waited.append(moment)

    async def call(
        self, flow: str, variables: Mapping[str, Any], *, wait: bool = True, stop_called: bool = True
    ) -> Called:
        if flow not in self.flows:
            raise StepError(f"there is no flow {flow!r}", code="flow.unknown", at=flow, stops_step=True)
        given = [await payload.value() for payload in self.at_hand]
        self.calls.append(Call(flow, given, decode(encode(dict(variables))), wait))
        name = f"run-{len(self.calls) + 1}"
        if not wait:
            return MemoryCalled(name, flow, "queued")
        gives = self.flows[flow]
        if isinstance(gives, StepError):
            raise gives
        documents = gives(given) if callable(gives) else gives
        payloads = [given_payload(one, position) for position, one in enumerate(documents)]
        return MemoryCalled(name, flow, "success", "", payloads)

    async def notify(self, message: str, *, level: Level = "info", groups: Sequence[str] = ()) -> None:
        self.notices.append(Notice(level, message, tuple(groups)))

    def settle(self) -> None:
        """What was tracked and set since the last call holds from now on."""
        self.tracked += self._new_tracked
        self.set |= self._new_set
        self.drop()

    def drop(self) -> None:
        """What was tracked and set since the last `settle` never happened."""
        self._new_tracked = []
        self._new_set = {}


def given_payload(
    given: Any,
    position: int = 0,
    *,
    items_path: str = "",
    media_type: str = "application/json",
    meta: Mapping[str, str] | None = None,
) -> Payload:
    """A payload of the input bucket from any JSON value, `bytes` (as they are) or a `Payload`."""
    if isinstance(given, Payload):
        return Payload(
            given.content,
            media_type=given.media_type,
            items_path=given.items_path,
            meta=given.meta,
            position=position,
            id=given.id or f"given-{position}",
        )
    return Payload(
        MemoryContent(given if isinstance(given, bytes) else encode(given)),
        media_type=media_type,
        items_path=items_path,
        meta=meta,
        position=position,
        id=f"given-{position}",
    )


async def run_shape(
    shape: Shape | GatherShape,
    given: Sequence[Any],
    *,
    items_path: str = "",
    media_type: str = "application/json",
    meta: Mapping[str, str] | None = None,
    variables: Mapping[str, Any] | None = None,
    now: datetime = NOW,
    attempts: int = 1,
    ctx: MemoryContext | None = None,
) -> Result:
    """Run a step of this shape on a bucket of these payloads (see `given_payload`).

    An error that may pass is tried up to `attempts` times, from the last checkpoint on; what a
    failed attempt had put out after it is dropped. An exception that is no `StepError` becomes a
    `ShapeCrashed` with its cause. `ctx` replaces the context made from the other arguments.
    """
    ctx = ctx or MemoryContext(variables=variables, now=now)
    bucket = [
        given_payload(one, position, items_path=items_path, media_type=media_type, meta=meta)
        for position, one in enumerate(given)
    ]
    step = _Step(ctx, bucket, attempts)
    try:
        if shape.gathers:
            ctx.at_hand = bucket
            whole = Bucket(bucket, len(bucket))
            await step.work(partial(cast("GatherShape", shape).run, whole, ctx), None)
        elif isinstance(shape, Shape):
            for payload in bucket:
                ctx.at_hand = [payload]
                if not await step.work(partial(shape.run, payload, ctx), payload):
                    break
    finally:
        await ctx.close()
    step.result.logs = ctx.log.lines if isinstance(ctx.log, MemoryLog) else []
    step.result.tracked = ctx.tracked
    step.result.variables = ctx.set
    step.result.exchanges = ctx.exchanges
    step.result.calls = ctx.calls
    step.result.notices = ctx.notices
    return step.result


class _Step:
    def __init__(self, ctx: MemoryContext, bucket: list[Payload], attempts: int) -> None:
        self.ctx = ctx
        self.bucket = bucket
        self.attempts = attempts
        self.result = Result()

    async def work(self, start: Callable[[], AsyncIterator[Out]], payload: Payload | None) -> bool:
        """All attempts on one payload, or on the bucket. False: no other is worth trying."""
        ctx = self.ctx
        ctx.state = None
        for attempt in range(1, self.attempts + 1):
            ctx.attempt = attempt
            error = await self._attempt(start, payload)
            if error is None:
                return True
            if error.retry == "never" or attempt == self.attempts:
                self.result.failed.append(Failed(payload.position if payload else None, error))
                return not error.stops_step
        return True

    async def _attempt(
        self, start: Callable[[], AsyncIterator[Out]], payload: Payload | None
    ) -> StepError | None:
        """Put out what the shape puts out; of a failed attempt, only up to its last checkpoint."""
        fresh: list[OutPayload] = []
        outs = start()
        try:
            async for out in outs:
                if out.hand_on is not None:
                    fresh += await self._handed_on(out.hand_on)
                    continue
                written = await self._written(out, payload)
                if written is not None:
                    fresh.append(written)
                if out.checkpoint is not None:
                    # Through JSON, as the store keeps it.
                    self.ctx.state = decode(encode(out.checkpoint))
                    self._keep(fresh)
        except StepError as error:
            self.ctx.drop()
            return error
        except (RedriveError, AssertionError, PoolBusy):
            raise
        except Exception as error:  # noqa: BLE001 - the engine, too, takes whatever a plug-in throws
            self.ctx.drop()
            crash = ShapeCrashed(f"{type(error).__name__}: {error}")
            crash.__cause__ = error
            return crash
        finally:
            if inspect.isasyncgen(outs):
                await outs.aclose()
        self._keep(fresh)
        return None

    def _keep(self, fresh: list[OutPayload]) -> None:
        self.result.payloads += fresh
        fresh.clear()
        self.ctx.settle()

    async def _handed_on(self, what: Bucket | Called) -> list[OutPayload]:
        """Payloads as they are. What a called flow put out has no lineage within the step."""
        called = isinstance(what, MemoryCalled)
        handed = []
        for payload in what.payloads if isinstance(what, MemoryCalled) else self.bucket:
            count = len([item async for items in payload.chunks() for item in items])
            places = [] if called else [(payload.position, number) for number in range(count)]
            handed.append(
                OutPayload(
                    content=payload.content,
                    data=await payload.content.read(),
                    media_type=payload.media_type,
                    items_path=payload.items_path,
                    meta=dict(payload.meta),
                    lineage=[[] for _ in range(count)] if called else [[place] for place in places],
                    count=count,
                )
            )
        return handed

    async def _written(self, out: Out, payload: Payload | None) -> OutPayload | None:
        writing = await Writing.begin(out)
        if writing is None:
            return None
        parts: list[bytes] = []
        lineage: list[list[tuple[int, int]]] = []
        async for piece in writing.pieces():
            parts.append(piece.data)
            lineage += [item.origins for item in piece.items]
        if writing.unchanged is not None:
            position = writing.unchanged.position
            lineage = [[(position, number)] for number in range(writing.count or 0)]
        elif out.content is not None:
            origins = await self._origins(writing, payload)
            lineage = [list(origins) for _ in range(writing.count or 0)]
        data = b"".join(parts)
        return OutPayload(
            content=writing.content or MemoryContent(data),
            data=data,
            media_type=writing.media_type,
            items_path=writing.items_path,
            meta=dict(writing.meta),
            lineage=lineage,
            count=writing.count,
            path=out.path,
            checkpoint=copy.deepcopy(out.checkpoint),
        )

    async def _origins(self, writing: Writing, payload: Payload | None) -> list[tuple[int, int]]:
        if writing.origins is not None:
            return [
                (position, number)
                for position, first, count in writing.origins
                for number in range(first, first + count)
            ]
        sources = [payload] if payload is not None else self.bucket
        return [
            (item.payload, item.number)
            for source in sources
            async for items in source.chunks()
            for item in items
        ]


async def check_examples(shape: type[Shape | GatherShape]) -> None:
    """Run every example of a shape and compare. The `AssertionError` names shape and example.

    Lists of steps in an example's settings are left out: what is compared is what each path gets.
    Errors: `AssertionError` also for a shape without examples.
    """
    if not shape.examples:
        raise AssertionError(f"shape {shape.kind!r} has no examples")
    for example in shape.examples:
        where = f"shape {shape.kind!r}, example {example.title!r}"
        result = await run_shape(
            shape.model_validate(shape.own_settings(example.settings)),
            example.given,
            items_path=example.items_path,
            media_type=example.media_type,
            meta=example.meta,
            variables=example.variables,
            ctx=example_context(example),
        )
        compare(where, example, result)


def example_context(example: Example) -> MemoryContext:
    """The world that an example sets: its variables, lookups, and what pools and caches hold."""
    caches: dict[tuple[str, str], MemoryCache] = {}
    for place, documents in example.caches.items():
        scope, name, entry = place.split("/", 2)
        held = caches.setdefault((scope, name), MemoryCache(name))
        held.entries[entry] = [CachedPayload(MemoryContent(encode(one))) for one in documents]
    return MemoryContext(
        variables=example.variables,
        lookups=example.lookups,
        pools={name: MemoryPool(name, keys) for name, keys in example.pools.items()},
        caches=caches,
        flows=dict(example.flows),
    )
