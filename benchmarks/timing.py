"""Timing rounds of runs: latency of each, CPU of the whole process tree, wall time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec
import psutil


class Round(msgspec.Struct):
    """`cpu_s` is of this process and its children, all threads, user and system time. `steps_s`: how
    long each step of the last run took, where the side can tell."""

    runs: int
    at_once: int
    wall_s: float
    cpu_s: float
    latencies_s: list[float]
    steps_s: dict[str, float] = {}


def cpu_s() -> float:
    """CPU time that this process and its living children have taken."""
    total = time.process_time()
    for child in psutil.Process().children(recursive=True):
        times = child.cpu_times()
        total += times.user + times.system
    return total


async def timed(runs: int, at_once: int, run: Callable[[], Awaitable[None]]) -> Round:
    """So many runs, so many at a time: each one that ends makes room for the next."""
    left = iter(range(runs))
    latencies: list[float] = []

    async def lane() -> None:
        for _ in left:
            begun = time.perf_counter()
            await run()
            latencies.append(time.perf_counter() - begun)

    cpu, begun = cpu_s(), time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(at_once)))
    wall = time.perf_counter() - begun
    return Round(runs, at_once, wall, cpu_s() - cpu, latencies)
