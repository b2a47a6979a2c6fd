"""The real command against real systems: the way from a failed run to its redrive, by home and by server."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess

import pytest

from tests.integration.cli.conftest import COMMAND, TIMEOUT_S

FLOW = "orders-to-erp"


def walk_from_failure_to_redrive(redrive, servers, folder, way):
    """Every verb of the way, each with `way` (global options) behind it."""

    def call(*words, stdin=b""):
        return redrive(*words, *way, stdin=stdin)

    failed = call("run", FLOW, "--json")
    assert failed.code == 1, failed.err
    run = failed.json
    assert run["status"] == "failure"
    send = next(step for step in run["steps"] if step["step"] == "send")
    assert send["deliveries"]["delivered"] == 40
    assert send["error"]["code"] == "remote.rejected"
    assert call("runs", "--status", "failure", "--json").json["items"][0]["id"] == run["id"]

    found = call("find", "1042", "--json").json["items"]
    bad = next(one for one in found if one["step"] == "send" and one["delivery"] == "rejected")
    payload = bad["payload"]
    shown = call("show", run["id"], "--step", "send", "--json").json["steps"][0]
    assert shown["failed_payloads"][0]["id"] == payload
    exact = call("payload", payload)
    assert exact.code == 0
    item = call("payload", payload, "--items", f"{bad['item']}:{bad['item'] + 1}").json[0]
    assert item["id"] == 1042

    plan = call("redrive", run["id"], "--at", "send", "--plan", "--json").json
    assert (plan["steps"][0]["to_send"], plan["steps"][0]["delivered"]) == (10, 40)
    orders = json.loads(exact.out)
    orders[bad["item"]]["ship_to"]["postcode"] = "BS1 5TY"
    (folder / "edited.json").write_text(json.dumps(orders))
    words = ("--at", "send", "--edit", f"{payload}=edited.json", "--reason", "postcode added", "--json")
    redriven = call("redrive", run["id"], *words)
    assert redriven.code == 0, redriven.err
    assert redriven.json["source_run"] == run["id"]
    counts = next(step for step in redriven.json["steps"] if step["step"] == "send")["deliveries"]
    assert (counts["delivered"], counts["skipped"]) == (10, 40)
    booked = servers.erp.counts()
    assert len(booked) == 50
    assert set(booked.values()) == {1}
    delivery = call("deliveries", "--key", "1042", "--json").json["items"][0]
    assert delivery["status"] == "delivered"
    assert call("show", run["id"], "--json").json["redrives"] == [redriven.json["id"]]

    # What ended in success asks first; nobody is there to answer.
    refused = call("redrive", redriven.json["id"], "--at", "send", "--json")
    assert refused.code == 2
    assert refused.error["code"] == "confirmation.needed"


def test_the_way_on_a_home(command, servers, tmp_path):
    walk_from_failure_to_redrive(command, servers, tmp_path, ())


def test_a_command_on_a_home_goes_through_its_server(command, up):
    # Without it the command would wait for the lock that `up` holds.
    run = command("run", FLOW, "--var", "order_id=1001", "--json")
    assert run.code == 0
    assert run.json["trigger"] == "manual"
    assert run.json["variables"]["order_id"] == "1001"
    link = command("token", "link", "--json").json["link"]
    assert link.startswith(up["url"])
    assert command("settings", "--json").json["items"][0]["value"] == str(command.home)


def test_the_way_through_an_address(command, up, servers, tmp_path):
    made = command("token", "create", "test", "--json").json
    command.environment.pop("REDRIVE_HOME")
    assert command("runs", "--url", up["url"]).code == 2
    walk_from_failure_to_redrive(command, servers, tmp_path, ("--url", up["url"], "--token", made["token"]))


def test_a_payload_from_stdin_and_from_a_file(command, servers, tmp_path):
    order = {"id": 7001, "ship_to": {"postcode": "BS1 5TY"}, "lines": []}
    started = command("run", FLOW, "--payload", "-", *skips(), "--json", stdin=json.dumps([order]).encode())
    assert started.code == 0, started.err
    assert servers.erp.counts() == {"7001": 1}
    (tmp_path / "more.json").write_text(json.dumps([{**order, "id": 7002}]))
    replaced = command(
        "redrive", started.json["id"], "--at", "send", "--payload", "more.json", "--yes", "--json"
    )
    assert replaced.code == 0, replaced.err
    assert servers.erp.counts() == {"7001": 1, "7002": 1}


def skips():
    return [word for step in ("pull", "paid-only", "erp-form", "ten-each") for word in ("--skip", step)]


def test_no_wait_queues_and_the_next_that_waits_executes(command):
    queued = command("run", FLOW, "--var", "order_id=1001", "--no-wait")
    assert queued.code == 0
    assert "redrive up" in queued.err
    first = command("queue", "--json").json["items"][0]
    assert first["flow"] == FLOW
    assert command("run", FLOW, "--var", "order_id=1003", "--json").code == 0
    assert command("queue", "--json").json["items"] == []
    assert command("show", first["run"], "--json").json["status"] == "success"


def test_two_commands_on_one_home(command, servers):
    servers.erp.control(faults=[{"kind": "hold", "path": "/orders", "times": 1}])
    first = command.begin("run", FLOW, "--var", "order_id=1001", "--json")
    servers.erp.wait(held=1)
    second = command.begin("run", FLOW, "--var", "order_id=1003", "--json")
    servers.erp.control(release=True)
    for process in (first, second):
        out, err = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0, err.decode()
        assert json.loads(out)["status"] == "success"
    assert set(servers.erp.counts().values()) == {1}


def test_an_interruption_says_what_it_leaves(command, servers):
    servers.erp.control(faults=[{"kind": "hold", "path": "/orders", "times": 1}])
    # The request is cut off: were it let go, the run could end before the signal is noticed.
    command.environment["REDRIVE_STOP_GRACE_S"] = "0.2"
    process = command.begin("run", FLOW, "--var", "order_id=1001")
    servers.erp.wait(held=1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=TIMEOUT_S)
    servers.erp.control(release=True)
    assert process.returncode == 130
    assert b"Interrupted" in err
    assert b"redrive stop" in err
    assert b"Traceback" not in err


def test_a_second_up_and_a_port_in_use(command, up):
    second = command("up", "--port", "0", "--json")
    assert second.code == 3
    assert second.error["code"] == "home.locked"
    port = up["url"].rpartition(":")[2]
    elsewhere = command("up", "--port", port, "--json", "--home", "other")
    assert elsewhere.code == 3
    assert elsewhere.error["code"] == "port.in_use"
    refused = command("up", "--host", "0.0.0.0", "--json")
    assert refused.code in {2, 3}
    refused = command("up", "--host", "0.0.0.0", "--port", "0", "--json", "--home", "other")
    assert refused.code == 2
    assert refused.error["code"] == "host.no_account"


def test_a_home_that_cannot_be_used(bare, tmp_path):
    (tmp_path / "file").write_text("no folder")
    result = bare("runs", "--home", "file/home", "--json")
    assert result.code == 3
    assert result.error["code"] == "home.not_writable"
    assert result.out == b""


def test_a_reader_that_has_enough(bare):
    process = bare.begin("schema", "--json")
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(TIMEOUT_S) == 0
    process.stderr.close()


def test_the_story_is_true(bare):
    told = bare("demo", "--once")
    assert told.code == 0, told.out.decode() + told.err
    assert b"claims were checked and are true" in told.out


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="pseudo terminals are of Unix")
def test_on_a_terminal_it_is_shown_live_and_asked(command):
    import pty

    source = command("run", FLOW, "--var", "order_id=1001", "--json").json["id"]
    owner, terminal = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "redrive", source, "--at", "send"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=command.folder,
        env={**command.environment, "NO_COLOR": "1", "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(terminal)
    shown = b""
    while b"[y/N]" not in shown:
        shown += os.read(owner, 65_536)
    os.write(owner, b"y\n")
    while True:
        try:
            part = os.read(owner, 65_536)
        except OSError:  # the last one on the other side has left
            break
        if not part:
            break
        shown += part
    assert process.wait(TIMEOUT_S) == 0, shown.decode()
    os.close(owner)
    assert b"needs a confirmation" in shown
    assert b"source run" in shown
    assert b"\x1b[31m" not in shown
