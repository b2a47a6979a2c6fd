"""The demo shop and ERP, once for all tests here, forgetful between them; and a home of each test."""

from __future__ import annotations

import pytest

from redrive.demo.servers import DemoServers
from tests.acceptance.product import Command, opened, served
from tests.acceptance.warehouse import warehouse as open_warehouse


@pytest.fixture(scope="session")
def running_servers():
    with DemoServers() as servers:
        yield servers


@pytest.fixture
def servers(running_servers, monkeypatch):
    running_servers.shop.control(reset=True)
    running_servers.erp.control(reset=True)
    for name, value in running_servers.environment.items():
        monkeypatch.setenv(name, value)
    yield running_servers
    running_servers.erp.control(faults=[], release=True)
    running_servers.shop.control(faults=[], release=True)


@pytest.fixture(autouse=True)
def settings(monkeypatch):
    monkeypatch.setenv("REDRIVE_RETRY_BASE_S", "0.001")
    for name in ("REDRIVE_HOME", "REDRIVE_URL", "REDRIVE_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def redrive(home):
    return Command(home)


@pytest.fixture
async def product(home):
    async with opened(home) as product:
        yield product


@pytest.fixture
def warehouse():
    with open_warehouse() as server:
        yield server


@pytest.fixture
async def runner(home):
    async with served(home) as product:
        yield product


@pytest.fixture(autouse=True)
def every_store(store):
    """Each test here on both kinds of record store."""
