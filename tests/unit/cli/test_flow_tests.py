"""The verbs test, replay, diff, versions and shapes: what they ask, what they print, how they end."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

FLOW = "flow: orders\nsteps:\n  - {id: a, shape: filter, keep: {field: x, is: 1}}\n"


@pytest.mark.parametrize(("outcome", "code"), [("success", 0), ("failure", 1)])
def test_the_exit_code_tells_whether_all_tests_pass(redrive, service, outcome, code):
    service.outcome = outcome
    result = redrive("test", "orders")
    assert result.code == code
    assert ("FAIL" in result.out) == bool(code)
    assert redrive("test", "orders", "--json").json["failed"] == code


def test_files_are_run_with_the_files_that_their_tests_name(redrive, service, tmp_path):
    (tmp_path / "page.json").write_text("[1]")
    (tmp_path / "f.yaml").write_text(f"{FLOW}tests:\n  - {{test: t, given: [{{file: page.json}}]}}\n")
    assert redrive("test", str(tmp_path), "--only", "t").code == 0
    args, kwargs = service.asked("tests.run")
    assert [name for name, _ in args[0]] == [str(tmp_path / "f.yaml")]
    assert kwargs == {"files": {str(tmp_path / "page.json"): b"[1]"}, "only": ["t"]}


def test_a_test_reads_no_file_outside_of_its_folder(redrive, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.json").write_text("[1]")
    (tmp_path / "in" / "f.yaml").write_text(
        f"{FLOW}tests:\n  - {{test: t, given: [{{file: ../secret.json}}]}}\n"
    )
    result = redrive("--json", "test", str(tmp_path / "in" / "f.yaml"))
    assert (result.code, result.error["code"]) == (2, "file.outside")


def test_without_names_the_tests_of_all_flows_run(redrive, service):
    assert redrive("test").code == 0
    assert service.asked("tests.run_flow") == (("orders",), {"version": "draft", "only": ()})


def test_junit_holds_what_differs(redrive, service, tmp_path):
    service.outcome = "failure"
    assert redrive("test", "orders", "--junit", str(tmp_path / "j.xml")).code == 1
    root = ET.fromstring((tmp_path / "j.xml").read_text())
    assert (root.get("tests"), root.get("failures")) == ("1", "1")
    assert root[0].get("name") == "paid & open"
    assert "expected 1, found 2" in root[0][0].get("message")


def test_a_test_is_made_from_a_run_into_the_draft_or_a_file(redrive, service, tmp_path):
    assert "draft of" in redrive("test", "--from", "r1", "--name", "one").out
    assert service.asked("tests.make") == (("r1",), {"name": "one", "store": True})
    file = tmp_path / "new" / "flow.yaml"
    file.parent.mkdir()
    assert redrive("test", "--from", "r1", "--out", str(file)).code == 0
    assert service.asked("tests.make")[1]["store"] is False
    assert "test: one" in file.read_text()
    assert (file.parent / "orders.tests" / "1.json").exists()
    file.write_text(f"# kept\n{FLOW}")
    assert redrive("test", "--from", "r1", "--out", str(file)).code == 0
    assert file.read_text().startswith(f"# kept\n{FLOW}tests:\n")
    file.write_text("flow: other\nsteps: []\n")
    result = redrive("--json", "test", "--from", "r1", "--out", str(file))
    assert (result.code, result.error["code"]) == (2, "flow.unknown")


def test_options_that_need_a_run_are_refused_without_one(redrive):
    assert redrive("test", "orders", "--name", "x").code == 2
    assert redrive("test", "./f.yaml", "--version", "2").code == 2


@pytest.mark.parametrize(("outcome", "code"), [("success", 0), ("failure", 1)])
def test_a_replay_takes_the_latest_ordinary_runs(redrive, service, outcome, code):
    service.outcome = outcome
    result = redrive("replay", "orders", "--last", "2", "--version", "3", "--json")
    assert result.code == code
    assert (result.json["replayed"], result.json["different"]) == (2, 2 * code)
    assert service.asked("tests.replay")[1] == {"version": "3"}
    text = redrive("replay", "orders", "--run", "r1")
    assert ("1 item fewer" in text.out) == bool(code)
    assert redrive("replay", "orders", "--last", "0").code == 2
    assert redrive("replay", "nothing").code == 2


def test_a_diff_reads_step_by_step_and_obeys_no_control_character(redrive, service):
    result = redrive("diff", "orders", "3", "draft")
    assert service.asked("flows.diff") == (("orders",), {"before": "3", "after": "draft"})
    assert result.out.splitlines()[1:] == ["~ paid (filter)", '    keep.is: "paid" -> "\\u001b[31mopen"']
    assert redrive("diff", "orders", "--json").json["steps"][0]["changes"][0]["old"] == "paid"


def test_a_version_is_restored_and_deployed(redrive, service):
    result = redrive("flows", "restore", "orders", "2", "--deploy", "--note", "the old way")
    assert "kept as version 5" in result.out
    assert service.asked("flows.restore") == (("orders", 2), {"note": "the old way"})
    assert service.asked("flows.deploy") == (("orders",), {"version": 2, "note": "the old way"})
    assert redrive("versions", "orders", "--json").json["items"][0]["number"] == 3


def test_a_whole_export_says_what_is_needed_elsewhere(redrive):
    result = redrive("export", "orders", "--all")
    assert result.out == "flow: orders\n---\nconnection: shop\n"
    assert "secret token of connection shop" in result.err
    assert redrive("export", "orders", "--all", "--json").json["needs"]


@pytest.mark.parametrize(("outcome", "code"), [("success", 0), ("failure", 1)])
def test_a_shape_is_tried(redrive, service, tmp_path, outcome, code):
    service.outcome = outcome
    (tmp_path / "s.json").write_text('{"keep": {}}')
    result = redrive("shapes", "run", "filter", "--settings", f"@{tmp_path}/s.json", "--payload", "p1")
    assert (result.code, result.out) == (code, '[{"a":1}]\n')
    (request,) = service.asked("tests.trial")[0]
    assert (request.shape, request.settings, request.payloads) == ("filter", {"keep": {}}, ["p1"])
    assert redrive("shapes", "run", "--flow", "orders", "--step", "a").code == code


@pytest.mark.parametrize(
    "words",
    [
        ("shapes", "run"),
        ("shapes", "run", "filter", "--step", "a"),
        ("shapes", "run", "filter", "--settings", "{"),
        ("shapes", "run", "filter", "--settings", "[]"),
        ("shapes", "show", "filtr"),
    ],
)
def test_wrong_use_of_shapes_exits_2(redrive, words):
    assert redrive(*words).code == 2


def test_shapes_are_listed_and_shown(redrive):
    assert redrive("shapes", "--json").json["items"][0]["shape"] == "filter"
    assert "keep" in redrive("shapes", "show", "filter").out
