"""Bulk of a server, over its HTTP API."""

from __future__ import annotations

from redrive.client.transport import Transport
from redrive.service.bulk_views import BulkPlan, BulkRequest, BulkRun, BulkView
from redrive.service.views import Page


class HttpBulks:
    """Implements `redrive.service.interface.Bulks`."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def plan(self, request: BulkRequest) -> BulkPlan:
        return await self._to.post(BulkPlan, "bulks", "plan", body=request, patient=True)

    async def start(self, request: BulkRequest, *, idempotency_key: str | None = None) -> BulkView:
        return await self._to.post(BulkView, "bulks", body=request, key=idempotency_key, patient=True)

    async def get(self, bulk_id: str) -> BulkView:
        return await self._to.get(BulkView, "bulks", bulk_id)

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[BulkView]:
        return await self._to.get(Page[BulkView], "bulks", limit=limit, cursor=cursor)

    async def runs(self, bulk_id: str, *, limit: int = 100, cursor: str | None = None) -> Page[BulkRun]:
        return await self._to.get(Page[BulkRun], "bulks", bulk_id, "runs", limit=limit, cursor=cursor)

    async def pause(self, bulk_id: str) -> BulkView:
        return await self._to.post(BulkView, "bulks", bulk_id, "pause", body={})

    async def resume(self, bulk_id: str) -> BulkView:
        return await self._to.post(BulkView, "bulks", bulk_id, "resume", body={})

    async def cancel(self, bulk_id: str) -> BulkView:
        return await self._to.post(BulkView, "bulks", bulk_id, "cancel", body={})
