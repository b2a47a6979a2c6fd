"""Callbacks of a real home: the caller gets what a callback step answers, once and for all."""

from __future__ import annotations

import asyncio
import json

import pytest

from redrive.cli.main import main
from redrive.service.views import RetryRequest, StartRequest
from tests.integration.server.test_hooks import code, opened

FLOW = """
flow: intake
variables: {{status: {{type: string, default: ok}}}}
triggers:
  - callback: {{open: true, idempotency: {{header: Key}}{settings}}}
steps:
{steps}
"""
QUOTE = """
  - {id: price, shape: map, fields: [{to: price, value: 19}]}
  - {id: reply, shape: callback, status: 201, headers: {X-Quote: "{{ vars.status }}"}}
  - {id: later, shape: callback, status: 202}
  - {id: take, shape: flow_control, size: 10}
"""


async def deploy(world, steps: str = QUOTE, settings: str = "") -> None:
    text = FLOW.format(settings=settings, steps=steps).encode()
    await world.service.flows.import_documents([("intake.yaml", text)], deploy=True)


@pytest.fixture
async def world(tmp_path):
    async with opened(tmp_path / "home") as world:
        yield world


async def call(world, body=None, key: str = "k1", **more):
    return await world.http.post("/hooks/intake", json=body or {"id": 1}, headers={"Key": key}, **more)


async def test_the_caller_gets_the_bucket_and_the_run_goes_on(world):
    await deploy(world)
    answer = await call(world)
    assert (answer.status_code, answer.json()) == (201, {"price": 19})
    assert answer.headers["x-quote"] == "ok"
    run_id = answer.headers["redrive-run"]
    ended = await world.service.runs.wait(run_id, 20)
    assert (ended.status, ended.trigger, ended.warnings) == ("success", "callback", 1)
    lines = (await world.service.runs.logs(run_id, "later", limit=10, cursor=None)).items
    assert [line.message for line in lines] == ["the caller was answered before by another step"]
    kept = await world.http.get(
        f"http://127.0.0.1:1/api/v1/runs/{run_id}/answer", headers={"Authorization": "Bearer local"}
    )
    assert (kept.status_code, kept.content, kept.headers["redrive-status"]) == (200, answer.content, "201")


async def test_several_payloads_are_answered_as_one_list(world):
    await deploy(
        world,
        "  - {id: each, shape: flow_control, size: 1}\n  - {id: reply, shape: callback}\n"
        "  - {id: take, shape: flow_control, size: 10}\n",
    )
    answer = await call(world, [{"id": 1}, {"id": 2}])
    assert (answer.status_code, answer.text) == (200, '[{"id":1},{"id":2}]')


async def test_the_same_key_gets_the_same_answer_also_after_a_restart(world, tmp_path):
    await deploy(world)
    answers = await asyncio.gather(*(call(world) for _ in range(5)))
    assert {(one.status_code, one.content, one.headers["redrive-run"]) for one in answers} == {
        (201, answers[0].content, answers[0].headers["redrive-run"])
    }
    assert (await call(world, key="k2")).headers["redrive-run"] != answers[0].headers["redrive-run"]


async def test_an_answer_outlives_the_process(tmp_path):
    async with opened(tmp_path / "home") as world:
        await deploy(world)
        first = await call(world)
        await world.service.runs.wait(first.headers["redrive-run"], 20)
    async with opened(tmp_path / "home") as world:
        again = await call(world)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert len(await world.runs()) == 1


SLOW = """
  - id: endless
    shape: script
    time_limit: 2
    retries: 0
    code: |
      def handle(payload, meta, vars):
          while True:
              pass
          return payload
  - {id: reply, shape: callback}
"""


async def test_a_caller_does_not_wait_for_ever(world):
    await deploy(world, SLOW, ", timeout: 0.3")
    late = await call(world)
    assert code(late) == (504, "callback.late")
    await deploy(world, SLOW, ", timeout: 0.3, late: link")
    linked = await call(world, key="k2")
    assert linked.status_code == 202
    run_id = linked.json()["run"]
    assert linked.headers["location"] == linked.json()["answer"] == f"/api/v1/runs/{run_id}/answer"
    none = await world.http.get(
        f"http://127.0.0.1:1/api/v1/runs/{run_id}/answer", headers={"Authorization": "Bearer local"}
    )
    assert code(none) == (404, "answer.none")


async def test_runs_that_end_without_an_answer(world):
    await deploy(world, "  - {id: take, shape: flow_control, size: 10}\n")
    assert code(await call(world)) == (500, "callback.unanswered")
    failing = "  - {id: ask, shape: assert, equals: {id: 2}}\n  - {id: reply, shape: callback}\n"
    await deploy(world, failing)
    failed = await call(world, key="k2")
    assert code(failed) == (500, "callback.failed")
    assert failed.json()["at"].startswith("r")


async def test_nobody_waits_for_a_run_that_was_not_called(world):
    await deploy(world)
    started = await world.service.runs.start("intake", StartRequest())
    assert (await world.service.runs.wait(started.id, 20)).status == "success"
    called = await call(world)
    run_id = called.headers["redrive-run"]
    await world.service.runs.wait(run_id, 20)
    again = await world.service.redrives.retry(run_id, RetryRequest(from_="start", confirm=True))
    assert (await world.service.runs.wait(again.id, 20)).status == "success"
    for one in (started.id, again.id):
        lines = (await world.service.runs.logs(one, "reply", limit=10, cursor=None)).items
        assert [line.message for line in lines] == ["nobody waits for the answer of this run"]


async def test_too_many_waiting_callers_are_sent_away(world):
    await deploy(world)
    world.service.hooks._waiting = 500
    full = await call(world)
    assert code(full) == (503, "queue.full")
    assert full.headers["retry-after"] == "5"


async def test_the_command_shows_the_answer(tmp_path, capfdbinary):
    async with opened(tmp_path / "home") as world:
        await deploy(world)
        run_id = (await call(world)).headers["redrive-run"]
        await world.service.runs.wait(run_id, 20)
        given = await world.service.runs.answer(run_id)
    capfdbinary.readouterr()
    words = ["show", run_id, "--answer", "--home", str(tmp_path / "home")]
    assert await asyncio.to_thread(main, words) == 0
    assert capfdbinary.readouterr().out == given.body == b'{"price":19}'
    assert await asyncio.to_thread(main, [*words, "--json"]) == 0
    told = json.loads(capfdbinary.readouterr().out)
    assert (told["status"], told["media_type"], told["text"]) == (201, "application/json", '{"price":19}')
    assert told["headers"]["X-Quote"] == "ok"
