"""The shop server of a benchmark, started and asked."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from types import TracebackType
from typing import Any, Self

from benchmarks.contestant import ROOT


class ShopServer:
    """Ends with this process, however it ends."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.shop_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        port = self._process.stdout.readline()
        if not port:
            raise RuntimeError("the shop server of the benchmark did not start")
        self.url = f"http://127.0.0.1:{int(port)}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)

    def stats(self) -> dict[str, Any]:
        """Requests and bytes in both directions so far, and its CPU time."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/stats") as answer:
            stats: dict[str, Any] = json.loads(answer.read())
        return stats
