from __future__ import annotations

import json
from decimal import Decimal

import pytest

from redrive.server.app import openapi_document
from tests.unit.server.recording import CONTENT, DIGEST, row


async def test_a_run_keeps_the_digits_of_its_variables(api):
    answer = await api.get("/api/v1/runs/r1")
    assert b'"rate":1.10' in answer.content
    run = answer.json()
    assert run["queued_at"] == "2026-11-20T09:15:02Z"
    assert run["steps"][1]["error"]["code"] == "remote.rejected"
    assert run["steps"][1]["payloads_in_next"] is None


async def test_numbers_of_a_body_keep_their_digits(api, service):
    body = b'{"variables": {"price": 19.90, "big": 123456789012345678901234567890}, "skips": ["send"]}'
    headers = {"Idempotency-Key": "k1", "Content-Type": "application/json"}
    answer = await api.post("/api/v1/flows/orders/runs", content=body, headers=headers)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/runs/{answer.json()['id']}"
    (flow, request), kwargs = service.asked("runs.start")
    assert flow == "orders"
    assert str(request.variables["price"]) == "19.90"
    assert isinstance(request.variables["price"], Decimal)
    assert request.variables["big"] == 123456789012345678901234567890
    assert kwargs == {"trigger": "api", "idempotency_key": "k1"}


async def test_each_start_takes_an_idempotency_key(api, service):
    headers = {"Idempotency-Key": "k2"}
    document = {"document": {"filename": "f.yaml", "text": "flow: f"}, "skips": ["a"]}
    for path, body, called in (
        ("/api/v1/runs", document, "runs.start_document"),
        ("/api/v1/runs/r1/retry", {"from": "start"}, "redrives.retry"),
        ("/api/v1/runs/r1/redrive", {"at": "send"}, "redrives.redrive"),
    ):
        assert (await api.post(path, json=body, headers=headers)).status_code == 201
        assert service.asked(called)[1]["idempotency_key"] == "k2"
    assert service.asked("runs.start_document")[0][2].skips == ["a"]
    assert service.asked("redrives.retry")[0][1].from_ == "start"


async def test_starts_list_their_key_in_the_reference():
    paths = openapi_document()["paths"]
    for path in ("/flows/{name}/runs", "/runs", "/runs/{run_id}/retry", "/runs/{run_id}/redrive"):
        names = [one["name"] for one in paths[f"/api/v1{path}"]["post"]["parameters"]]
        assert "Idempotency-Key" in names


async def test_every_route_is_documented():
    for path, methods in openapi_document()["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], path
            if path not in {"/healthz", "/readyz"}:
                assert "401" in operation["responses"], path
                problem = operation["responses"]["401"]["content"]["application/problem+json"]
                assert problem["schema"]["$ref"].endswith("ProblemDetails")
            good = [status for status in operation["responses"] if status[0] in "23"]
            assert good, (method, path)


async def test_pages_are_walked_by_cursor(api):
    first = (await api.get("/api/v1/runs?limit=2")).json()
    assert len(first["items"]) == 2
    second = (await api.get("/api/v1/runs", params={"limit": 2, "cursor": first["next"]})).json()
    assert len(second["items"]) == 1
    assert second["next"] is None


async def test_filters_of_the_run_log_reach_the_service(api, service):
    query = {
        "status": "failure",
        "flow": "orders",
        "trigger": "manual",
        "since": "2026-11-20T10:00:00+01:00",
        "text": "postcode",
        "version": 3,
        "warnings": "true",
    }
    assert (await api.get("/api/v1/runs", params=query)).status_code == 200
    asked = service.asked("runs.list")[1]
    assert asked["since"].isoformat() == "2026-11-20T10:00:00+01:00"
    assert asked["warnings"] is True
    assert asked["version"] == 3


async def test_etags_of_runs_flows_and_payloads(api):
    for path in ("/api/v1/runs/r1", "/api/v1/flows/orders", "/api/v1/payloads/p1"):
        answer = await api.get(path)
        tag = answer.headers["etag"]
        again = await api.get(path, headers={"If-None-Match": f'W/"other", {tag}'})
        assert again.status_code == 304
        assert again.content == b""
        assert (await api.get(path, headers={"If-None-Match": '"other"'})).status_code == 200


async def test_the_exact_bytes_of_a_payload(api):
    answer = await api.get("/api/v1/payloads/p1/content")
    assert answer.content == CONTENT
    assert answer.headers["etag"] == f'"{DIGEST}"'
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == "attachment"
    head = await api.head("/api/v1/payloads/p1/content")
    assert head.status_code == 200
    assert head.headers["content-length"] == str(len(CONTENT))
    assert head.content == b""
    same = await api.get("/api/v1/payloads/p1/content", headers={"If-None-Match": f'"{DIGEST}"'})
    assert same.status_code == 304


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-9", slice(0, 10)),
        ("bytes=10-", slice(10, None)),
        ("bytes=-5", slice(-5, None)),
        ("bytes=5-99999", slice(5, None)),
    ],
)
async def test_ranges_of_bytes(api, asked, part):
    answer = await api.get("/api/v1/payloads/p1/content", headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == CONTENT[part]
    start, stop, _ = part.indices(len(CONTENT))
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(CONTENT)}"


@pytest.mark.parametrize("asked", ["bytes=0-1,3-4", "items=0-1", "bytes=9-3", "bytes=-", "nonsense"])
async def test_ranges_that_are_not_understood_give_the_whole(api, asked):
    answer = await api.get("/api/v1/payloads/p1/content", headers={"Range": asked})
    assert answer.status_code == 200
    assert answer.content == CONTENT


async def test_ranges_outside_the_content(api):
    for asked in ("bytes=5000-", "bytes=-0"):
        answer = await api.get("/api/v1/payloads/p1/content", headers={"Range": asked})
        assert answer.status_code == 416
        assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"
        assert answer.json()["code"] == "range.outside"


async def test_if_range_with_other_content_gives_the_whole(api):
    headers = {"Range": "bytes=0-3", "If-Range": '"older"'}
    assert (await api.get("/api/v1/payloads/p1/content", headers=headers)).status_code == 200
    headers["If-Range"] = f'"{DIGEST}"'
    assert (await api.get("/api/v1/payloads/p1/content", headers=headers)).status_code == 206


async def test_items_of_a_payload(api, service):
    answer = await api.get("/api/v1/payloads/p1/content?items=1:")
    assert answer.content.startswith(b'[{"id": 1043')
    assert (await api.get("/api/v1/payloads/p1/content?items=-1:")).content == b'[{"id": 1044}]'
    assert (await api.get("/api/v1/payloads/p1/content?items=x")).json()["code"] == "items.invalid"
    page = (await api.get("/api/v1/payloads/p1/items?start=1&stop=2")).json()
    assert json.loads(page["items"][0])["id"] == 1043
    await api.get("/api/v1/payloads/p1/items?start=5&stop=999999")
    assert service.asked("payloads.items")[0] == ("p1", 5, 1005)


async def test_uploads_are_streamed_with_their_facts(api, service):
    async def chunks():
        yield b"id;name\n"
        yield b"1;a\n"

    query = {"media_type": "text/csv", "filename": "a.csv", "like": "p1"}
    answer = await api.post("/api/v1/uploads", params=query, content=chunks())
    assert answer.status_code == 201
    assert answer.json()["id"] == "u1"
    args, kwargs = service.asked("payloads.upload")
    assert args == (b"id;name\n1;a\n",)
    assert kwargs == {"media_type": "text/csv", "items_path": None, "filename": "a.csv", "like": "p1"}


async def test_bodies_of_exchanges(api):
    answer = await api.get("/api/v1/exchanges/x1/response")
    assert answer.content == b"body of response"
    assert answer.headers["content-type"] == "application/octet-stream"


async def test_a_plan_starts_nothing_and_a_start_may_need_a_confirmation(api, service):
    plan = (await api.post("/api/v1/runs/r2/redrive/plan", json={"after": "send"})).json()
    assert plan["confirm"]
    assert plan["steps"][0]["delivered"] == 40
    refused = await api.post("/api/v1/runs/r2/redrive", json={"after": "send"})
    assert refused.status_code == 409
    assert refused.json()["code"] == "confirmation.needed"
    assert (
        await api.post("/api/v1/runs/r2/redrive", json={"after": "send", "confirm": True})
    ).status_code == 201
    assert (await api.post("/api/v1/runs/r1/retry/plan", json={})).json()["source_run"] == "r1"


async def test_flows_and_documents(api, service):
    assert (await api.get("/api/v1/flows")).json()["items"][0]["name"] == "orders"
    assert (
        await api.get("/api/v1/flows/orders/document")
    ).content == b"flow: orders  # as it was\r\nsteps: []\n"
    assert (await api.get("/api/v1/flows/orders/versions")).json()["items"][0]["number"] == 3
    assert (await api.patch("/api/v1/flows/orders", json={"enabled": False})).json()["enabled"] is False
    assert (await api.post("/api/v1/flows/orders/deploy", json={"version": 2})).json()["number"] == 2
    assert (await api.delete("/api/v1/flows/orders")).status_code == 204
    body = {"documents": [{"filename": "f.yaml", "text": "flow: ö"}], "deploy": True, "rename": {"a": "b"}}
    assert (await api.post("/api/v1/imports", json=body)).json()["items"][0]["result"] == "created"
    args, kwargs = service.asked("flows.import_documents")
    assert args == ([("f.yaml", "flow: ö".encode())],)
    assert kwargs == {"deploy": True, "rename": {"a": "b"}, "note": None, "based_on": {}}
    checked = (await api.post("/api/v1/checks", json={"documents": body["documents"]})).json()
    assert checked["problems"] == []
    assert (await api.get("/api/v1/schemas/flow")).json()["title"] == "flow"
    assert (await api.get("/api/v1/schemas/other")).status_code == 422
    assert (await api.get("/api/v1/connectors")).json()["items"][0]["name"] == "shop"
    assert (await api.get("/api/v1/connectors/shop/document")).content == b"connector: shop\n"
    assert (await api.get("/api/v1/connections/shop-live/document")).content == b"connection: shop-live\n"
    assert (await api.get("/api/v1/connections")).json()["items"][0]["secrets"] == {"token": "env:SHOP_TOKEN"}


async def test_the_other_nouns(api, service):
    assert (await api.get("/api/v1/find?value=1042&field=id")).json()["items"][0]["item"] == 0
    assert service.asked("search.find")[1]["everywhere"] is False
    await api.get("/api/v1/find?value=1042&everywhere=true")
    assert service.asked("search.find")[1]["everywhere"] is True
    assert (await api.get("/api/v1/search/status")).json()["state"] == "behind"
    assert (await api.post("/api/v1/search/rebuild")).json()["waiting_payloads"] == 21
    assert service.asked("search.rebuild")
    assert (await api.get("/api/v1/deliveries?status=unknown&key=1042")).json()["items"][0]["id"] == "d1"
    assert (await api.get("/api/v1/deliveries/d1")).json()["history"][0]["status"] == "begun"
    resolved = await api.post("/api/v1/deliveries/d1/resolve", json={"sent": False, "reason": "asked them"})
    assert resolved.json()["status"] == "rejected"
    assert (await api.post("/api/v1/tokens", json={"name": "ci", "days": 9})).json()["token"] == "rd_secret"
    assert "token" not in (await api.get("/api/v1/tokens")).json()["items"][0]
    assert (await api.delete("/api/v1/tokens/t1")).status_code == 204
    assert (await api.get("/api/v1/queue")).json()["items"][0]["reason"] == "overlap: r8 runs"
    assert (await api.get("/api/v1/health")).json()["ready"] is True
    assert (await api.get("/api/v1/doctor")).json()["items"][0]["ok"] is True
    assert (await api.get("/api/v1/settings")).json()["items"][0]["value"] == 8765
    assert (await api.get("/api/v1/runs/r1/logs?step=send")).json()["items"][0]["step"] == "send"
    assert (await api.get("/api/v1/runs/r1/exchanges")).json()["items"][0]["status"] == 422
    assert (await api.get("/api/v1/runs/r1/steps/send/payloads/out")).json()["items"][0]["id"] == "p1"
    assert (await api.post("/api/v1/runs/r3/stop", json={"force": True})).json()["status"] == "stopped"
    assert (await api.post("/api/v1/runs/r1/stop", json={})).json()["code"] == "run.ended"
    assert (await api.get("/api/v1/runs/r1/wait?timeout_s=1")).json()["status"] == "failure"


async def test_probes_are_open_and_ready_tells_of_the_runner(stranger, service):
    assert (await stranger.get("/healthz")).json()["status"] == "ok"
    assert (await stranger.get("/readyz")).status_code == 200
    service.runner = False
    assert (await stranger.get("/readyz")).status_code == 503


async def test_the_reference_loads_nothing_and_calls_nothing(api):
    page = await api.get("/api/v1/docs")
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "http://" not in page.text.replace("http://127.0.0.1:8765", "")
    assert "/api/v1/runs/{run_id}/redrive" in page.text
    assert (await api.get("/api/v1/openapi.json")).json()["info"]["title"] == "Redrive"


async def test_events_of_a_run_begin_with_its_present_row_and_end_with_it(api, service):
    service.rows["r3"] = row("r3", status="running")
    service.changes = [row("r3", status="running", warnings=1), row("r3", status="success")]
    answer = await api.get("/api/v1/runs/r3/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [part.split("\n") for part in answer.text.strip().split("\n\n")]
    assert [lines[0] for lines in events] == ["event: run", "event: run", "event: run", "event: end"]
    rows = [json.loads(lines[1].removeprefix("data: ")) for lines in events]
    assert [one["status"] for one in rows] == ["running", "running", "success", "success"]
    assert "steps" not in rows[0]
    assert (await api.get("/api/v1/runs/none/events")).status_code == 404


async def test_events_of_an_ended_run_end_at_once_and_all_runs_are_followed(api, service):
    assert (await api.get("/api/v1/runs/r1/events")).text.count("event: ") == 2
    service.changes = [row("r7", status="running")]
    assert '"id":"r7"' in (await api.get("/api/v1/runs/events")).text


async def test_versions_are_compared_restored_and_exported_whole(api, service):
    assert (await api.get("/api/v1/flows/orders/diff?before=2")).json()["steps"][0]["step"] == "paid"
    assert service.asked("flows.diff") == (("orders",), {"before": "2", "after": None})
    body = {"version": 2, "note": "why"}
    assert (await api.post("/api/v1/flows/orders/restore", json=body)).json()["kept"] == 5
    assert (await api.get("/api/v1/flows/orders/bundle")).json()["needs"]
    assert (await api.get("/api/v1/shapes")).json()["items"][0]["shape"] == "filter"
    assert (await api.get("/api/v1/shapes/none")).status_code == 404


async def test_tests_replays_and_trials(api, service):
    body = {
        "documents": [{"filename": "f.yaml", "text": "flow: a"}],
        "files": [{"name": "page.json", "base64": "WzFd"}],
        "only": ["t"],
    }
    assert (await api.post("/api/v1/tests", json=body)).json()["passed"] == 1
    assert service.asked("tests.run")[1] == {"files": {"page.json": b"[1]"}, "only": ["t"]}
    assert (
        await api.post("/api/v1/tests", json={**body, "files": [{"name": "x", "base64": "?"}]})
    ).status_code == 422
    assert (await api.post("/api/v1/flows/orders/tests", json={})).json()["failed"] == 0
    assert (await api.post("/api/v1/runs/r1/test", json={"name": "one"})).json()["test"] == "one"
    assert (await api.post("/api/v1/runs/r1/replay", json={})).json()["same"] is True
    assert (await api.post("/api/v1/runs/none/replay", json={})).status_code == 404
    trial = {"shape": "filter", "settings": {"keep": {"field": "total", "is": 1.10}}, "payloads": ["p1"]}
    exact = json.dumps(trial).replace("1.1}", "1.10}").encode()
    headers = {"Content-Type": "application/json"}
    assert (await api.post("/api/v1/trials", content=exact, headers=headers)).json()["status"] == "success"
    (request,) = service.asked("tests.trial")[0]
    assert str(request.settings["keep"]["is"]) == "1.10"
    assert (await api.post("/api/v1/trials", json={"form": "filter"})).status_code == 422
