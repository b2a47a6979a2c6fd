"""The shop server of a benchmark, started and asked."""

from __future__ import annotations

import json
import urllib.request
from types import TracebackType
from typing import Any, Self

from benchmarks.processes import Child


class ShopServer:
    """`url` is where it serves."""

    def __enter__(self) -> Self:
        self._child = Child("benchmarks.shop_server")
        try:
            self.url = f"http://127.0.0.1:{int(self._child.hear())}"
        except BaseException:
            self._child.end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.end()

    def stats(self) -> dict[str, Any]:
        """Requests and bytes in both directions so far, and its CPU time."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/stats") as answer:
            stats: dict[str, Any] = json.loads(answer.read())
        return stats
