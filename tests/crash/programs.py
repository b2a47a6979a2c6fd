"""What runs in the processes that the crash suite kills. Started by `zygote`, which has imported it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from redrive.cli.main import main as command_line
from redrive.engine import worker
from redrive.engine.clock import Clock
from redrive.engine.dictionaries import LEAST_SAMPLES, Dictionaries
from redrive.engine.failpoints import failpoints
from redrive.service.app import Service, open_service
from redrive.service.kept_views import EraseRequest
from redrive.service.views import StartRequest
from redrive.settings import load
from tests.crash.loss import watched

SIGNALLED = 7
BALLAST = "ballast"


@asynccontextmanager
async def home_service(home: str, *, serve: bool = False) -> AsyncIterator[Service]:
    async with open_service(Path(home), load(options={"home": home}), serve=serve) as service:
        yield service


async def started(service: Service, flow: str, case: str) -> str:
    """The run of a case. Repeated after a crash it is the same run."""
    request = StartRequest(variables={"case": case})
    return (await service.runs.start(flow, request, idempotency_key=case)).id


async def work(home: str, flow: str, case: str) -> None:
    """Start the run of a case, or find it, and execute it to its end."""
    async with home_service(home) as service:
        run = await started(service, flow, case)
        print(json.dumps({"run": run}), flush=True)
        row = await service.execute_until(run)
        await learn(service)
        print(json.dumps({"run": run, "status": row.status}), flush=True)


async def learn(service: Service) -> None:
    """Have dictionaries made of what the runs of this process put out, now that all of it is committed."""
    families = service.kernel.deps.contents.families
    assert isinstance(families, Dictionaries)
    await families.settle()
    for family, state in list(families._families.items()):
        if families.dictionary(family) is None and len(state.recent) >= LEAST_SAMPLES:
            await families._renew(family, state, list(state.recent))


async def counted(home: str, flow: str, case: str) -> None:
    """As `work`, and print how often each failpoint was passed."""
    passed: Counter[str] = Counter()
    failpoints.action = lambda name: passed.update([name])
    await work(home, flow, case)
    failpoints.action = None
    print(json.dumps(passed), flush=True)


async def lose_power(home: str, flow: str, case: str, point: str) -> None:
    """As `work`, but dies at that pass of a failpoint (`name:n`), with notes of what is durable."""
    name, _, number = point.partition(":")
    passes = itertools.count(1)

    with watched(Path(home)) as watch:

        def at(passed: str) -> None:
            if passed == name and next(passes) == int(number):
                with watch.still:
                    watch.write()
                    os.kill(os.getpid(), signal.SIGKILL)

        failpoints.action = at
        await work(home, flow, case)


async def fill_disk(place: str, point: str, program: str, *words: str) -> int | None:
    """As another program, but at that pass of a failpoint the file system of `place` becomes full."""
    name, _, number = point.partition(":")
    passes = itertools.count(1)

    def at(passed: str) -> None:
        if passed == name and next(passes) == int(number or 1):
            with (Path(place) / BALLAST).open("wb", buffering=0) as file:
                for size in (1 << 16, 1 << 12, 1):
                    with contextlib.suppress(OSError):
                        while True:
                            file.write(bytes(size))

    failpoints.action = at
    result: int | None = await PROGRAMS[program](*words)
    return result


async def fail_fsync(home: str, flow: str, case: str, number: str) -> None:
    """As `work`, on a disk whose so-manieth fsync of a file or folder of objects fails, once."""
    fsyncs, fsync = itertools.count(1), os.fsync

    def failing(descriptor: int) -> None:
        if next(fsyncs) == int(number):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(descriptor)

    os.fsync = failing
    await work(home, flow, case)


async def back_up(home: str, file: str) -> None:
    """Make a backup of a home into a file."""
    async with home_service(home) as service:
        with Path(file).open("wb") as archive:  # noqa: ASYNC230 - nothing else goes on here
            async for chunk in service.backups.create(name="b"):
                archive.write(chunk)


async def die_in_back_off(home: str, flow: str, case: str) -> None:
    """As `work`, but the process is killed in its first back-off, once that is on record."""

    async def wait(self: worker.Control, seconds: float) -> None:
        failpoints.action = lambda name: (
            os.kill(os.getpid(), signal.SIGKILL) if name == "commit.after" else None
        )
        await asyncio.Event().wait()

    worker.Control.sleep = wait  # type: ignore[method-assign]
    await work(home, flow, case)


async def serve(home: str) -> int:
    """Execute what the home has until SIGTERM, then let go in good order."""
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    async with home_service(home, serve=True):
        print(json.dumps({"ready": True}), flush=True)
        await ending.wait()
        # Between this and the letting go nothing else of the loop comes to run.
        print(json.dumps({"ending": True}), flush=True)
    return SIGNALLED


class LaterClock(Clock):
    """The wall clock, some days ahead, or behind."""

    def __init__(self, days: float) -> None:
        self._ahead = int(days * 86_400_000_000)

    def micros(self) -> int:
        return super().micros() + self._ahead


async def retain(home: str, days: str) -> None:
    """A retention pass, as it would be so many days later; prints what it took away."""
    settings = load(options={"home": home})
    async with open_service(Path(home), settings, clock=LaterClock(int(days))) as service:
        result = await service.retention.run()
        print(json.dumps(result.model_dump()), flush=True)


async def find(home: str, value: str) -> None:
    """Bring the search index up to date and find a value anywhere; prints in which payloads it is."""
    async with home_service(home) as service:
        assert service.kernel.indexer is not None
        await service.kernel.indexer.catch_up(60)
        found, cursor = [], None
        while True:
            page = await service.search.find(value, cursor=cursor)
            found += [(one.step or "", one.payload or "", one.item or 0) for one in page.items]
            if (cursor := page.next) is None:
                break
        print(json.dumps(sorted(found)), flush=True)


async def work_at(home: str, flow: str, case: str, days: str) -> None:
    """As `work`, in a process whose clock is so many days ahead, or behind."""
    settings = load(options={"home": home})
    async with open_service(Path(home), settings, clock=LaterClock(float(days))) as service:
        run = await started(service, flow, case)
        row = await service.execute_until(run)
        print(json.dumps({"run": run, "status": row.status}), flush=True)


async def erase(home: str, value: str) -> None:
    """Erase a value, or go on with it."""
    async with home_service(home) as service:
        await service.erasures.resume()
        if not (await service.erasures.list()).items:
            await service.erasures.erase(EraseRequest(value=value, reason="a test", confirm=True))
        print(json.dumps({"erased": len((await service.erasures.list()).items)}), flush=True)


def cli(*words: str) -> int:
    return command_line(list(words))


PROGRAMS: dict[str, Any] = {
    "work": work,
    "counted": counted,
    "lose_power": lose_power,
    "fill_disk": fill_disk,
    "back_up": back_up,
    "fail_fsync": fail_fsync,
    "die_in_back_off": die_in_back_off,
    "serve": serve,
    "retain": retain,
    "find": find,
    "work_at": work_at,
    "erase": erase,
    "cli": cli,
}


def run(name: str, words: list[str]) -> int:
    failpoints.__init__()  # type: ignore[misc]  # armed by the environment of this process
    result = PROGRAMS[name](*words)
    if asyncio.iscoroutine(result):
        result = asyncio.run(result)
    return result or 0
