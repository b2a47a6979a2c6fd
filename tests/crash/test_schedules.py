"""Two processes keep the schedules of one home over a change of clocks, and are killed in turns: no time is
missed, none counts twice.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from redrive.core.jsonvalue import decode
from redrive.documents.trigger_grammar import ScheduleForm
from redrive.service.app import open_service
from redrive.settings import load
from redrive.store import tables
from redrive.triggers.schedule import Schedule
from tests.crash.house import ROOT

EVERYTHING = bool(os.environ.get("REDRIVE_TEST_ALL"))
CRONS = ("*/30 * * * *", "30 1 * * *")
ZONE = "Europe/London"
FLOWS = "---\n".join(
    f"""flow: timed-{number}
triggers:
  - schedule: {{cron: '{cron}', timezone: {ZONE}, missed: all, overlap: allow}}
steps:
  - {{id: only, shape: manual_payload, payload: []}}
"""
    for number, cron in enumerate(CRONS)
)
# Sets its clock to each line that it reads, looks what is due, and says so.
PROGRAM = """
import asyncio, sys
from pathlib import Path
from redrive.engine.clock import Clock
from redrive.engine.scheduler import Scheduler
from redrive.service.app import open_service
from redrive.settings import load
class Hand(Clock):
    at = int(sys.argv[2])
    def micros(self): return self.at
async def main():
    clock = Hand()
    async with open_service(Path(sys.argv[1]), load(options={"home": sys.argv[1]}), clock=clock) as service:
        scheduler = Scheduler(service.kernel.deps, lambda run: None)
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            clock.at = int(line)
            await scheduler.tick()
            print("done", flush=True)
asyncio.run(main())
"""


class Keeper:
    """One process that keeps the schedules."""

    def __init__(self, home: Path, at: datetime) -> None:
        self._home = home
        self.begin(at)

    def begin(self, at: datetime) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(self._home), micros(at)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "REDRIVE_LOG_LEVEL": "error"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.heard("ready")

    def tell(self, at: datetime) -> None:
        self.process.stdin.write(micros(at) + "\n")

    def heard(self, word: str = "done") -> None:
        assert self.process.stdout.readline().strip() == word

    def kill(self) -> None:
        """Wherever it is."""
        self.process.kill()
        self.end()

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


def micros(at: datetime) -> str:
    return str(int(at.timestamp()) * 1_000_000)


@pytest.mark.slow
@pytest.mark.parametrize("day", ["2026-10-25", "2026-03-29"][: 2 if EVERYTHING else 1])
async def test_two_processes_that_are_killed_over_a_change_of_clocks(tmp_path, store, day):
    home = tmp_path / "home"
    settings = load(options={"home": str(home)})
    begin = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=UTC) - timedelta(hours=1, minutes=5)
    most = 60 if EVERYTHING else 1
    async with open_service(home, settings) as service:
        await service.flows.import_documents([("f.yaml", FLOWS.encode())], deploy=True)
    keepers = [Keeper(home, begin), Keeper(home, begin)]
    try:
        now, deaths = begin, 0
        for keeper in keepers:
            keeper.tell(now)
            keeper.heard()
        for number in range(14):
            now += timedelta(minutes=20)
            for keeper in keepers:
                keeper.tell(now)
            dying = keepers[number % 2] if number % 3 == 1 and deaths < most else None
            if dying is not None:
                deaths += 1
                dying.kill()
            for keeper in keepers:
                if keeper is not dying:
                    keeper.heard()
            if dying is not None:
                dying.begin(now)
    finally:
        for keeper in keepers:
            keeper.end()
    async with open_service(home, settings) as service:
        rows = service.kernel.deps.reader.rows()
        runs = rows.query(select(tables.runs.c.flow, tables.runs.c.plan))
    for number, cron in enumerate(CRONS):
        rule = Schedule(ScheduleForm.model_validate({"cron": cron, "timezone": ZONE}).model_dump())
        expected = [one for one in rule.next_times(begin, 20) if one <= now]
        started = sorted(decode(plan)["asked"]["due"] for flow, plan in runs if flow == f"timed-{number}")
        assert [datetime.fromisoformat(due) for due in started] == expected
        assert expected
