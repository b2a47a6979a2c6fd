"""Going on after kill -9: how soon runs under way move again, and whether anything was done twice."""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import report
from benchmarks.machine import Others, describe
from benchmarks.server import Calls, Server
from benchmarks.shop import ShopServer
from benchmarks.shop_server import KEPT_OF_TEN
from benchmarks.work import FLOW, Shape
from redrive.service.app import open_service
from redrive.settings import load

SHAPE = Shape(orders=250, pages=8, batch=10)
POSTS = SHAPE.orders * (SHAPE.pages or 1) * KEPT_OF_TEN // 10 // SHAPE.batch
GETS = (SHAPE.pages or 1) + 1  # the page after the last is empty
BUDGET_S = 2.0
POLL_S = 0.002
ENDED_POLL_S = 0.05
WAIT_S = 120
HARMLESS = (b'body: "{{ payload }}"}', b'body: "{{ payload }}"}\n    repeat: safe')


class Round(NamedTuple):
    ready_s: float
    moved_s: float
    """From the moment that the server is ready to the first request of a run that it went on with."""
    ended_s: float
    posts: int
    gets: int


async def _prepare(home: Path, url: str) -> None:
    documents = [(name, text.replace(*HARMLESS)) for name, text in SHAPE.documents(url)]
    async with open_service(home, load()) as service:
        await service.flows.import_documents(documents, deploy=True)


def _until(shop: ShopServer, posts: int) -> dict[str, Any]:
    """What the shop has seen once it got more posts than that."""
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        stats = shop.stats()
        if stats["posts"] > posts:
            return stats
        time.sleep(POLL_S)
    raise RuntimeError(f"no post in {WAIT_S} s")


def _finished(calls: Calls, runs: list[str]) -> dict[tuple[str, str], Any]:
    """The steps that are done, with all that is told of them."""
    steps = {}
    for run in runs:
        for step in calls.get(f"/runs/{run}")["steps"]:
            if step["status"] == "success":
                steps[run, step["step"]] = step
    return steps


def _ended(calls: Calls, runs: list[str]) -> None:
    for run in runs:
        while (found := calls.get(f"/runs/{run}"))["finished_at"] is None:
            time.sleep(ENDED_POLL_S)
        if found["status"] != "success":
            raise RuntimeError(f"run {run} ended as {found['status']}: {found['summary']}")


def _round(home: Path, shop: ShopServer, at_once: int) -> Round:
    """Kill a server in the middle of the sends of so many runs, and start another one.

    Errors: `RuntimeError` if a step that was done is not as it was, or more was asked or sent than what
    was under way at the moment of the kill.
    """
    before = shop.stats()
    with Server(home) as server:
        calls = server.calls()
        runs = [calls.post(f"/flows/{FLOW}/runs", {})["id"] for _ in range(at_once)]
        _until(shop, before["posts"] + at_once * POSTS // 4)
        done = _finished(server.calls(), runs)  # the first connection may have been closed meanwhile
        server.kill()
    left = shop.stats()
    with Server(home) as server:
        ready = time.perf_counter()
        _until(shop, left["posts"])
        moved_s = time.perf_counter() - ready
        calls = server.calls()
        _ended(calls, runs)
        ended_s = time.perf_counter() - ready
        after = _finished(calls, runs)
        ready_s = server.ready_s
    changed = [step for step, told in done.items() if after[step] != told]
    if changed:
        raise RuntimeError(f"finished steps were done again: {changed}")
    stats = shop.stats()
    posts, gets = stats["posts"] - before["posts"], stats["gets"] - before["gets"]
    most = at_once * (POSTS + 1)
    if not at_once * POSTS <= posts <= most or gets > at_once * (GETS + 1):
        raise RuntimeError(f"{posts} posts and {gets} pulls, {most} and {at_once * (GETS + 1)} at most")
    return Round(ready_s, moved_s, ended_s, posts - at_once * POSTS, gets - at_once * GETS)


def main(folder: Path, *, rounds: int, many: int = 20) -> list[str]:
    """Measure; the lines of the report."""
    machine = describe(folder)
    rows = []
    with ExitStack() as stack:
        shop = stack.enter_context(ShopServer())
        others = stack.enter_context(Others())
        for at_once in (1, many):
            home = folder / f"home-{at_once}"
            asyncio.run(_prepare(home, shop.url))
            found = [_round(home, shop, at_once) for _ in range(rounds)]
            moved = [one.moved_s for one in found]
            rows.append(
                [
                    f"{at_once} under way",
                    str(rounds),
                    f"{statistics.median(one.ready_s for one in found):.2f}",
                    f"{statistics.median(moved):.2f}",
                    f"{max(moved):.2f}",
                    f"{statistics.median(one.ended_s for one in found):.2f}",
                    f"{sum(one.posts for one in found)}",
                    f"{sum(one.gets for one in found)}",
                    f"< {BUDGET_S:g} s",
                ]
            )
    told = (
        f"`redrive up` is killed with SIGKILL while runs send {POSTS} requests each (pull of {SHAPE.pages} "
        f"pages, filter, map, batches of {SHAPE.batch}, posts that may be repeated), and started again. It "
        "counts from the moment that it says that it is ready to the first request that reaches the shop. "
        "The bench fails if anything that is told of a finished step has changed, if a run sends less "
        "than all, or repeats more than the one request that was under way."
    )
    head = ["runs", "kills", "ready (s)", "first request after it (s)", "longest", "all ended (s)"]
    return [
        *[f"- {line}" for line in (*machine, others.line)],
        *["", "## Killed in the middle of sends", "", told, ""],
        *report.table([*head, "posts repeated", "pulls repeated", "budget"], rows),
    ]
