"""An HTTP system that goes down in the middle: runs wait, pages and items go on where they were."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from redrive.service.app import open_service
from redrive.service.queue_views import PauseRequest
from redrive.service.views import StartRequest
from redrive.settings import load
from tests.integration.connectors.bench import reply, served

DOCUMENTS = """
connector: erp
base_url: "{{ connection.base_url }}"
endpoints:
  list:
    direction: receive
    request: {method: GET, path: /orders}
    items: orders
    paginate: {by: page_number, parameter: page}
  create:
    direction: send
    per: item
    key: id
    request: {method: POST, path: /orders, body: "{{ item }}"}
---
connection: erp
connector: erp
settings: {base_url: "URL"}
circuit: {failures: 2, wait: 0.05}
---
flow: pull
steps:
  - {id: pull, shape: connector, connection: erp, endpoint: list, retries: RETRIES}
---
flow: send
steps:
  - {id: make, shape: manual_payload, payload: [{id: 1}, {id: 2}, {id: 3}]}
  - {id: send, shape: connector, connection: erp, endpoint: create, retries: RETRIES}
"""
EXAMPLE = Path(__file__).parents[3] / "examples" / "limits"
QUICK = load(environment={"REDRIVE_RETRY_BASE_S": "0.001"})


class Erp:
    """Answers 503 from the request number `down` on, so many times."""

    def __init__(self, down: int, times: int, status: int = 503) -> None:
        self.down, self.times, self.status = down, times, status
        self.asked = 0
        self.booked: list[int] = []
        self.refused = asyncio.Event()

    def __call__(self, seen):
        self.asked += 1
        if self.down <= self.asked < self.down + self.times:
            self.refused.set()
            return reply({"error": "later"}, self.status)
        if seen.method == "POST":
            self.booked.append(seen.json["id"])
            return reply({})
        page = int(seen.query["page"])
        return reply({"orders": [{"id": page}] if page < 4 else []})


def documents(url: str, retries: int = 0) -> list[tuple[str, bytes]]:
    return [("d.yaml", DOCUMENTS.replace("URL", url).replace("RETRIES", str(retries)).encode())]


async def test_a_pull_goes_on_at_its_page_when_the_system_is_back(tmp_path):
    erp = Erp(down=3, times=4)
    async with served(erp) as site, open_service(tmp_path, QUICK, serve=True) as service:
        await service.flows.import_documents(documents(site.url, retries=1), deploy=True)
        run = await service.runs.wait((await service.runs.start("pull", StartRequest())).id, 20)
        view = await service.runs.get(run.id)
    assert run.status == "success"
    assert [seen.query["page"] for seen in site.seen] == ["1", "2", *["3"] * 5, "4"]
    assert len(view.steps[0].payloads_out) == 3


async def test_items_are_sent_once_and_only_those_before_the_circuit_fail(tmp_path):
    erp = Erp(down=1, times=5)
    async with served(erp) as site, open_service(tmp_path, QUICK, serve=True) as service:
        await service.flows.import_documents(documents(site.url, retries=2), deploy=True)
        run = await service.runs.wait((await service.runs.start("send", StartRequest())).id, 20)
        keys = {one.key: one.status for one in (await service.ledger.list()).items}
    assert (run.status, sorted(erp.booked)) == ("success", [1, 2, 3])
    assert keys == dict.fromkeys("123", "delivered")


@pytest.mark.parametrize("status", [500, 429, 409])
async def test_an_answer_of_another_kind_is_no_sign_that_it_is_down(tmp_path, status):
    erp = Erp(down=1, times=100, status=status)
    async with served(erp) as site, open_service(tmp_path, QUICK, serve=True) as service:
        await service.flows.import_documents(documents(site.url, retries=1), deploy=True)
        for _ in range(3):
            run = await service.runs.wait((await service.runs.start("pull", StartRequest())).id, 20)
            assert run.status == "failure"
        assert (await service.queue.circuits()).items == []


async def test_a_closed_port_opens_it_and_a_pause_of_the_connection_goes_first(tmp_path):
    async with served(Erp(down=0, times=0)) as site:
        url = site.url
    async with open_service(tmp_path, QUICK, serve=True) as service:
        await service.flows.import_documents(documents(url, retries=5), deploy=True)
        started = await service.runs.start("send", StartRequest())
        while not (await service.queue.circuits()).items:
            await asyncio.sleep(0.01)
        (circuit,) = (await service.queue.circuits()).items
        assert "cannot be reached" in circuit.error or "connection" in circuit.error
        await service.queue.pause(PauseRequest(kind="connection", name="erp"))
        while True:
            view = await service.runs.get(started.id)
            if view.steps[1].waits == {"paused": "connection erp"}:
                break
            await asyncio.sleep(0.01)
        await service.runs.stop(started.id)
        assert (await service.runs.wait(started.id, 20)).status == "stopped"


async def test_the_example_waits_while_its_system_is_down_and_while_it_is_paused(tmp_path):
    down = 7

    def erp(seen):
        return reply({}, 503 if len(site.seen) <= down else 200)

    connection = (EXAMPLE / "connection.yaml").read_text()
    flow = (EXAMPLE / "flow.yaml").read_bytes()
    async with served(erp) as site, open_service(tmp_path, QUICK, serve=True) as service:
        assert connection.count("http://127.0.0.1:9002") == connection.count("wait: 30s") == 1
        connection = connection.replace("http://127.0.0.1:9002", site.url).replace("wait: 30s", "wait: 0.05")
        documents = [("connection.yaml", connection.encode()), ("flow.yaml", flow)]
        await service.flows.import_documents(documents, deploy=True)
        first = (await service.runs.start("example-limits", StartRequest())).id
        assert (await service.runs.wait(first, 20)).status == "success"
        assert [seen.json for seen in site.seen] == [[{"sku": "A1", "left": 4}]] * (down + 1)
        assert (await service.queue.circuits()).items == []

        await service.queue.pause(PauseRequest(kind="flow", name="example-limits", reason="stock-taking"))
        held = (await service.runs.start("example-limits", StartRequest())).id
        (waiting,) = (await service.queue.list()).items
        assert (waiting.run, waiting.priority) == (held, "low")
        assert (waiting.kind, waiting.reason) == (
            "paused",
            "paused: flow example-limits is paused (stock-taking)",
        )
        await service.queue.resume("flow", "example-limits")
        assert (await service.runs.wait(held, 20)).status == "success"
        assert len(site.seen) == down + 1  # what was delivered is not sent again
