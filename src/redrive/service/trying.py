"""One call of one endpoint, to look at: its exchanges and what it puts out. Nothing of it is kept."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from redrive.core.formats import is_json, item_reader
from redrive.core.jsonvalue import encode
from redrive.documents.load import load_one
from redrive.errors import NotFound, RedriveError, StateConflict, StepError, UsageError
from redrive.sdk.connection import Connection, Endpoint
from redrive.sdk.content import Content, MemoryContent
from redrive.sdk.context import RunInfo
from redrive.sdk.delivery import Decision, Entry, Outcome
from redrive.sdk.exchange import Answer, Request
from redrive.sdk.payload import Payload
from redrive.sdk.shape import Out
from redrive.sdk.testing import MemoryContext
from redrive.sdk.testing_ledger import MemoryClaim, MemoryLedger
from redrive.sdk.testing_log import MemoryLog
from redrive.service import veiled
from redrive.service.connector_views import (
    TriedBody,
    TriedExchange,
    TriedPayload,
    TryRequest,
    TryView,
)
from redrive.service.kernel import Kernel
from redrive.service.masked_items import masked
from redrive.service.payloads import Payloads
from redrive.service.veil import Veil, require_reveal, veil
from redrive.service.views import ErrorView
from redrive.store import connections as connection_store

MOST_ANSWER_BYTES = 32 << 20
MOST_SENT_BYTES = 8 << 20
SHOWN_BYTES = 16 << 10
SHOWN_ITEMS = 20
SHOWN_ITEM_BYTES = 4 << 10
SHOWN_EXCHANGES = 20
MOST_S = 120.0
NAME = "try"
JSON = "application/json"


async def try_endpoint(kernel: Kernel, payloads: Payloads, connection: str, request: TryRequest) -> TryView:
    """Errors: `connection.unknown`, `connection.*`, `secret.missing`, `endpoint.unknown`, `try.confirm`,
    `sample.none`. What the call itself comes to stands in the view.
    """
    opened, endpoint = await _opened(kernel, connection, request.endpoint)
    sends = endpoint.direction == "send"
    if sends and not request.confirm:
        raise StateConflict(
            f"endpoint {request.endpoint!r} sends: this really reaches the system of connection "
            f"{connection!r}, and no delivery is kept",
            code="try.confirm",
            at=request.endpoint,
            hint="Confirm it: --yes, or `confirm` in the API.",
        )
    payload = await _payload(kernel, payloads, connection, request)
    ctx = _World(opened)
    outs: list[Out] = []
    error: RedriveError | None = None
    try:
        async with asyncio.timeout(MOST_S):
            if sends:
                flow = endpoint.send(payload, (), request.parameters, ctx)
            else:
                flow = endpoint.receive(payload, request.parameters, ctx)
            async with contextlib.aclosing(cast("AsyncGenerator[Out, None]", flow)) as pages:
                async for out in pages:
                    outs = [out]
                    ctx.pages += 1
                    if not sends and ctx.pages >= request.page:
                        break
    except RedriveError as failed:
        error = failed
    except TimeoutError:
        error = StepError(
            f"endpoint {request.endpoint!r} did not end within {MOST_S:g} s", code="try.timeout"
        )
    finally:
        await ctx.close()
    if sends:
        # What is known of a send without a key: it went out, whatever came back.
        await kernel.write(
            lambda tx: kernel.audit(tx, "endpoint.tried", connection, endpoint=request.endpoint)
        )
    # Nobody knows of which flow it is: the rules of all hold.
    over = await veil(kernel, None)
    return await _view(connection, request, endpoint, ctx, outs, error, over)


async def _opened(kernel: Kernel, connection: str, name: str) -> tuple[Connection, Endpoint]:
    try:
        opened = await kernel.deps.connections.get(connection)
        return opened.connection, opened.connection.endpoint(name)
    except StepError as error:
        told = NotFound if error.code in {"connection.unknown", "endpoint.unknown"} else StateConflict
        raise told(error.detail, code=error.code, at=error.at, hint=error.hint) from None


async def _payload(kernel: Kernel, payloads: Payloads, connection: str, request: TryRequest) -> Payload:
    media_type, items_path = request.media_type or JSON, ""
    if request.sample:
        data = encode(await _sample(kernel, connection, request.endpoint))
    elif request.payload is not None:
        # What rules hide would go out as asterisks otherwise, and what is sent comes back to be seen.
        await require_reveal(kernel, None, "to send a stored payload")
        detail = await payloads.get(request.payload)
        media_type = request.media_type or detail.media_type
        stream = payloads.stream(request.payload, 0, min(detail.size_bytes, MOST_SENT_BYTES + 1))
        data = b"".join([part async for part in stream])
        if len(data) > MOST_SENT_BYTES:
            raise UsageError(
                f"payload {request.payload} is too large to try an endpoint with", code="payload.too_large"
            )
    else:
        data = request.text.encode("utf-8", "replace") if request.text is not None else b""
    return Payload(
        MemoryContent(data), media_type=media_type, items_path=items_path, meta=None, position=0, id=""
    )


async def _sample(kernel: Kernel, connection: str, endpoint: str) -> Any:
    def work(rows: Any) -> Any:
        found = connection_store.get_connection(rows, connection)
        connector = connection_store.get_connector(rows, found.connector) if found is not None else None
        if connector is None:
            return None
        endpoints = load_one(connector.document.decode(), connector.file).data.get("endpoints", {})
        about = endpoints.get(endpoint, {}).get("payload")
        return about.get("sample") if isinstance(about, Mapping) else None

    sample = await kernel.deps.reader.run(work)
    if sample is None:
        raise NotFound(
            f"endpoint {endpoint!r} has no sample payload",
            code="sample.none",
            at=endpoint,
            hint="Give a payload: --payload FILE. Or put one into the connector: `payload: {sample: …}`.",
        )
    return sample


class _Claim(MemoryClaim):
    def __init__(self, decision: Decision, request: Request, exchange: str, world: _World) -> None:
        super().__init__(decision, request, exchange)
        self._world = world

    def settle(
        self,
        answer: Answer,
        outcomes: Outcome | Mapping[str, Outcome],
        *,
        reason: str | None = None,
    ) -> None:
        super().settle(answer, outcomes, reason=reason)
        self._world.exchanges.append((self.request, answer))


class _Ledger(MemoryLedger):
    """Every item is sent, and nothing is remembered."""

    def __init__(self, world: _World) -> None:
        super().__init__()
        self._world = world

    async def claim(self, decision: Decision, request: Request) -> MemoryClaim:
        claim = _Claim(decision, request, f"exchange-{len(self.claims)}", self._world)
        self.claims.append(claim)
        return claim

    def idempotency_key(self, entries: Sequence[Entry], body: Content | None) -> str:
        # Another one at each try: the system must not take it for a delivery of a flow.
        return f"try-{secrets.token_hex(16)}"


class _World(MemoryContext):
    """The world of a call that belongs to no run: by the wall clock, bounded, forgotten afterwards."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(
            now=datetime.now(UTC),
            step=NAME,
            run=RunInfo(id=f"{NAME}-{secrets.token_hex(8)}", flow=NAME, version=0, trigger="manual"),
            missing="error",
        )
        self.ledger = _Ledger(self)
        self.pages = 0

    def wall_now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def store(self, data: AsyncIterable[bytes] | bytes) -> Content:
        if isinstance(data, bytes):
            return MemoryContent(data)
        parts: list[bytes] = []
        size = 0
        async for part in data:
            size += len(part)
            if size > MOST_ANSWER_BYTES:
                raise StepError(
                    f"the body is larger than {MOST_ANSWER_BYTES >> 20} MB, which is too large to look at",
                    code="try.too_large",
                    hint="Ask for a smaller page, or use the endpoint in a flow.",
                )
            parts.append(part)
        return MemoryContent(b"".join(parts))


async def _view(
    connection: str,
    request: TryRequest,
    endpoint: Endpoint,
    ctx: _World,
    outs: list[Out],
    error: RedriveError | None,
    over: Veil,
) -> TryView:
    exchanges = ctx.exchanges[-SHOWN_EXCHANGES:]
    log = ctx.log
    assert isinstance(log, MemoryLog)
    return TryView(
        connection=connection,
        endpoint=request.endpoint,
        direction=endpoint.direction,
        success=error is None,
        pages=ctx.pages,
        payload=await _payload_view(outs[-1], over) if outs and (error is None) else None,
        exchanges=[await _exchange(asked, answer, over) for asked, answer in exchanges],
        exchanges_left_out=len(ctx.exchanges) - len(exchanges),
        logs=[over.text(f"{line.level}: {line.message}") for line in log.lines[:100]],
        error=veiled.error(ErrorView.model_validate(error.as_dict()), over) if error is not None else None,
    )


async def _exchange(request: Request, answer: Answer, over: Veil) -> TriedExchange:
    return TriedExchange(
        method=request.method,
        url=over.address(request.url),
        headers=over.headers([(str(name), str(value)) for name, value in request.headers]),
        body=await _body(request.body, request.headers, over),
        status=answer.status,
        answer_headers=over.headers([(str(name), str(value)) for name, value in answer.headers]),
        answer=await _body(answer.body, answer.headers, over),
        error=over.text(answer.error) if answer.error else answer.error,
        duration_ms=answer.duration_ms,
    )


async def _body(content: Content | None, headers: Iterable[tuple[Any, Any]], over: Veil) -> TriedBody | None:
    if content is None:
        return None
    data = await content.read(0, min(SHOWN_BYTES, content.size_bytes))
    trimmed = content.size_bytes > len(data)
    kind = next((str(value) for name, value in headers if str(name).lower() == "content-type"), "")
    data = over.content(data, kind, cut=trimmed)
    return TriedBody(size_bytes=content.size_bytes, text=_text(data, cut=trimmed), trimmed=trimmed)


def _text(data: bytes, *, cut: bool) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        # The last character may have been cut in two.
        if cut and len(data) - error.start < 4:
            return data[: error.start].decode()
        return None


async def _payload_view(out: Out, over: Veil) -> TriedPayload:
    content = out.content
    if isinstance(content, bytes):
        data = content
    elif isinstance(content, Content):
        data = await content.read()
    else:
        data = b"".join([part async for part in content]) if content is not None else b""
    media_type = out.media_type or JSON
    path = out.items_path or ""
    items = _items(data, media_type, path)
    if items is None:
        cut = len(data) > SHOWN_BYTES
        text = _text(over.content(data[:SHOWN_BYTES], media_type, cut=cut), cut=cut)
        return TriedPayload(
            media_type=media_type, items=None, size_bytes=len(data), preview=[text] if text else []
        )
    return TriedPayload(
        media_type=media_type,
        items=len(items),
        size_bytes=len(data),
        preview=[
            masked(over, media_type, path, b"", one)[:SHOWN_ITEM_BYTES].decode(errors="replace")
            for one in items[:SHOWN_ITEMS]
        ],
        more=max(len(items) - SHOWN_ITEMS, 0),
    )


def _items(data: bytes, media_type: str, items_path: str) -> list[bytes] | None:
    if not is_json(media_type) and not items_path:
        return None
    try:
        reader = item_reader(media_type, items_path)
        return [bytes(one) for one in (*reader.feed(data), *reader.close())]
    except ValueError:
        return None
