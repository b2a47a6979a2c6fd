"""The HTTP API on a home of its own, and what an answer that is a problem says."""

from __future__ import annotations

from contextlib import asynccontextmanager

import httpx
import pytest

from redrive.server.app import create_app
from redrive.server.auth import Access
from redrive.settings import Settings

TOKEN = "local-token"


@asynccontextmanager
async def api_of(service):
    app = create_app(service, Settings(), access=Access(TOKEN))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport,
        base_url="http://127.0.0.1:8765/api/v1",
        headers={"Authorization": f"Bearer {TOKEN}"},
    ) as client:
        yield client


@pytest.fixture
async def api(runner):
    async with api_of(runner.client) as client:
        yield client


@pytest.fixture
def problem():
    """Checks that an answer is a problem of this status and code, and gives it."""

    def check(answer, status, code):
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        body = answer.json()
        assert body["code"] == code
        assert body["status"] == status
        assert body["type"] == f"urn:redrive:problem:{code}"
        assert body["title"]
        assert body["detail"]
        assert body["request_id"]
        assert {"at", "hint"} <= body.keys()
        return body

    return check


@pytest.fixture(autouse=True)
def every_store():
    """Not on every one: these change the file of SQLite behind the product's back."""
