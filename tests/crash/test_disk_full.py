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
from tests.crash.house import KILLED, House, Left
from tests.crash.programs import started

MOUNT_BYTES = 3 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes of its own, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={MOUNT_BYTES}", "tmpfs", str(place)]
    may = os.geteuid() == 0 and shutil.which("mount") is not None
    if not may or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


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
    assert house.case.pages == [*range(1, number + 1), *range(number, 6)]
    full_run_ended(house, house.left())
