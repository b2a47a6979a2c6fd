"""The floor of webhooks: a bare Starlette handler that puts each body into SQLite, `synchronous=FULL`.

    python -m benchmarks.hook_floor FOLDER group|single

`group`: one thread commits whatever waits as one transaction. `single`: each call commits for itself.
Prints its port when it listens; ends when stdin does.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import sys
import threading
from collections import deque
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

INSERT = "INSERT INTO calls (media_type, body) VALUES (?, ?)"


class Writer:
    """The one thread that writes."""

    def __init__(self, folder: Path, *, group: bool) -> None:
        self._path = folder / "floor.db"
        self._most = 512 if group else 1
        self._waiting: deque[tuple[str, bytes, asyncio.AbstractEventLoop, asyncio.Future[None]]] = deque()
        self._wake = threading.Condition()
        threading.Thread(target=self._main, daemon=True).start()

    def put(self, media_type: str, body: bytes) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._wake:
            self._waiting.append((media_type, body, loop, future))
            self._wake.notify()
        return future

    def _main(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE calls (id INTEGER PRIMARY KEY, media_type TEXT, body BLOB)")
        while True:
            with self._wake:
                while not self._waiting:
                    self._wake.wait()
                taken = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(INSERT, [(media_type, body) for media_type, body, _, _ in taken])
            connection.execute("COMMIT")
            taken[0][2].call_soon_threadsafe(lambda done=taken: [one[3].set_result(None) for one in done])


def main(folder: Path, how: str) -> None:
    writer = Writer(folder, group=how == "group")

    async def take(request: Request) -> Response:
        await writer.put(request.headers["content-type"], await request.body())
        return Response(b'{"ok":true}', 202, media_type="application/json")

    app = Starlette(routes=[Route("/hooks/intake", take, methods=["POST"])])
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    config = uvicorn.Config(
        app, http="httptools", loop="asyncio", lifespan="off", log_config=None, access_log=False
    )
    uvicorn.Server(config).run(sockets=[listener])


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
