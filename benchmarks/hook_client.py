"""Callers of a webhook: keep-alive connections that post one body after the other, as cheap as can be.

    python -m benchmarks.hook_client PORT PATH CLIENTS SECONDS

prints one line of JSON: calls, seconds, CPU seconds, and the time of each call.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Final

LINE_OF_ORDER: Final = {
    "id": 0,
    "customer": {"id": 77, "email": "a@example.com"},
    "total": "19.90",
    "lines": [],
}
LINES: Final = 12


def body(number: int) -> bytes:
    """An order of about 1 KB; no two are equal."""
    lines = [
        {"sku": f"SKU-{number % 9973:05}-{line}", "quantity": line + 1, "price": "4.95", "tax": "0.99"}
        for line in range(LINES)
    ]
    return json.dumps({**LINE_OF_ORDER, "id": number, "lines": lines}).encode()


class _Caller(asyncio.Protocol):
    """One connection; `ended` is set when its time is over and its last call is answered."""

    def __init__(self, path: str, first: int, step: int, until: float, took: list[float]) -> None:
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
        ).encode()
        self._number = first
        self._step = step
        self._until = until
        self._took = took
        self._got = b""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._call()

    def _call(self) -> None:
        content = body(self._number)
        self._number += self._step
        self._begun = time.perf_counter()
        self._transport.write(b"%s%d\r\n\r\n%s" % (self._head, len(content), content))

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, separator, rest = self._got.partition(b"\r\n\r\n")
        if not separator:
            return
        at = head.lower().index(b"content-length:") + 15
        if len(rest) < int(head[at:].split(b"\r\n", 1)[0]):
            return
        if not self._got.startswith(b"HTTP/1.1 20"):
            self.ended.set_exception(RuntimeError(self._got.decode()))
            return
        self._got = b""
        now = time.perf_counter()
        self._took.append(now - self._begun)
        if now < self._until:
            self._call()
        else:
            self._transport.close()
            self.ended.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(error or RuntimeError("the server has hung up"))


async def call(port: int, path: str, clients: int, seconds: float) -> dict[str, object]:
    """Post for so many seconds over so many connections at once."""
    loop = asyncio.get_running_loop()
    took: list[float] = []
    base = time.time_ns() // 1000
    begun, cpu = time.perf_counter(), time.process_time()
    until = begun + seconds
    callers = []
    for number in range(clients):
        _, caller = await loop.create_connection(
            lambda n=number: _Caller(path, base + n, clients, until, took), "127.0.0.1", port
        )
        callers.append(caller)
    await asyncio.gather(*(caller.ended for caller in callers))
    return {
        "calls": len(took),
        "seconds": time.perf_counter() - begun,
        "cpu_s": time.process_time() - cpu,
        "took": took,
    }


if __name__ == "__main__":
    port, path, clients, seconds = sys.argv[1:5]
    print(json.dumps(asyncio.run(call(int(port), path, int(clients), float(seconds)))))
