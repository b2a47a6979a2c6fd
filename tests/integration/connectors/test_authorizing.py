"""A person agrees that a connection may be used: on a home, over the command, tokens sealed."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import aiohttp
import pytest

import redrive
from redrive.errors import NotFound, StateConflict, UsageError
from redrive.service.app import open_service
from redrive.service.views import StartRequest
from redrive.settings import Settings
from redrive.store.opening import DATABASE
from tests.integration.connectors.bench import served
from tests.integration.connectors.oauth_servers import CLIENT, SECRET, OAuth2Site

CONNECTOR = """
connector: shop
base_url: "{{ connection.base_url }}"
authentication:
  method: oauth2_authorization_code
  authorize_url: "{{ connection.base_url }}/authorize"
  token_url: "{{ connection.base_url }}/token"
  client_id: "{{ connection.client_id }}"
  client_secret: "{{ connection.client_secret }}"
endpoints:
  list-orders: {direction: receive, request: {path: /orders}, items: orders, paginate: {by: page_number}}
---
connector: open
base_url: http://127.0.0.1:9
endpoints:
  list: {direction: receive, request: {path: /}}
---
connection: nobody
connector: open
"""
FLOW = """
flow: pull
steps:
  - {id: pull, shape: connector, connection: shop, endpoint: list-orders}
"""


def documents(url: str) -> bytes:
    connection = f"""
---
connection: shop
connector: shop
settings: {{base_url: "{url}", client_id: "{CLIENT}"}}
secrets: {{client_secret: "{SECRET}"}}
---{FLOW}"""
    return (CONNECTOR + connection).encode()


async def agree(url: str) -> str:
    """What the page leads back to when a person agrees."""
    async with aiohttp.ClientSession() as browser, browser.get(url, allow_redirects=False) as page:
        return page.headers["Location"]


async def test_tokens_are_kept_sealed_and_serve_the_next_process(tmp_path):
    server = OAuth2Site()
    async with served(server) as site:
        async with open_service(tmp_path, Settings(), serve=True) as service:
            await service.flows.import_documents([("d.yaml", documents(site.url))], deploy=True)
            with pytest.raises(NotFound):
                await service.flows.authorize_connection("shops", "http://127.0.0.1:1/back")
            with pytest.raises(StateConflict, match="needs nobody's agreement"):
                await service.flows.authorize_connection("nobody", "http://127.0.0.1:1/back")
            with pytest.raises(UsageError):
                await service.flows.authorize_connection("shop", "javascript:alert(1)")
            begun = await service.flows.authorize_connection("shop", "http://127.0.0.1:1/back")
            back = await agree(begun.url)
            with pytest.raises(UsageError):
                await service.flows.complete_authorization("shop", "http://127.0.0.1:1/back")
        # Another process takes what came back, and yet another one runs the flow.
        async with open_service(tmp_path, Settings()) as service:
            assert (await service.flows.complete_authorization("shop", back)).authorized
        server.validator.access.clear()
        async with open_service(tmp_path, Settings(), serve=True) as service:
            run = await service.runs.start("pull", StartRequest())
            row = await service.runs.wait(run.id)
            assert row.status == "success", row
            exchanges = await service.runs.exchanges(run.id, "pull")
    assert server.validator.granted == ["authorization_code", "refresh_token"]
    assert [one.status for one in exchanges.items].count(401) == 1
    assert any(one.url.endswith("/token") for one in exchanges.items)
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith(DATABASE))
    for secret in (*server.validator.access, *server.validator.refresh, SECRET):
        assert secret.encode() not in kept


@pytest.mark.slow
async def test_the_command_prints_the_page_and_waits_until_the_browser_comes_back(tmp_path):
    source = str(Path(redrive.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": source, "REDRIVE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", "import sys; from redrive.cli.main import main; sys.exit(main())"]
    server = OAuth2Site()
    async with served(server) as site:
        async with open_service(tmp_path, Settings()) as service:
            await service.flows.import_documents([("d.yaml", documents(site.url))])
        process = await asyncio.create_subprocess_exec(
            *command,
            *("connections", "authorize", "shop", "--port", "0"),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        page = b""
        while not (found := re.search(rb"(http://\S+/authorize\S+)\s", page)):
            line = await asyncio.wait_for(process.stderr.readline(), 30)
            assert line, page
            page += line
        back = await agree(found.group(1).decode())
        async with aiohttp.ClientSession() as browser, browser.get(back) as answer:
            assert answer.status == 200
        out, _ = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, out) == (0, b"Connection shop is authorized.\n")
