"""The verbs queue, pause, resume and circuits."""

from __future__ import annotations

import pytest

from redrive.service.queue_views import MoveRequest, PauseRequest


def test_the_queue_shows_what_waits_and_what_is_held(redrive):
    result = redrive("queue")
    assert result.out.split()[:6] == ["#", "RUN", "FLOW", "PRIORITY", "QUEUED", "REASON"]
    assert "overlap: r8 runs" in result.out
    assert "The connection erp is paused" in result.err
    assert "moving" in result.err
    assert "The target of connection erp is down" in result.err
    (item,) = redrive("queue", "list", "--json").json["items"]
    assert (item["position"], item["kind"], item["waits_for"]) == (1, "overlap", "r8")


def test_a_run_is_moved(redrive, service):
    assert redrive("queue", "move", "r9", "--front").out == "r9  place 1, high: overlap: r8 runs\n"
    assert service.calls[-1] == ("queue.move", ("r9", MoveRequest(front=True)), {})
    assert redrive("queue", "move", "r9", "--priority", "lowest", "--json").json["priority"] == "lowest"
    assert redrive("queue", "move", "nobody", "--front").code == 2
    assert redrive("queue", "move", "r9", "--priority", "urgent").code == 2


@pytest.mark.parametrize(
    ("words", "kind", "name", "said"),
    [
        (["--all"], "all", "", "Everything"),
        (["--flow", "orders"], "flow", "orders", "The flow orders"),
        (["--connection", "erp"], "connection", "erp", "The connection erp"),
    ],
)
def test_pause_and_resume(redrive, service, words, kind, name, said):
    assert redrive("pause", *words, "--reason", "moving").out == f"{said} is paused.\n"
    assert service.calls[-1][1] == (PauseRequest(kind=kind, name=name, reason="moving"),)
    done = "goes on" if name == "erp" else "was not paused"
    assert redrive("resume", *words).out == f"{said} {done}.\n"
    assert redrive("resume", *words, "--json").json == {"removed": 1 if name == "erp" else 0}


@pytest.mark.parametrize("words", [[], ["--all", "--flow", "orders"]])
def test_what_is_paused_is_one_thing(redrive, words):
    for verb in ("pause", "resume"):
        result = redrive(verb, *words)
        assert result.code == 2
        assert "--connection NAME" in result.err


def test_circuits(redrive):
    result = redrive("circuits")
    assert "no connection" in result.out
    assert redrive("circuits", "--json").json["items"][0]["failures"] == 10
    assert redrive("circuits", "reset", "erp").out == "The circuit of connection erp is closed.\n"
    assert redrive("circuits", "reset", "shop").out == "The circuit of connection shop was not open.\n"
