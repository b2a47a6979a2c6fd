"""The system that both sides of a benchmark talk to: orders out, orders in, in a process of its own.

It does as little as it can, so that two cores are left for what is measured: answers are put
together from orders that were encoded at the start, bodies that come in are counted and dropped.
Every answer brings new order ids, whoever asks: deliveries are never ones that were made before.

    GET  /orders?count=10            10 orders
    GET  /orders?count=250&page=3&pages=400    page 3 of 400; pages after the last are empty
    POST /orders                     takes orders
    POST /orders?refused=1           refuses them with 422
    GET  /stats                      what it has seen so far, and the CPU time that it took
"""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import sys
import time
from hashlib import md5
from typing import Any
from urllib.parse import parse_qs

import httptools

from redrive.core.jsonvalue import encode
from redrive.demo.orders import Orders

POOL = 4000
FIRST_ID = 1_000_000_000
CHUNK_ORDERS = 100
# Places of the ten orders of a small page that are not paid: the filter of the flows drops them.
UNPAID = (3, 7)
KEPT_OF_TEN = 10 - len(UNPAID)


def make_pool(size: int = POOL) -> list[bytes]:
    """Encoded orders of about 2.2 KB, each from after its token on: the head is made on the way out."""
    made = Orders(size)
    pool = []
    for place in range(size):
        order = made.order(place)
        token = order["token"]
        order["financial_status"] = "pending" if place % 10 in UNPAID else "paid"
        order["order_status_url"] = (
            f"https://shop.example/58211004/orders/{token}/authenticate?key={token[::-1]}"
        )
        order["admin_graphql_api_id"] = f"gid://shop/Order/{7_300_000_000_000 + place}"
        order["refunds"] = order["fulfillments"] = order["note_attributes"] = []
        raw = encode(order)
        pool.append(raw[raw.index(token.encode()) + len(token) :])
    return pool


class Shop:
    """What all connections share."""

    def __init__(self) -> None:
        self._pool = make_pool()
        self._ids = itertools.count(FIRST_ID)
        self.gets = self.posts = self.bytes_in = self.bytes_out = 0

    def orders(self, count: int) -> bytes:
        """That many new orders, as the members of an array."""
        parts = []
        pool = self._pool
        for number in itertools.islice(self._ids, count):
            token = md5(b"%d" % number).hexdigest().encode()
            parts.append(
                b'{"id":%d,"name":"#%d","token":"%s%s' % (number, number, token, pool[number % POOL])
            )
        return b",".join(parts)

    def stats(self) -> dict[str, Any]:
        return {
            "gets": self.gets,
            "posts": self.posts,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "cpu_s": time.process_time(),
        }


class Connection(asyncio.Protocol):
    """One client's connection, kept alive."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._parser = httptools.HttpRequestParser(self)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._url = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def connection_lost(self, exc: Exception | None) -> None:
        for task in self._tasks:
            task.cancel()

    def pause_writing(self) -> None:
        self._flowing.clear()

    def resume_writing(self) -> None:
        self._flowing.set()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_body(self, body: bytes) -> None:
        self._shop.bytes_in += len(body)

    def on_message_complete(self) -> None:
        shop = self._shop
        if self._parser.get_method() == b"POST":
            shop.posts += 1
            if b"refused=1" in self._url:
                self._answer(422, b'{"error":"refused"}')
            else:
                self._answer(201, b'{"status":"accepted","receipt":"%08d"}' % shop.posts)
            return
        path, _, query = self._url.decode().partition("?")
        if path == "/stats":
            self._answer(200, json.dumps(shop.stats()).encode())
            return
        shop.gets += 1
        asked = {name: int(values[0]) for name, values in parse_qs(query).items()}
        count = asked["count"] if asked.get("page", 1) <= asked.get("pages", 1) else 0
        if count > 10 * CHUNK_ORDERS:
            task = asyncio.get_running_loop().create_task(self._stream(count))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        body = b'{"orders":[%s]}' % shop.orders(count)
        shop.bytes_out += len(body)
        self._answer(200, body)

    def _answer(self, status: int, body: bytes) -> None:
        reason = {200: b"OK", 201: b"Created", 422: b"Unprocessable Entity"}[status]
        self._transport.write(
            b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (status, reason, len(body), body)
        )

    async def _stream(self, count: int) -> None:
        """An answer that is too large to hold, as fast as it is taken."""
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        before = b'{"orders":['
        while count:
            await self._flowing.wait()
            now = min(count, CHUNK_ORDERS)
            data = before + self._shop.orders(now)
            self._send_chunk(data)
            count -= now
            before = b","
        self._send_chunk(b"]}")
        self._transport.write(b"0\r\n\r\n")

    def _send_chunk(self, data: bytes) -> None:
        self._shop.bytes_out += len(data)
        self._transport.write(b"%x\r\n%s\r\n" % (len(data), data))


async def main() -> None:
    """Serve on a free port, told on stdout, until stdin ends."""
    shop = Shop()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(shop), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # the bench that was interrupted ends stdin
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
