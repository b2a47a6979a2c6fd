"""`python -m tests.soak --minutes 20`: random load, faults and kills; what must hold; a dated report."""

from __future__ import annotations

import argparse
import asyncio
import platform
import resource
import shutil
import statistics
import sys
import tempfile
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.report import commit, table, write
from redrive.client.http import HttpClient
from redrive.service.app import open_service
from redrive.settings import load
from tests.soak.life import ROOT, SETTINGS, Life, Sample, Violation
from tests.soak.people import People
from tests.soak.system import System, documents

SAMPLE_S = 5.0
LIVES_S = (20.0, 90.0)
"""How long the server lives until it is killed."""
KILLED = 0.7
BACKUP_S = 90.0
MOST_DESCRIPTORS = 400
MOST_GROWTH = 1.5
"""What a quantity may be in the last third of the soak, as a multiple of what it was in the second."""
SPARE_BYTES = 64 << 20


class Soak:
    def __init__(self, folder: Path, minutes: float, seed: int, people: int) -> None:
        self._folder = folder
        self._duration_s = minutes * 60
        self._number = people
        self._chance = Random(seed)
        self.system = System(seed)
        self.life = Life(folder / "home")
        self.people = People(self.life, self.system, seed)
        self.samples: list[Sample] = []
        self.backups = 0
        self.restored = 0
        self.findings: list[str] = []
        self._begun = 0.0

    async def run(self) -> None:
        async with self.system.serving() as url:
            async with open_service(self.life.home, load(environment={})) as service:
                await service.flows.import_documents(documents(url), deploy=True)
            await self.life.begin()
            self._begun = asyncio.get_running_loop().time()
            people = [asyncio.create_task(self.people.work()) for _ in range(self._number)]
            around = [asyncio.create_task(one) for one in (self._deaths(), self._watch(), self._back_up())]
            await self._until(self._time_up(), [*people, *around])
            self.people.ending.set()
            self.system.troubled = False
            for task in (around[0], around[2]):
                task.cancel()
            await asyncio.gather(around[0], around[2], return_exceptions=True)
            await self._until(_all(people), [*people, around[1]])
            around[1].cancel()
            await self._settle()

    async def _until(self, end: Coroutine[Any, Any, None], others: list[asyncio.Task[None]]) -> None:
        """Wait for an end; what any of the others finds out on the way ends all."""
        ending = asyncio.create_task(end)
        waiting: set[asyncio.Task[None]] = {ending, *others}
        while not ending.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if not task.cancelled() and (error := task.exception()) is not None:
                    raise error

    async def _time_up(self) -> None:
        await asyncio.sleep(self._duration_s)

    async def _deaths(self) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(*LIVES_S))
            # Not cut off half-way when the time is up: the server has to be there at the end.
            await asyncio.shield(self._die())

    async def _die(self) -> None:
        await self.life.end(kill=self._chance.random() < KILLED)
        await self.life.begin()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SAMPLE_S)
            sample = await asyncio.to_thread(self.life.sample, loop.time() - self._begun)
            if sample is not None:
                self.samples.append(sample)
                if sample.descriptors > MOST_DESCRIPTORS:
                    raise Violation(f"{sample.descriptors} files are open")
            if twice := self.system.twice:
                raise Violation(f"these orders arrived twice: {twice[:20]}")

    async def _back_up(self) -> None:
        """A backup every now and then; what it holds is a home."""
        archive, place = self._folder / "backup.tar", self._folder / "restored"

        async def make(client: HttpClient) -> None:
            with archive.open("wb") as file:
                async for chunk in client.backups.create(name="soak"):
                    file.write(chunk)

        while True:
            await asyncio.sleep(BACKUP_S)
            await self.life.call(make)
            self.backups += 1
            await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
            words = ["--home", str(place), "restore", str(archive)]
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                "import sys; from redrive.cli.main import main; sys.exit(main())",
                *words,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env={**SETTINGS, "PYTHONPATH": str(ROOT / "src"), "PATH": ""},
            )
            _, errors = await child.communicate()
            if child.returncode:
                raise Violation(f"a backup could not be restored: {errors.decode()[-1000:]}")
            self.restored += 1

    async def _settle(self) -> None:
        """All work is through: every order arrived once, and the store is in good order."""
        expected = {n for batch in range(1, self.people.batches + 1) for n in System.paid(batch)}
        booked = {number for number, count in self.system.booked.items() if count}
        if twice := self.system.twice:
            raise Violation(f"these orders arrived twice: {twice[:20]}")
        if lost := expected - booked:
            raise Violation(f"these orders never arrived: {sorted(lost)[:20]}")
        if more := booked - expected:
            raise Violation(f"nobody has ordered {sorted(more)[:20]}")
        queue = await self.life.call(lambda c: c.queue.list())
        if queue.items:
            raise Violation(f"the queue is not empty: {queue.items[:3]}")
        for finding in await self.life.call(lambda c: c.doctor()):
            if not finding.ok:
                raise Violation(f"doctor: {finding.name}: {finding.detail}")
        after: str | None = None
        while True:
            part = await self.life.call(lambda c, a=after: c.check_contents(a))
            if bad := [found.detail for found in part.findings if not found.ok]:
                raise Violation(f"contents: {bad}")
            if (after := part.next) is None:
                break
        await self.life.end(kill=False)
        self._bounded()

    def _bounded(self) -> None:
        """What the server takes does not grow with the work that it has done."""
        end = self.samples[-1].at_s
        second = [s for s in self.samples if end / 3 <= s.at_s < 2 * end / 3]
        third = [s for s in self.samples if s.at_s >= 2 * end / 3]
        if end < 600 or not second or not third:  # too short to tell
            return
        for name in ("rss_bytes", "descriptors", "home_bytes", "runs"):
            before = statistics.median([getattr(s, name) for s in second])
            now = statistics.median([getattr(s, name) for s in third])
            spare = SPARE_BYTES if name.endswith("bytes") else 100
            if now > before * MOST_GROWTH + spare:
                raise Violation(f"{name} grew from {before:.0f} to {now:.0f} in the last third")

    def report(self, seed: int, outcome: str, took_s: float) -> Path:
        life, people = self.life, self.people
        sizes = [
            ("memory of the server and its helpers, MB", "rss_bytes", 1 << 20),
            ("open files of the server", "descriptors", 1),
            ("size of the home, MB", "home_bytes", 1 << 20),
            ("runs in the run log", "runs", 1),
        ]
        end = self.samples[-1].at_s if self.samples else 1.0
        rows = []
        for title, name, unit in sizes:
            cells = [title]
            for third in range(3):
                part = [
                    getattr(s, name) / unit
                    for s in self.samples
                    if third * end / 3 <= s.at_s <= (third + 1) * end / 3
                ]
                cells += [f"{statistics.median(part):,.0f}", f"{max(part):,.0f}"] if part else ["", ""]
            rows.append(cells)
        deaths = f"{life.deaths['killed']} by kill -9, {life.deaths['ended']} by SIGTERM"
        faults = ", ".join(f"{kind} {count}" for kind, count in sorted(self.system.faults.items()))
        did = ", ".join(f"{what} {count}" for what, count in sorted(people.did.items()))
        body = [
            f"**{outcome}**",
            "",
            (
                f"{took_s / 60:.1f} minutes, seed {seed}, {self._number} people at a time, Python"
                f" {platform.python_version()}, commit {commit()}; `make soak` repeats it."
            ),
            "",
            (
                f"- {people.batches} batches of {len(System.paid(1))} orders to send, seen through to their"
                f" end: {sum(self.system.booked.values())} orders arrived,"
                f" {len(self.system.twice)} of them twice"
            ),
            f"- {life.lives} lives of `up`: {deaths}; after each death the store was looked through",
            f"- what people did: {did}",
            f"- faults of the outside systems, of {self.system.requests} requests: {faults}",
            f"- {self.backups} backups while running, {self.restored} of them restored",
            "",
            *table(
                ["", "1st third: median", "most", "2nd: median", "most", "3rd: median", "most"],
                rows,
            ),
            "",
            "What held, all the time and at the end: nothing arrives twice; every run ends; after each",
            "death the database is whole, each payload has its content and each object its file, no ended",
            "run has a step under way or a delivery begun; at the end every order of every batch has",
            "arrived, the queue is empty, `doctor` and the check of all contents find nothing, and the",
            "last third took at most half as much memory, files and disk again as the second (memory",
            "holds pages of the database, which grows by the deliveries that are kept).",
        ]
        return write("soak", "Soak", body)


async def _all(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.gather(*tasks)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=int(datetime.now(UTC).timestamp()))
    parser.add_argument("--people", type=int, default=4)
    parser.add_argument("--no-report", action="store_true")
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    soak = Soak(folder, given.minutes, given.seed, given.people)
    began = datetime.now(UTC)
    outcome, code = "All invariants held.", 0
    try:
        asyncio.run(soak.run())
        shutil.rmtree(folder)
    except Exception as error:  # noqa: BLE001 - whatever it is, it goes into the report
        outcome, code = f"Ended by {type(error).__name__}: {error}", 1
        sys.stderr.write(f"{outcome}\nThe home is kept at {folder}\n")
    took = (datetime.now(UTC) - began).total_seconds()
    if not given.no_report:
        sys.stdout.write(f"{soak.report(given.seed, outcome, took)}\n")
    else:
        sys.stdout.write(f"{outcome} {soak.people.batches} batches, {soak.people.did}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
