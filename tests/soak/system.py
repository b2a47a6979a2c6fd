"""The outside systems of the soak: a shop that always has new orders, and a receiver that fails at random.

What the receiver has booked is the judge: an order that stands there twice was sent twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import msgspec
from aiohttp import web

PAGES = 3
PER_PAGE = 8
LARGE_EVERY = 5
"""Every so many-th batch has notes so long that its pages are objects, not rows."""
DOCUMENTS = """
connector: world
base_url: "{{ connection.base_url }}"
endpoints:
  list-orders:
    direction: receive
    request: {method: GET, path: /orders, query: {batch: "{{ with.batch }}"}}
    items: orders
    paginate: {by: page_number, parameter: page}
  idempotent:
    direction: send
    request: {method: POST, path: /book, body: "{{ payload }}"}
    idempotency: {header: Idempotency-Key}
  lookup:
    direction: send
    request: {method: POST, path: /book, body: "{{ payload }}"}
    lookup: {request: {method: GET, path: "/booked/{{ with.key }}"}}
  bare:
    direction: send
    request: {method: POST, path: /book, body: "{{ payload }}"}
  each:
    direction: send
    per: item
    request: {method: POST, path: /book, body: "{{ item }}"}
    idempotency: {header: Idempotency-Key}
---
connection: world
connector: world
settings: {base_url: "URL"}
"""
_PULL = """
flow: NAME
variables:
  batch: {type: string, required: true}
steps:
  - id: pull
    shape: connector
    connection: world
    endpoint: list-orders
    with: {batch: "{{ vars.batch }}"}
"""
_SEND = "{id: send, shape: connector, connection: world, endpoint: ENDPOINT, key: id}"
_PAID = "{id: paid, shape: filter, keep: {field: status, is: paid}}"
FLOWS = {
    "straight": ("idempotent", [_PAID, "{id: batch, shape: flow_control, size: 5}", _SEND]),
    "looked-up": ("lookup", [_PAID, "{id: batch, shape: flow_control, size: 3}", _SEND]),
    "in-doubt": ("bare", [_PAID, "{id: batch, shape: flow_control, size: 4}", _SEND]),
    "each": ("each", [_PAID, _SEND]),
    "pooled": (
        "idempotent",
        [
            _PAID,
            "{id: new, shape: dedupe, on: id, pool: seen}",
            '{id: keep, shape: add_to_cache, cache: orders, entry: "{{ item.status }}", ttl: 10m}',
            "{id: batch, shape: flow_control, size: 6}",
            _SEND,
        ],
    ),
    "tree": (
        "idempotent",
        [
            "{id: one-each, shape: flow_control, size: 1}",
            (
                "{id: careful, shape: try, steps: [{id: kind, shape: route, send_to: first, paths: ["
                "{id: settled, when: {field: status, is: paid}, steps: ["
                f"{{id: some, shape: flow_control, size: 4}}, {_SEND}]}}], "
                "otherwise: {steps: ["
                "{id: refused, shape: assert, conditions: {field: status, is: paid}}]}}], "
                "catch: [{id: aside, shape: filter, keep: {field: id, is: -1}}]}"
            ),
        ],
    ),
}


def documents(url: str) -> list[tuple[str, bytes]]:
    found = [("world.yaml", DOCUMENTS.replace("URL", url).encode())]
    for name, (endpoint, steps) in FLOWS.items():
        lines = "\n".join(f"  - {step}" for step in steps).replace("ENDPOINT", endpoint)
        found.append((f"{name}.yaml", f"{_PULL.replace('NAME', name).rstrip()}\n{lines}\n".encode()))
    return found


class System:
    """`troubled`: whether the receiver fails at random; it does not while the soak settles what is left."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)
        self.troubled = True
        self.booked: Counter[int] = Counter()
        self.requests = 0
        self.faults: Counter[str] = Counter()
        self._answered: dict[str, list[int]] = {}

    @staticmethod
    def orders(batch: int, page: int) -> list[dict[str, object]]:
        chance = Random(batch * 100 + page)
        size = 3000 if batch % LARGE_EVERY == 0 else 40
        return [
            {
                "id": batch * 100 + page * 10 + n,
                "status": "pending" if n % 4 == 3 else "paid",
                "total": f"{chance.randint(1, 999)}.{chance.randint(10, 99)}",
                "note": chance.randbytes(size).hex(),
            }
            for n in range(PER_PAGE)
        ]

    @classmethod
    def paid(cls, batch: int) -> set[int]:
        all_orders = [order for page in range(1, PAGES + 1) for order in cls.orders(batch, page)]
        return {int(str(order["id"])) for order in all_orders if order["status"] == "paid"}

    def _fault(self) -> str:
        if not self.troubled:
            return ""
        kinds = ("busy", "rejected", "error after", "cut before", "cut after")
        kind = self._chance.choices(("", *kinds), (90, 2, 2, 2, 2, 2))[0]
        if kind:
            self.faults[kind] += 1
        return kind

    async def list(self, request: web.Request) -> web.Response:
        self.requests += 1
        page = int(request.query["page"])
        if self._fault() == "busy":
            return _json({"error": "busy"}, 503)
        return _json({"orders": self.orders(int(request.query["batch"]), page) if page <= PAGES else []})

    async def book(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        body = msgspec.json.decode(await request.read())
        ids = [order["id"] for order in (body if isinstance(body, list) else [body])]
        fault = self._fault()
        if fault == "busy":
            return _json({"error": "busy"}, 503)
        if fault == "rejected":
            return _json({"error": "not wanted"}, 422)
        if fault == "cut before":
            return _cut(request)
        key = request.headers.get("Idempotency-Key")
        if key is None or key not in self._answered:
            self.booked.update(ids)
            if key is not None:
                self._answered[key] = ids
        if fault == "cut after":
            return _cut(request)
        if fault == "error after":
            return _json({"error": "who knows"}, 500)
        return _json({"booked": ids})

    async def was_booked(self, request: web.Request) -> web.Response:
        key = int(request.match_info["key"])
        return _json({"id": key}) if self.booked[key] else _json({"error": "no such order"}, 404)

    @property
    def twice(self) -> list[int]:
        return [number for number, count in self.booked.items() if count > 1]

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Its address."""
        app = web.Application(client_max_size=1 << 28)
        app.router.add_get("/orders", self.list)
        app.router.add_post("/book", self.book)
        app.router.add_get("/booked/{key}", self.was_booked)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        try:
            yield f"http://{host}:{port}"
        finally:
            await runner.cleanup()


def _cut(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
