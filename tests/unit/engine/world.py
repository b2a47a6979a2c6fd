"""A home in this process with shapes that do what a test says, and a system that counts what it gets."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import sqlite3
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from redrive.engine.failpoints import failpoints
from redrive.errors import DeliveryUnknown, RemoteRejected, RemoteUnavailable, StepError
from redrive.registry import Registry
from redrive.sdk import (
    Answer,
    Bucket,
    ConnectionInfo,
    Entry,
    GatherShape,
    MemoryContent,
    Out,
    Payload,
    Request,
    Shape,
    StepContext,
)
from redrive.service.app import Service, open_service
from redrive.service.views import RunView, StartRequest
from redrive.settings import load

Hook = Callable[[Any, StepContext], AsyncIterator[Out]]
Answering = Callable[[list[str]], Awaitable[Any]]


class World:
    """What the shapes and the system of one test do, and what came to them."""

    def __init__(self) -> None:
        self.hooks: dict[str, Hook] = {}
        self.calls: list[tuple[str, Any]] = []
        """(step, payload as JSON) of every run of a hook."""
        self.requests: list[list[str]] = []
        self.booked: Counter[str] = Counter()
        self.answer: Answering | None = None
        """Gives the outcome of a request, or of each key: as the ledger's, or `lost`, which is unknown
        to the sender and has not arrived."""
        self.arrived: list[tuple[str, bytes]] = []
        """Each booking: the key and the hash of the item's bytes."""
        self.after_booking: Callable[[], None] = lambda: None


WORLD = World()


async def passing_on(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
    yield Out(content=payload.content, like=payload)


class Hooked(Shape, kind="hooked", group="test"):
    """Does what the test has put under the name of its step."""

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        value = json.loads(await payload.content.read() or b"null")
        WORLD.calls.append((ctx.step, value))
        async for out in WORLD.hooks.get(ctx.step, passing_on)(payload, ctx):
            yield out


class Gathering(GatherShape, kind="gathering", group="test"):
    """The same for a bucket."""

    async def run(self, bucket: Bucket, ctx: StepContext) -> AsyncIterator[Out]:
        WORLD.calls.append((ctx.step, None))
        async for out in WORLD.hooks[ctx.step](bucket, ctx):
            yield out


class Endpoint:
    """Books what it is sent, by the protocol of the ledger and with nothing that makes a repeat harmless."""

    key: str | None = None

    def __init__(self, name: str) -> None:
        self.name = name
        self.direction = "send"

    async def send(
        self, payload: Payload, entries: Sequence[Entry], parameters: Mapping[str, Any], ctx: StepContext
    ) -> AsyncIterator[Out]:
        ledger = ctx.ledger
        # Items with the same key and the same bytes are one.
        entries = list({(entry.key, entry.digest): entry for entry in entries}.values())
        while True:
            decision = await ledger.decide(payload, entries)
            if ctx.preview:
                return
            if not decision.send:
                break
            keys = [entry.key for entry in decision.send]
            body = MemoryContent(json.dumps(keys).encode())
            claim = await ledger.claim(decision, Request(method="POST", url="test://system", body=body))
            if claim is None:
                continue
            WORLD.requests.append(keys)
            try:
                answer = "delivered" if WORLD.answer is None else await WORLD.answer(keys)
            except RemoteUnavailable as error:  # it certainly took nothing
                claim.settle(Answer(error=error.detail), "rejected")
                raise
            outcomes = answer if isinstance(answer, dict) else dict.fromkeys(keys, answer)
            # What may have arrived has arrived here: the worst case for who sends it again.
            arrived = [entry for entry in decision.send if outcomes[entry.key] not in {"rejected", "lost"}]
            WORLD.booked.update(entry.key for entry in arrived)
            WORLD.arrived.extend((entry.key, entry.digest) for entry in arrived)
            WORLD.after_booking()
            outcomes = {key: "unknown" if outcome == "lost" else outcome for key, outcome in outcomes.items()}
            claim.settle(Answer(status=200), outcomes)
            if "unknown" in outcomes.values():
                raise DeliveryUnknown("the answer was lost")
            if "rejected" in outcomes.values():
                raise RemoteRejected("not wanted")
            yield Out(content=body.data, like=payload)
            break
        if decision.unknown:
            raise DeliveryUnknown("an earlier request may have arrived")


class Open:
    def __init__(self, info: ConnectionInfo) -> None:
        self.info = info

    def endpoint(self, name: str) -> Endpoint:
        if name != "book":
            raise StepError(f"no endpoint {name}", code="endpoint.unknown", stops_step=True)
        return Endpoint(name)

    async def close(self) -> None:
        return


class Document(BaseModel):
    connector: str


class Protocol:
    name = "test"
    model = Document

    def check(self, document: Mapping[str, Any]) -> list[Any]:
        return []

    def open(self, info: ConnectionInfo) -> Open:
        return Open(info)


def registry() -> Registry:
    found = Registry.discover()
    return Registry([*found.shapes.values(), Hooked, Gathering], [Protocol])


CONNECTION = b"""
connector: system
protocol: test
endpoints: {book: {direction: send}}
---
connection: system
connector: system
"""
SEND = "{id: send, shape: connector, connection: system, endpoint: book, key: id}"


def flow(*steps: str, head: str = "", name: str = "f") -> bytes:
    return "\n".join([f"flow: {name}", head, "steps:", *(f"  - {step}" for step in steps)]).encode()


@dataclass
class Home:
    path: Path
    settings: dict[str, str] = field(default_factory=dict)

    @asynccontextmanager
    async def open(self, *, serve: bool = True, **options: Any) -> AsyncIterator[Desk]:
        environment = {"REDRIVE_RETRY_BASE_S": "0.001", "REDRIVE_STOP_GRACE_S": "0", **self.settings}
        async with open_service(
            self.path, load(environment=environment), serve=serve, registry=registry(), **options
        ) as service:
            yield Desk(service)


@dataclass
class Desk:
    """The short words that tests speak to an open home."""

    service: Service

    async def put(self, *steps: str, head: str = "", name: str = "f") -> None:
        documents = [("system.yaml", CONNECTION), (f"{name}.yaml", flow(*steps, head=head, name=name))]
        await self.service.flows.import_documents(documents, deploy=True)

    async def upload(self, value: Any) -> str:
        async def chunks() -> AsyncIterator[bytes]:
            yield json.dumps(value).encode()

        return (await self.service.payloads.upload(chunks(), media_type="application/json")).id

    async def start(self, *payloads: Any, name: str = "f", **request: Any) -> str:
        ids = [await self.upload(value) for value in payloads]
        return (await self.service.runs.start(name, StartRequest(payloads=ids, **request))).id

    async def run(self, *payloads: Any, name: str = "f", **request: Any) -> RunView:
        """Start a run with these payloads and give it as it is at its end."""
        return await self.ended(await self.start(*payloads, name=name, **request))

    async def ended(self, run: str) -> RunView:
        await self.service.runs.wait(run, 20)
        view = await self.service.runs.get(run)
        assert view.finished_at is not None, f"{run} is {view.status} after 20 s"
        return view

    async def values(self, run: str, step: str, side: Any = "out") -> list[Any]:
        """The payloads of a step as JSON."""
        found: list[Any] = []
        cursor: str | None = None
        while True:
            page = await self.service.runs.payloads(run, step, side, limit=100, cursor=cursor)
            for payload in page.items:
                data = b"".join([chunk async for chunk in self.service.payloads.stream(payload.id)])
                found.append(json.loads(data))
            cursor = page.next
            if cursor is None:
                return found

    async def deliveries(self) -> dict[str, str]:
        page = await self.service.ledger.list(limit=100)
        return {delivery.key: delivery.status for delivery in page.items}


def reset() -> World:
    WORLD.__init__()  # type: ignore[misc]
    failpoints.action = None
    return WORLD


class Crash:
    """The end of a process, as the disk sees it: the home as it is at this moment, in another place.

    What is executed in this process ends there too; it may still write to the old home, where
    nobody looks any more.
    """

    def __init__(self, desk: Desk, home: Home, *, durable: bool = True) -> None:
        self._desk = desk
        self._old = home
        self._durable = durable
        self.happened = asyncio.Event()
        self.home = Home(home.path.with_name(f"{home.path.name}+"), home.settings)

    def __call__(self) -> None:
        if self.happened.is_set():
            raise asyncio.CancelledError
        if self._durable:  # all that was handed over so far has been committed
            done = threading.Event()
            committer = self._desk.service._kernel.deps.committer
            committer.submit(lambda transaction: transaction.after_commit.append(done.set))
            assert done.wait(20)
        # The search index is being written meanwhile; without it, it is built anew.
        others = shutil.ignore_patterns("redrive.db*", "search.*", "lock")
        shutil.copytree(self._old.path, self.home.path, ignore=others)
        source = sqlite3.connect(self._old.path / "redrive.db")
        target = sqlite3.connect(self.home.path / "redrive.db")
        source.backup(target)
        source.close()
        target.close()
        failpoints.action = None
        self.happened.set()
        raise asyncio.CancelledError

    def at(self, name: str, number: int = 1) -> None:
        """At the so-manieth pass of a failpoint."""
        passes = itertools.count(1)

        def passed(at: str) -> None:
            if at == name and next(passes) == number:
                self()

        failpoints.action = passed
