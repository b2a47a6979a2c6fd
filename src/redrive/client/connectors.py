"""Connectors of a server, over its HTTP API."""

from __future__ import annotations

from redrive.client.transport import Transport
from redrive.service.connector_views import (
    ConnectionUse,
    ConnectorDetail,
    DescriptionImported,
    DescriptionRequest,
    TryRequest,
    TryView,
)
from redrive.service.reference_views import Removed
from redrive.service.views import Page


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

    async def uses(self, connection: str) -> Page[ConnectionUse]:
        return await self._to.get(Page[ConnectionUse], "connections", connection, "uses")

    async def delete(self, name: str) -> Removed:
        return self._to.read(Removed, await self._to.call("DELETE", ("connectors", name)))

    async def delete_connection(self, name: str) -> Removed:
        return self._to.read(Removed, await self._to.call("DELETE", ("connections", name)))
