"""Several processes on one home: one executes, the others queue, wait, ask and look."""

import contextlib
import json
import os
import signal
import subprocess

import pytest

from redrive.client import connect
from redrive.client.connecting import live_server
from redrive.client.records import RetryRequest, StartRequest
from redrive.settings import load
from tests.acceptance.product import TIMEOUT_S, Product, opened, step, up
from tests.acceptance.test_delivery_policies import FLOW, orders
from tests.acceptance.test_runs_side_by_side import arrival


@contextlib.contextmanager
def ended(process):
    """What a command prints and its exit code, when the block is left at the latest."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=TIMEOUT_S)


def outcome(process) -> tuple[int, dict]:
    out, err = process.communicate(timeout=TIMEOUT_S)
    return process.returncode, json.loads(out or err)


@pytest.fixture
async def loaded(home, warehouse):
    warehouse.give(orders(1, 2, 3))
    async with opened(home) as product:
        await product.load(warehouse.documents, FLOW)


async def test_of_two_commands_the_second_queues_and_is_executed(home, warehouse, loaded, redrive):
    warehouse.held = True
    with ended(redrive.begun("run", "orders", "--json")) as first:
        await arrival(warehouse)
        with ended(redrive.begun("run", "orders", "--json", "--delivery", "send_changed")) as second:
            async with opened(home) as looking:
                async for _ in looking.client.runs.watch():
                    if len((await looking.client.runs.list()).items) == 2:
                        break
                (waiting,) = (await looking.client.queue.list()).items
                assert waiting.reason
                assert not looking.client._service.is_runner
            warehouse.let_go.set()
            code, run = outcome(first)
            assert (code, run["status"]) == (0, "success")
            code, run = outcome(second)
            assert (code, run["status"]) == (0, "success")
            assert run["steps"][-1]["deliveries"]["skipped"] == 3
    assert warehouse.requests == [["1", "2", "3"]]


async def test_without_a_runner_no_wait_queues_and_says_so(home, warehouse, loaded, redrive):
    queued = redrive("run", "orders", "--no-wait")
    assert queued.code == 0
    assert "Nothing executes" in queued.err
    assert "queued" in queued.text
    assert warehouse.requests == []
    # The next command that waits executes what is queued before its own run.
    run = redrive.json("run", "orders")
    assert run["status"] == "success"
    assert warehouse.requests == [["1", "2", "3"]]
    rows = redrive.json("runs")["items"]
    assert [row["status"] for row in rows] == ["success", "success"]
    # What is queued after it stays queued.
    assert redrive("run", "orders", "--no-wait").code == 0
    (waiting,) = redrive.json("queue")["items"]
    assert waiting["run"] not in {row["id"] for row in rows}


async def test_up_executes_what_was_queued_before_it(home, warehouse, loaded, redrive):
    redrive.ok("run", "orders", "--no-wait")
    async with up(redrive), connect(home=home) as client:
        (row,) = (await client.runs.list()).items
        assert (await client.runs.wait(row.id)).status == "success"
    assert warehouse.requests == [["1", "2", "3"]]


async def test_commands_go_through_the_up_that_holds_the_home(home, warehouse, loaded, redrive):
    async with up(redrive) as address:
        live = await live_server(home)
        assert live is not None
        assert live.url == address["url"]
        assert (home / "server.json").stat().st_mode & 0o777 == 0o600
        run = redrive.json("run", "orders")
        assert run["status"] == "success"
        async with connect(home=home) as client:
            assert client.where == address["url"]
            assert not client.in_process
            assert (await client.runs.get(run["id"])).status == "success"
        # A second `up` is an error, whoever it asks.
        error = redrive.refused("up", "--port", "0", code=3)
        assert error["code"] == "home.locked"
        assert str(home) in error["detail"]
        assert error["hint"]
        # So is a port that is taken, and that is found out before the home is touched.
        taken = type(redrive)(home.parent / "other")
        port = address["url"].rpartition(":")[2]
        error = taken.refused("up", "--port", port, code=3)
        assert (error["code"], error["at"]) == ("port.in_use", f"127.0.0.1:{port}")
        assert not taken.home.exists()
    assert not (home / "server.json").exists()
    assert redrive.json("show", run["id"])["status"] == "success"


async def test_another_process_changes_documents_and_stops_runs_of_an_up(home, warehouse, loaded, redrive):
    """The other process opens the home itself, as one without access to the server would."""
    async with up(redrive), other_process(home) as other, connect(home=home) as client:
        product = Product(client)
        first = await product.ended(await client.runs.start("orders", StartRequest()))
        assert (first.version, [one.step for one in first.steps]) == (1, ["pull", "paid", "send"])
        await other.load(FLOW.replace("id: paid", "id: only-paid"))
        await other.load(warehouse.documents.replace("path: /take", "path: /judge"))
        warehouse.give(orders(1, 2, total=2))
        second = await product.ended(await client.runs.start("orders", StartRequest()))
        assert (second.version, second.steps[1].step) == (2, "only-paid")
        calls = (await client.runs.exchanges(second.id, "send")).items
        assert [call.url.rpartition("/")[2] for call in calls] == ["judge"]
        # A start queued by the other process is noticed and executed.
        warehouse.give(orders(9))
        row = await other.client.runs.start("orders", StartRequest())
        assert (await client.runs.wait(row.id)).status == "success"
        # A stop requested by the other process takes effect.
        warehouse.arrived.queue.clear()
        warehouse.held = True
        warehouse.give(orders(11))
        row = await client.runs.start("orders", StartRequest())
        assert await arrival(warehouse) == ["11"]
        await other.client.runs.stop(row.id, force=True)
        stopped = await client.runs.wait(row.id)
        assert stopped.status == "stopped"
        warehouse.let_go.set()
        assert step(await client.runs.get(row.id), "send").deliveries.unknown == 1


@contextlib.asynccontextmanager
async def other_process(home):
    from redrive.client.local import open_local

    async with open_local(home, load(options={"home": str(home)}), actor="other") as client:
        yield Product(client)


async def test_a_stop_from_another_process_takes_effect_at_the_next_boundary(
    home, warehouse, loaded, redrive
):
    single = FLOW.replace("  - {id: send", "  - {id: single, shape: flow_control, size: 1}\n  - {id: send")
    signal_flow = FLOW.replace("flow: orders", "flow: sign")
    async with up(redrive), other_process(home) as other, connect(home=home) as client:
        await other.load(single, signal_flow)
        warehouse.held = True
        row = await client.runs.start("orders", StartRequest())
        assert await arrival(warehouse) == ["1"]
        assert (await other.client.runs.stop(row.id)).status == "running"
        # The runner looks for stops before it admits runs: when this one sends, it has seen the stop.
        warehouse.give(orders(77))
        await other.client.runs.start("sign", StartRequest())
        assert await arrival(warehouse) == ["77"]
        warehouse.let_go.set()
        stopped = await client.runs.wait(row.id)
        assert stopped.status == "stopped"
        assert warehouse.counts == {"1": 1, "77": 1}
        send = step(await client.runs.get(row.id), "send")
        assert (send.status, send.deliveries.delivered) == ("stopped", 1)
        # A stopped run counts as failed: what it had not sent yet is sent by a retry.
        again = await Product(client).client.redrives.retry(row.id, RetryRequest())
        assert (await client.runs.wait(again.id)).status == "success"
    assert warehouse.counts == {"1": 1, "2": 1, "3": 1, "77": 1}


async def test_a_killed_up_leaves_a_home_that_goes_on(home, warehouse, loaded, redrive):
    warehouse.held = True
    process = redrive.begun("up", "--port", "0", "--json")
    with ended(process):
        assert json.loads(process.stdout.readline())["url"]
        async with connect(home=home) as client:
            row = await client.runs.start("orders", StartRequest())
        await arrival(warehouse)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=TIMEOUT_S)
    assert (home / "server.json").exists()
    assert await live_server(home) is None
    warehouse.let_go.set()
    # The next one resumes it; what may have arrived is unknown, and not sent again.
    async with up(redrive), connect(home=home) as client:
        ran = await client.runs.wait(row.id)
        assert ran.status == "failure"
        run = await client.runs.get(row.id)
        assert step(run, "pull").status == "success"
        assert step(run, "send").error.code == "delivery.unknown"
    assert warehouse.requests == [["1", "2", "3"]]


def pid_of_the_dead() -> int:
    with subprocess.Popen(["true"]) as process:
        process.wait(timeout=TIMEOUT_S)
    return process.pid


async def test_up_waits_for_a_command_though_a_dead_up_left_its_address(home, warehouse, loaded, redrive):
    (home / "server.json").write_text(
        json.dumps({"url": "http://127.0.0.1:1", "token": "t", "pid": pid_of_the_dead()})
    )
    warehouse.held = True
    with ended(redrive.begun("run", "orders", "--json")) as command:
        await arrival(warehouse)
        with ended(redrive.begun("up", "--port", "0", "--json")) as server:
            assert server.stderr.readline(), "it says what it waits for"
            warehouse.let_go.set()
            assert outcome(command)[0] == 0
            assert json.loads(server.stdout.readline())["url"]
            server.terminate()
            _, err = server.communicate(timeout=TIMEOUT_S)
            assert server.returncode == 0, err
            assert b"home.locked" not in err
