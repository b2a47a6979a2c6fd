"""A connection to a server of the test, and a ledger in memory that keeps to the protocol."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from aiohttp import web

from redrive.connectors.rest import Rest
from redrive.core.jsonvalue import decode
from redrive.sdk import (
    Answer,
    ConnectionInfo,
    Content,
    Decision,
    Entry,
    LeftOut,
    MemoryContent,
    Out,
    Outcome,
    Payload,
    Request,
    UnknownRequest,
)
from redrive.sdk.testing import MemoryContext, Result, run_shape
from redrive.shapes.connector import Connector

SECRET = "s3cret/+ä token"


@dataclass
class Seen:
    """One request as the server got it."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return decode(self.body)


@dataclass
class Site:
    """A server on loopback; `seen` holds its requests in order."""

    url: str
    seen: list[Seen] = field(default_factory=list)


Answering = Callable[[Seen], web.StreamResponse | Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def served(answer: Answering, *, cuts: bool = False) -> AsyncIterator[Site]:
    """An HTTP server that answers each request by calling `answer`; `cuts`: which is cancelled when it
    is not waited for any more.
    """
    site = Site("")

    async def handle(request: web.Request) -> web.StreamResponse:
        seen = Seen(
            request.method,
            request.raw_path,
            dict(request.query),
            request.headers.copy(),
            await request.read(),
        )
        site.seen.append(seen)
        made = answer(seen)
        return await made if asyncio.iscoroutine(made) else made  # type: ignore[return-value]

    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=cuts)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield site
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def spoken(*answers: bytes, hang: bool = False) -> AsyncIterator[Site]:
    """A server that reads one request per connection, writes raw bytes and closes (or hangs)."""
    site = Site("")
    left = list(answers)
    release = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (
                int(line.partition(b":")[2])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            ),
            0,
        )
        body = await reader.readexactly(length)
        method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
        site.seen.append(Seen(method, path, {}, {}, body))
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        if hang:
            await release.wait()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    site.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield site
    finally:
        release.set()
        server.close()


def reply(value: Any, status: int = 200, **headers: str) -> web.Response:
    return web.json_response(value, status=status, headers=headers)


@dataclass
class Held:
    status: str
    digest: bytes
    exchange: str = ""
    delivered: bytes | None = None


class Claimed:
    def __init__(self, ledger: MemoryLedger, request: Request, keys: dict[str, bytes], number: int) -> None:
        self._ledger = ledger
        self.request = request
        self.keys = keys
        self.exchange = f"x{number}"
        self.answer: Answer | None = None
        self.outcome: dict[str, str] | str | None = None
        self.reason: str | None = None

    def settle(
        self, answer: Answer, outcomes: Outcome | Mapping[str, Outcome], *, reason: str | None = None
    ) -> None:
        assert self.answer is None, "settled twice"
        self.answer, self.reason = answer, reason
        self.outcome = outcomes if isinstance(outcomes, str) else dict(outcomes)
        for key, digest in self.keys.items():
            held = self._ledger.held[key]
            held.status = outcomes if isinstance(outcomes, str) else outcomes[key]
            if held.status == "delivered":
                held.delivered = digest


class MemoryLedger:
    """Policy `send_changed`. Claims stay open until they are settled, as in the store."""

    def __init__(self, *, keyed: bool = True) -> None:
        self.keyed = keyed
        self.held: dict[str, Held] = {}
        self.claims: list[Claimed] = []
        self.interrupted: list[UnknownRequest] = []
        self.refuse_claims = 0

    def statuses(self) -> dict[str, str]:
        return {key: held.status for key, held in self.held.items()}

    async def decide(self, payload: Payload, entries: Sequence[Entry]) -> Decision:
        if not self.keyed:
            return Decision(payload, (), (), tuple(self.interrupted))
        send: list[Entry] = []
        left: list[LeftOut] = []
        unknown: dict[str, list[Entry]] = {}
        for entry in entries:
            held = self.held.get(entry.key)
            if held and held.status in {"begun", "unknown"}:
                unknown.setdefault(held.exchange, []).append(entry)
            elif held and held.delivered == entry.digest:
                left.append(LeftOut(entry, "unchanged", "r1", datetime(2026, 1, 1, tzinfo=UTC)))
            else:
                send.append(entry)
        requests = []
        for exchange, held_entries in unknown.items():
            claim = next(one for one in self.claims if one.exchange == exchange)
            status = answer.status if (answer := getattr(claim, "answer", None)) else None
            requests.append(
                UnknownRequest(exchange, tuple(held_entries), tuple(claim.keys), claim.request, status)
            )
        return Decision(payload, tuple(send), tuple(left), tuple(requests))

    async def claim(self, decision: Decision, request: Request) -> Claimed | None:
        if self.refuse_claims:
            self.refuse_claims -= 1
            return None
        if any(
            self.held[one.key].status in {"begun", "unknown"} for one in decision.send if one.key in self.held
        ):
            return None  # it has changed since it was decided
        return self._open({entry.key: entry.digest for entry in decision.send}, request)

    async def reclaim(self, unknown: UnknownRequest) -> Claimed | None:
        self.interrupted = [one for one in self.interrupted if one.exchange != unknown.exchange]
        return self._open({key: self.held[key].digest for key in unknown.keys}, unknown.request)

    def _open(self, keys: dict[str, bytes], request: Request) -> Claimed:
        claim = Claimed(self, request, keys, len(self.claims))
        self.claims.append(claim)
        for key, digest in keys.items():
            before = self.held.get(key)
            self.held[key] = Held("begun", digest, claim.exchange, before.delivered if before else None)
        return claim

    def idempotency_key(self, entries: Sequence[Entry], body: Content | None) -> str:
        assert entries, "a step without a key has no delivery identities"
        return f"{'+'.join(entry.key for entry in entries)}-{body.digest.hex()[:8] if body else ''}"


@dataclass
class Bench:
    """Runs connector steps against one connection."""

    document: dict[str, Any]
    base_url: str
    secrets: dict[str, str] = field(default_factory=lambda: {"token": SECRET})
    settings: dict[str, Any] = field(default_factory=dict)
    tokens: Any = None
    allowed_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        problems = Rest().check(self.document)
        assert not problems, problems
        info = ConnectionInfo(
            "site",
            "test",
            self.document,
            {"base_url": self.base_url, **self.settings},
            self.secrets,
            tokens=self.tokens,
            allowed_hosts=self.allowed_hosts,
        )
        self.connection = Rest().open(info)

    def context(self, ledger: MemoryLedger | None = None, **given: Any) -> MemoryContext:
        return MemoryContext(
            ledger=ledger or MemoryLedger(keyed=False), connections={"site": self.connection}, **given
        )

    def outs(self, *, ctx: MemoryContext | None = None) -> AsyncGenerator[Out]:
        """What the step puts out for a start without data, one by one."""
        shape = Connector.model_validate({"connection": "site", "endpoint": "it"})
        return cast("AsyncGenerator[Out]", shape.run(Payload(MemoryContent(b"")), ctx or self.context()))

    async def run(
        self,
        given: Sequence[Any] = (b"",),
        *,
        ctx: MemoryContext | None = None,
        attempts: int = 1,
        **settings: Any,
    ) -> Result:
        shape = Connector.model_validate({"connection": "site", "endpoint": "it", **settings})
        ctx = ctx or self.context()
        return await run_shape(shape, given, ctx=ctx, attempts=attempts)


@contextlib.asynccontextmanager
async def bench(site: Site | str, endpoint: dict[str, Any], **document: Any) -> AsyncIterator[Bench]:
    """A connector with one endpoint `it` (and others in `endpoints`), open as long as the context."""
    others = document.pop("endpoints", {})
    given = {
        name: document.pop(name)
        for name in ("secrets", "settings", "tokens", "allowed_hosts")
        if name in document
    }
    url = site if isinstance(site, str) else site.url
    made = Bench(
        {
            "connector": "test",
            "base_url": "{{ connection.base_url }}",
            "timeouts": {"connect_s": 2, "read_s": 2, "total_s": 5},
            "endpoints": {"it": endpoint, **others},
            **document,
        },
        url,
        **given,
    )
    try:
        yield made
    finally:
        await made.connection.close()
