"""Connectors of a server, over its HTTP API."""

from __future__ import annotations

from redrive.client.transport import Transport
from redrive.service.connector_views import (
    ConnectorDetail,
    DescriptionImported,
    DescriptionRequest,
    TryRequest,
    TryView,
)


class HttpConnectors:
    """Implements `redrive.service.interface.Connectors`."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def show(self, name: str) -> ConnectorDetail:
        return await self._to.get(ConnectorDetail, "connectors", name)

    async def import_description(self, request: DescriptionRequest) -> DescriptionImported:
        return await self._to.post(DescriptionImported, "connectors", "imports", body=request, patient=True)

    async def try_endpoint(self, connection: str, request: TryRequest) -> TryView:
        return await self._to.post(TryView, "connections", connection, "tries", body=request, patient=True)
