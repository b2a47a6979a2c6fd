"""One side of a benchmark in a process of its own, told on stdin what to do, one JSON line at a time.

python -m benchmarks.contestant '{"name": "redrive", "folder": …, "url": …, "shape": {…}}'
-> {"runs": 50, "at_once": 8}      <- a Round
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import psutil

from benchmarks.processes import Child
from benchmarks.timing import Round
from benchmarks.work import Shape

PRODUCT = "redrive"


class Setup(msgspec.Struct):
    name: str
    folder: str
    url: str
    shape: Shape


class Ask(msgspec.Struct):
    runs: int
    at_once: int


class Contestant:
    """The process, seen from the bench."""

    def __init__(self, setup: Setup) -> None:
        self.name = setup.name
        self._folder = Path(setup.folder)
        self._child = Child("benchmarks.contestant", msgspec.json.encode(setup).decode())
        self._peaks: dict[int, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        code = self._child.end()
        if code and error is None:
            raise RuntimeError(f"{self.name} ended with {code}")

    def round(self, runs: int, at_once: int) -> Round:
        """So many runs, so many at once; until they have all ended."""
        self._child.tell(msgspec.json.encode(Ask(runs, at_once)))
        line = self._child.hear()
        self._look_at_memory()
        return msgspec.json.decode(line, type=Round)

    def _look_at_memory(self) -> None:
        process = psutil.Process(self._child.pid)
        for one in (process, *process.children(recursive=True)):
            self._peaks[one.pid] = peak_bytes(one.pid)

    @property
    def peak_memory_bytes(self) -> int:
        """The sum of the peaks of all its processes, as of the end of the last round."""
        return sum(self._peaks.values())

    def stored_bytes(self) -> int:
        """All files of its folder but the search index, after a checkpoint of its database."""
        for database in set(self._folder.glob("*.db")) - {self._folder / "search.db"}:
            connection = sqlite3.connect(database, timeout=30)
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            connection.close()
            if busy:
                raise RuntimeError(f"the database of {self.name} could not be checkpointed")
        files = [file for file in self._folder.rglob("*") if file.is_file()]
        return sum(file.stat().st_size for file in files if not file.name.startswith("search."))


def peak_bytes(pid: int) -> int:
    """The most memory that a process has held at once."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"the system does not tell the peak memory of process {pid}")


def make(setup: Setup) -> Any:
    folder = Path(setup.folder)
    if setup.name == PRODUCT:
        from benchmarks.product import Product

        return Product(folder, setup.url, setup.shape)
    from benchmarks.floor import FLOORS

    return FLOORS[setup.name](folder, setup.url, setup.shape)


async def main(setup: Setup) -> None:
    side = make(setup)
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            ask = msgspec.json.decode(line, type=Ask)
            done = await side.round(ask.runs, ask.at_once)
            print(msgspec.json.encode(done).decode(), flush=True)
    finally:
        await side.close()


if __name__ == "__main__":
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=Setup)))
