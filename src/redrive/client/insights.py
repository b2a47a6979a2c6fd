"""Insights of a server, over its HTTP API."""

from __future__ import annotations

from datetime import datetime

from redrive.client.transport import Transport
from redrive.service.insight_views import InsightsView
from redrive.service.insights import Width


class HttpInsights:
    """Implements `redrive.service.interface.Insights`."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def get(
        self, *, flow: str | None = None, since: datetime | None = None, bucket: Width | None = None
    ) -> InsightsView:
        return await self._to.get(InsightsView, "insights", flow=flow, since=since, bucket=bucket)
