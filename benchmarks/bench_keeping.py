"""What keeping costs: backup, restore, retention, erasing and the check of all that is stored."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks import report
from benchmarks.bench_search import PAYLOADS, filled
from benchmarks.machine import Others, describe
from redrive.engine.restore import restore
from redrive.engine.retention import PAGE
from redrive.service.app import Service, open_service
from redrive.service.content_checks import ContentChecks
from redrive.service.kept_views import EraseRequest
from redrive.settings import load
from redrive.store import sweep
from redrive.store.database import Rows

_PIECE = 1 << 20
_HEAD = ["what", "how much", "wall (s)", "CPU (s)", "rate (of wall)"]


class _Table:
    """Rows of the report; each piece of work is measured where it stands."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []

    @contextmanager
    def measured(self, what: str, rate: Callable[[float], str]) -> Iterator[Callable[[str], None]]:
        """`rate` is given the seconds; what is yielded takes how much it was."""
        told: list[str] = []
        wall, cpu = time.perf_counter(), _cpu_s()
        yield told.append
        wall, cpu = time.perf_counter() - wall, _cpu_s() - cpu
        self.rows.append([what, *told, f"{wall:.1f}", f"{cpu:.1f}", rate(wall)])


def _cpu_s() -> float:
    times = psutil.Process().cpu_times()
    return float(times.user + times.system)


def _mb_per_s(size: int) -> Callable[[float], str]:
    return lambda wall: f"{size / wall / 1e6:,.0f} MB/s"


def _per_s(count: int, unit: str) -> Callable[[float], str]:
    return lambda wall: f"{count / wall:,.0f} {unit}/s"


async def _chunks(megabytes: int) -> AsyncIterator[bytes]:
    chance = random.Random(1)
    for _ in range(megabytes):
        yield chance.randbytes(_PIECE // 2).hex().encode()


def _scan(rows: Rows) -> int:
    """As the sweep looks for what is still named; how many rows that is."""
    count = 0
    for table in sweep.NAMING:
        after = None
        while page := table.page(rows, after, PAGE):
            after = page[-1][: len(table.key)]
            count += len(page)
    return count


async def _backup(service: Service, table: _Table, folder: Path, home: Path) -> Path:
    file = folder / "backup.tar"
    stored = (home / "redrive.db").stat().st_size + sum(
        path.stat().st_size for path in (home / "objects").rglob("*") if path.is_file()
    )
    with (
        table.measured("a backup of the home in use", _mb_per_s(stored)) as tell,
        file.open("wb") as out,
    ):
        async for chunk in service.backups.create(name="bench"):
            out.write(chunk)
        (made,) = (await service.backups.list()).items
        size = file.stat().st_size
        tell(f"{made.rows:,} rows, {stored / 1e6:,.0f} MB stored; the file {size / 1e6:,.0f} MB")
    return file


async def _kept(home: Path, folder: Path, payloads: int, value: str) -> list[list[str]]:
    table = _Table()
    runs = payloads // PAYLOADS
    settings = load(
        environment={
            "REDRIVE_RETENTION_EVERY_S": "0",
            "REDRIVE_KEEP_RUNS_SUCCESS_DAYS": "0",
            "REDRIVE_KEEP_RUNS_SUCCESS_COUNT": str(runs - runs // 2),
            "REDRIVE_KEEP_PAYLOADS_SUCCESS_DAYS": "0",
        }
    )
    async with open_service(home, settings) as service:
        await service.payloads.upload(_chunks(max(1, payloads // 1000)))
        file = await _backup(service, table, folder, home)
        with table.measured("restored", lambda wall: f"{done.rows / wall:,.0f} rows/s") as tell:
            with file.open("rb") as archive:
                done = await restore(archive, folder / "restored")
            tell(f"{done.rows:,} rows, {done.objects} object(s)")
        named = await service._kernel.deps.reader.run(_scan)
        with table.measured("the scan of all that names contents", _per_s(named, "rows")) as tell:
            await service._kernel.deps.reader.run(_scan)
            tell(f"{named:,} rows")
        read = contents = 0

        def rate(wall: float) -> str:
            return f"{read / wall / 1e6:,.0f} MB/s"

        with table.measured("`redrive doctor`: every content", rate) as tell:
            after, whole = None, False
            while not whole:
                part = await ContentChecks(service._kernel, repair=False).part(after)
                contents, read, after = contents + part.checked, read + part.read_bytes, part.next
                whole = after is None
            tell(f"{contents:,} contents, {read / 1e6:,.0f} MB plain")
        with table.measured("the plan of an erasing", _per_s(contents, "contents")) as tell:
            plan = await service.erasures.plan(EraseRequest(value=value))
            tell(f"{contents:,} contents looked into; {plan.items} items found")
        before = (home / "redrive.db").stat().st_size
        with table.measured("the erasing, and the database anew", _mb_per_s(before)) as tell:
            await service.erasures.erase(EraseRequest(value=value, reason="bench", confirm=True))
            tell(f"{before / 1e6:,.0f} MB of records")
        with table.measured("the database anew (`--compact`)", _mb_per_s(before)) as tell:
            await service.retention._engine.compact()
            tell(f"{before / 1e6:,.0f} MB of records")
        with table.measured("a retention that deletes half of the runs", _per_s(runs // 2, "runs")) as tell:
            gone = await service.retention.run()
            tell(f"{gone.deleted:,} runs, {gone.contents:,} contents")
    return table.rows


def main(folder: Path, *, payloads: int) -> list[str]:
    home = folder / "home"
    about = describe(folder)
    made = filled(home, payloads, float("inf"))
    (home / "search.db").unlink(missing_ok=True)
    with Others() as others:
        value = str(made.sample[0]["token"])
        rows = asyncio.run(_kept(home, folder, made.payloads, value))
    how = (
        f"A home with {made.payloads:,} payloads of {made.payloads // PAYLOADS:,} runs, filled by the store's"
        " own statements, and one large object. Each piece once, one after the other, in one process."
    )
    return [*[f"- {line}" for line in (*about, others.line)], "", how, "", *report.table(_HEAD, rows)]
