"""What the command tells of runs while they change, and of one delivery from its begin on."""

from __future__ import annotations

import json
import threading
from queue import Empty, SimpleQueue

from tests.integration.cli.conftest import TIMEOUT_S

FLOW = "orders-to-erp"


def test_runs_are_told_as_they_change(command, up):
    following = command.begin("runs", "--follow", "--flow", FLOW, "--status", "success", "--json")
    told: SimpleQueue[dict[str, str]] = SimpleQueue()

    def read():
        for line in following.stdout:
            told.put(json.loads(line))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        runs, row = [], None
        # The first may end before the command has begun to follow.
        for order in ("1001", "1003", "1005", "1006"):
            done = command("run", FLOW, "--var", f"order_id={order}", "--json")
            runs.append(done.json["id"])
            try:
                row = told.get(timeout=2)
                break
            except Empty:
                continue
    finally:
        following.terminate()
        following.wait(TIMEOUT_S)
        reader.join(TIMEOUT_S)
        following.stdout.close()
        following.stderr.close()
    assert row is not None
    assert row["id"] in runs
    assert (row["flow"], row["status"]) == (FLOW, "success")


def test_one_delivery_is_told_with_its_history(command):
    run = command("run", FLOW, "--var", "order_id=1001", "--json").json["id"]
    (one,) = command("deliveries", "--key", "1001", "--json").json["items"]
    found = command("deliveries", one["id"], "--json").json
    assert (found["id"], found["key"], found["status"]) == (one["id"], "1001", "delivered")
    assert [(event["run"], event["status"]) for event in found["history"]][-1] == (run, "delivered")
    shown = command("deliveries", one["id"])
    assert shown.code == 0
    assert run in shown.out.decode()
    assert "delivered" in shown.out.decode()
    unknown = command("deliveries", "d0aaaaaaaaaaaa", "--json")
    assert unknown.code == 2
    assert unknown.error["code"] == "delivery.missing"
