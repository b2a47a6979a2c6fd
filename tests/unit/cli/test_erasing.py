from __future__ import annotations

from redrive.service.kept_views import EraseRequest


def test_the_plan_shows_what_holds_it_and_which_backups(redrive, service):
    lines = redrive("erase", "--key", "ann@x.org", "--plan").out.splitlines()
    assert lines[0].split() == ["items", "5"]
    assert lines[-1] == "still in the backup b1 of 2026-11-20: /mnt/monday.tar"
    assert service.asked("erasures.plan")[0] == (EraseRequest(value="ann@x.org"),)
    assert redrive("erase", "--key", "ann@x.org", "--plan", "--json").json["deliveries"] == 1


def test_to_erase_wants_a_yes(redrive, service, terminal):
    words = ("erase", "--key", "-1042", "--field", "id", "--reason", "asked")
    assert redrive(*words, "--yes").out.startswith("e1  erased\n")
    asked = EraseRequest(value="-1042", field="id", reason="asked", confirm=True)
    assert service.asked("erasures.erase")[0] == (asked,)
    terminal += ["n", "y"]
    assert redrive(*words).code == 2
    assert redrive(*words).code == 0


def test_without_a_key_nothing_is_erased(redrive):
    result = redrive("erase", "--reason", "x", "--json")
    assert (result.code, result.error["at"]) == (2, "--key")
    assert redrive("erase", "--list", "--json").json["items"][0]["id"] == "e1"
