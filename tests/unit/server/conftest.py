from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from redrive.server.app import create_app
from redrive.server.auth import Access
from tests.unit.server.recording import FixedSettings, RecordingService

BASE = "http://127.0.0.1:8765"


@pytest.fixture
def service() -> RecordingService:
    return RecordingService()


@pytest.fixture
def access(service: RecordingService) -> Access:
    return Access("local-token", service)


@pytest.fixture
def app(service: RecordingService, access: Access):
    return create_app(service, FixedSettings(), access=access)


@pytest.fixture
async def stranger(app) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        yield client


@pytest.fixture
async def api(app) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    headers = {"Authorization": "Bearer local-token"}
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as client:
        yield client
