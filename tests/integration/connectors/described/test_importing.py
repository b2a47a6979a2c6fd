"""A description on the command line and over HTTP: imported, shown, tried, and used by a flow."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from aiohttp import web

from redrive.cli.main import main
from redrive.client import connect
from redrive.client.local import open_home
from redrive.client.records import DescriptionRequest, TryRequest
from redrive.documents.load import load_one
from redrive.errors import RedriveError
from redrive.server.serve import serve
from redrive.settings import Settings

DESCRIPTION = """\
openapi: 3.1.0
info: {title: Little Shop, version: "1.2"}
servers: [{url: "ADDRESS/v1"}]
security: [{key: []}]
components:
  securitySchemes: {key: {type: http, scheme: bearer}}
  schemas:
    Order:
      type: object
      required: [id]
      properties: {id: {type: integer}, total: {type: number, example: 12.50}, note: {type: string}}
paths:
  /orders:
    get:
      operationId: listOrders
      tags: [orders]
      parameters:
        - {name: status, in: query, schema: {type: string, enum: [open, paid], default: open}}
        - {name: note, in: query, schema: {type: string}}
        - {name: page, in: query, schema: {type: integer}}
        - {name: per_page, in: query, schema: {type: integer, maximum: 2}}
      responses:
        "200":
          description: A page
          content:
            application/json:
              schema:
                properties: {orders: {type: array, items: {$ref: "#/components/schemas/Order"}}}
    post:
      operationId: createOrder
      tags: [orders]
      parameters: [{name: Idempotency-Key, in: header, schema: {type: string}}]
      requestBody:
        content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}
      responses: {"201": {description: Made}}
    head: {responses: {}}
"""
CONNECTION = """\
connection: shop
connector: little-shop
secrets: {token: {value: very-secret-1}}
"""
FLOW = """\
flow: copy
steps:
  - {id: pull, shape: connector, connection: shop, endpoint: list-orders}
  - {id: push, shape: connector, connection: shop, endpoint: create-order, key: id}
"""


class Shop:
    """Answers as the description says, on a thread of its own."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.address = ""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._runner.cleanup())
        self._loop.close()

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_get("/v1/orders", self._list)
        app.router.add_post("/v1/orders", self._create)
        app.router.add_get("/openapi.yaml", self._description)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        self.address = f"http://127.0.0.1:{port}"

    async def _note(self, request: web.Request) -> None:
        self.asked.append((request.method, request.path_qs, dict(request.headers), await request.read()))

    async def _description(self, request: web.Request) -> web.Response:
        return web.Response(text=DESCRIPTION.replace("ADDRESS/v1", "/v1"))

    async def _list(self, request: web.Request) -> web.Response:
        await self._note(request)
        page, size = int(request.query["page"]), int(request.query["per_page"])
        orders = [{"id": number, "total": 1.5} for number in range(1, 6)]
        return web.json_response({"orders": orders[(page - 1) * size : page * size]})

    async def _create(self, request: web.Request) -> web.Response:
        await self._note(request)
        return web.json_response(json.loads(self.asked[-1][3]), status=201)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as shop:
        yield shop


@pytest.fixture
def run(tmp_path, shop, monkeypatch, capfdbinary):
    """The command in this process, on a home of its own; with the description beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REDRIVE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_COLOR", "1")
    Path("shop.yaml").write_text(DESCRIPTION.replace("ADDRESS", shop.address))
    Path("connection.yaml").write_text(CONNECTION)
    Path("flow.yaml").write_text(FLOW)

    def command(*words: str, code: int = 0) -> tuple[str, str]:
        capfdbinary.readouterr()
        done = main(list(words))
        out, err = capfdbinary.readouterr()
        assert done == code, err.decode()
        return out.decode(), err.decode()

    return command


def test_a_description_becomes_a_connector_that_a_flow_uses(run, shop):
    out, err = run("connectors", "import", "shop.yaml")
    assert out == (
        "list-orders: added\ncreate-order: added\nlittle-shop: 2 of 3 operations (OpenAPI 3.1.0): created.\n"
    )
    assert "not imported: HEAD /orders: HEAD neither receives records nor sends them." in err
    assert "a connection's secret token" in err

    run("import", "connection.yaml", "flow.yaml")
    out, _ = run("run", "copy", "--json")
    assert json.loads(out)["status"] == "success"
    pulled = [path for method, path, _, _ in shop.asked if method == "GET"]
    assert pulled == [f"/v1/orders?status=open&per_page=2&page={page}" for page in (1, 2, 3, 4)]
    sent = [(headers, body) for method, _, headers, body in shop.asked if method == "POST"]
    assert [json.loads(body)["id"] for _, body in sent] == [1, 2, 3, 4, 5]
    assert len({headers["Idempotency-Key"] for headers, _ in sent}) == 5
    assert {headers["Authorization"] for headers, _ in sent} == {"Bearer very-secret-1"}


def test_an_endpoint_is_shown_and_tried(run, shop):
    run("connectors", "import", "shop.yaml")
    run("import", "connection.yaml")
    out, _ = run("connectors", "show", "little-shop", "--endpoint", "list-orders", "--json")
    shown = json.loads(out)
    assert [one["name"] for one in shown["parameters"]] == ["status", "note"]
    assert [one["path"] for one in shown["answer"]["fields"]] == ["id", "total", "note"]

    out, _ = run("connectors", "try", "shop", "list-orders", "--with", "status=paid", "--page", "2")
    assert f"> GET {shop.address}/v1/orders?status=paid&per_page=2&page=2\n" in out
    assert "> Authorization: Bearer [secret token]\n" in out
    assert "very-secret" not in out
    assert 'page 2: application/json, 2 items, 50 B\n{"id": 3, "total": 1.5}\n' in out

    out, _ = run("connectors", "try", "shop", "list-orders", "--with", "status=shut", code=1)
    assert "the parameter 'status' cannot have this value (parameter.invalid)" in out
    out, _ = run("connectors", "try", "shop", "list-orders", "--with", "stat=open", code=1)
    assert "Did you mean 'status'?" in out
    _, err = run("connectors", "try", "shop", "list-order", code=2)
    assert "endpoint.unknown" in err


def test_a_send_is_tried_only_when_it_is_confirmed(run, shop):
    run("connectors", "import", "shop.yaml")
    run("import", "connection.yaml")
    _, err = run("connectors", "try", "shop", "create-order", "--sample", code=2)
    assert "this really reaches the system of connection 'shop', and no delivery is kept (try.confirm)" in err
    assert shop.asked == []
    keys = []
    for _ in range(2):
        out, _ = run("connectors", "try", "shop", "create-order", "--sample", "--yes", "--json")
        (exchange,) = json.loads(out)["exchanges"]
        assert exchange["body"]["text"] == '{"id":1,"total":12.50,"note":"text"}'
        assert exchange["status"] == 201
        keys.append(dict(exchange["headers"])["Idempotency-Key"])
    assert keys[0] != keys[1]
    Path("order.json").write_text('{"id": 7}')
    run("connectors", "try", "shop", "create-order", "--payload", "order.json", "--yes")
    assert shop.asked[-1][3] == b'{"id": 7}'
    out, _ = run("deliveries", "--json")
    assert json.loads(out)["items"] == []


def test_a_newer_description_changes_what_nobody_edited(run, shop):
    run("connectors", "import", f"{shop.address}/openapi.yaml", "--out", "connector.yaml")
    text = Path("connector.yaml").read_text()
    assert f"default('{shop.address}/v1')" in text
    run("check", "connector.yaml")
    Path("connector.yaml").write_text(
        text.replace("    items: orders", "    description: ours\n    items: orders")
    )
    newer = DESCRIPTION.replace("ADDRESS", shop.address).replace("name: note, in", "name: words, in")
    Path("shop.yaml").write_text(newer.replace("id: {type: integer}", "id: {type: string}"))
    out, _ = run("connectors", "import", "shop.yaml", "--out", "connector.yaml")
    assert "list-orders: kept, edited by hand; the description differs: " in out
    assert "create-order: changed: payload.schema, payload.sample" in out
    assert "description: ours" in Path("connector.yaml").read_text()
    out, _ = run(
        "connectors", "import", "shop.yaml", "--out", "connector.yaml", "--replace", "list-orders", "--plan"
    )
    assert "list-orders: changed: " in out
    assert "nothing is stored." in out
    assert "description: ours" in Path("connector.yaml").read_text()


def test_a_file_that_cannot_be_imported_says_why(run):
    Path("old.json").write_text('{"swagger": "2.0", "paths": {}}')
    _, err = run("connectors", "import", "old.json", code=2)
    assert "old.json is a description of Swagger 2.0; OpenAPI 3.0 and 3.1 are read" in err
    assert "swagger2openapi" in err
    _, err = run("connectors", "import", "none.json", code=2)
    assert "There is no file none.json" in err
    _, err = run("connectors", "import", "shop.yaml", "--only", "order", code=2)
    assert "Did you mean 'orders'?" in err


def test_the_example_is_imported(run):
    example = Path(__file__).parents[4] / "examples" / "described-shop" / "openapi.yaml"
    out, err = run("connectors", "import", str(example), "--out", "made.yaml")
    assert "described-shop: 3 of 4 operations (OpenAPI 3.1.0): written to made.yaml." in out
    assert "not imported: POST /files: it takes a form with 2 uploads" in err
    run("check", "made.yaml")
    made = load_one(Path("made.yaml").read_text()).data["endpoints"]
    assert made["list-orders"]["paginate"] == {
        "by": "page_number",
        "parameter": "page",
        "size": 100,
        "size_parameter": "per_page",
    }
    assert made["create-order"]["idempotency"] == {"header": "Idempotency-Key"}
    assert made["get-order"]["with"] == {"id": {"type": "integer", "required": True}}


async def test_the_same_over_http(tmp_path, shop):
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    settings = Settings()
    serving = asyncio.ensure_future(
        serve(
            tmp_path,
            "127.0.0.1",
            0,
            open_service=lambda: open_home(tmp_path, settings, serve=True),
            settings=settings,
            ready=ready.set_result,
        )
    )
    await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED)
    try:
        async with connect(home=tmp_path) as client:
            assert not client.in_process
            text = DESCRIPTION.replace("ADDRESS", shop.address)
            done = await client.connectors.import_description(
                DescriptionRequest(filename="shop.yaml", text=text, store=True)
            )
            assert (done.result, done.imported, done.operations) == ("created", 2, 3)
            await client.flows.import_documents([("c.yaml", CONNECTION.encode())])
            detail = await client.connectors.show("little-shop")
            assert detail.connections == ["shop"]
            assert [(one.name, one.direction) for one in detail.endpoints] == [
                ("list-orders", "receive"),
                ("create-order", "send"),
            ]
            tried = await client.connectors.try_endpoint("shop", TryRequest(endpoint="list-orders"))
            assert tried.payload is not None
            assert tried.payload.preview == ['{"id": 1, "total": 1.5}', '{"id": 2, "total": 1.5}']
            assert tried.exchanges[0].status == 200
            with pytest.raises(RedriveError) as caught:
                await client.connectors.try_endpoint("shop", TryRequest(endpoint="create-order", sample=True))
            assert caught.value.code == "try.confirm"
            with pytest.raises(RedriveError) as caught:
                await client.connectors.try_endpoint("none", TryRequest(endpoint="x"))
            assert caught.value.code == "connection.unknown"
    finally:
        if not serving.done():
            os.kill(os.getpid(), signal.SIGTERM)
        await serving
