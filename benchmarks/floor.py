"""The floor: a bare script that does the same HTTP calls and keeps each step's output durably.

No engine, no run log, no ledger, no exchanges: orjson, zstd level 3 without a dictionary, SQLite
with `synchronous=FULL`, a commit per step, and the order ids findable. Two of them, with httpx and
with aiohttp: httpx takes several times the CPU for each request, and would flatter the product.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import orjson
import zstandard

from benchmarks.timing import Round, timed
from benchmarks.work import Shape, batches, erp_form, paid

DATABASE = "floor.db"
MOST_AT_ONCE = 8
HEADERS = {"Content-Type": "application/json"}

SCHEMA = """
CREATE TABLE outputs (id INTEGER PRIMARY KEY, run INTEGER, step TEXT, number INTEGER, data BLOB);
CREATE TABLE orders (id INTEGER, run INTEGER, PRIMARY KEY (id, run)) WITHOUT ROWID;
"""


class Kept:
    """Where the script keeps what each step put out."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / DATABASE, isolation_level=None, check_same_thread=False)
        for line in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL"):
            self._connection.execute(line)
        self._connection.executescript(SCHEMA)
        self._lock = threading.Lock()
        self._local = threading.local()
        self.commits = 0

    def step(self, run: int, step: str, outputs: Sequence[bytes], ids: Sequence[int] = ()) -> None:
        """What one step put out, in one commit; with `ids`, findable by them."""
        compress = self._compressor().compress
        rows = [(run, step, number, compress(data)) for number, data in enumerate(outputs)]
        with self._lock:
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO outputs (run, step, number, data) VALUES (?, ?, ?, ?)", rows)
            if ids:
                connection.executemany("INSERT INTO orders VALUES (?, ?)", [(number, run) for number in ids])
            connection.execute("COMMIT")
            self.commits += 1

    def _compressor(self) -> zstandard.ZstdCompressor:
        found = getattr(self._local, "compressor", None)
        if found is None:
            found = self._local.compressor = zstandard.ZstdCompressor(level=3)
        return found

    def close(self) -> None:
        self._connection.close()


class Floor:
    """What the two scripts share: everything but the HTTP calls."""

    def __init__(self, folder: Path, url: str, shape: Shape) -> None:
        self.kept = Kept(folder)
        self.url = f"{url}/orders"
        self.shape = shape
        self._runs = itertools.count(1)

    @property
    def pages(self) -> list[str]:
        shape = self.shape
        if shape.pages is None:
            return [f"{self.url}?count={shape.orders}"]
        # One more than there are, as any client that pages until a page is empty.
        return [
            f"{self.url}?count={shape.orders}&pages={shape.pages}&page={page}"
            for page in range(1, shape.pages + 2)
        ]

    def between(self, run: int, page: bytes) -> list[bytes]:
        """The steps between the pull and the posts; the bodies to post."""
        kept = self.kept
        orders = orjson.loads(page)["orders"]
        if not orders:
            return []
        kept.step(run, "pull", [page], [order["id"] for order in orders])
        orders = paid(orders)
        kept.step(run, "paid-only", [orjson.dumps({"orders": orders})])
        orders = [erp_form(order) for order in orders]
        kept.step(run, "erp-form", [orjson.dumps({"orders": orders})])
        bodies = [orjson.dumps({"orders": batch}) for batch in batches(orders, self.shape.batch)]
        kept.step(run, "batches", bodies)
        return bodies


class HttpxFloor(Floor):
    """With httpx, a thread for each run at a time."""

    def __init__(self, folder: Path, url: str, shape: Shape) -> None:
        super().__init__(folder, url, shape)
        self._client = httpx.Client(timeout=60)
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE)

    async def round(self, runs: int, at_once: int) -> Round:
        if at_once == 1:
            return await timed(runs, 1, self._run_here)
        return await timed(runs, at_once, self._run_in_thread)

    async def _run_here(self) -> None:
        self._run()

    async def _run_in_thread(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, self._run)

    def _run(self) -> None:
        run = next(self._runs)
        client = self._client
        for url in self.pages:
            bodies = self.between(run, client.get(url).raise_for_status().content)
            answers = [
                client.post(self.url, content=body, headers=HEADERS).raise_for_status().content
                for body in bodies
            ]
            if answers:
                self.kept.step(run, "send", answers)

    async def close(self) -> None:
        self._client.close()
        self._threads.shutdown()
        self.kept.close()


class AiohttpFloor(Floor):
    """With aiohttp, all runs on one event loop."""

    def __init__(self, folder: Path, url: str, shape: Shape) -> None:
        super().__init__(folder, url, shape)
        self._session = aiohttp.ClientSession(raise_for_status=True)

    async def round(self, runs: int, at_once: int) -> Round:
        return await timed(runs, at_once, self._run)

    async def _run(self) -> None:
        run = next(self._runs)
        for url in self.pages:
            async with self._session.get(url) as answer:
                page = await answer.read()
            answers = []
            for body in self.between(run, page):
                async with self._session.post(self.url, data=body, headers=HEADERS) as answer:
                    answers.append(await answer.read())
            if answers:
                self.kept.step(run, "send", answers)

    async def close(self) -> None:
        await self._session.close()
        self.kept.close()


FLOORS: dict[str, Callable[[Path, str, Shape], Any]] = {
    "floor (httpx)": HttpxFloor,
    "floor (aiohttp)": AiohttpFloor,
}
