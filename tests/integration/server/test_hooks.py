"""Webhooks of a real home: who gets in, what is stored, what is answered."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import time
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from redrive.engine.clock import Clock
from redrive.server.app import create_app
from redrive.server.auth import Access
from redrive.service.app import open_service
from redrive.service.hooks import PRESSED_CALLS
from redrive.service.queue_views import PauseRequest
from redrive.service.views import RetryRequest, StartRequest
from redrive.settings import load
from redrive.store.flows import get_flow
from tests.unit.server.recording import FixedSettings

BASE = "http://hooks.example.com"  # a tunnel's name: hooks take any
FLOW = """
flow: intake
triggers:
  - webhook: {{{settings}}}
steps:
  - {{id: take, shape: flow_control, size: 1000}}
"""


class Hand(Clock):
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = 1_800_000_000_000_000

    def micros(self) -> int:
        return self.at


class World:
    """A home, its server, and what stands in its run log."""

    def __init__(self, service, clock) -> None:
        self.service = service
        self.clock = clock
        app = create_app(service, FixedSettings(), access=Access("local", service))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url=BASE)

    async def deploy(self, settings: str, *, deploy: bool = True) -> None:
        text = FLOW.format(settings=settings).encode()
        await self.service.flows.import_documents([("intake.yaml", text)], deploy=deploy)

    async def runs(self):
        return (await self.service.runs.list(limit=100)).items

    async def payloads(self, run_id: str) -> list:
        await self.service.runs.wait(run_id, 20)
        return (await self.service.runs.payloads(run_id, "take", "in", limit=100, cursor=None)).items

    async def bytes_of(self, payload) -> bytes:
        return b"".join([chunk async for chunk in self.service.payloads.stream(payload.id)])

    def token(self, name: str = "") -> str:
        flow_id = self.service.hooks.doors.find(["intake", *([name] if name else [])]).owner.flow_id
        kernel = self.service.kernel
        return kernel.secrets.tokens_for(kernel.deps.reader.rows(), f"hook/{flow_id}/webhook/{name}")[0]


@asynccontextmanager
async def opened(home, clock=None, **options):
    clock = clock or Hand()
    settings = load(environment={}, options={"home": str(home), **options})
    async with open_service(home, settings, serve=True, clock=clock) as service:
        world = World(service, clock)
        async with world.http:
            yield world


@pytest.fixture
async def world(tmp_path):
    async with opened(tmp_path / "home") as world:
        yield world


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


async def test_a_call_is_a_run_with_the_very_bytes_of_its_body(world):
    await world.deploy("open: true, items: orders, meta: {topic: {header: X-Topic}, shop: {query: shop}}")
    body = b'{"orders": [{"id": 1, "total": 19.90}, {"id": 2}]}'
    answer = await world.http.post(
        "/hooks/intake?shop=uk&shop=de",
        content=body,
        headers={"Content-Type": "application/json", "X-Topic": "paid"},
    )
    assert answer.status_code == 202
    run_id = answer.json()["run"]
    (payload,) = await world.payloads(run_id)
    assert await world.bytes_of(payload) == body
    assert (payload.items, payload.media_type) == (2, "application/json")
    assert payload.meta == {"topic": "paid", "shop": "uk"}
    (run,) = await world.runs()
    assert (run.id, run.trigger, run.status) == (run_id, "webhook", "success")


async def test_a_hook_without_settings_wants_a_token_that_redrive_makes(world):
    await world.deploy("")
    token = world.token()
    for headers, path in (
        ({}, "/hooks/intake"),
        ({"Authorization": "Bearer wrong"}, "/hooks/intake"),
        ({}, "/hooks/intake/wrong"),
        ({"Authorization": f"Bearer {token}"}, "/hooks/intake/wrong"),
    ):
        assert code(await world.http.post(path, headers=headers)) == (401, "hook.refused")
    assert (await world.http.post(f"/hooks/intake/{token}")).status_code == 202
    by_header = await world.http.post("/hooks/intake", headers={"Authorization": f"Bearer {token}"})
    assert by_header.status_code == 202
    assert len(await world.runs()) == 2


async def test_a_stranger_cannot_tell_what_is_there(world, monkeypatch):
    await world.deploy("token: {secret: {env: HOOK_TOKEN}, header: X-Token, path: false}")
    monkeypatch.setenv("HOOK_TOKEN", "right")
    bodies = set()
    for path in ("/hooks/intake", "/hooks/intake/right", "/hooks/other", "/hooks/", "/hooks/intake/a/b/c"):
        answer = await world.http.post(path, content=b"x", headers={"X-Token": "wrong"})
        problem = answer.json()
        problem.pop("request_id")
        bodies.add((answer.status_code, json.dumps(problem)))
    assert len(bodies) == 1
    await world.service.flows.enable("intake", False)
    assert code(await world.http.post("/hooks/intake")) == (401, "hook.refused")
    monkeypatch.delenv("HOOK_TOKEN")
    world.service.hooks.doors._secrets.clear()
    assert code(await world.http.post("/hooks/intake", headers={"X-Token": ""})) == (401, "hook.refused")


@pytest.mark.parametrize(
    ("deploy", "enabled", "missing"),
    [
        (False, True, "not deployed"),
        (True, False, "not enabled"),
        (False, False, "not enabled and not deployed"),
    ],
)
async def test_who_has_the_token_is_told_which_is_missing(world, deploy, enabled, missing):
    await world.deploy("", deploy=deploy)
    await world.service.flows.enable("intake", enabled)
    answer = await world.http.post(f"/hooks/intake/{world.token()}")
    assert code(answer) == (409, "trigger.closed")
    assert missing in answer.json()["detail"]
    assert await world.runs() == []


async def test_methods_forms_and_queries(world):
    await world.deploy("open: true, methods: [GET, PUT]")
    refused = await world.http.post("/hooks/intake")
    assert code(refused) == (405, "hook.method")
    assert refused.headers["allow"] == "GET, PUT"
    by_query = await world.http.get("/hooks/intake", params=[("a", "1"), ("b", "2"), ("b", "3")])
    (payload,) = await world.payloads(by_query.json()["run"])
    assert json.loads(await world.bytes_of(payload)) == {"a": "1", "b": ["2", "3"]}
    form = await world.http.put("/hooks/intake", data={"sku": "ä & b"})
    (payload,) = await world.payloads(form.json()["run"])
    assert json.loads(await world.bytes_of(payload)) == {"sku": "ä & b"}


@pytest.mark.parametrize(
    ("media_type", "body", "items"),
    [
        ("application/x-ndjson", b'{"id":1}\n{"id":2}\n', 2),
        ("text/csv", b"sku,qty\na,1\nb,2\n", 2),
        ("application/xml", b"<orders><order/></orders>", 1),
        ("image/png", b"\x89PNG\x00\xff", 1),
        ("application/json", b'{"broken": ', None),
        ("application/json", b"", 0),
    ],
)
async def test_any_media_type_is_taken_as_it_is(world, media_type, body, items):
    await world.deploy("open: true")
    answer = await world.http.post("/hooks/intake", content=body, headers={"Content-Type": media_type})
    assert answer.status_code == 202
    (payload,) = await world.payloads(answer.json()["run"])
    assert await world.bytes_of(payload) == body
    assert payload.media_type == media_type
    # The run of a body that is not what it says fails where it is read; nothing of it is lost.
    assert payload.items == items


async def test_the_parts_of_a_multipart_body_are_payloads(world):
    await world.deploy("open: true")
    files = {"note": (None, "hi"), "file": ("a.csv", b"sku\r\na\r\n\r\n--\x00", "text/csv")}
    answer = await world.http.post("/hooks/intake", files=files)
    note, file = await world.payloads(answer.json()["run"])
    assert (await world.bytes_of(note), note.meta) == (b"hi", {"name": "note"})
    assert await world.bytes_of(file) == b"sku\r\na\r\n\r\n--\x00"
    assert (file.media_type, file.meta) == ("text/csv", {"name": "file", "filename": "a.csv"})
    cut = {"Content-Type": "multipart/form-data; boundary=x"}
    assert (
        code(await world.http.post("/hooks/intake", content=b"--x\r\n\r\n1", headers=cut))[1]
        == "payload.invalid"
    )


async def test_what_is_too_large_is_refused_before_all_of_it_was_read(world):
    await world.deploy("open: true, max_bytes: 1000000")
    sent = 0

    async def endless():
        nonlocal sent
        while True:
            sent += 65536
            yield b"x" * 65536

    assert code(await world.http.post("/hooks/intake", content=endless())) == (413, "body.too_large")
    assert sent <= 1_200_000
    announced = await world.http.post("/hooks/intake", content=b"x" * 1_000_001)
    assert code(announced) == (413, "body.too_large")
    assert await world.runs() == []
    large = b"[" + b",".join(b'{"id": %d}' % n for n in range(60_000)) + b"]"
    taken = await world.http.post(
        "/hooks/intake", content=large, headers={"Content-Type": "application/json"}
    )
    (payload,) = await world.payloads(taken.json()["run"])
    assert (payload.items, payload.size_bytes) == (60_000, len(large))


def stripe(body: bytes, at: int, key: bytes = b"geheim") -> dict[str, str]:
    right = hmac.new(key, b"%d." % at + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={at},v1={'0' * 64},v1={right}"}


STRIPE = (
    "hmac: {secret: {env: HOOK_KEY}, header: Stripe-Signature, prefix: 'v1=', signed: '{timestamp}.{body}', "
    "timestamp: {header: Stripe-Signature, field: t}}"
)


async def test_a_signed_call_counts_once_also_after_a_restart(tmp_path, monkeypatch):
    monkeypatch.setenv("HOOK_KEY", "geheim")
    clock = Hand()
    body = b'{"id": 1}'
    now = clock.at // 1_000_000
    async with opened(tmp_path / "home", clock) as world:
        await world.deploy(STRIPE)
        assert code(await world.http.post("/hooks/intake", content=body))[0] == 401
        for headers in (
            stripe(body, now, b"other"),
            stripe(body + b" ", now),
            {"Stripe-Signature": stripe(body, now)["Stripe-Signature"].replace(f"t={now}", f"t={now + 1}")},
            {"Stripe-Signature": "v1="},
        ):
            answer = await world.http.post("/hooks/intake", content=body, headers=headers)
            assert code(answer) == (401, "hook.refused")
        for off in (-301, 301):
            answer = await world.http.post("/hooks/intake", content=body, headers=stripe(body, now + off))
            assert code(answer) == (401, "hook.stale")
        taken = await world.http.post("/hooks/intake", content=body, headers=stripe(body, now - 299))
        assert taken.status_code == 202
    async with opened(tmp_path / "home", clock) as world:
        again = await world.http.post("/hooks/intake", content=body, headers=stripe(body, now - 299))
        assert code(again) == (409, "hook.replayed")
        assert (
            await world.http.post("/hooks/intake", content=body, headers=stripe(body, now))
        ).status_code == 202
        assert len(await world.runs()) == 2


async def test_a_large_body_with_a_wrong_signature_leaves_nothing(world, monkeypatch, tmp_path):
    monkeypatch.setenv("HOOK_KEY", "geheim")
    await world.deploy("hmac: {secret: {env: HOOK_KEY}, header: X-Hmac, encoding: base64}")
    body = bytes(range(256)) * 4096
    wrong = {"X-Hmac": base64.b64encode(bytes(32)).decode()}
    assert code(await world.http.post("/hooks/intake", content=body, headers=wrong)) == (401, "hook.refused")
    assert [path for path in (tmp_path / "home" / "objects").rglob("*") if path.is_file()] == []
    right = {"X-Hmac": base64.b64encode(hmac.digest(b"geheim", body, "sha256")).decode()}
    assert (await world.http.post("/hooks/intake", content=body, headers=right)).status_code == 202


@pytest.mark.parametrize("where", ["header: Webhook-Id", "field: event.id"])
async def test_the_same_key_is_the_same_run_answered_alike(world, where):
    await world.deploy(
        f"open: true, idempotency: {{{where}, keep: 1d}}, "
        "answer: {status: 200, headers: {X-Ok: 'yes'}, "
        "body: {run: '{{ run.id }}', at: '{{ now }}', event: '{{ payload.event.id }}'}}"
    )

    async def call(key: str, body: dict) -> httpx.Response:
        return await world.http.post("/hooks/intake", json=body, headers={"Webhook-Id": key})

    body = {"event": {"id": "e1"}}
    several = await asyncio.gather(*(call("e1", body) for _ in range(10)))
    world.clock.at += 5_000_000
    several.append(await call("e1", body))
    assert {(a.status_code, a.headers["x-ok"], a.text) for a in several} == {(200, "yes", several[0].text)}
    assert several[0].json()["event"] == "e1"
    assert len(await world.runs()) == 1
    other = await call("e2", {"event": {"id": "e2"}})
    assert other.json()["run"] != several[0].json()["run"]
    world.clock.at += 86_400_000_000
    assert (await call("e1", body)).json()["run"] not in {several[0].json()["run"], other.json()["run"]}


async def test_a_key_that_must_be_there(world):
    await world.deploy("open: true, idempotency: {field: id, required: true}")
    assert code(await world.http.post("/hooks/intake", json={"id": None})) == (400, "hook.key_missing")
    assert code(await world.http.post("/hooks/intake", json={"id": "x" * 256})) == (400, "hook.key_invalid")
    assert (await world.http.post("/hooks/intake", json={"id": 10**30})).status_code == 202


async def test_answers_of_other_media_types(world):
    await world.deploy("open: true, answer: {media_type: text/plain, body: 'hello {{ payload.challenge }}'}")
    answer = await world.http.post("/hooks/intake", json={"challenge": "c1"})
    assert (answer.text, answer.headers["content-type"]) == ("hello c1", "text/plain")
    assert (await world.http.post("/hooks/intake", content=b"no json")).text == "hello "


async def test_a_run_begins_with_the_body_that_its_call_brought(world, monkeypatch):
    """It is in memory already: a run of a small body does not look it up in the store again."""
    await world.deploy("open: true")

    def looks(*_arguments, **_named):
        raise AssertionError("the bucket is read from the store")

    monkeypatch.setattr("redrive.store.runs.totals", looks)
    monkeypatch.setattr("redrive.store.runs.payloads_from", looks)
    run_id = (await world.http.post("/hooks/intake", json=[1, 2])).json()["run"]
    assert (await world.service.runs.wait(run_id, 20)).status == "success"


async def test_runs_rest_while_many_callers_wait(world, monkeypatch):
    monkeypatch.setattr("redrive.service.hooks.PRESSED_S", 60.0)
    hooks = world.service.hooks
    assert not hooks.pressed()
    hooks._calls = PRESSED_CALLS
    assert hooks.pressed()
    hooks._calls = 0  # they were answered together, and call again
    assert hooks.pressed()
    hooks._pressed_until = float("-inf")
    assert not hooks.pressed()


async def test_runs_go_on_while_many_callers_wait(world):
    """They take less of the process then, and not nothing."""
    await world.deploy("open: true")
    world.service.hooks._calls = PRESSED_CALLS
    started = [(await world.http.post("/hooks/intake", json={"id": n})).json()["run"] for n in range(4)]
    ended = [await world.service.runs.wait(run_id, 20) for run_id in started]
    assert {row.status for row in ended} == {"success"}


async def test_many_callers_look_their_flow_up_together(world, monkeypatch):
    await world.deploy("open: true")
    monkeypatch.setattr("redrive.service.doors.OWNERS_KEPT_S", 60.0)
    doors = world.service.hooks.doors
    first = doors.find(["intake"], pressed=True).owner
    await world.service.flows.enable("intake", enabled=False)
    assert doors.find(["intake"], pressed=True).owner is first
    assert not doors.find(["intake"]).owner.enabled


async def test_a_full_queue_sends_callers_away_until_it_is_shorter(tmp_path):
    async with opened(tmp_path / "home", max_queued_runs=3) as world:
        await world.deploy("open: true")
        world.service.hooks._queued, world.service.hooks._counted_at = 3, float("inf")
        full = await world.http.post("/hooks/intake")
        assert code(full) == (503, "queue.full")
        assert full.headers["retry-after"] == "5"
        world.service.hooks._counted_at = float("-inf")
        await world.http.post("/hooks/intake")
        await world.service.hooks._counting
        assert (await world.http.post("/hooks/intake")).status_code == 202


async def test_a_disk_that_is_nearly_full_takes_no_calls(tmp_path):
    async with opened(tmp_path / "home", free_disk_percent=99.0) as world:
        await world.deploy("open: true")
        full = await world.http.post("/hooks/intake")
        assert code(full) == (507, "store.nearly_full")
        assert full.headers["retry-after"] == "60"


async def test_meta_is_bounded_and_compression_is_refused(world):
    await world.deploy("open: true, meta: {note: {header: X-Note}}")
    answer = await world.http.post("/hooks/intake", headers={"X-Note": "x" * 11_000})
    assert code(answer) == (400, "hook.meta_too_large")
    packed = await world.http.post("/hooks/intake", content=b"x", headers={"Content-Encoding": "gzip"})
    assert code(packed) == (415, "hook.encoding")


async def test_a_retry_from_the_start_has_the_stored_body(world):
    await world.deploy("open: true")
    answer = await world.http.post("/hooks/intake", json=[{"id": 1}])
    run_id = answer.json()["run"]
    await world.service.runs.wait(run_id, 20)
    again = await world.service.redrives.retry(run_id, RetryRequest(from_="start", confirm=True))
    first, second = await world.payloads(run_id), await world.payloads(again.id)
    assert await world.bytes_of(first[0]) == await world.bytes_of(second[0]) == b'[{"id":1}]'


async def test_calls_do_not_move_last_success(world):
    await world.deploy("open: true")
    answer = await world.http.post("/hooks/intake", json=[{"id": 1}])
    assert (await world.service.runs.wait(answer.json()["run"], 20)).status == "success"
    rows = world.service.kernel.deps.reader.rows()
    assert get_flow(rows, "intake").last_success is None
    started = await world.service.runs.start("intake", StartRequest())
    await world.service.runs.wait(started.id, 20)
    assert get_flow(rows, "intake").last_success is not None


async def test_a_start_by_the_api_with_a_key(world):
    await world.deploy("open: true")

    async def start(key: str, body: dict) -> httpx.Response:
        headers = {"Authorization": "Bearer local", "Idempotency-Key": key}
        return await world.http.post(
            "http://127.0.0.1:1/api/v1/flows/intake/runs", json=body, headers=headers
        )

    several = await asyncio.gather(*(start("k", {}) for _ in range(5)))
    assert {one.json()["id"] for one in several} == {several[0].json()["id"]}
    assert code(await start("k", {"skips": ["take"]})) == (409, "idempotency.conflict")
    world.clock.at += 30 * 86_400_000_000 - 1
    assert (await start("k", {})).json()["id"] == several[0].json()["id"]
    world.clock.at += 1
    later = await start("k", {"skips": ["take"]})
    assert later.json()["id"] != several[0].json()["id"]
    assert (await start("k", {"skips": ["take"]})).json()["id"] == later.json()["id"]


PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "receive-webhooks.md").read_text()
SENDERS = {
    found[1]: found[2]
    for found in re.finditer(r"^\| ([A-Z][\w ]+) \| `(header: .*)` \|$", PAGE, re.MULTILINE)
}


async def test_the_guide_signs_as_its_flow_wants_it(world, monkeypatch):
    monkeypatch.setenv("HOOK_KEY", "geheim")
    world.clock.at = time.time_ns() // 1000
    flow = next(
        block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "signed-orders" in block
    )
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict = {}
    exec(program, names)
    await world.service.flows.import_documents([("signed.yaml", flow.encode())], deploy=True)
    body = b'{"id": 1}'
    headers = names["signed_headers"](body, "geheim")
    assert (await world.http.post("/hooks/signed-orders", content=body, headers=headers)).status_code == 202
    assert code(await world.http.post("/hooks/signed-orders", content=body, headers=headers))[0] == 409


def signed_as(sender: str, body: bytes, at: int) -> dict[str, str]:
    """As the documentation of each says it, written without our code."""
    key = b"geheim"

    def mac(text: bytes) -> bytes:
        return hmac.digest(key, text, "sha256")

    match sender:
        case "GitHub":
            return {"X-Hub-Signature-256": "sha256=" + mac(body).hex()}
        case "Shopify":
            return {"X-Shopify-Hmac-Sha256": base64.b64encode(mac(body)).decode()}
        case "Stripe":
            return {"Stripe-Signature": f"t={at},v1={mac(b'%d.' % at + body).hex()},v0={'0' * 64}"}
        case "Slack":
            right = mac(b"v0:%d:" % at + body).hex()
            return {"X-Slack-Signature": f"v0={right}", "X-Slack-Request-Timestamp": str(at)}
        case "Standard Webhooks":
            right = base64.b64encode(mac(b"msg_1.%d." % at + body)).decode()
            return {
                "webhook-id": "msg_1",
                "webhook-timestamp": str(at),
                "webhook-signature": f"v1,AAAA v1,{right}",
            }
    raise AssertionError(sender)


@pytest.mark.parametrize("sender", SENDERS)
async def test_signatures_of_others_as_the_guide_describes_them(world, monkeypatch, sender):
    key = "whsec_" + base64.b64encode(b"geheim").decode() if sender == "Standard Webhooks" else "geheim"
    monkeypatch.setenv("HOOK_KEY", key)
    await world.deploy(f"hmac: {{secret: {{env: HOOK_KEY}}, {SENDERS[sender]}}}")
    body = b'{"id": 1}'
    headers = signed_as(sender, body, world.clock.at // 1_000_000)
    assert (await world.http.post("/hooks/intake", content=body, headers=headers)).status_code == 202
    assert code(await world.http.post("/hooks/intake", content=body + b" ", headers=headers))[0] == 401


def test_the_guide_knows_these_senders():
    assert len(SENDERS) == 5


async def test_calls_with_the_same_key_do_not_overlap(world):
    await world.deploy('open: true, overlap: skip, overlap_key: "{{ payload.order }}/{{ meta.shop }}", '
                       "meta: {shop: {query: shop}}")  # fmt: skip
    await world.service.queue.pause(PauseRequest(kind="flow", name="intake"))
    calls = [(1, "uk"), (1, "de"), (1, "uk"), (2, "uk")]
    runs = [
        (await world.http.post(f"/hooks/intake?shop={shop}", json={"order": order})).json()["run"]
        for order, shop in calls
    ]
    rows = {row.id: row for row in await world.runs()}
    assert [rows[run].status for run in runs] == ["queued", "queued", "stopped", "queued"]
    assert rows[runs[2]].summary == f"skipped: run {runs[0]} waits in the queue (overlap: skip)"
