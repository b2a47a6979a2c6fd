"""Answers that come piece by piece: bytes of payloads, and server-sent events of runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final, TypeAlias, TypeVar

from starlette.responses import Response, StreamingResponse

from redrive.service.interface import Services
from redrive.service.views import RunRow, RunView

T = TypeVar("T")
Allowed: TypeAlias = Callable[[], Awaitable[bool]]

HEARTBEAT_S: Final = 15.0
ALLOWED_EVERY_S: Final = 2.0
"""How soon a stream ends after its session, token or right."""
ENDED: Final = frozenset({"success", "partial_success", "failure", "stopped"})


async def first_chunk(
    chunks: AsyncIterator[bytes], *, headers: Mapping[str, str], media_type: str, status: int = 200
) -> Response:
    """A streamed answer whose first chunk is read before the status goes out, so that errors still can."""
    source = chunks.__aiter__()
    try:
        first = await anext(source)
    except StopAsyncIteration:
        first = b""

    async def body() -> AsyncIterator[bytes]:
        yield first
        async for chunk in source:
            yield chunk

    return StreamingResponse(body(), status_code=status, headers=dict(headers), media_type=media_type)


def sse_response(events: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(
        events,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _event(name: str, row: RunRow) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), row.to_json())


def row_of(run: RunRow) -> RunRow:
    """The row of a run, without steps where it has them."""
    if not isinstance(run, RunView):
        return run
    return RunRow.model_construct(**{name: getattr(run, name) for name in RunRow.model_fields})


async def unless_closing(work: Coroutine[Any, Any, T], closing: asyncio.Event) -> T | None:
    """What `work` gives, or None as soon as the server is told to end."""
    doing = asyncio.ensure_future(work)
    ending = asyncio.ensure_future(closing.wait())
    try:
        await asyncio.wait({doing, ending}, return_when=asyncio.FIRST_COMPLETED)
        return doing.result() if doing.done() else None
    finally:
        doing.cancel()
        ending.cancel()
        await asyncio.gather(doing, ending, return_exceptions=True)


async def event_stream(
    service: Services, run_id: str | None, closing: asyncio.Event, allowed: Allowed
) -> AsyncIterator[bytes]:
    """Rows as events; of one run also its present row first, and `end` last. Comments keep it alive.

    It ends when its caller is no longer `allowed`, which is asked before each event and every few seconds.
    """
    rows = service.runs.watch(run_id)
    ending = asyncio.ensure_future(closing.wait())
    coming = asyncio.ensure_future(_next(rows))
    try:
        # The subscription begins before the present row is read: no change falls between the two.
        await asyncio.sleep(0)
        if run_id is not None:
            row = row_of(await service.runs.get(run_id))
            yield _event("run", row)
            if row.status in ENDED:
                yield _event("end", row)
                return
        else:
            yield b": following\n\n"
        quiet_s = 0.0
        while True:
            await asyncio.wait({coming, ending}, timeout=ALLOWED_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
            if ending.done() or not await allowed():
                return
            if not coming.done():
                quiet_s += ALLOWED_EVERY_S
                if quiet_s >= HEARTBEAT_S:
                    quiet_s = 0.0
                    yield b": still here\n\n"
                continue
            changed = coming.result()
            if changed is None:
                return
            coming = asyncio.ensure_future(_next(rows))
            yield _event("run", row_of(changed))
            if run_id is not None and changed.status in ENDED:
                yield _event("end", row_of(changed))
                return
    finally:
        ending.cancel()
        coming.cancel()
        await asyncio.gather(ending, coming, return_exceptions=True)
        await rows.aclose()


async def _next(rows: AsyncIterator[RunRow]) -> RunRow | None:
    return await anext(rows, None)
