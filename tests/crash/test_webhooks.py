"""Callers post while the server is killed again and again: every accepted body has exactly one run."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
from collections import Counter

import aiohttp
import pytest

from redrive.service.app import open_service
from redrive.settings import load
from tests.crash.house import KILLED, LATEST_S, ROOT

FLOW = b"""
flow: intake
triggers:
  - webhook: {open: true, idempotency: {field: id}}
  - webhook: {name: plain, open: true}
steps:
  - {id: take, shape: flow_control, size: 10}
"""
# Where each life ends: before and after a commit, between commit and answer, in the middle of runs.
DEATHS = ["commit.before:12", "start.queued:9", "commit.after:15"]
MORE = ["commit.before:40", "run.ending:4", "start.queued:33", "run.claimed:7", "commit.after:61"]
CALLERS = 6


class Lives:
    """Servers of one home on one port, one after the other."""

    def __init__(self, home) -> None:
        self.home = home
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def begin(self, death: str | None) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "REDRIVE_LOG_LEVEL": "error"}
        if death is not None:
            environment["REDRIVE_FAILPOINT"] = death
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "redrive",
                "--home",
                str(self.home),
                "--json",
                "up",
                "--port",
                str(self.port),
            ],
            stdout=subprocess.PIPE,
            env=environment,
        )
        ready, _, _ = select.select([self.process.stdout], [], [], LATEST_S)
        with self.process.stdout as told:
            line = told.readline() if ready else b""
        if line:  # nothing: it was killed before it was ready
            self.port = int(json.loads(line)["url"].rpartition(":")[2])

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(LATEST_S) == 0


async def post(lives: Lives, session: aiohttp.ClientSession, path: str, body: dict) -> str | None:
    """The run that the answer names; None where there was no answer."""
    try:
        async with session.post(f"http://127.0.0.1:{lives.port}{path}", json=body) as answer:
            assert answer.status == 202, await answer.text()
            return (await answer.json())["run"]
    except aiohttp.ClientError:
        return None


@pytest.mark.slow
async def test_every_accepted_body_has_exactly_one_run(tmp_path, store):  # noqa: C901, PLR0915 - one story
    home = tmp_path / "home"
    settings = load(options={"home": str(home)})  # with the store of this test
    async with open_service(home, settings) as service:
        await service.flows.import_documents([("intake.yaml", FLOW)], deploy=True)
    lives = Lives(home)
    accepted: dict[int, str] = {}
    plain: dict[int, str] = {}
    attempts = 0
    numbers = iter(range(1_000_000))
    alive = asyncio.Event()
    over = False

    async def caller(session: aiohttp.ClientSession) -> None:
        nonlocal attempts
        while not over:
            number = next(numbers)
            while number not in accepted:  # again with the same key, until there is an answer
                await alive.wait()
                run = await post(lives, session, "/hooks/intake", {"id": number})
                if run is not None:
                    accepted[number] = run
                elif over and lives.process.poll() is not None:
                    return
            attempts += 1
            if (run := await post(lives, session, "/hooks/intake/plain", {"plain": number})) is not None:
                plain[number] = run

    deaths = DEATHS + (MORE * 4 if os.environ.get("REDRIVE_TEST_ALL") else [])
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(LATEST_S)) as session:
        await asyncio.to_thread(lives.begin, deaths[0])
        alive.set()
        callers = [asyncio.create_task(caller(session)) for _ in range(CALLERS)]
        for number in range(len(deaths)):
            died = asyncio.ensure_future(asyncio.to_thread(lives.process.wait, LATEST_S))
            await asyncio.wait([died, *callers], return_when=asyncio.FIRST_COMPLETED)
            for one in callers:
                if one.done():
                    one.result()
            assert await died == KILLED
            alive.clear()
            following = deaths[number + 1] if number + 1 < len(deaths) else None
            await asyncio.to_thread(lives.begin, following)
            alive.set()
        over = True
        await asyncio.gather(*callers)
        await asyncio.to_thread(lives.end)
    assert len(accepted) > 20
    async with open_service(home, settings, serve=True) as service:
        bodies: Counter[str] = Counter()
        by_run = {}
        cursor = None
        while True:
            page = await service.runs.list(limit=100, cursor=cursor)
            for row in page.items:
                ended = await service.runs.wait(row.id, LATEST_S)
                assert ended.status == "success", ended.summary
                (payload,) = (await service.runs.payloads(row.id, "take", "in", limit=10, cursor=None)).items
                body = b"".join([chunk async for chunk in service.payloads.stream(payload.id)])
                bodies[body.decode()] += 1
                by_run[row.id] = json.loads(body)
            if (cursor := page.next) is None:
                break
    # With a key: one run, however often it was sent. Without one: each answer has its own run.
    assert all(bodies[json.dumps({"id": number})] == 1 for number in accepted)
    assert all(by_run[run] == {"id": number} for number, run in accepted.items())
    assert all(by_run[run] == {"plain": number} for number, run in plain.items())
    assert all(bodies[json.dumps({"plain": number})] == 1 for number in plain)
