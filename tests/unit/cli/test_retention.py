from __future__ import annotations

from redrive.service.kept_views import DeleteRequest


def test_a_dry_run_shows_the_rules_and_what_is_due(redrive):
    lines = redrive("retention", "--dry-run").out.splitlines()
    assert lines[0].split("  ")[0] == "FLOW"
    told = "orders 30 d, 1.0 GiB 30 d, 1.0 GiB for ever 180 d, 10 runs 3 1 2.0 KiB 0"
    assert lines[1].split() == told.split()
    assert redrive("retention", "--dry-run", "--json").json["flows"][0]["payloads_success"]["days"] == 30


def test_a_pass_tells_what_went(redrive, service):
    assert redrive("retention").out == (
        "3 runs lost payloads, 1 run deleted; gone: 9 contents (4.0 KiB), 1 object and 0 uploads. "
        "2 runs not yet: deliveries are to be settled.\n"
    )
    assert redrive("retention", "--compact", "--json").json["compacted"] is True
    assert service.asked("retention.run")[1] == {"compact": True}


def test_pins(redrive, service):
    assert redrive("pin", "r1").out == "r1  orders  pinned\n"
    assert redrive("pin", "r1", "--json").json["pinned"] is True
    assert redrive("unpin", "r1").out == "r1  orders  not pinned\n"
    assert redrive("pin", "r9").code == 2


def test_to_delete_wants_a_yes(redrive, service, terminal):
    assert redrive("delete", "r1", "--yes", "--reason", "test").out == "1 run deleted.\n"
    assert service.asked("retention.delete")[0] == (DeleteRequest(runs=["r1"], reason="test", confirm=True),)
    terminal += ["n", "y"]
    assert redrive("delete", "r1").code == 2
    assert redrive("delete", "r1").out == "1 run deleted.\n"


def test_without_a_terminal_nothing_is_deleted_unconfirmed(redrive):
    result = redrive("delete", "r1", "--json")
    assert (result.code, result.error["code"]) == (2, "confirmation.needed")
