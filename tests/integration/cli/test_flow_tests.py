"""Tests of flows as a person uses them, after a real run against real systems that are gone since."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout

import pytest

from redrive.cli.main import main
from redrive.demo.servers import DemoServers
from tests.integration.cli.conftest import TIMEOUT_S, Command, Done

FLOW = "orders-to-erp"

pytestmark = pytest.mark.slow


class Here(Command):
    """The command in this process, where a process of its own would show nothing more."""

    def __call__(self, *words: str, stdin: bytes = b"") -> Done:
        out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(self.folder)
            for name, text in self.environment.items():
                patch.setenv(name, text)
            code = main(words)
        out.flush()
        return Done(code, out.buffer.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    """A home with a run of the demo flow; shop and ERP have ended."""
    folder = tmp_path_factory.mktemp("flowtests")
    with DemoServers() as servers:
        command = Here(folder, servers.environment)
        (folder / "all.yaml").write_text(servers.documents())
        assert command("import", "all.yaml", "--deploy", "--note", "the first").code == 0
        done = command("run", FLOW, "--json")
        assert done.code == 1, done.err  # the ERP rejects order 1042
        again = command("run", FLOW, "--json")
        assert again.json["steps"][-1]["deliveries"]["skipped"] == 40
    return command, done.json["id"], again.json["id"]


def test_a_run_becomes_a_test_that_passes_and_a_changed_draft_fails_it(past):
    command, run, _ = past
    made = command("test", "--from", run, "--name", "a whole day", "--out", "tested.yaml", "--json")
    assert made.code == 0, made.err
    assert made.json["files"], "the pages are too large to stand in the document"
    text = (command.folder / "tested.yaml").read_text()
    secrets = [v for k, v in command.environment.items() if k.startswith("DEMO_")]
    files = [*command.folder.glob(f"{FLOW}.tests/*"), command.folder / "tested.yaml"]
    assert secrets
    assert not [file for file in files for secret in secrets if secret in file.read_text()]

    passed = command("test", "tested.yaml")
    assert passed.code == 0, passed.out
    assert passed.out.endswith(b"1 test, 1 passed, 0 failed.\n")

    (command.folder / "changed.yaml").write_text(text.replace("value: web", "value: till"))
    failed = command("test", "./changed.yaml", "--json", "--junit", "junit.xml")
    assert failed.code == 1
    differences = failed.json["results"][0]["differences"]
    assert "erp-form" in {one["step"] for one in differences}
    lines = next(one["lines"] for one in differences if one["step"] == "erp-form")
    assert lines[0] == '/0/source: expected "web", found "till"'
    assert 'failures="1"' in (command.folder / "junit.xml").read_text()
    assert len(command("runs", "--json").json["items"]) == 2, "no run was recorded"


def test_what_was_left_out_then_is_not_compared(past):
    command, first, latest = past
    replayed = command("replay", FLOW, "--version", "deployed", "--last", "5", "--json")
    assert [one["run"] for one in replayed.json["items"]] == [latest, first]
    steps = {step["step"]: step["result"] for step in replayed.json["items"][0]["steps"]}
    assert (steps["ten-each"], steps["send"]) == ("same", "not_compared")


def test_only_the_first_run_of_a_lineage_is_replayed_and_made_a_test(past):
    command, first, _ = past
    assert command("test", "--from", "r0000000000000").code == 2
    refused = command("--json", "replay", FLOW, "--version", "99", "--run", first)
    assert (refused.code, refused.error["code"]) == (2, "version.unknown")


def test_a_draft_is_replayed_by_command_and_through_a_server(past):
    command, run, latest = past
    same = command("replay", FLOW, "--version", "deployed", "--run", run, "--json")
    assert same.code == 0, same.out
    assert {step["result"] for step in same.json["items"][0]["steps"]} == {"same"}
    text = (command.folder / "all.yaml").read_text()
    (command.folder / "draft.yaml").write_text(text.replace("size: 10", "size: 25"))
    assert command("import", "draft.yaml").code == 0
    shown = command("diff", FLOW)
    assert "size: 10 -> 25" in shown.out.decode()
    process = command.begin("up", "--port", "0", "--json")
    try:
        assert json.loads(process.stdout.readline())["url"]
        replayed = command("replay", FLOW, "--run", run, "--json")
        assert replayed.code == 1, replayed.err
        steps = {step["step"]: step for step in replayed.json["items"][0]["steps"]}
        assert steps["pull"]["result"] == "same"
        assert steps["ten-each"]["result"] == "changed"
        assert any("requests, were" in line for line in steps["send"]["lines"])
        trial = command(
            "shapes", "run", "--flow", FLOW, "--step", "paid-only", "--payload", "./orders.json", "--json"
        )
        assert trial.code == 2
        (command.folder / "orders.json").write_text('[{"id": 1, "financial_status": "paid"}, {"id": 2}]')
        trial = command(
            "shapes", "run", "--flow", FLOW, "--step", "paid-only", "--payload", "./orders.json", "--json"
        )
        assert (trial.code, trial.json["items_out"]) == (0, 1)
        tested = command("test", FLOW, "--json")
        assert (tested.code, tested.json["results"]) == (0, [])
        assert command("runs", "--json").json["items"][0]["id"] == latest
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT_S)


def test_a_flow_goes_to_another_home_with_all_that_it_refers_to(past):
    command, *_ = past
    whole = command("export", FLOW, "--all", "--version", "deployed")
    assert "secret token of connection shop" in whole.err
    (command.folder / "whole.yaml").write_bytes(whole.out)
    other = Here(command.folder, {**command.environment, "REDRIVE_HOME": str(command.folder / "other")})
    taken = other("import", "whole.yaml", "--map", "shop=shop-live", "--json")
    assert taken.code == 0, taken.err
    assert {one["result"] for one in taken.json["items"]} == {"created"}
    assert "connection: shop-live" in other("export", FLOW).out.decode()
    again = other("export", FLOW, "--all").out
    (command.folder / "again.yaml").write_bytes(again)
    unchanged = other("import", "again.yaml", "--json").json["items"]
    assert {one["result"] for one in unchanged} == {"unchanged"}
    assert other("export", FLOW, "--all").out == again
