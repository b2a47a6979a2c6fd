"""Every way in by which data of runs comes to people, walked by one who may do everything but reveal."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from redrive.server.app import openapi_document
from redrive.service.rights import RIGHTS
from redrive.settings import Settings
from tests.integration.server.serving import served_home

HUSH = "hush-ann@example.com"
OTHER = "hush-bob@example.com"
ORDERS = [{"id": 1, "email": HUSH, "total": 1.10}, {"id": 2, "email": OTHER, "total": 2}]
RULES = {"fields": {"fields": ["email"]}, "pattern": {"pattern": r"hush-\S*"}}

DOCUMENTS = """
connector: shop
base_url: "{{ connection.base_url }}"
endpoints:
  list:
    direction: receive
    request: {method: GET, path: /orders, query: {email: "{{ with.email }}"}}
    items: orders
  create:
    direction: send
    per: item
    request: {method: POST, path: /orders, body: "{{ item }}"}
---
connection: shop
connector: shop
settings: {base_url: "URL"}
---
flow: people
variables: {email: {type: string, default: ""}}
triggers:
  - callback: {open: true, idempotency: {header: Key}}
steps:
  - {id: know, shape: track, fields: {order: id, email: email}}
  - {id: mark, shape: set_variables, meta: {email: "{{ vars.email }}"}}
  - {id: once, shape: dedupe, on: email, pool: seen}
  - {id: keep, shape: add_to_cache, cache: people, entry: "{{ item.email }}"}
  - {id: keep-all, shape: add_to_cache, cache: whole, entry: all}
  - {id: tell, shape: notify, message: "email: {{ vars.email }} was seen", groups: [ops]}
  - {id: pull, shape: connector, connection: shop, endpoint: list, with: {email: "{{ vars.email }}"}}
  - {id: send, shape: connector, connection: shop, endpoint: create, key: email}
---
flow: forms
steps:
  - {id: csv, shape: convert, to: csv}
  - {id: json, shape: convert, to: json}
  - {id: xml, shape: convert, to: xml}
---
flow: asked
triggers:
  - callback: {open: true, idempotency: {header: Key}}
steps:
  - {id: reply, shape: callback, headers: {Email: "{{ meta.email }}"}, missing: empty}
"""

# Operation, path and query or body. `{…}` stands for what the run of the fixture has left.
WALK: list[tuple[str, str, str, Any]] = [
    ("list_runs", "GET", "/runs?brief=true", None),
    ("list_runs", "GET", "/runs?text=hush-ann", None),
    ("get_run", "GET", "/runs/{run}", None),
    ("follow", "GET", "/runs/{run}/events", None),
    ("wait", "GET", "/runs/{run}/wait", None),
    ("logs", "GET", "/runs/{run}/logs", None),
    ("exchanges", "GET", "/runs/{run}/exchanges", None),
    ("exchange_body", "GET", "/exchanges/{exchange}/request", None),
    ("exchange_body", "GET", "/exchanges/{exchange}/response", None),
    ("payloads", "GET", "/runs/{run}/steps/mark/payloads/out", None),
    ("payloads", "GET", "/runs/{run}/steps/send/payloads/failed", None),
    ("run_answer", "GET", "/runs/{answered}/answer", None),
    ("get_payload", "GET", "/payloads/{payload}", None),
    ("get_payload", "GET", "/payloads/{csv}", None),
    ("items", "GET", "/payloads/{payload}/items?start=1", None),
    ("items", "GET", "/payloads/{csv}/items?start=1", None),
    ("items", "GET", "/payloads/{xml}/items", None),
    ("window", "GET", "/payloads/{payload}/window?stop=2", None),
    ("window", "GET", "/payloads/{csv}/window?start=1", None),
    ("window", "GET", "/payloads/{xml}/window?item_bytes=30", None),
    ("content", "GET", "/payloads/{payload}/content", None),
    ("content", "GET", "/payloads/{xml}/content", None),
    ("content", "GET", "/payloads/{csv}/content?items=1:2", None),
    ("search", "GET", "/payloads/{payload}/search?text=hush-ann", None),
    ("search", "GET", "/payloads/{payload}/search?text=1.10", None),
    ("search", "GET", "/payloads/{csv}/search?text=1.1", None),
    ("compare", "GET", "/payloads/{payload}/diff?after={csv}", None),
    ("compare", "GET", "/payloads/{payload}/diff?after={upload}&key=email", None),
    ("selection", "GET", "/payloads/{payload}/selection?items=id%20%3D%201", None),
    ("way", "GET", "/payloads/{payload}/items/1/way", None),
    ("find", "GET", "/find?value=1", None),
    ("find", "GET", "/find?value=1.10&everywhere=true", None),
    ("list_deliveries", "GET", "/deliveries", None),
    ("get_delivery", "GET", "/deliveries/{delivery}", None),
    ("resolve", "POST", "/deliveries/{delivery}/resolve", {"sent": True, "reason": "seen"}),
    ("plan_retry", "POST", "/runs/{run}/retry/plan", {"from": "start"}),
    ("plan", "POST", "/runs/{run}/redrive/plan", {"at": "send"}),
    ("retry", "POST", "/runs/{run}/retry", {"from": "start", "confirm": True}),
    ("redrive", "POST", "/runs/{run}/redrive", {"at": "send", "confirm": True}),
    ("pin_run", "PUT", "/runs/{run}/pin", None),
    ("unpin_run", "DELETE", "/runs/{run}/pin", None),
    ("start", "POST", "/flows/forms/runs", {"payloads": ["{payload}"]}),
    ("queue", "GET", "/queue", None),
    ("circuits", "GET", "/circuits", None),
    ("overview", "GET", "/overview", None),
    ("insights", "GET", "/insights", None),
    ("list_notices", "GET", "/notices", None),
    ("send_notice", "POST", "/notices/{notice}/send", None),
    ("get_lookup", "GET", "/lookups/names", None),
    ("lookup_entries", "GET", "/lookups/names/entries", None),
    ("lookup_entries", "GET", "/lookups/names/entries?text=hush", None),
    ("find_in_lookup", "GET", "/lookups/names/find?value=Ann&direction=backward", None),
    ("export_lookup", "GET", "/lookups/names/export", None),
    ("get_pool", "GET", "/pools/seen", None),
    ("list_caches", "GET", "/caches", None),
    ("cache_pages", "GET", "/caches/whole/pages?entry=all", None),
    ("cache_content", "GET", "/caches/whole/content?entry=all", None),
    ("try_endpoint", "POST", "/connections/shop/tries", {"endpoint": "list", "with": {"email": HUSH}}),
    ("list_audit", "GET", "/audit?limit=200", None),
    ("get_flow", "GET", "/flows/people", None),
    ("start_form", "GET", "/flows/people/start-form", None),
    ("follow_all", "GET", "/runs/events", None),
]  # fmt: skip

# What is refused, because the answer would tell what is hidden; and what is not found.
REFUSED: list[tuple[str, str, str, Any]] = [
    ("selection", "GET", "/payloads/{payload}/selection?items=email%20%3D%20" + HUSH, None),
    ("plan", "POST", "/runs/{run}/redrive/plan", {"at": "send", "items": f"email = {HUSH}"}),
    ("redrive", "POST", "/runs/{run}/redrive", {"at": "send", "items": f"id = 1 and email = {HUSH}"}),
    ("start_document", "POST", "/runs",
     {"document": {"filename": "x.yaml", "text": "{document}"}, "payloads": ["{payload}"]}),
    ("find_in_lookup", "GET", f"/lookups/names/find?value={HUSH}", None),
    ("make_test", "POST", "/runs/{run}/test", {}),
    ("replay_run", "POST", "/runs/{run}/replay", {"version": "1"}),
    ("try_shape", "POST", "/trials", {"shape": "filter", "settings": {}, "payloads": ["{payload}"]}),
    ("try_endpoint", "POST", "/connections/shop/tries",
     {"endpoint": "create", "payload": "{payload}", "confirm": True}),
]  # fmt: skip
REFUSED_BY_FIELD: list[tuple[str, str, str, Any]] = [
    ("pool_entries", "GET", "/pools/seen/entries", None),
    ("export_pool", "GET", "/pools/seen/export", None),
    ("cache_entries", "GET", "/caches/people/entries", None),
]
NOT_FOUND = [
    ("find", "/find?value=" + HUSH),
    ("find", f"/find?value={HUSH}&limit=1&everywhere=true"),
    ("list_deliveries", f"/deliveries?key={HUSH}&limit=1"),
    ("list_runs", "/runs?text=hush-&limit=1"),
]

NO_CONTENT = {
    "documents, which builders write": {
        "check_documents", "import_documents", "list_flows", "list_versions", "export_flow", "export_bundle",
        "diff_flow", "restore_flow", "deploy", "change_flow", "delete_flow", "list_shapes", "get_shape",
        "schema", "list_connectors", "show_connector", "export_connector", "import_description",
        "delete_connector", "list_connections", "export_connection", "delete_connection", "uses",
        "authorize_connection", "complete_authorization", "list_triggers", "run_tests", "run_flow_tests",
    },
    "counts, names and times": {
        "retention_plan", "run_retention", "delete_runs", "list_backups", "list_erasures", "erase",
        "plan_erasure", "search_status", "rebuild_search", "list_lookups", "delete_lookup",
        "delete_lookup_entry", "clear_lookup", "import_lookup", "set_lookup_entry", "list_pools",
        "delete_pool", "add_to_pool", "remove_from_pool", "clear_pool", "import_pool", "get_cache",
        "delete_cache", "delete_cache_entry", "clear_cache", "list_groups", "get_group", "set_group",
        "delete_group", "test_group", "pauses", "pause", "resume", "reset", "move", "stop", "upload",
        "check_contents", "doctor", "health", "healthz", "readyz", "settings", "secrets_status",
        "rotate_secrets",
    },
    "people and their keys": {
        "me", "sign_in", "sign_out", "oidc_start", "oidc_callback", "list_sessions", "end_session",
        "change_password", "new_link", "list_accounts", "create_account", "get_account", "change_account",
        "delete_account", "list_tokens", "create_token", "revoke_token", "list_masks", "get_mask", "set_mask",
        "delete_mask",
    },
    "all of a home, for administrators": {"make_backup"},
}  # fmt: skip
"""Operations that give nothing of what flows move, and why."""

FORMS = "flow: people\nsteps:\n  - {id: out, shape: map, fields: [{to: x, from: email}]}\n"


class Shop:
    """A system whose answers hold what rules hide."""

    def __init__(self) -> None:
        self.app = web.Application()
        self.app.router.add_get("/orders", self.list)
        self.app.router.add_post("/orders", self.create)

    async def list(self, request: web.Request) -> web.Response:
        return web.json_response({"orders": ORDERS}, headers={"Email": HUSH})

    async def create(self, request: web.Request) -> web.Response:
        item = await request.json()
        status = 422 if item["id"] == 2 else 201
        return web.json_response({"email": item["email"], "error": f"no {item['id']}"}, status=status)


class Walk:
    """A home in which everything holds what is hidden, and one who must not see it."""

    def __init__(self, http: httpx.AsyncClient, known: dict[str, str], rules: str) -> None:
        self.http, self.known, self.rules = http, known, rules

    async def call(self, method: str, path: str, body: Any) -> httpx.Response:
        text = json.dumps(body)
        for name, value in self.known.items():
            path = path.replace("{" + name + "}", value)
            text = text.replace("{" + name + "}", json.dumps(value)[1:-1])
        sent = None if body is None else json.loads(text)
        if not path.endswith("/runs/events"):
            return await self.http.request(method, path, json=sent)
        async with self.http.stream(method, path) as answer:  # never ends: what is pushed at a change
            start = await self.http.post("/flows/people/runs", json={"variables": {"email": HUSH}})
            assert start.status_code == 201
            seen = b""
            async for piece in answer.aiter_bytes():
                seen += piece
                if start.json()["id"].encode() in seen:
                    break
            return httpx.Response(answer.status_code, content=seen, request=answer.request)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=list(RULES))
async def walk(request, tmp_path_factory):
    home = tmp_path_factory.mktemp("masked")
    async with TestServer(Shop().app) as shop, served_home(home, Settings()) as address:
        told = json.loads((home / "server.json").read_text())
        base = f"{address.url}/api/v1"
        headers = {"Authorization": f"Bearer {told['token']}"}
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30) as root:
            known, token = await _prepared(root, str(shop.make_url("")).rstrip("/"), RULES[request.param])
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30) as http:
            yield Walk(http, known, request.param)


async def _prepared(root: httpx.AsyncClient, shop: str, rule: Any) -> tuple[dict[str, str], str]:
    async def asked(method: str, path: str, **more: Any) -> Any:
        answer = await root.request(method, path, **more)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def ran(flow: str, **start: Any) -> Any:
        run = await asked("POST", f"/flows/{flow}/runs", json=start)
        row = await asked("GET", f"/runs/{run['id']}/wait", params={"timeout_s": 30})
        assert row["finished_at"], row
        return await asked("GET", f"/runs/{run['id']}")

    await asked("PUT", "/groups/ops", json={"urls": [{"env": "NOBODY_HAS_THIS"}]})
    documents = [{"filename": "all.yaml", "text": DOCUMENTS.replace("URL", shop)}]
    await asked("POST", "/imports", json={"documents": documents, "deploy": True})
    table = f"email,name\n{HUSH},Ann\n{OTHER},Bob\n"
    await asked("POST", "/lookups/names/import", content=table, params={"header": "yes"})
    data = await asked(
        "POST", "/uploads", content=json.dumps(ORDERS), params={"media_type": "application/json"}
    )
    run = await ran("people", variables={"email": HUSH}, payloads=[data["id"]])
    forms = await ran("forms", payloads=[data["id"]])
    reply = await root.post(
        str(root.base_url).replace("/api/v1/", "/hooks/asked"), json=ORDERS, headers={"Key": "1"}
    )
    steps = {step["step"]: step for one in (run, forms) for step in one["steps"]}
    exchanges = (await asked("GET", f"/runs/{run['id']}/exchanges", params={"step": "send"}))["items"]
    known = {
        "run": run["id"],
        "answered": reply.headers["redrive-run"],
        "exchange": exchanges[0]["id"],
        "delivery": (await asked("GET", "/deliveries"))["items"][0]["id"],
        "notice": (await asked("GET", "/notices"))["items"][0]["id"],
        "payload": steps["mark"]["payloads_out"][0]["id"],
        "csv": steps["csv"]["payloads_out"][0]["id"],
        "xml": steps["xml"]["payloads_out"][0]["id"],
        "upload": data["id"],
        "document": FORMS,
    }
    # Without a rule all of it is there to be seen: the walk would notice.
    for path in ("/runs/{run}", "/runs/{run}/logs", "/payloads/{payload}", "/notices", "/deliveries"):
        seen = await root.get(path.format(**known))
        assert "hush-" in seen.text, path
    await asked("PUT", "/masks/private", json=rule)
    scopes = sorted(set(RIGHTS) - {"reveal"})
    made = await asked("POST", "/tokens", json={"name": "walker", "scopes": scopes, "days": 1})
    return known, made["token"]


def test_every_operation_is_walked_or_gives_no_content():
    document = openapi_document()
    there = {one["operationId"] for path in document["paths"].values() for one in path.values()}
    walked = {name for name, *_ in (*WALK, *REFUSED, *REFUSED_BY_FIELD)}
    excused = set().union(*NO_CONTENT.values())
    assert there - walked - excused == set(), "walk these, or say why they give nothing that rules hide"
    assert walked & excused == set()
    assert (walked | excused) - there == set()


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("name", "method", "path", "body"), WALK, ids=[f"{one[0]} {one[2]}" for one in WALK])
async def test_what_is_hidden_is_not_told(walk, name, method, path, body):
    answer = await walk.call(method, path, body)
    assert answer.status_code < 400 or answer.json()["code"] in {"delivery.not_open", "notice.not_failed"}
    told = answer.text + str(answer.headers)
    assert "hush" not in told.lower().replace("text=hush", ""), told


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("name", "method", "path", "body"), [*REFUSED, *REFUSED_BY_FIELD])
async def test_what_would_tell_it_is_refused(walk, name, method, path, body):
    answer = await walk.call(method, path, body)
    if walk.rules == "pattern" and name in {one[0] for one in REFUSED_BY_FIELD}:
        assert answer.status_code == 200
        assert "hush" not in answer.text
        return
    assert (answer.status_code, answer.json()["code"]) == (403, "payload.masked"), answer.text


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("name", "path"), NOT_FOUND)
async def test_a_guess_is_not_confirmed(walk, name, path):
    right, wrong = (
        await walk.call("GET", path, None),
        await walk.call("GET", path.replace("hush", "hash"), None),
    )
    assert right.json() == wrong.json()
    assert right.json()["items"] == []


@pytest.mark.asyncio(loop_scope="module")
async def test_rules_of_one_flow_are_not_left_behind_in_another(walk):
    await walk.http.put("/masks/own", json={"fields": ["total"], "flow": "people"})
    start = {"payloads": ["{payload}"]}
    elsewhere = await walk.call("POST", "/flows/forms/runs", start)
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "payload.masked")
    assert (await walk.call("POST", "/flows/people/runs", start)).status_code == 201
    assert (await walk.http.delete("/masks/own")).status_code == 200


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_not_hidden_is_there(walk):
    """Items are searched, chosen and compared as they are shown."""
    page = (await walk.call("GET", "/payloads/{payload}/search?text=TOTAL", None)).json()
    assert [(hit["item"], hit["text"]) for hit in page["hits"]] == [(0, "total"), (1, "total")]
    assert page["next"] is None
    one = (await walk.call("GET", "/payloads/{payload}/search?text=total&limit=1", None)).json()
    assert len(one["hits"]) == 1
    rest = (
        await walk.call("GET", f"/payloads/{{payload}}/search?text=total&start={one['next']}", None)
    ).json()
    assert [hit["item"] for hit in rest["hits"]] == [1]
    picked = (await walk.call("GET", "/payloads/{payload}/selection?items=id%20%3D%202", None)).json()
    assert picked["ranges"] == [[1, 2]]
    guess = json.dumps([ORDERS[0] | {"email": "hush-eve@example.com"}, ORDERS[1]])
    upload = (
        await walk.http.post("/uploads", content=guess, params={"media_type": "application/json"})
    ).json()
    diff = (await walk.call("GET", f"/payloads/{{upload}}/diff?after={upload['id']}", None)).json()
    assert (diff["same"], diff["equal"], diff["differences"]) == (True, 2, [])
    plan = await walk.call("POST", "/runs/{run}/redrive/plan", {"at": "send", "items": "id = 1"})
    assert plan.status_code == 200
