"""The queue of a server, over its HTTP API."""

from __future__ import annotations

from redrive.client.transport import Transport
from redrive.service.queue_views import (
    CircuitView,
    MoveRequest,
    PauseKind,
    PauseRequest,
    PauseView,
    QueueItem,
)
from redrive.service.reference_views import Removed
from redrive.service.views import Page


class HttpQueue:
    """Implements `redrive.service.interface.Queue`."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def list(self, *, limit: int = 100, cursor: str | None = None) -> Page[QueueItem]:
        return await self._to.get(Page[QueueItem], "queue", limit=limit, cursor=cursor)

    async def move(self, run_id: str, request: MoveRequest) -> QueueItem:
        return self._to.read(QueueItem, await self._to.call("PATCH", ("queue", run_id), body=request))

    async def pauses(self) -> Page[PauseView]:
        return await self._to.get(Page[PauseView], "pauses")

    async def pause(self, request: PauseRequest) -> PauseView:
        return await self._to.post(PauseView, "pauses", body=request)

    async def resume(self, kind: PauseKind, name: str = "") -> Removed:
        query = {"kind": kind, "name": name or None}
        return self._to.read(Removed, await self._to.call("DELETE", ("pauses",), query=query))

    async def circuits(self) -> Page[CircuitView]:
        return await self._to.get(Page[CircuitView], "circuits")

    async def reset(self, connection: str) -> Removed:
        return await self._to.post(Removed, "circuits", connection, "reset", body={})
