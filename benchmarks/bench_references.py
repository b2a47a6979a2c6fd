"""Shapes that use data pools, lookups and caches: items a second, beside a plain loop that does the same.

python -m benchmarks.bench_references
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from redrive.sdk.shape import Shape
from redrive.sdk.testing import MemoryContext, run_shape
from redrive.shapes.add_to_cache import AddToCache
from redrive.shapes.dedupe import Dedupe
from redrive.shapes.map import Map

ITEMS = 20_000
TABLE = {f"C{n}": f"country {n}" for n in range(500)}


def orders() -> list[dict[str, Any]]:
    return [{"id": n % (ITEMS // 2), "code": f"C{n % 500}", "note": "x" * 60} for n in range(ITEMS)]


def loop_dedupe(data: bytes) -> bytes:
    seen: set[str] = set()
    kept = []
    for order in json.loads(data):
        if (key := str(order["id"])) not in seen:
            seen.add(key)
            kept.append(order)
    return json.dumps(kept).encode()


def loop_lookup(data: bytes) -> bytes:
    return json.dumps([{**order, "code": TABLE[order["code"]]} for order in json.loads(data)]).encode()


def loop_cache(data: bytes) -> bytes:
    kept = {str(order["id"]): json.dumps(order).encode() for order in json.loads(data)}
    return data if kept else b""


LOOKUP = {"to": "code", "from": "code", "do": [{"lookup": "countries"}]}
CASES: list[tuple[str, Shape, Callable[[bytes], bytes]]] = [
    ("dedupe", Dedupe(on="id", pool="seen"), loop_dedupe),
    ("map with a lookup", Map.model_validate({"automatic": True, "fields": [LOOKUP]}), loop_lookup),
    ("add_to_cache, an entry for each item", AddToCache(cache="c", entry="{{ item.id }}"), loop_cache),
]


def main() -> None:
    data = json.dumps(orders()).encode()
    for name, shape, loop in CASES:
        begun = time.perf_counter()
        loop(data)
        plain_s = time.perf_counter() - begun
        begun = time.perf_counter()
        result = asyncio.run(run_shape(shape, [data], ctx=MemoryContext(lookups={"countries": TABLE})))
        shape_s = time.perf_counter() - begun
        if result.failed:
            raise result.failed[0].error
        print(
            f"{name}: {ITEMS / shape_s:,.0f} items/s, {len(data) / shape_s / 1e6:.0f} MB/s; "
            f"plain loop {ITEMS / plain_s:,.0f} items/s ({shape_s / plain_s:.1f} x its time)"
        )


if __name__ == "__main__":
    main()
