"""The two outside systems of the crash suite on one socket: a shop with pages, and a counting receiver.

One server for all tests; each test has a `Case` of its own, named by the first part of the path.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec
from aiohttp import web

PAGES = 4
PER_PAGE = 5
PAID_PER_PAGE = 3
NOTE_BYTES = 20_000


@dataclass
class Case:
    """What one test's systems hold and have seen."""

    name: str
    url: str = ""
    big: bool = False
    per_page: int = PER_PAGE
    honours_keys: bool = False
    pages: list[int] = field(default_factory=list)
    posts: list[list[int]] = field(default_factory=list)
    booked: Counter[int] = field(default_factory=Counter)
    answered: dict[str, list[int]] = field(default_factory=dict)
    lookups: list[int] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    """What came as a message to a notification group."""
    statuses: list[int] = field(default_factory=list)
    """Answers to the next posts, before anything is booked; then 200."""
    before_page: Callable[[int], None] = field(default=lambda _page: None)
    """Called off the server's loop before a page is answered."""
    before_post: Callable[[int], None] = field(default=lambda _number: None)
    """Called off the server's loop with the number of the post (from 1), before it is booked."""

    @property
    def paid(self) -> set[int]:
        return {
            order["id"]
            for page in range(1, PAGES + 1)
            for order in self.orders(page)
            if order["status"] == "paid"
        }

    def orders(self, page: int) -> list[dict[str, object]]:
        if page > PAGES:
            return []
        random = Random(f"{self.name}/{page}")
        return [
            {
                "id": page * 100 + n,
                "status": "pending" if n % 2 else "paid",
                "total": f"{n}.10",
                "note": random.randbytes(NOTE_BYTES // 2).hex() if self.big else "",
            }
            for n in range(self.per_page)
        ]

    def book(self, key: str | None, ids: list[int]) -> list[int]:
        if self.honours_keys and key is not None:
            if key in self.answered:
                return self.answered[key]
            self.answered[key] = ids
        self.booked.update(ids)
        return ids


class Site:
    def __init__(self) -> None:
        self.url = ""
        self._cases: dict[str, Case] = {}

    def case(self, name: str, **case: Any) -> Case:
        made = self._cases[name] = Case(name, url=self.url, **case)
        return made

    async def list(self, request: web.Request) -> web.Response:
        case = self._cases[request.match_info["case"]]
        page = int(request.query["page"])
        case.pages.append(page)
        await asyncio.to_thread(case.before_page, page)
        return _json({"orders": case.orders(page)})

    async def book(self, request: web.Request) -> web.Response:
        case = self._cases[request.match_info["case"]]
        body = msgspec.json.decode(await request.read())
        ids = [order["id"] for order in (body if isinstance(body, list) else [body])]
        case.posts.append(ids)
        await asyncio.to_thread(case.before_post, len(case.posts))
        if case.statuses and (status := case.statuses.pop(0)) != 200:
            return _json({"error": "not now"}, status)
        return _json({"booked": case.book(request.headers.get("Idempotency-Key"), ids)})

    async def booked(self, request: web.Request) -> web.Response:
        case = self._cases[request.match_info["case"]]
        key = int(request.match_info["key"])
        case.lookups.append(key)
        if not case.booked[key]:
            return _json({"error": "no such order"}, 404)
        return _json({"id": key})

    async def tell(self, request: web.Request) -> web.Response:
        case = self._cases[request.match_info["case"]]
        case.told.append(msgspec.json.decode(await request.read())["message"])
        return _json({})


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


@contextmanager
def serving() -> Iterator[Site]:
    """The site on loopback, in a thread of its own, so that a test may block on it."""
    site = Site()
    ready, loop = threading.Event(), asyncio.new_event_loop()

    async def main() -> None:
        app = web.Application(client_max_size=1 << 28)
        app.router.add_get("/{case}/orders", site.list)
        app.router.add_post("/{case}/book", site.book)
        app.router.add_get("/{case}/booked/{key}", site.booked)
        app.router.add_post("/{case}/tell", site.tell)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        place = web.TCPSite(runner, "127.0.0.1", 0)
        await place.start()
        host, port = runner.addresses[0][:2]
        site.url = f"http://{host}:{port}"
        ready.set()
        await stopping.wait()
        await runner.cleanup()

    stopping = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield site
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(10)
        loop.close()
