"""Schedules of a real home: no time is missed, none counts twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from redrive.core.jsonvalue import decode
from redrive.engine.clock import Clock, micros_of
from redrive.engine.scheduler import Scheduler
from redrive.errors import StoreFull
from redrive.service.app import open_service
from redrive.settings import load
from redrive.store import schedules as store
from redrive.store import tables
from tests.postgres import serving

FLOW = """
flow: hourly
triggers:
  - schedule: {{{settings}}}
steps:
  - {{id: only, shape: manual_payload, payload: []}}
"""
HOUR = timedelta(hours=1)


class Hand(Clock):
    def __init__(self, text: str) -> None:
        self.set(text)

    def set(self, text: str) -> None:
        self.at = micros_of(datetime.fromisoformat(text).replace(tzinfo=UTC))

    def go(self, distance: timedelta) -> None:
        self.at += distance // timedelta(microseconds=1)

    def micros(self) -> int:
        return self.at


@pytest.fixture(scope="module")
def postgres():
    with serving() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def settings(request, tmp_path):
    options = {"home": str(tmp_path / "home")}
    if request.param == "sqlite":
        yield load(environment={}, options=options)
        return
    server = request.getfixturevalue("postgres")
    address = server.migrated()
    yield load(environment={}, options={**options, "store": address})
    server.drop(address)


@pytest.fixture
def clock():
    return Hand("2026-05-01T11:30")


def opened(settings, clock):
    # Nothing serves it: the tests tick. A scheduler that is made anew looks at what is there.
    return open_service(Path(settings.home), settings, clock=clock)


async def deploy(service, text: str = "cron: '0 * * * *'") -> None:
    await service.flows.import_documents([("h.yaml", FLOW.format(settings=text).encode())], deploy=True)


def scheduler(service, refuse=lambda: None) -> Scheduler:
    return Scheduler(service.kernel.deps, lambda run: None, refuse)


async def dues(service) -> list[str]:
    """The times that have started runs, by what the runs say; each run must have its own."""
    rows = service.kernel.deps.reader.rows()
    runs = rows.query(select(tables.runs.c.id, tables.runs.c.plan).order_by(tables.runs.c.id))
    starts = rows.query(select(tables.schedule_starts.c.run_id, tables.schedule_starts.c.due))
    assert sorted(run_id for run_id, _ in runs) == sorted(run_id for run_id, _ in starts)
    return [decode(plan)["asked"]["due"][5:16] for _, plan in runs]


async def test_each_time_starts_one_run(settings, clock):
    async with opened(settings, clock) as service:
        await deploy(service)
        ticking = scheduler(service)
        assert await ticking.tick() == 1800
        for _ in range(300):
            clock.go(timedelta(seconds=30))
            await ticking.tick()
        assert await dues(service) == ["05-01T12:00", "05-01T13:00", "05-01T14:00"]
        run = (await service.runs.list(limit=1)).items[0]
        assert (run.trigger, run.flow, run.version) == ("schedule", "hourly", 1)


async def test_two_at_once_and_restarts_count_no_time_twice(settings, clock):
    async with opened(settings, clock) as one, opened(settings, clock) as two:
        await deploy(one)
        first, second = scheduler(one), scheduler(two)
        for _ in range(12):
            await asyncio.gather(first.tick(), second.tick())
            clock.go(timedelta(minutes=15))
            if clock.at % 7:
                first = scheduler(one)
        assert await dues(one) == ["05-01T12:00", "05-01T13:00", "05-01T14:00"]


@pytest.mark.parametrize(
    ("missed", "expected"),
    [("skip", []), ("once", ["05-01T18:00"]), ("all", [f"05-01T{hour}:00" for hour in range(12, 19)])],
)
async def test_what_was_missed_while_nothing_served(settings, clock, missed, expected):
    async with opened(settings, clock) as service:
        await deploy(service, f"cron: '0 * * * *', missed: {missed}")
        await scheduler(service).tick()
    clock.set("2026-05-01T18:30")
    async with opened(settings, clock) as service:
        await scheduler(service).tick()
        assert await dues(service) == expected
        await scheduler(service).tick()
        clock.set("2026-05-01T19:00:01")
        await scheduler(service).tick()
        assert await dues(service) == [*expected, "05-01T19:00"]


async def test_clocks_that_jump(settings, clock):
    async with opened(settings, clock) as service:
        await deploy(service, "cron: '0 * * * *', missed: all")
        ticking = scheduler(service)
        await ticking.tick()
        clock.set("2026-05-01T13:10")  # forward: what lies between was missed
        await ticking.tick()
        assert await dues(service) == ["05-01T12:00", "05-01T13:00"]
        clock.set("2026-05-01T11:45")  # back: what has come does not come again
        for _ in range(20):
            await ticking.tick()
            clock.go(timedelta(minutes=10))
        assert await dues(service) == ["05-01T12:00", "05-01T13:00", "05-01T14:00"]


async def test_a_clock_that_was_far_ahead_does_not_silence_a_schedule(settings, clock):
    async with opened(settings, clock) as service:
        await deploy(service)
        clock.set("2031-01-01T00:00")
        await scheduler(service).tick()
        clock.set("2026-05-01T11:30")
        ticking = scheduler(service)
        await ticking.tick()
        clock.set("2026-05-01T12:00:01")
        await ticking.tick()
        assert "05-01T12:00" in await dues(service)


async def test_only_while_it_is_enabled_and_deployed(settings, clock):
    async with opened(settings, clock) as service:
        text = FLOW.format(settings="cron: '0 * * * *'").encode()
        await service.flows.import_documents([("h.yaml", text)])
        await scheduler(service).tick()
        clock.go(HOUR)
        await scheduler(service).tick()
        assert await dues(service) == []
        await service.flows.deploy("hourly")
        await scheduler(service).tick()
        await service.flows.enable("hourly", False)
        clock.go(HOUR)
        await scheduler(service).tick()
        await service.flows.enable("hourly", True)
        await scheduler(service).tick()
        assert await dues(service) == []  # what passed while it was off is not made up for
        clock.go(HOUR)
        await scheduler(service).tick()
        assert await dues(service) == ["05-01T14:00"]


async def test_a_new_version_goes_on_where_the_old_one_was(settings, clock):
    async with opened(settings, clock) as service:
        await deploy(service)
        await scheduler(service).tick()
        clock.set("2026-05-01T12:30")  # nobody has ticked since
        await deploy(service, "cron: '0 * * * *', missed: all")
        await scheduler(service).tick()
        assert await dues(service) == ["05-01T12:00"]
        assert (await service.runs.list(limit=1)).items[0].version == 2


async def test_a_full_disk_puts_times_off(settings, clock):
    full = True

    def refuse() -> None:
        if full:
            raise StoreFull("no room", code="store.nearly_full")

    async with opened(settings, clock) as service:
        await deploy(service)
        ticking = scheduler(service, refuse)
        await ticking.tick()
        clock.set("2026-05-01T12:00:30")
        await ticking.tick()
        assert await dues(service) == []
        full = False
        await ticking.tick()
        assert await dues(service) == ["05-01T12:00"]


async def test_up_starts_them_by_itself(tmp_path):
    class Fast(Clock):
        """Twenty seconds in one."""

        def __init__(self) -> None:
            self.begun = super().micros()

        def micros(self) -> int:
            return self.begun + (super().micros() - self.begun) * 20

    home = tmp_path / "home"
    settings = load(environment={}, options={"home": str(home)})
    async with open_service(home, settings, serve=True, clock=Fast()) as service:
        await deploy(service, "every: 10s")
        async for row in service.runs.watch():
            if row.status == "success":
                assert row.trigger == "schedule"
                break


async def test_marks_of_what_is_gone_are_removed(settings, clock):
    async with opened(settings, clock) as service:
        await deploy(service)
        await scheduler(service).tick()
        await deploy(service, "every: 1h")
        await scheduler(service).tick()
        rows = service.kernel.deps.reader.rows()
        assert [rule for _, rule in store.marks(rows)] == ["every 3600 s"]


async def test_triggers_are_listed_with_what_keeps_them_from_starting(settings, clock, monkeypatch):
    monkeypatch.delenv("NO_SUCH_SECRET", raising=False)
    text = b"""
flow: all-kinds
triggers:
  - schedule: {cron: "30 1 * * *", timezone: Europe/London}
  - webhook: {name: signed, hmac: {secret: {env: NO_SUCH_SECRET}, header: X-S}}
  - callback: {methods: [GET]}
steps:
  - {id: reply, shape: callback}
"""
    async with opened(settings, clock) as service:
        await service.flows.import_documents([("a.yaml", text)])
        await deploy(service, "every: 1h")
        page = await service.triggers.list(limit=1)
        assert (page.next, [one.kind for one in page.items]) == (
            "all-kinds",
            ["schedule", "webhook", "callback"],
        )
        timed, signed, called = page.items
        assert (timed.active, timed.missing) == (False, ["deployed"])
        assert timed.next[0] == datetime(2026, 5, 2, 0, 30, tzinfo=UTC)
        assert len(timed.next) == 5
        assert (signed.address, signed.wants, signed.token) == (
            "/hooks/all-kinds/signed",
            ["signature"],
            None,
        )
        (problem,) = signed.problems
        assert "the environment variable NO_SUCH_SECRET is not set" in problem
        assert (called.address, called.methods, called.wants) == ("/hooks/all-kinds", ["GET"], ["token"])
        assert called.token in service.kernel.secrets.tokens_for(
            service.kernel.deps.reader.rows(),
            f"hook/{service.hooks.doors.find(['all-kinds']).owner.flow_id}/callback/",
        )
        clock.go(HOUR)
        await scheduler(service).tick()
        clock.go(HOUR)
        await scheduler(service).tick()
        (hourly,) = (await service.triggers.list("hourly")).items
        assert hourly.active
        assert hourly.last == datetime(2026, 5, 1, 13, tzinfo=UTC)
        assert hourly.last_run == (await service.runs.list(limit=1)).items[0].id


@pytest.mark.parametrize(
    ("overlap", "statuses"),
    [
        ("", ["queued"] * 3),
        (", overlap: skip", ["queued", "stopped", "stopped"]),
        (", overlap: cancel_running", ["stopped", "stopped", "queued"]),
        (", overlap: allow", ["queued"] * 3),
    ],
)
async def test_what_a_schedule_does_while_its_flow_waits_or_runs(settings, clock, overlap, statuses):
    async with opened(settings, clock) as service:
        await deploy(service, f"every: 30m{overlap}")
        ticking = scheduler(service)
        await ticking.tick()
        for _ in range(3):
            clock.go(timedelta(minutes=30))
            await ticking.tick()
        rows = (await service.runs.list()).items
        assert [row.status for row in reversed(rows)] == statuses
        kinds = [item.kind for item in (await service.queue.list()).items]
        held = overlap not in {", overlap: allow", ", overlap: skip", ", overlap: cancel_running"}
        assert kinds == ["runner", *(["overlap"] * 2 if held else kinds[1:])]
