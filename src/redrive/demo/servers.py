"""The demo shop and ERP as child processes, for the story and for any test.

    with DemoServers() as servers:
        text = servers.documents()              # connectors and connections that point at them
        servers.erp.control(faults=[{"kind": "hold", "order": 1042}])
        assert servers.erp.counts() == {"1001": 1}

The calls block; in asynchronous code put them into `asyncio.to_thread`.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from redrive.demo.documents import DOCUMENTS, documents
from redrive.errors import Fault, NotFound

START_TIMEOUT_S = 30.0
ANSWER_TIMEOUT_S = 60.0
SHOP_TOKEN = "DEMO_SHOP_TOKEN"  # noqa: S105 - the name of a variable
ERP_TOKEN = "DEMO_ERP_TOKEN"  # noqa: S105 - the name of a variable


class DemoServer:
    """One demo system in a process of its own. `url` is where it serves, `token` what it wants."""

    def __init__(self, module: str, token_variable: str, arguments: tuple[str, ...] = ()) -> None:
        self.name = module.rpartition(".")[2]
        self.token = secrets.token_urlsafe(18)
        source = str(Path(__file__).parents[2])
        path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, "--until-stdin-ends", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path, token_variable: self.token},
        )
        self.url = ""
        self.control_url = ""

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_ready(self) -> None:
        """Wait for its address. Errors: `demo.not_started`, when it ends or says nothing."""
        assert self._process.stdout is not None
        overdue = threading.Timer(START_TIMEOUT_S, self._process.kill)
        overdue.start()
        line = self._process.stdout.readline()
        overdue.cancel()
        overdue.join()
        if not line:
            raise Fault(
                f"the demo {self.name} did not start (exit code {self._process.wait()})",
                code="demo.not_started",
                hint=f"Start it alone to see why: python -m redrive.demo.{self.name}",
            )
        ready = json.loads(line)
        self.url, self.control_url = ready["url"], ready["control_url"]

    def stop(self) -> None:
        """End the process and wait for its end."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def get(self, path: str) -> Any:
        """The JSON that it answers on its control port, which is there even when it is down."""
        return self._ask(path, None)

    def read(self, path: str) -> bytes:
        """The exact bytes that it answers to a client with the token."""
        return self._ask_bytes(path, None)

    def control(self, **order: Any) -> Any:
        """Tell it how to behave: `faults`, `settings`, `release`, `down`, `reset`."""
        return self._ask("/control", order)

    def wait(self, *, requests: int = 0, held: int = 0, timeout_s: float = 30.0) -> Any:
        """Wait until that many requests arrived since the start (or reset) and that many are held.

        Errors: `TimeoutError`.
        """
        return self._ask(f"/wait?requests={requests}&held={held}&timeout_s={timeout_s}", None)

    def _ask(self, path: str, body: dict[str, Any] | None) -> Any:
        return json.loads(self._ask_bytes(path, body))

    def _ask_bytes(self, path: str, body: dict[str, Any] | None) -> bytes:
        request = urllib.request.Request(  # noqa: S310 - an address of our own, on loopback
            self.control_url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with _no_proxy.open(request, timeout=ANSWER_TIMEOUT_S) as answer:
                read: bytes = answer.read()
                return read
        except urllib.error.HTTPError as error:
            with error:
                said = json.loads(error.read() or b"{}")
            if error.code == 408:
                raise TimeoutError(f"the demo {self.name} did not get there: {said}") from None
            if error.code == 404:
                raise NotFound(f"the demo {self.name}: {said.get('error')}", code="demo.not_found") from None
            raise ValueError(f"the demo {self.name} answered {error.code}: {said}") from None


class DemoErp(DemoServer):
    def counts(self) -> dict[str, int]:
        """How often each order was booked, by its id."""
        counts: dict[str, int] = self.get("/counts")
        return counts

    def received(self) -> list[dict[str, Any]]:
        """Every request for orders: `ids, outcome, status, idempotency_key`."""
        requests: list[dict[str, Any]] = self.get("/received")["requests"]
        return requests


class DemoServers:
    """Both systems, started side by side; they end with this process, however it ends."""

    shop: DemoServer
    erp: DemoErp

    def __init__(self, *, orders: int = 2000, seed: int = 7, idempotency: bool = False) -> None:
        self._shop_arguments = ("--orders", str(orders), "--seed", str(seed))
        self._erp_arguments = ("--idempotency",) if idempotency else ()

    def __enter__(self) -> Self:
        self.shop = DemoServer("redrive.demo.shop", SHOP_TOKEN, self._shop_arguments)
        self.erp = DemoErp("redrive.demo.erp", ERP_TOKEN, self._erp_arguments)
        try:
            self.shop.wait_ready()
            self.erp.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self.shop.stop()
        self.erp.stop()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the connections take their secrets from."""
        return {SHOP_TOKEN: self.shop.token, ERP_TOKEN: self.erp.token}

    def documents(self, *names: str) -> str:
        """The demo's documents (all, or those named) as one text, pointed at these servers."""
        return documents(*(names or DOCUMENTS), shop_url=self.shop.url, erp_url=self.erp.url)


_no_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
