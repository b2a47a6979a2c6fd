"""Bad days of a whole home: what had come stays, the error says what to do, and a retry loses nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from redrive.service.app import open_service
from redrive.service.views import RetryRequest, StartRequest
from redrive.settings import Settings
from tests.integration.connectors.bench import Seen, reply, served

DOCUMENTS = """
connector: shop
base_url: "{{{{ connection.base_url }}}}"
authentication: {{method: bearer, token: "{{{{ connection.token }}}}"}}
endpoints:
  list:
    direction: receive
    request: {{path: /orders}}
    items: orders
    paginate: {{by: page_number, parameter: page}}
---
connection: shop
connector: shop
settings: {{base_url: "{url}"}}
secrets: {{token: {token}}}
---
flow: pull
steps:
  - {{id: take, shape: connector, connection: shop, endpoint: list}}
  - {{id: all, shape: flow_control, size: 100}}
"""


def documents(url: str, token: str) -> list[tuple[str, bytes]]:
    return [("d.yaml", DOCUMENTS.format(url=url, token=token).encode())]


async def items(service, run_id: str, step: str, side: str = "out") -> list[bytes]:
    page = await service.runs.payloads(run_id, step, side, limit=100, cursor=None)
    return [
        b"".join([chunk async for chunk in service.payloads.stream(payload.id)]) for payload in page.items
    ]


async def test_credentials_that_end_in_the_middle_of_a_pull_are_mended_and_nothing_is_lost(tmp_path):
    valid = {"old-token"}

    def answer(seen: Seen):
        if seen.headers["Authorization"].removeprefix("Bearer ") not in valid:
            return reply({"error": "expired"}, status=401)
        page = int(seen.query["page"])
        if page == 3 and "old-token" in valid:
            valid.clear()
            return reply({"error": "expired"}, status=401)
        return reply({"orders": [{"id": page}] if page < 5 else []})

    async with (
        served(answer) as site,
        open_service(tmp_path, Settings(retry_base_s=0.01), serve=True) as service,
    ):
        await service.flows.import_documents(documents(site.url, "old-token"), deploy=True)
        run = await service.runs.start("pull", StartRequest())
        failed = await service.runs.wait(run.id, 30)
        assert failed.status == "failure"
        (step, _) = (await service.runs.get(run.id)).steps
        assert step.error.code == "auth.failed"
        assert await items(service, run.id, "take") == [b'[{"id": 1}]', b'[{"id": 2}]']
        exchanges = (await service.runs.exchanges(run.id, "take", limit=100)).items
        assert [one.status for one in exchanges] == [200, 200, 401, 401]
        # With a new token the same step goes on.
        valid.add("new-token")
        await service.flows.import_documents(documents(site.url, "new-token"), deploy=True)
        again = await service.redrives.retry(run.id, RetryRequest())
        ended = await service.runs.wait(again.id, 30)
        assert ended.status == "success", ended.summary
        (merged,) = await items(service, again.id, "all")
        assert merged.replace(b" ", b"") == b'[{"id":1},{"id":2},{"id":3},{"id":4}]'


@pytest.mark.parametrize(
    "after",
    ["43200", format_datetime(datetime.now(UTC) + timedelta(days=10), usegmt=True)],
    ids=["s", "date"],
)
async def test_a_limit_that_resets_much_later_is_not_waited_for(tmp_path, after):
    def answer(_: Seen):
        return web.Response(status=429, headers={"Retry-After": after})

    async with served(answer) as site, open_service(tmp_path, Settings(), serve=True) as service:
        await service.flows.import_documents(documents(site.url, "token"), deploy=True)
        run = await service.runs.start("pull", StartRequest())
        ended = await service.runs.wait(run.id, 30)
        assert ended.status == "failure"
        (step, _) = (await service.runs.get(run.id)).steps
        exchanges = (await service.runs.exchanges(run.id, "take", limit=100)).items
    assert step.error.code == "remote.rate_limited"
    assert "it asks to wait until 20" in step.error.detail
    assert "max_retry_after_s" in step.error.hint
    assert datetime.now(UTC).year <= int(step.error.detail.rpartition("until ")[2][:4])
    assert [one.status for one in exchanges] == [429]
