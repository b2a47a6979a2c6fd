"""The verbs that look into payloads, on a home and through a server; where connections are used."""

from __future__ import annotations

import json

import pytest

from redrive.cli.main import main
from redrive.errors import RedriveError
from redrive.service.views import StartRequest
from tests.integration.server.test_groups import here
from tests.integration.server.test_references import served

DOCUMENTS = b"""
connector: shop
base_url: "{{ connection.base_url }}"
endpoints:
  list: {direction: receive, request: {method: GET, path: /orders}}
---
connection: shop
connector: shop
settings: {base_url: "http://127.0.0.1:9"}
---
flow: orders
variables: {shop: {type: string, default: uk, description: Which shop.}}
steps:
  - id: make
    shape: manual_payload
    payload: [{id: 1, total: 1.10}, {id: 2, total: 2.20}, {id: 3, total: 3.30}]
  - {id: keep, shape: filter, drop: {field: id, is: 2}}
  - {id: more, shape: map, fields: [{to: total, value: 9}]}
---
flow: pulls
steps:
  - {id: pull, shape: connector, connection: shop, endpoint: list}
"""


async def prepared(client):
    """Outputs of the steps, by their names."""
    await client.flows.import_documents([("all.yaml", DOCUMENTS)], deploy=True)
    row = await client.finish((await client.runs.start("orders", StartRequest())).id)
    assert row.status == "success"
    run = await client.runs.get(row.id)
    return run.id, {step.step: step.payloads_out[0].id for step in run.steps}


@pytest.fixture
async def home(tmp_path):
    async with here(tmp_path / "home") as client:
        run, payloads = await prepared(client)
    return tmp_path / "home", run, payloads


@pytest.mark.parametrize("opened", [here, served], ids=["home", "server"])
async def test_payloads_are_compared_searched_and_followed(tmp_path, opened):
    async with opened(tmp_path / "home") as client:
        _, out = await prepared(client)
        diff = await client.payloads.compare(out["make"], out["keep"])
        assert (diff.equal, diff.removed, diff.added, diff.changed, diff.key) == (2, 1, 0, 0, "id")
        assert [(one.kind, one.before, one.key) for one in diff.differences] == [("removed", 1, "2")]
        page = await client.payloads.search(out["make"], "2.20")
        assert [(hit.item, hit.text) for hit in page.hits] == [(1, "2.20")]
        picked = await client.payloads.pick(out["make"], "id in 2,3")
        assert (picked.count, picked.ranges) == (2, [[1, 3]])
        way = await client.payloads.way(out["more"], 1)
        assert [(one.step, one.item) for one in way.before] == [("make", 2), ("keep", 1)]
        form = await client.flows.start_form("orders")
        assert [(one.name, one.default) for one in form.variables] == [("shop", "uk")]
        assert [one.step for one in form.steps] == ["make", "keep", "more"]


@pytest.mark.parametrize("opened", [here, served], ids=["home", "server"])
async def test_what_is_used_is_not_deleted(tmp_path, opened):
    async with opened(tmp_path / "home") as client:
        await prepared(client)
        uses = await client.connectors.uses("shop")
        assert [(one.flow, one.steps) for one in uses.items] == [("pulls", ["pull"])] * len(uses.items)
        assert {one.version for one in uses.items} >= {1}
        for delete, code in (
            (client.connectors.delete_connection, "connection.used"),
            (client.connectors.delete, "connector.used"),
        ):
            with pytest.raises(RedriveError) as caught:
                await delete("shop")
            assert caught.value.code == code
        await client.flows.delete("pulls")
        assert (await client.connectors.uses("shop")).items == []
        assert (await client.connectors.delete_connection("shop")).removed == 1
        assert (await client.connectors.delete("shop")).removed == 1
        for asked, code in (
            (client.connectors.uses, "connection.unknown"),
            (client.connectors.delete_connection, "connection.unknown"),
            (client.connectors.delete, "connector.unknown"),
        ):
            with pytest.raises(RedriveError) as caught:
                await asked("shop")
            assert caught.value.code == code


def test_the_commands(home, capsys):
    folder, run, out = home

    def redrive(*words, code=0):
        assert main(["--home", str(folder), *words]) == code
        return capsys.readouterr()

    assert "1 removed" in redrive("compare", out["make"], out["keep"], code=1).err
    assert "The same bytes." in redrive("compare", out["make"], out["make"]).err
    assert json.loads(redrive("compare", out["make"], out["keep"], "--json", code=1).out)["removed"] == 1
    told = redrive("way", out["more"], "1").out
    assert [line.split()[2] for line in told.splitlines() if run in line] == ["make", "keep"]
    assert "made from no other" in redrive("way", out["make"], "1").err
    assert redrive("way", out["make"], "7", code=2).err.count("there is no item 7") == 1
    assert "2.20" in redrive("payload", out["make"], "--search", "2.20").out
    assert "stands nowhere" in redrive("payload", out["make"], "--search", "7.70").err
    found = json.loads(redrive("payload", out["make"], "--search", "total", "--limit", "2", "--json").out)
    assert [hit["item"] for hit in found["items"]] == [0, 1]
    assert found["next"] is not None
    chosen = redrive("payload", out["make"], "--choose", "id in 1,3")
    assert (chosen.out, chosen.err) == ("#0,2\n", "2 of 3 items\n")
    assert redrive("payload", out["make"], "--choose", "failed", "--at", "keep").err == "0 of 3 items\n"
    assert "exclude each other" in redrive("payload", "p1", "--search", "x", "--choose", "failed", code=2).err
    assert "Which shop." in redrive("flows", "form", "orders").out
    assert json.loads(redrive("flows", "form", "orders", "--json").out)["version"] == 1
    assert json.loads(redrive("wait", run, "--json").out)["status"] == "success"
    assert "there is no delivery" in redrive("deliveries", "d1", code=2).err
    assert "pulls" in redrive("connectors", "uses", "shop").out
