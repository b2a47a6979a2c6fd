"""The product as a server: `redrive up` in a process of its own, and small calls to it."""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import psutil

import redrive
from benchmarks.contestant import peak_bytes

START_S = 60


class Server:
    """`ready_s`: from the start of the process until it says that it answers."""

    def __init__(self, home: Path) -> None:
        source = str(Path(redrive.__file__).parents[1])
        path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH"))))
        begun = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "redrive", "--home", str(home), "up", "--port", "0"],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()
        self.ready_s = time.perf_counter() - begun
        told = json.loads((home / "server.json").read_text())
        self._address = urlsplit(told["url"])
        self._token = told["token"]
        self._calls: list[Calls] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for calls in self._calls:
            calls.close()
        self._process.terminate()
        self._process.wait(START_S)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def kill(self) -> None:
        """As the power going: no chance to tidy up. What helpers it has end with it."""
        self._process.kill()
        self._process.wait(START_S)

    def calls(self) -> Calls:
        assert self._address.hostname is not None
        self._calls.append(Calls(self._address.hostname, self._address.port or 80, self._token))
        return self._calls[-1]

    def cpu_s(self) -> float:
        """Of all its processes."""
        return sum(sum(process.cpu_times()[:2]) for process in self._processes())

    def memory_mb(self) -> float:
        return sum(process.memory_info().rss for process in self._processes()) / 1e6

    def peak_mb(self) -> float:
        return sum(peak_bytes(process.pid) for process in self._processes()) / 1e6

    def _processes(self) -> list[psutil.Process]:
        first = psutil.Process(self._process.pid)
        return [first, *first.children(recursive=True)]


class Calls:
    """One kept-alive connection, a call at a time. `took_ms`: of each, the whole answer read."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=START_S)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.took_ms: list[float] = []

    def close(self) -> None:
        self._connection.close()

    def get(self, path: str) -> Any:
        return self._call("GET", path)

    def post(self, path: str, body: Any) -> Any:
        return self._call("POST", path, json.dumps(body))

    def _call(self, method: str, path: str, body: str | None = None) -> Any:
        begun = time.perf_counter()
        self._connection.request(method, f"/api/v1{path}", body, self._headers)
        answer = self._connection.getresponse()
        data = answer.read()
        self.took_ms.append((time.perf_counter() - begun) * 1000)
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path} was answered with {answer.status}: {data[:500]!r}")
        return json.loads(data)


def quantiles(took_ms: Iterable[float]) -> tuple[float, float, float, float]:
    """Median, p95, p99 and the longest."""
    sorted_ms = sorted(took_ms)
    cuts = statistics.quantiles(sorted_ms, n=100, method="inclusive")
    return cuts[49], cuts[94], cuts[98], sorted_ms[-1]
