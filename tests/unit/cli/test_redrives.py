from __future__ import annotations


def test_everything_that_a_redrive_takes(redrive, service, tmp_path):
    (tmp_path / "new.json").write_bytes(b"[]")
    (tmp_path / "edited.json").write_bytes(b"{}")
    words = (
        "redrive", "r1", "--at", "send", "--payload", "p7", "--payload", "new.json",
        "--edit", "p1=edited.json", "--items", "id in 1042,1043", "--skip", "map", "--var", "a=b",
        "--version", "deployed", "--clock", "now", "--delivery", "send_all", "--reason", "why", "--force",
    )  # fmt: skip
    assert redrive(*words).code == 0
    (run, request), _ = service.asked("redrives.redrive")
    assert run == "r1"
    assert request.model_dump() == {
        "after": None,
        "at": "send",
        "payloads": ["p7", "u1"],
        "item_edits": {},
        "edits": {"p1": "u2"},
        "items": "id in 1042,1043",
        "skips": ["map"],
        "variables": {"a": "b"},
        "version": "deployed",
        "clock": "now",
        "delivery": "send_all",
        "reason": "why",
        "force": True,
        "confirm": False,
    }
    # A file is in all but its bytes like the first payload of the bucket; an edit like its original.
    uploads = [kwargs for name, _, kwargs in service.calls if name == "payloads.upload"]
    assert [one["like"] for one in uploads] == ["p1", "p1"]
    assert [one["media_type"] for one in uploads] == [None, None]
    assert service.asked("runs.payloads")[0] == ("r1", "send", "in")


def test_the_bucket_after_a_step_is_its_output(redrive, service, tmp_path):
    (tmp_path / "new.json").write_bytes(b"[]")
    redrive("redrive", "r1", "--after", "send", "--payload", "new.json")
    assert service.asked("runs.payloads")[0] == ("r1", "send", "out")
    assert service.asked("redrives.redrive")[0][1].after == "send"


def test_defaults_of_redrive_and_retry(redrive, service):
    redrive("redrive", "r1", "--at", "send")
    request = service.asked("redrives.redrive")[0][1]
    assert (request.version, request.clock, request.delivery) == ("original", "original", None)
    redrive("retry", "r1")
    assert service.asked("redrives.retry")[0][1].from_ == "failed"
    redrive("retry", "r1", "--from", "start", "--delivery", "skip_delivered")
    assert service.asked("redrives.retry")[0][1].from_ == "start"


def test_a_plan_is_only_shown(redrive, service):
    result = redrive("redrive", "r1", "--at", "send", "--plan", "--json")
    assert result.code == 0
    assert set(result.json) >= {"source_run", "start", "version", "clock", "skips", "steps", "warnings"}
    assert set(result.json["steps"][0]) >= {"step", "to_send", "delivered", "changed", "unknown"}
    shown = redrive("retry", "r2", "--plan").out
    assert "needs a confirmation: 40 items were delivered already" in shown
    assert "warning: connector erp has changed" in shown
    row = next(line for line in shown.splitlines() if line.startswith("send "))
    assert row.split() == ["send", "10", "40", "0", "?", "?"]
    assert not any(name in {"redrives.retry", "redrives.redrive"} for name, _, _ in service.calls)


def test_a_source_that_did_not_fail_is_refused_without_a_person_and_without_yes(redrive):
    for words in (("retry", "r2"), ("redrive", "r2", "--at", "send")):
        result = redrive(*words, "--json")
        assert result.code == 2
        assert result.error["code"] == "confirmation.needed"
        assert "40 items were delivered already" in result.error["detail"]
        assert "--yes" in result.error["hint"]
        assert redrive(*words, "--yes").code == 0


def test_a_person_sees_the_plan_and_is_asked(redrive, service, terminal):
    terminal[:] = ["y"]
    result = redrive("retry", "r2")
    assert result.code == 0
    assert "40 items were delivered already. Start it? [y/N]" in result.err
    assert "skip_delivered" in result.err
    assert service.asked("redrives.retry")[0][1].confirm is True
    terminal[:] = ["y"]
    as_json = redrive("retry", "r2", "--json")
    assert as_json.json["source_run"] == "r2"
    assert "Start it? [y/N]" in as_json.err
    terminal[:] = ["n"]
    refused = redrive("retry", "r2")
    assert refused.code == 2
    assert "nothing was started" in refused.err


def test_a_source_that_failed_asks_nobody(redrive, terminal):
    result = redrive("retry", "r1")
    assert result.code == 0
    assert "skip_delivered" in result.err
    assert terminal == []
    assert redrive("retry", "r1", "--json").err == ""


def test_send_all_without_a_reason_is_refused(redrive):
    assert redrive("retry", "r1", "--delivery", "send_all").code == 2
