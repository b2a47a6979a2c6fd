"""The power goes at a failpoint: of what was not made durable any part is gone, and the run goes on.

Beside `test_failpoints`, where a dead process leaves all that it has written, here the disk has only what
was fsynced: SQLite's log is cut behind the last commit that was answered for, in whole frames and within
one; objects and their names vanish or are torn. What is then committed is one of two states, no mixture.
"""

from __future__ import annotations

import copy
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from redrive.engine.failpoints import NAMES
from tests.conftest import EVERYTHING
from tests.crash.house import KILLED, MODES, House
from tests.crash.loss import Log, log_of, lose, tables_of
from tests.crash.site import Case
from tests.crash.test_failpoints import (
    BLOBS,
    PATHS,
    nothing_finished_was_repeated,
    the_receiver_has_each_order_once,
)

Made = Callable[..., House]
POINTS = [name for name in NAMES if name not in PATHS]
SAMPLE = (
    ("payload.recorded", 7, "bare"),
    ("claim.after", 1, "lookup"),
    ("send.after", 2, "idempotent"),
    ("commit.before", 9, "lookup"),
    ("commit.after", 9, "idempotent"),
    ("commit.after", 14, "bare"),
    ("blob.fsynced", 2, "bare"),
    ("blob.renamed", 2, "idempotent"),
)
VARIANTS = 12 if EVERYTHING else 1


def chosen() -> list[Any]:
    if not EVERYTHING:
        return list(SAMPLE)
    return [(name, at, mode) for name in POINTS for at in (1, 2, 3, 5, 8, 13) for mode in MODES]


def cuts(log: Log, durable: int, chance: Random) -> list[int]:
    """Ends that the log may have: behind what is durable, at frames and within them."""
    frames = [end for end in log.frames if end > durable]
    inside = [chance.randrange(before + 1, end) for before, end in itertools.pairwise([durable, *frames])]
    every = [*frames, *inside]
    return [durable, *chance.sample(every, min(len(every), VARIANTS))]


@pytest.mark.parametrize(("name", "at", "mode"), chosen())
async def test_a_run_survives_the_loss_of_power(make_house: Made, name: str, at: int, mode: str) -> None:
    house = make_house(f"{name}-{at}-{mode}", big=name in BLOBS, honours_keys=mode == "idempotent")
    code = house.run("lose_power", str(house.path), mode, house.case.name, f"{name}:{at}")
    if code == 0:
        return  # there are fewer passes than that
    assert code == KILLED, house.errors()
    chance = Random(f"{name}-{at}")
    log = log_of(house.path)
    # A commit that nobody was told of may not be there yet; all others are.
    told = log.commits[:-1] if name == "commit.after" else log.commits
    durable = told[-1] if told else 0
    state = copy.deepcopy({key: value for key, value in vars(house.case).items() if key != "name"})
    allowed: list[Any] = []
    for number, end in enumerate(cuts(log, durable, chance)):
        vars(house.case).update(copy.deepcopy(state))
        after = left_behind(house, number, end, log, chance)
        found = tables_of(after.path)
        if end == durable or (log.commits and end == log.commits[-1]):
            allowed.append(found)
        assert found in allowed or found == whole(house, after)
        await goes_on(after, mode)


def left_behind(house: House, number: int, end: int, log: Log, chance: Random) -> House:
    """The home as the disk has it: its log as long as that, then nothing, or what was there before."""
    path = house.path.with_name(f"after-{number}")
    shutil.copytree(house.path, path, ignore=shutil.ignore_patterns("*-shm", "lock"))
    lose(house.path, path, chance, keep=bool(number % 2))
    wal = path / "redrive.db-wal"
    if wal.exists():
        data = wal.read_bytes()
        rest = b"" if number % 2 else chance.randbytes(max(0, min(log.end, end + 9000) - end))
        wal.write_bytes(data[:end] + rest)
    return House(path, house.case, house.zygote)


def whole(house: House, after: House) -> dict[str, list[Any]]:
    """What is committed where all of the log is there."""
    path = after.path.with_name("whole")
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(house.path, path, ignore=shutil.ignore_patterns("*-shm", "lock"))
    return tables_of(path)


async def goes_on(house: House, mode: str) -> None:
    before, asked = house.left(), len(house.case.pages)
    assert house.sound()
    assert house.work(mode) == 0, house.errors()
    nothing_finished_was_repeated(house, before, house.left(), asked)
    await the_receiver_has_each_order_once(house, mode)
    assert house.sound()


async def test_a_commit_that_was_answered_for_and_is_gone_would_be_noticed(make_house: Made) -> None:
    """The judge judges: a disk that lies about a commit has orders sent that no record names."""
    house = make_house("lies", honours_keys=False)
    assert house.run("lose_power", str(house.path), "bare", house.case.name, "send.after:2") == KILLED
    log = log_of(house.path)
    after = left_behind(house, 1, log.commits[-2], log, Random(1))
    assert after.work("bare") == 0, after.errors()
    assert max(house.case.booked.values()) == 2


def test_objects_are_lost_where_nothing_made_them_durable(make_house: Made, tmp_path: Path) -> None:
    house = make_house("objects", big=True)
    assert house.run("lose_power", str(house.path), "bare", house.case.name, "blob.renamed:1") == KILLED
    shutil.copytree(house.path, tmp_path / "copy")
    # The object of the next page may be on its way meanwhile.
    assert lose(house.path, tmp_path / "copy", Random(1), keep=False) in {1, 2}
    assert isinstance(house.case, Case)
