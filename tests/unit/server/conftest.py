from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.datastructures import State
from starlette.middleware import Middleware

from redrive.server.app import create_app
from redrive.server.auth import Access
from redrive.server.guard import Guard
from redrive.server.routes import hooks
from tests.unit.server.recording import FixedSettings, RecordingService

BASE = "http://127.0.0.1:8765"


@pytest.fixture
def service() -> RecordingService:
    return RecordingService()


@pytest.fixture
def access(service: RecordingService) -> Access:
    return Access("local-token", service)


@pytest.fixture(scope="session")
def routes():
    """Made once: it takes a quarter of a second."""
    return create_app(RecordingService(), FixedSettings())


@pytest.fixture
def app(routes, service: RecordingService, access: Access):
    """The application of a service of its own."""
    state = State()
    state.service, state.settings, state.access = service, FixedSettings(), access
    state.closing = asyncio.Event()
    state.hooks = Guard(hooks.HookEndpoint(), access=access)
    routes.state = state
    routes.user_middleware[:] = [Middleware(Guard, access=access)]
    routes.middleware_stack = None
    return routes


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
