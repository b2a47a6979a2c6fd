from __future__ import annotations

from redrive.client.records import BulkRequest, RedriveRequest, RetryRequest, RunsWhere


def asked(service, name="start") -> BulkRequest:
    return service.asked(f"bulks.{name}")[0][0]


def test_named_runs_are_retried(redrive, service):
    result = redrive("bulk", "retry", "r1", "--yes", "--delivery", "send_changed")
    assert result.code == 0
    assert result.out == "k1  retry  ended: 1 of 1 run started; 1 in success\n"
    assert asked(service) == BulkRequest(
        runs=["r1"], retry=RetryRequest(delivery="send_changed"), confirm=True
    )


def test_filters_choose_runs(redrive, service):
    words = ("--status", "failure", "--label", "erp", "--value", "1042", "--unhealed", "--per-minute", "60")
    assert redrive("bulk", "redrive", "--at", "send", *words, "--yes").code == 0
    request = asked(service)
    assert request.where == RunsWhere(status="failure", label="erp", value="1042", unhealed=True)
    assert (request.redrive, request.per_minute) == (RedriveRequest(at="send"), 60)


def test_the_plan_is_shown_and_nothing_starts(redrive, service):
    lines = redrive("bulk", "retry", "r1", "r2", "--plan").out.splitlines()
    assert lines[0] == "2 runs"
    assert lines[2].split() == ["send", "10", "40", "0", "?", "?"]
    assert lines[3] == "left out, 1 run: the run ended in success"
    assert not [name for name, *_ in service.calls if name == "bulks.start"]
    assert redrive("bulk", "retry", "r1", "--plan", "--json").json["able"] == 1


def test_runs_that_did_not_fail_want_a_yes(redrive):
    refused = redrive("bulk", "retry", "r1", "r2", "--json")
    assert (refused.code, refused.error["code"]) == (2, "confirmation.needed")


def test_on_a_terminal_the_plan_comes_before_the_question(redrive, service, terminal):
    terminal += ["n", "y"]
    refused = redrive("bulk", "retry", "r1", "r2")
    assert refused.code == 2
    assert "left out, 1 run" in refused.err
    assert redrive("bulk", "retry", "r1", "r2").code == 0
    assert asked(service).confirm


def test_jobs_are_listed_shown_and_held(redrive, service):
    assert redrive("bulk").out.splitlines()[1].split()[:3] == ["k1", "retry", "ended"]
    assert redrive("bulk", "list", "--json").json["items"][0]["id"] == "k1"
    assert redrive("bulk", "show", "k1").out.splitlines()[-1].split() == ["r1", "r3", "success"]
    assert redrive("bulk", "show", "k1", "--json").json["items"][0]["run"] == "r3"
    assert redrive("bulk", "pause", "k1").out.startswith("k1  retry  paused")
    assert redrive("bulk", "resume", "k1").code == 0
    assert redrive("bulk", "cancel", "k1").out.startswith("k1  retry  cancelled")
    assert redrive("bulk", "show", "k9").code == 2


def test_where_to_start_is_one_of_two(redrive):
    assert redrive("bulk", "redrive", "r1", "--at", "a", "--after", "b").code == 2
