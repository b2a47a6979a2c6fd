"""One `up` on one home, that is killed and started again; and calls that outlive it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

from redrive.client.http import HttpClient
from redrive.errors import RedriveError

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
READY_S = 60
AGAIN_S = 0.2
SETTINGS = {
    "REDRIVE_RETRY_BASE_S": "0.05",
    "REDRIVE_LOG_LEVEL": "warning",
    # A soak kills at any moment, often the same run: that it then ends as lost is another test's.
    "REDRIVE_MAX_WORKER_LOSSES": "100",
    "REDRIVE_KEEP_PAYLOADS_SUCCESS_COUNT": "60",
    "REDRIVE_KEEP_RUNS_SUCCESS_COUNT": "120",
    "REDRIVE_KEEP_PAYLOADS_FAILURE_COUNT": "60",
    "REDRIVE_KEEP_RUNS_FAILURE_COUNT": "120",
    "REDRIVE_RETENTION_EVERY_S": "20",
}
GONE = frozenset({"server.unreachable", "server.closing", "store.closed"})


class Violation(AssertionError):
    """Something that must always hold did not."""


@dataclass(frozen=True)
class Sample:
    """What the server took at one moment of one life."""

    at_s: float
    life: int
    lived_s: float
    rss_bytes: int
    descriptors: int
    home_bytes: int
    runs: int


class Life:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.lives = 0
        self.deaths: dict[str, int] = {"killed": 0, "ended": 0}
        self._process: asyncio.subprocess.Process | None = None
        self._client: HttpClient | None = None
        self._ready = asyncio.Event()
        self._begun = 0.0

    async def begin(self) -> None:
        self.lives += 1
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "import sys; from redrive.cli.main import main; sys.exit(main())",
            *("--home", str(self.home), "--json", "up", "--port", "0"),
            env={**os.environ, **SETTINGS, "PYTHONPATH": str(ROOT / "src")},
            stdout=asyncio.subprocess.PIPE,
            stderr=(self.home.parent / "up.log").open("ab"),
        )
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), READY_S)
        if not line:
            log = (self.home.parent / "up.log").read_text(encoding="utf-8")[-2000:]
            raise Violation(f"`up` did not start again: {log}")
        token = json.loads((self.home / "server.json").read_bytes())["token"]
        self._client = HttpClient(json.loads(line)["url"], token, home=self.home)
        await self._client.__aenter__()
        self._begun = time.monotonic()
        self._ready.set()

    async def end(self, *, kill: bool) -> None:
        """Kill the process, or ask it to end; then look at what it left."""
        assert self._process is not None
        assert self._client is not None
        self._ready.clear()
        self.deaths["killed" if kill else "ended"] += 1
        self._process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        code = await asyncio.wait_for(self._process.wait(), READY_S)
        await self._client.__aexit__(None, None, None)
        if not kill and code != 0:
            raise Violation(f"`up` ended with {code} when it was asked to end")
        await asyncio.to_thread(self._look)

    def _look(self) -> None:
        """The store of a process that is gone: whole, every content that a payload names is there."""
        connection = sqlite3.connect(self.home / "redrive.db")
        try:
            whole = connection.execute("PRAGMA quick_check").fetchall()
            lost = connection.execute(
                "SELECT count(*) FROM payloads p LEFT JOIN contents c ON c.digest = p.digest"
                " WHERE c.digest IS NULL AND p.digest <> x''"
            ).fetchone()[0]
            named = {row[0] for row in connection.execute("SELECT digest FROM contents WHERE form = 2")}
            unnamed = connection.execute(
                "SELECT count(*) FROM step_runs s JOIN runs r ON r.id = s.run_id"
                " WHERE r.finished_at IS NOT NULL AND s.status IN ('running')"
            ).fetchone()[0]
            claimed = connection.execute(
                "SELECT count(*) FROM deliveries d JOIN runs r ON r.id = d.run_id"
                " WHERE d.status = 'begun' AND r.finished_at IS NOT NULL"
            ).fetchone()[0]
        finally:
            connection.close()
        objects = {bytes.fromhex(p.parent.name + p.name) for p in (self.home / "objects").glob("*/*")}
        found = {
            "the database is damaged": whole != [("ok",)],
            f"{lost} payloads have no content": lost,
            f"{len(named - objects)} objects are gone": named - objects,
            f"{unnamed} steps of ended runs are running": unnamed,
            f"{claimed} deliveries of ended runs are begun": claimed,
        }
        if told := [text for text, holds in found.items() if holds]:
            raise Violation("; ".join(told))

    async def call(self, do: Callable[[HttpClient], Awaitable[T]]) -> T:
        """Ask the server, and again after its death, until it answers."""
        while True:
            await self._ready.wait()
            assert self._client is not None
            life = self.lives
            try:
                return await do(self._client)
            except (RedriveError, RuntimeError, OSError) as error:
                # What a server says while it dies may be anything; a living one's word counts.
                lives = life == self.lives and self._ready.is_set()
                if lives and (not isinstance(error, RedriveError) or error.code not in GONE):
                    raise
            await asyncio.sleep(AGAIN_S)

    def sample(self, at_s: float) -> Sample | None:
        """None while there is no server."""
        if not self._ready.is_set() or self._process is None:
            return None
        try:
            process = psutil.Process(self._process.pid)
            family = [process, *process.children(recursive=True)]
            rss = sum(one.memory_info().rss for one in family)
            descriptors = process.num_fds()
        except psutil.Error:
            return None
        size = sum(p.stat().st_size for p in self._files() if p.exists())
        connection = sqlite3.connect(self.home / "redrive.db")
        runs: Any = connection.execute("SELECT count(*) FROM runs").fetchone()[0]
        connection.close()
        lived = time.monotonic() - self._begun
        return Sample(at_s, self.lives, lived, rss, descriptors, size, int(runs))

    def _files(self) -> list[Path]:
        return [p for p in self.home.rglob("*") if p.is_file()]
