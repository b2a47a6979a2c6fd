"""Unknown, unreadable, edited and expired payloads."""

import json
import re

import pytest

from redrive.errors import NotFound, PayloadError, PayloadGone
from tests.acceptance.bad_input.store import change, held
from tests.acceptance.product import opened, step
from tests.acceptance.test_delivery_policies import FLOW, orders

SHAPES = {
    "filter": "keep: {field: id, is: 1}",
    "map": "fields: [{to: id, from: id}]",
    "flow_control": "size: 2",
    "split": "at: lines",
    "track": "fields: [id]",
}


async def unread(product, data, media_type):
    """An upload that nobody has looked into: only one like another payload is taken so."""
    model = await product.upload(b"" if media_type == "text/plain" else b"[]", media_type=media_type)
    return await product.upload(data, like=model)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"[{]", "application/json"),
        (b'[{"id": 1}', "application/json"),
        (b'[{"id": "SECRET"}]]', "application/json"),
        (b"SECRET", "text/plain"),
    ],
)
async def test_a_payload_that_is_not_what_a_shape_needs(product, shape, data, media_type):
    await product.load(f"flow: one\nsteps:\n  - {{id: it, shape: {shape}, {SHAPES[shape]}}}\n")
    run = await product.run("one", payloads=[await unread(product, data, media_type)])
    (it,) = run.steps
    if shape == "flow_control" and media_type == "text/plain":
        assert run.status == "success"  # one item, whatever it is
        return
    assert run.status == "failure"
    assert it.error.code == "payload.invalid"
    assert "SECRET" not in it.error.detail
    assert [one.items for one in it.failed_payloads] == [None] or it.failed_payloads
    # The input is kept whole and can be downloaded.
    assert await product.bytes(it.failed_payloads[0].id) == data


@pytest.fixture
async def failed(product, warehouse):
    await product.load(warehouse.documents, FLOW)
    warehouse.give(orders(1, 2))
    warehouse.refused = {"2"}
    run = await product.run("orders")
    assert run.status == "failure"
    warehouse.refused = set()
    return run


async def test_an_edit_that_does_not_parse_is_refused_unless_forced(product, warehouse, failed, home):
    stored = step(failed, "send").payloads_in[0].id
    edit = await product.upload(b'[{"id": 1}, {"id": SECRET}]', like=stored)
    before = held(home)
    with pytest.raises(PayloadError) as caught:
        await product.redrive(failed.id, at="send", edits={stored: edit})
    error = caught.value
    assert (error.code, error.at) == ("edit.invalid", stored)
    assert error.hint
    assert "SECRET" not in error.detail
    with pytest.raises(PayloadError):
        await product.plan(failed.id, at="send", edits={stored: edit})
    assert held(home) == before
    run = await product.redrive(
        failed.id, at="paid", edits={step(failed, "paid").payloads_in[0].id: edit}, force=True
    )
    assert run.status == "failure"
    assert step(run, "paid").error.code == "payload.invalid"
    assert len(warehouse.requests) == 1


def test_the_command_says_where_an_edit_is_broken(redrive, warehouse, tmp_path):
    documents = tmp_path / "documents.yaml"
    documents.write_text(warehouse.documents + "---" + FLOW)
    redrive.ok("import", str(documents), "--deploy")
    warehouse.give(orders(1))
    warehouse.refused = {"1"}
    run = redrive.json("run", "orders", code=1)
    payload = run["steps"][-1]["failed_payloads"][0]["id"]
    edit = tmp_path / "edit.json"
    edit.write_text('[{"id": 1},]')
    error = redrive.refused("redrive", run["id"], "--at", "send", "--edit", f"{payload}={edit}")
    assert error["code"] == "edit.invalid"
    assert payload in error["detail"]
    assert "--force" in error["hint"]
    unknown = redrive.refused("redrive", run["id"], "--at", "send", "--edit", f"p0000000000000={edit}")
    assert unknown["code"] == "payload.unknown"
    assert redrive.refused("payload", "p0000000000000")["code"] == "payload.unknown"
    assert redrive.refused("payload", payload, "--items", "x:y")["code"] == "items.invalid"
    assert redrive.refused("show", "r0000000000000")["code"] == "run.unknown"
    near = redrive.refused("show", run["id"], "--step", "sned")
    assert near["code"] == "step.unknown"
    assert "send" in near["hint"]


async def test_unknown_ids_are_problems_of_the_api(runner, api, problem, warehouse):
    await runner.load(warehouse.documents, FLOW)
    for path in ("/runs/r0000000000000", "/runs/nonsense", "/runs/r0000000000000/logs"):
        problem(await api.get(path), 404, "run.unknown")
    problem(await api.get("/payloads/p0000000000000"), 404, "payload.unknown")
    problem(await api.get("/payloads/p0000000000000/content"), 404, "payload.unknown")
    problem(await api.post("/runs/r0000000000000/redrive", json={"at": "x"}), 404, "run.unknown")
    problem(await api.post("/flows/none/runs", json={}), 404, "flow.unknown")
    body = problem(await api.post("/flows/orders/runs", json={"skips": ["paied"]}), 404, "step.unknown")
    assert "paid" in f"{body['detail']} {body['hint']}"
    problem(
        await api.post("/flows/orders/runs", json={"payloads": ["p0000000000000"]}), 404, "payload.unknown"
    )
    body = problem(await api.post("/flows/orders/runs", json={"skip": ["paid"]}), 422, "request.invalid")
    problem(await api.post("/flows/orders/runs", content=b"{"), 422, "request.invalid")


async def test_an_expired_payload(home, warehouse, redrive, problem):
    async with opened(home) as product:
        await product.load(warehouse.documents, FLOW)
        warehouse.give(orders(1, 2))
        warehouse.refused = {"2"}
        run = await product.run("orders")
        warehouse.refused = set()
    payload = step(run, "send").payloads_in[0].id
    change(home, "DELETE FROM contents")
    before = held(home)
    error = redrive.refused("payload", payload)
    assert error["code"] == "payload.expired"
    assert redrive.refused("redrive", run.id, "--at", "send")["code"] == "payload.expired"
    # What is told of a run needs no payload.
    assert redrive.ok("show", run.id, "--step", "send", "--logs", "--exchanges").text
    async with opened(home) as product:
        for call in (
            product.client.payloads.get(payload),
            product.bytes(payload),
            product.run("orders", payloads=[payload]),
            product.plan(run.id, at="send"),
            product.redrive(run.id, at="send"),
            product.redrive(run.id, at="send", items="id = 1"),
            product.retry(run.id),
        ):
            with pytest.raises(PayloadGone) as caught:
                await call
            assert caught.value.code == "payload.expired"
            assert caught.value.exit_code == 2
        assert held(home) == before
        # From the start nothing stored is needed.
        again = await product.retry(run.id, from_="start")
        assert again.status == "success"
    from redrive.service.app import open_service
    from redrive.settings import load
    from tests.acceptance.bad_input.conftest import api_of

    change(home, "DELETE FROM contents")
    async with open_service(home, load(options={"home": str(home)})) as service, api_of(service) as api:
        problem(await api.get(f"/payloads/{payload}"), 410, "payload.expired")
        problem(await api.get(f"/payloads/{payload}/content"), 410, "payload.expired")
        problem(await api.post(f"/runs/{run.id}/redrive", json={"at": "send"}), 410, "payload.expired")


async def test_a_payload_that_expires_while_its_run_waits(home, warehouse):
    async with opened(home) as product:
        await product.load(warehouse.documents, FLOW)
        upload = await product.upload(json.dumps(orders(1)).encode(), filename="a.json")
        from redrive.client.records import StartRequest

        row = await product.client.runs.start("orders", StartRequest(payloads=[upload], skips=["pull"]))
    change(home, "DELETE FROM contents")
    async with opened(home) as product:
        run = await product.ended(row)
        assert run.status == "failure"
        failed = next(one for one in run.steps if one.error)
        assert failed.error.code == "payload.expired"
        assert re.search("expired|no longer", failed.error.detail)
    assert warehouse.requests == []
    held(home)


async def test_a_bucket_that_was_never_there(product, warehouse, failed):
    with pytest.raises(NotFound) as caught:
        await product.client.runs.payloads(failed.id, "sned", "in")
    assert caught.value.code == "step.unknown"
