"""A system that gives the orders it is told to give, and keeps the exact bytes of each that it takes."""

from __future__ import annotations

import json
import queue
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

DOCUMENTS = """
connector: warehouse
base_url: "{{ connection.base_url }}"
endpoints:
  list:
    direction: receive
    request: {method: GET, path: /orders, query: {id: "{{ with.order_id }}"}}
    items: orders
  take:
    direction: send
    request: {method: POST, path: /take, body: "{{ payload }}"}
  judge:
    direction: send
    request: {method: POST, path: /judge, body: "{{ payload }}"}
    results: {at: results, key: id, ok: {field: status, is: ok}}
  take-each:
    direction: send
    per: item
    request: {method: POST, path: /take, body: "{{ item }}"}
---
connection: warehouse
connector: warehouse
settings: {base_url: "URL"}
"""


class Warehouse(ThreadingHTTPServer):
    """`orders` is what it gives; `refused` are ids that it does not take; `taken` the orders that it took.

    While `held` is set a request waits, after `arrived` was told its ids, for `let_go`.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.documents = DOCUMENTS.replace("URL", f"http://127.0.0.1:{self.server_address[1]}")
        self.orders: list[bytes] = []
        self.refused: set[str] = set()
        self.refuses_once = False
        self.taken: list[bytes] = []
        self.requests: list[list[str]] = []
        self.held = False
        self.arrived: queue.Queue[list[str]] = queue.Queue()
        self.let_go = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A command that is killed leaves its request; everything else is a fault of the test.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    @property
    def counts(self) -> Counter[str]:
        """How often each order was taken, by its id."""
        return Counter(_id(order) for order in self.taken)

    def give(self, orders: list[dict[str, Any]]) -> None:
        self.orders = [json.dumps(order).encode() for order in orders]

    def forget(self) -> None:
        self.taken, self.requests = [], []

    def answer(self, path: str, body: bytes) -> tuple[int, Any]:
        raws = msgspec.json.decode(body, type=list[msgspec.Raw] | dict[str, msgspec.Raw])
        orders = [bytes(raw) for raw in raws] if isinstance(raws, list) else [body]
        ids = [_id(order) for order in orders]
        self.requests.append(ids)
        self.arrived.put(ids)
        if self.held:
            self.let_go.wait(30)
        wrong = [id for id in ids if id in self.refused]
        if wrong and self.refuses_once:
            self.refused = set()
        if path == "/judge":
            self.taken += [order for order, id in zip(orders, ids, strict=True) if id not in wrong]
            return 207, {"results": [{"id": id, "status": "bad" if id in wrong else "ok"} for id in ids]}
        if wrong:
            return 422, {"error": f"order {wrong[0]} is refused"}
        self.taken += orders
        return 201, {"taken": len(orders)}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Warehouse

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        wanted = parse_qs(urlsplit(self.path).query).get("id")
        orders = [order for order in self.server.orders if not wanted or _id(order) in wanted]
        self._send(200, b'{"orders": [' + b", ".join(orders) + b"]}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        status, value = self.server.answer(self.path, body)
        self._send(status, json.dumps(value).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _id(order: bytes) -> str:
    return str(json.loads(order)["id"])


@contextmanager
def warehouse() -> Iterator[Warehouse]:
    server = Warehouse()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.let_go.set()
        server.shutdown()
        thread.join()
        server.server_close()
