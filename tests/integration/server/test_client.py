"""The HTTP transport against a real server; behind it a service that records."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import pytest

from redrive.client import connect
from redrive.client.http import HttpClient
from redrive.client.records import RedriveRequest, RetryRequest, StartRequest
from redrive.errors import (
    ConfirmationNeeded,
    Fault,
    FlowInvalid,
    Forbidden,
    NotFound,
    PayloadGone,
    RemoteRejected,
    ServerUnreachable,
    StateConflict,
    StoreBusy,
    StoreFull,
    UsageError,
    UserError,
)
from tests.unit.server.recording import CONTENT, row


@pytest.fixture
async def client(served, tmp_path):
    # As a command does: the home leads to its live server and the local token.
    async with connect(home=tmp_path) as client:
        assert client.where == served.url
        assert not client.in_process
        yield client


async def joined(stream):
    return b"".join([chunk async for chunk in stream])


async def chunks(*parts):
    for part in parts:
        yield part


async def test_runs(client, service):
    request = StartRequest(variables={"price": Decimal("19.90")}, skips=["a"])
    started = await client.runs.start("orders", request, idempotency_key="k")
    (flow, asked), kwargs = service.asked("runs.start")
    assert (flow, asked) == ("orders", request)
    assert str(asked.variables["price"]) == "19.90"
    assert kwargs == {"trigger": "manual", "idempotency_key": "k"}
    assert service.rows[started.id].status == "success"
    assert (await client.finish(started.id)).status == "success"
    run = await client.runs.get("r1")
    assert run == await service.runs.get("r1")
    assert str(run.variables["rate"]) == "1.10"
    assert (await client.runs.list(limit=1, warnings=False)).next == "1"
    assert (await client.runs.logs("r1", "send")).items[0].step == "send"
    assert (await client.runs.exchanges("r1")).items[0].request_headers == [("Authorization", "********")]
    assert (await client.runs.payloads("r1", "send", "out")).items[0].id == "p1"
    assert await joined(client.runs.exchange_body("x1", "request")) == b"body of request"
    assert (await client.runs.stop("r3", force=True)).status == "stopped"
    assert (await client.queue.list()).items[0].run == "r9"


async def test_a_run_of_a_document(client, service):
    await client.runs.start_document(
        b"flow: \xc3\xb6", "f.yaml", StartRequest(skips=["a"]), idempotency_key="k"
    )
    args, kwargs = service.asked("runs.start_document")
    assert args == ("flow: ö".encode(), "f.yaml", StartRequest(skips=["a"]))
    assert kwargs == {"trigger": "manual", "idempotency_key": "k"}
    with pytest.raises(FlowInvalid) as caught:
        await client.runs.start_document(b"ok\n\xff", "f.yaml", StartRequest())
    assert (caught.value.problems[0].code, caught.value.problems[0].line) == ("document.encoding", 2)


async def test_waiting_ends_with_the_time_or_the_run(client, service):
    assert (await client.runs.wait("r3", timeout_s=0)).status == "queued"
    service.rows["r3"] = row("r3", status="partial_success")
    assert (await client.runs.wait("r3")).status == "partial_success"


async def test_a_run_is_followed(client, service):
    service.changes = [row("r3", status="running"), row("r3", status="success", summary="x" * 300_000)]
    seen = [one async for one in client.runs.watch("r3")]
    assert [one.status for one in seen] == ["queued", "running", "success"]
    assert len(seen[-1].summary) == 300_000
    following = client.runs.watch()
    assert (await anext(following)).status == "running"
    await following.aclose()


async def test_the_answer_of_a_run_small_and_large(client, service):
    small = await client.runs.answer("r1")
    assert small == await service.runs.answer("r1")
    service.rows["r7"] = service.rows["r1"]
    large = await client.runs.answer("r7")
    assert (large.status, large.media_type) == (200, "application/octet-stream")
    assert len(await joined(large.body)) == 40 << 16


async def test_payloads(client, service):
    assert (await client.payloads.get("p1")).text == CONTENT.decode()
    assert await joined(client.payloads.stream("p1")) == CONTENT
    assert await joined(client.payloads.stream("p1", 5, 9)) == CONTENT[5:9]
    assert await joined(client.payloads.stream("p1", 5)) == CONTENT[5:]
    assert await joined(client.payloads.stream("p1", 5, 5)) == b""
    assert await joined(client.payloads.items_bytes("p1", 2, 3)) == b'[{"id": 1044}]'
    assert (await client.payloads.items("p1", 0, 1)).items == ['{"id": 1042, "total": 19.90}']
    big = [b"x" * 700_000] * 30
    view = await client.payloads.upload(chunks(*big), media_type="text/plain", filename="a ü&.txt", like="p1")
    assert view.size_bytes == 21_000_000
    args, kwargs = service.asked("payloads.upload")
    assert args == (b"".join(big),)
    assert kwargs == {"media_type": "text/plain", "items_path": None, "filename": "a ü&.txt", "like": "p1"}


async def test_redrives_and_the_rest(client, service):
    plan = await client.redrives.plan("r1", RedriveRequest(after="send"))
    assert plan.steps[0].unknown is None
    assert (await client.redrives.plan_retry("r1", RetryRequest(from_="start"))).source_run == "r1"
    assert (
        await client.redrives.redrive("r1", RedriveRequest(at="send", edits={"p1": "u1"}))
    ).source_run == "r1"
    assert (await client.redrives.retry("r1", RetryRequest(), idempotency_key="k")).source_run == "r1"
    assert (await client.search.find("1042")).items[0].payload == "p1"
    assert (await client.ledger.list(status="unknown")).items[0].key == "1042"
    assert (await client.ledger.get("d1")).status == "unknown"
    assert (await client.ledger.resolve("d1", sent=True, reason="x")).status == "delivered"
    assert (await client.tokens.create("ci", days=3)).token == "rd_secret"
    assert (await client.tokens.list()).items[0].id == "t1"
    await client.tokens.revoke("t1")
    assert (await client.health()).ready
    assert (await client.doctor())[0].ok
    assert (await client.settings()).items[0].name == "port"
    assert "/login/" in await client.login_link()


async def test_flows(client, service):
    documents = [("f.yaml", "flow: ü".encode())]
    assert (await client.flows.import_documents(documents, deploy=True, rename={"a": "b"}))[0].version == 4
    assert service.asked("flows.import_documents") == (
        (documents,),
        {"deploy": True, "rename": {"a": "b"}, "note": None, "based_on": {}},
    )
    assert (await client.flows.check(documents)).warnings
    assert (await client.flows.list()).items[0].name == "orders"
    assert (await client.flows.get("orders")).draft
    assert (await client.flows.versions("orders")).items[0].state == "deployed"
    assert await client.flows.export("orders", version="3") == b"flow: orders  # as it was\r\nsteps: []\n"
    assert (await client.flows.deploy("orders")).number == 4
    assert not (await client.flows.enable("orders", enabled=False)).enabled
    await client.flows.delete("orders")
    assert (await client.flows.connectors()).items[0].name == "shop"
    assert (await client.flows.connections()).items[0].name == "shop-live"
    assert await client.flows.export_connector("shop") == b"connector: shop\n"
    assert await client.flows.export_connection("shop-live") == b"connection: shop-live\n"
    begun = await client.flows.authorize_connection("shop-live", "http://127.0.0.1:1/back")
    assert (begun.url, begun.authorized) == ("https://auth.example/agree", False)
    assert (
        await client.flows.complete_authorization("shop-live", "http://127.0.0.1:1/back?code=c")
    ).authorized
    assert (await client.flows.schema("flow"))["title"] == "flow"


async def test_errors_are_what_they_were(client, service):
    for call, kind, code in (
        (client.runs.get("none"), NotFound, "run.unknown"),
        (client.runs.get("../../../healthz"), NotFound, "route.unknown"),
        (client.payloads.get("gone"), PayloadGone, "payload.expired"),
        (client.runs.stop("r1"), StateConflict, "run.ended"),
        (client.redrives.retry("r2", RetryRequest()), ConfirmationNeeded, "confirmation.needed"),
        (client.runs.list(limit=0), UserError, "request.invalid"),
    ):
        with pytest.raises(kind) as caught:
            await call
        assert type(caught.value) is kind
        assert caught.value.code == code
        assert caught.value.exit_code == 2
    with pytest.raises(PayloadGone):
        await joined(client.payloads.stream("gone"))
    for error in (
        StoreBusy("b", at="here", hint="wait"),
        StoreFull("f", code="store.disk"),
        Fault("p", code="port.in_use"),
        RemoteRejected("no"),
    ):
        service.raising["find"] = error
        with pytest.raises(type(error)) as caught:
            await client.search.find("1")
        assert type(caught.value) is type(error)
        assert caught.value.as_dict() == error.as_dict()
        assert caught.value.exit_code == error.exit_code
    service.raising["find"] = ZeroDivisionError()
    with pytest.raises(Fault, match="does not foresee"):
        await client.search.find("1")


async def test_an_invalid_document_brings_its_problems(client):
    with pytest.raises(FlowInvalid) as caught:
        await client.flows.import_documents([("a.yaml", b"fliter")])
    assert caught.value.problems[0].nearest == "filter"
    assert caught.value.at == "a.yaml:3"


async def test_a_wrong_token(served):
    async with HttpClient(served.url, "wrong") as client:
        with pytest.raises(Forbidden) as caught:
            await client.runs.list()
    assert caught.value.code == "auth.required"


@pytest.fixture
async def odd_server():
    """Answers each call with the bytes that it is given."""
    answer = [b""]

    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer[0])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def call(reply: bytes):
        answer[0] = reply
        async with HttpClient(url, "t") as client:
            return await client.runs.get("r1")

    yield call
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\noops",
        b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"id":1}',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ],
)
async def test_what_is_no_whole_answer_of_redrive_is_out_of_reach(odd_server, reply):
    with pytest.raises(ServerUnreachable) as caught:
        await odd_server(reply)
    assert caught.value.exit_code == 3


async def test_addresses_that_are_none():
    for url in ("127.0.0.1:8765", "ftp://x", "http://", "", "http://[x"):
        with pytest.raises(UsageError):
            async with connect(url=url):
                pytest.fail("opened")


async def test_a_local_server_file_with_a_foreign_server_behind_is_not_used(odd_server, tmp_path):
    (tmp_path / "server.json").write_text(json.dumps({"url": "http://127.0.0.1:1", "token": "t", "pid": 1}))
    from redrive.client.connecting import live_server

    assert await live_server(tmp_path) is None
