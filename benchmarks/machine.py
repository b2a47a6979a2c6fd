"""What the figures were measured on, and how much of it others were using meanwhile."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import time
from pathlib import Path
from typing import Self

import psutil

FSYNCS = 200


def fsync_ms(folder: Path) -> tuple[float, float]:
    """Median and 95th percentile of writing 4 KB and making them durable."""
    file = folder / "fsync"
    took = []
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT)
    try:
        for _ in range(FSYNCS):
            os.write(descriptor, os.urandom(4096))
            begun = time.perf_counter()
            os.fdatasync(descriptor)
            took.append((time.perf_counter() - begun) * 1000)
    finally:
        os.close(descriptor)
        file.unlink()
    return statistics.median(took), statistics.quantiles(took, n=20)[-1]


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def describe(folder: Path) -> list[str]:
    """Lines of a list for a results file."""
    median, slow = fsync_ms(folder)
    return [
        f"{os.cpu_count()} cores ({processor()}), {psutil.virtual_memory().total / 2**30:.0f} GB of memory",
        f"{platform.system()} {platform.release()}",
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}",
        f"disk: 4 KB made durable in {median:.2f} ms (p95 {slow:.2f} ms, fdatasync)",
    ]


class Others:
    """The CPU that processes other than those measured took, in cores, while this was open.

    Every figure of a machine that others use is worth less: `line` says so.
    """

    def __init__(self) -> None:
        self._ours_s = 0.0
        self.cores = 0.0
        self._load = os.getloadavg()[0]

    def __enter__(self) -> Self:
        self._begun, self._busy_s = time.monotonic(), _busy_s()
        self._self_s = _tree_s()
        return self

    def __exit__(self, *_: object) -> None:
        wall = time.monotonic() - self._begun
        self.cores = max(0.0, _busy_s() - self._busy_s - (_tree_s() - self._self_s)) / wall

    @property
    def line(self) -> str:
        shared = self._load > 1 or self.cores > 0.1
        state = "the machine was shared: read the figures as ratios" if shared else "the machine was quiet"
        taken = f"others took {self.cores:.2f} cores meanwhile"
        return f"load average {self._load:.1f} at the start, {taken}: {state}"


def _busy_s() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)


def _tree_s() -> float:
    """CPU of this process and its children, those that have ended included."""
    own = os.times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in psutil.Process().children(recursive=True):
        times = child.cpu_times()
        total += times.user + times.system
    return total
