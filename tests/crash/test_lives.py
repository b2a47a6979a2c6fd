"""Processes that end at moments that no failpoint names, or again and again, or in good order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from redrive.service.views import RetryRequest
from tests.crash.house import KILLED, LATEST_S, QUICK, ROOT, House, Left
from tests.crash.programs import SIGNALLED
from tests.crash.site import PAGES


class Held:
    """Holds the receiver at one post (or the shop at one page) until it is let go."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.reached = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, number: int) -> None:
        if number == self._number and not self.let_go.is_set():
            self.reached.set()
            assert self.let_go.wait(LATEST_S)

    def wait(self) -> None:
        assert self.reached.wait(LATEST_S)


def killed_when(house: House, held: Held, flow: str, recorded: Callable[[Left], bool]) -> None:
    """Start work on a home, and kill it when the held request is there and what came before it durable."""
    pid = house.begin("work", str(house.path), flow, house.case.name)
    held.wait()
    house.until(recorded)
    os.kill(pid, signal.SIGKILL)
    assert house.zygote.wait(pid) == KILLED
    held.let_go.set()


@pytest.mark.parametrize("page", [1, 3, PAGES + 1])
def test_a_pull_that_dies_on_a_page_goes_on_at_that_page(house: House, page: int) -> None:
    house.case.before_page = held = Held(page)
    killed_when(house, held, "bare", lambda left: left.pages_recorded() == page - 1)
    assert house.work("bare") == 0, house.errors()
    assert house.case.pages == [*range(1, page + 1), *range(page, PAGES + 2)]
    assert house.case.booked == dict.fromkeys(house.case.paid, 1)


@pytest.mark.parametrize("mode", ["idempotent", "lookup"])
def test_a_request_that_was_cut_off_by_the_end_is_settled(
    make_house: Callable[..., House], mode: str
) -> None:
    house = make_house(mode, honours_keys=mode == "idempotent")
    house.case.before_post = held = Held(2)
    killed_when(house, held, mode, lambda left: len(left.deliveries) == 6)
    assert house.work(mode) == 0, house.errors()
    assert house.left().runs[0]["status"] == "success"
    assert set(house.case.booked) == house.case.paid
    assert house.left().delivered == house.case.paid


def test_each_item_has_a_request_and_none_is_repeated(house: House) -> None:
    house.case.before_post = held = Held(5)
    killed_when(house, held, "each", lambda left: len(left.delivered) == 4)
    assert house.work("each") == 0, house.errors()
    left = house.left()
    assert len(left.unknown) == 1
    assert left.delivered | left.unknown == house.case.paid
    assert len(house.case.posts) == len(house.case.paid)
    # An answer for every order that is known to have arrived, also for those before the end.
    assert left.steps["send"]["payloads_out"] == len(left.delivered)


def test_a_back_off_ends_with_the_process(make_house: Callable[..., House]) -> None:
    house = make_house("back-off", honours_keys=True)
    house.case.statuses = [503]
    assert house.run("die_in_back_off", str(house.path), "idempotent", house.case.name) == KILLED
    step = house.left().steps["send"]
    assert step["next_attempt_at"] is not None
    assert house.left().runs[0]["status"] == "running"
    assert house.work("idempotent") == 0, house.errors()
    left = house.left()
    assert left.runs[0]["status"] == "success"
    assert left.steps["send"]["next_attempt_at"] is None
    assert house.case.booked == dict.fromkeys(house.case.paid, 1)


async def test_a_stop_that_was_asked_for_holds_after_the_end(house: House) -> None:
    house.case.before_post = held = Held(2)
    pid = house.begin("work", str(house.path), "bare", house.case.name)
    held.wait()
    async with house.service() as service:
        run = (await service.runs.list()).items[0].id
        await service.runs.stop(run)
        os.kill(pid, signal.SIGKILL)
        assert house.zygote.wait(pid) == KILLED
    posts = len(house.case.posts)
    held.let_go.set()
    assert house.work("bare") == 0, house.errors()
    left = house.left()
    assert left.runs[0]["status"] == "stopped"
    assert len(house.case.posts) == posts
    assert len(left.delivered) == 3
    assert len(left.unknown) == 3


def test_a_runner_that_is_told_to_end_goes_on_later(house: House) -> None:
    for number in (1, 2, 3):
        house.case.before_post = held = Held(number)
        if number == 1:
            # Queued by a process that is killed before it has it.
            assert house.work("bare", REDRIVE_FAILPOINT="start.queued:1") == KILLED
        pid = house.begin("serve", str(house.path), REDRIVE_MAX_WORKER_LOSSES="1")
        held.wait()
        os.kill(pid, signal.SIGTERM)
        house.says("ending")
        # It lets go at the payload boundary, once the answer is there.
        held.let_go.set()
        assert house.zygote.wait(pid) == SIGNALLED, house.errors()
        left = house.left()
        assert left.runs[0]["status"] == "running"
        assert left.unknown == set()
    assert house.work("bare") == 0, house.errors()
    assert house.left().runs[0]["status"] == "success"
    assert house.case.booked == dict.fromkeys(house.case.paid, 1)
    assert house.case.pages == list(range(1, PAGES + 2))


@pytest.mark.parametrize("point", ["step.begun", "claim.before"])
async def test_a_run_that_kills_its_worker_again_and_again_comes_to_an_end(house: House, point: str) -> None:
    few = {"REDRIVE_MAX_WORKER_LOSSES": "3"}
    starts = 0
    while (code := house.work("bare", REDRIVE_FAILPOINT=f"{point}:1", **few)) == KILLED:
        starts += 1
        assert starts < 10
    assert code == 0, house.errors()
    assert starts <= 5
    left = house.left()
    assert left.runs[0]["status"] == "failure"
    assert "worker died" in left.runs[0]["summary"]
    assert not house.case.posts
    assert "running" not in {step["status"] for step in left.steps.values()}
    async with house.service() as service:
        run = (await service.runs.list()).items[0].id
        lines = (await service.runs.logs(run)).items
        assert lines[-1].data["code"] == "worker.lost"
        again = await service.redrives.retry(run, RetryRequest())
        assert (await service.execute_until(again.id)).status == "success"
    assert house.case.booked == dict.fromkeys(house.case.paid, 1)


def test_the_command_line_is_killed_and_up_goes_on(house: House, tmp_path: Path) -> None:
    """Real processes from their start: `run` dies, `up` finds its run and ends it, SIGTERM ends `up`."""
    environment = {**os.environ, **QUICK, "PYTHONPATH": str(ROOT / "src")}
    command = [
        sys.executable,
        "-c",
        "import sys; from redrive.cli.main import main; sys.exit(main())",
        "--home",
        str(house.path),
        "--json",
    ]
    arguments = ["run", "idempotent", "--var", f"case={house.case.name}"]
    house.case.honours_keys = True
    died = subprocess.run(
        [*command, *arguments],
        env={**environment, "REDRIVE_FAILPOINT": "send.after:2"},
        capture_output=True,
        timeout=LATEST_S,
        check=False,
    )
    assert died.returncode == KILLED, died.stderr
    ended = threading.Event()
    house.case.before_post = lambda number: ended.set() if number == 5 else None
    up = subprocess.Popen(
        [*command, "up", "--port", "0"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert up.stdout is not None
    assert json.loads(up.stdout.readline())["home"] == str(house.path)
    # Four batches and the one that is sent again.
    assert ended.wait(LATEST_S)
    watched = subprocess.run(
        [*command, *arguments], env=environment, capture_output=True, timeout=LATEST_S, check=False
    )
    assert watched.returncode == 0, watched.stderr
    up.send_signal(signal.SIGTERM)
    _, errors = up.communicate(timeout=LATEST_S)
    assert up.returncode == 0, errors
    assert [run["status"] for run in house.left().runs] == ["success", "success"]
    assert house.case.booked == dict.fromkeys(house.case.paid, 1)
    assert not (house.path / "server.json").exists()
