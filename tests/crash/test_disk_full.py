"""The disk fills up in the middle of a run: one clear error, a whole store, and a run that goes on."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from redrive.errors import StoreFull
from redrive.store import sqlite
from redrive.store.blobs import disk as disk_module
from tests.conftest import EVERYTHING
from tests.crash.house import KILLED, House, Left
from tests.crash.programs import BALLAST, started
from tests.crash.site import PAGES

MOUNT_BYTES = 3 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes of its own, where this user may mount one."""
    yield from mounted(tmp_path / "disk", MOUNT_BYTES)


def mounted(place: Path, size: int) -> Iterator[Path]:
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    may = os.geteuid() == 0 and shutil.which("mount") is not None
    if not may or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A larger one that is the home itself: what a process prints goes elsewhere."""
    yield from mounted(tmp_path / "home", 16 << 20)


RUNS = [
    ("idempotent", "payload.written:2"),
    ("idempotent", "step.finished:3"),
    ("idempotent", "claim.after:2"),
    ("idempotent", "send.after:2"),
    ("idempotent", "commit.before:9"),
    ("idempotent", "blob.written:2"),
    ("idempotent", "blob.fsynced:2"),
    ("shared", "pool.claimed:1"),
    ("shared", "cache.added:100"),
    ("shared", "dictionary.begun:1"),
    ("shared", "dictionary.made:1"),
]


@pytest.mark.parametrize(("flow", "point"), RUNS if EVERYTHING else RUNS[2::4])
def test_the_disk_fills_up_at_a_failpoint_and_the_run_goes_on_when_there_is_room(
    make_house: Callable[..., House], disk: Path, flow: str, point: str
) -> None:
    shared = flow == "shared"
    made = make_house("fills", big=not shared, per_page=60 if shared else 5, honours_keys=True)
    house = House(disk, made.case, made.zygote)
    shutil.copytree(made.path, house.path, dirs_exist_ok=True)
    words = (str(house.path), flow, house.case.name)
    code = house.run("fill_disk", str(disk), point, "work", *words, REDRIVE_FREE_DISK_PERCENT="0")
    assert (disk / BALLAST).exists(), (code, house.errors())
    # What comes after the point may need no more room than SQLite's log has: then it is a success.
    assert code in {0, 99}, code
    if code:
        assert "StoreFull" in house.errors()
    (disk / BALLAST).unlink()
    assert house.sound()
    assert house.work(flow, REDRIVE_FREE_DISK_PERCENT="0") == 0, house.errors()
    left, case = house.left(), house.case
    wanted = {one["id"] for page in range(1, PAGES + 1) for one in case.orders(page)} if shared else case.paid
    assert [one["status"] for one in left.runs] == ["success"]
    assert case.booked == dict.fromkeys(wanted, 1)
    assert left.delivered == wanted
    assert house.sound()


KEEPING = {
    "retention.bucket:2": ("retain", "31"),
    "retention.swept:1": ("retain", "31"),
    "erase.content:1": ("erase", "102"),
    "search.begun:1": ("find", "2.10"),
    "backup.begun:1": ("back_up", "FILE"),
}


@pytest.mark.parametrize("point", KEEPING if EVERYTHING else ["backup.begun:1"])
def test_the_disk_fills_up_beside_the_runs(make_house: Callable[..., House], disk: Path, point: str) -> None:
    made = make_house("beside", big=True, honours_keys=True)
    house = House(disk, made.case, made.zygote)
    shutil.copytree(made.path, house.path, dirs_exist_ok=True)
    free = {"REDRIVE_FREE_DISK_PERCENT": "0"}
    assert house.work("idempotent", **free) == 0, house.errors()
    program, word = KEEPING[point]
    words = (program, str(house.path), word.replace("FILE", str(disk / "b.tar")))
    code = house.run("fill_disk", str(disk), point, *words, **free)
    assert (disk / BALLAST).exists(), (code, house.errors())
    assert code in {0, 99}, code
    assert not code or "No space" in house.errors() or "full" in house.errors(), house.errors()
    (disk / BALLAST).unlink()
    assert house.left().runs[0]["status"] == "success"
    assert house.run(*words, **free) == 0, house.errors()
    assert house.case.booked == dict.fromkeys(house.case.paid, 1)


def test_the_command_line_says_so_and_the_run_goes_on_when_there_is_room(
    make_house: Callable[..., House], small_disk: Path
) -> None:
    house = make_house("small-disk", big=True, honours_keys=True)
    full = House(small_disk / "home", house.case, house.zygote)
    shutil.copytree(house.path, full.path)
    # What is left after this is enough to start, and not enough for the pages.
    ballast = small_disk / "ballast"
    usage = shutil.disk_usage(small_disk)
    ballast.write_bytes(bytes(usage.free - (250 << 10)))
    words = ("--home", str(full.path), "--json", "run", "idempotent", "--var", f"case={house.case.name}")
    code = full.run("cli", *words, REDRIVE_FREE_DISK_PERCENT="0", TMPDIR=str(house.path))
    assert code == 3, full.errors()
    told = json.loads(full.errors().splitlines()[-1])
    assert told["code"] == "store.full"
    assert "full" in told["detail"] + told["title"]
    assert told["hint"]
    ballast.unlink()
    assert full.sound()
    left = full.left()
    assert left.runs[0]["status"] in {"queued", "running"}
    assert full.run("cli", *words) == 0, full.errors()
    full_run_ended(full, full.left())


def full_run_ended(house: House, left: Left) -> None:
    """The first run; a second one of the same orders may have found them all delivered."""
    assert house.sound()
    assert house.case.booked == dict.fromkeys(house.case.paid, 1)
    assert left.delivered == house.case.paid
    assert not left.unknown


async def test_a_database_that_cannot_grow(
    make_house: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = make_house("no-pages", honours_keys=True)

    connect_writer = sqlite.connect_writer

    def bounded(path: Path) -> object:
        connection = connect_writer(path)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages + 1}")
        return connection

    assert house.work("idempotent", REDRIVE_FAILPOINT="start.queued:1") == KILLED
    monkeypatch.setattr(sqlite, "connect_writer", bounded)
    with pytest.raises(StoreFull) as caught:
        async with house.service() as service:
            await service.execute_until((await service.runs.list()).items[0].id)
    assert caught.value.code == "store.full"
    assert caught.value.hint
    monkeypatch.undo()
    assert house.sound()
    assert house.work("idempotent") == 0, house.errors()
    left = house.left()
    assert [one["status"] for one in left.runs] == ["success"]
    full_run_ended(house, left)


@pytest.mark.parametrize("number", [1, 3])
async def test_an_object_that_finds_no_room(
    make_house: Callable[..., House], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    house = make_house("no-room", big=True, honours_keys=True)
    written: Counter[int] = Counter()
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        # Each page is one object: the descriptor's file is new for each.
        written[os.fstat(descriptor).st_ino] += 1
        if len(written) >= number:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(disk_module.os, "write", full)
    async with house.service() as service:
        run = await started(service, "idempotent", house.case.name)
        with pytest.raises(StoreFull):
            await service.execute_until(run)
    monkeypatch.undo()
    assert house.left().pages_recorded() == number - 1
    assert house.sound()
    assert not list((house.path / "temp").iterdir())
    assert house.work("idempotent") == 0, house.errors()
    assert house.left().runs[0]["status"] == "success"
    # The next page is asked for while one is being kept: it may have come, too.
    again = [*range(number, 6)]
    assert house.case.pages in ([*range(1, number + 1), *again], [*range(1, number + 2), *again])
    full_run_ended(house, house.left())
