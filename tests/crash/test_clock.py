"""A clock that leaps years ahead, is set back by hours, or both, between lives and in the middle of a run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from redrive.engine.clock import HOLD_S, Clock, Leaps
from redrive.errors import RemoteUnavailable
from redrive.sdk import Out, Payload, StepContext
from redrive.store import backups
from tests.crash.house import KILLED, House
from tests.unit.engine.world import SEND, Home, reset

Made = Callable[..., House]
DAY_US = 86_400_000_000
YEARS = 3653.0
HOURS_BACK = -5 / 24


class PlayedClock(Clock):
    """The wall clock, set by a test; `passed_s` is what went by meanwhile."""

    def __init__(self) -> None:
        self.ahead_days = 0.0
        self.passed_s = 0.0

    def micros(self) -> int:
        return super().micros() + int((self.ahead_days + self.passed_s / 86_400) * DAY_US)

    def steady_s(self) -> float:
        return super().steady_s() + self.passed_s


@pytest.mark.parametrize(
    ("point", "days"),
    [
        ("start.queued:1", (YEARS, HOURS_BACK)),
        ("send.after:2", (0, YEARS, HOURS_BACK)),
        ("claim.after:2", (YEARS, 0)),
    ],
)
def test_a_run_goes_on_at_whatever_time_it_seems_to_be(
    make_house: Made, point: str, days: tuple[float, ...]
) -> None:
    house = make_house(f"clock-{point}", honours_keys=True)
    work = ("work_at", str(house.path), "idempotent", house.case.name)
    for at in days[:-1]:
        assert house.run(*work, str(at), REDRIVE_FAILPOINT=point) == KILLED, house.errors()
    assert house.run(*work, str(days[-1])) == 0, house.errors()
    left = house.left()
    assert [run["status"] for run in left.runs] == ["success"]
    assert house.case.booked == dict.fromkeys(house.case.paid, 1)
    assert left.delivered == house.case.paid
    assert house.sound()


def test_a_run_that_kills_its_workers_is_given_up_although_the_clock_is_behind(make_house: Made) -> None:
    """Whether a run may have killed the last worker is told by ids: they have to rise all the same."""
    house = make_house("clock-killer")
    work = ("work_at", str(house.path), "bare", house.case.name)
    assert house.run(*work, str(YEARS), REDRIVE_FAILPOINT="start.queued:1") == KILLED
    deaths = 0
    while house.run(*work, "0", REDRIVE_FAILPOINT="step.begun:1", REDRIVE_MAX_WORKER_LOSSES="2") == KILLED:
        deaths += 1
        assert deaths < 8
    assert house.left().runs[0]["status"] == "failure"
    assert "worker died" in house.left().runs[0]["summary"]


async def test_ids_stay_unique_and_in_order_over_lives(tmp_path: Path) -> None:
    reset()
    clock, home = PlayedClock(), Home(tmp_path / "home")
    runs: list[str] = []
    for days in (0, YEARS, HOURS_BACK, 1, YEARS - 1, HOURS_BACK):
        clock.ahead_days = days
        async with home.open(clock=clock) as desk:
            if not runs:
                await desk.put(SEND)
            runs += [(await desk.run([{"id": f"{days}-{number}"}])).id for number in range(3)]
            listed = [row.id for row in (await desk.service.runs.list()).items]
    assert listed == sorted(runs, reverse=True) == runs[::-1]


async def test_a_clock_that_leaps_in_the_middle_of_a_run(tmp_path: Path) -> None:
    world, clock = reset(), PlayedClock()
    failed: list[int] = []

    async def a(payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
        value: Any = await payload.value()
        number = value[0]["id"]
        clock.ahead_days = {1: YEARS, 2: HOURS_BACK, 3: 40.0, 4: -400.0}[number]
        if number not in failed:
            failed.append(number)
            raise RemoteUnavailable("not now")
        yield Out(content=payload.content, like=payload)

    world.hooks["a"] = a
    async with Home(tmp_path / "home").open(clock=clock) as desk:
        await desk.put("{id: a, shape: hooked}", "{id: batch, shape: flow_control, size: 2}", SEND)
        run = await desk.run(*([{"id": number}] for number in (1, 2, 3, 4)))
        assert run.status == "success"
        assert run.duration_s is not None
        assert run.duration_s >= 0
        assert {step.attempts for step in run.steps if step.step == "a"} == {2}
        assert dict(world.booked) == {"1": 1, "2": 1, "3": 1, "4": 1}
        # What was delivered long ago, or will only be, was delivered.
        clock.ahead_days = 0
        again = await desk.run(*([{"id": number}] for number in (1, 2, 3, 4)))
        assert again.status == "success"
        assert set(world.booked.values()) == {1}


def test_retention_waits_when_the_clock_leaps_and_goes_on_when_it_was_right() -> None:
    clock = PlayedClock()
    leaps = Leaps(clock)
    clock.passed_s += 30 * 86_400  # a month that really went by, the machine asleep or not
    assert not leaps.holds()
    clock.ahead_days = YEARS
    assert leaps.holds()
    clock.passed_s += HOLD_S - 60
    assert leaps.holds()
    clock.ahead_days = 0
    assert not leaps.holds()
    clock.ahead_days = 1
    assert leaps.holds()
    clock.passed_s += HOLD_S
    assert not leaps.holds()
    assert not leaps.holds()
    clock.ahead_days = HOURS_BACK
    assert not leaps.holds()
    clock.ahead_days = 0.2
    assert leaps.holds()


async def test_an_upload_and_a_backup_of_a_wrong_time_hold_nothing_up(tmp_path: Path) -> None:
    """Found by this suite: a mark of the last pass, or of a dead backup, that lay in the future."""
    clock = PlayedClock()
    async with Home(tmp_path / "home").open(serve=False, clock=clock) as desk:
        clock.ahead_days = YEARS
        await desk.service.retention.run()
        committer = desk.service.kernel.deps.committer
        dead = backups.Backup(
            id=1, name="b", actor="x", state="running", started_at=clock.micros(), beat_at=clock.micros()
        )
        await committer.submit(lambda tx: backups.begin(tx, dead))
        clock.ahead_days = 0
    async with Home(tmp_path / "home").open(serve=False, clock=clock) as desk:
        reader = desk.service.kernel.deps.reader
        assert not reader.here(lambda rows: backups.is_running(rows, clock.micros()))
        for _ in range(2):
            await desk.upload([1, 2, 3])
        clock.ahead_days = 31
        assert (await desk.service.retention.run()).uploads == 2
