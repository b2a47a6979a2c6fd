from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import redrive as redrive_package
from redrive.cli.app import build
from redrive.cli.main import VERBS, front_help, main
from redrive.errors import HomeUnusable, StoreBusy

# The verbs of the specification's table that this release has.
TABLE = [
    "demo",
    "up",
    "check",
    "import",
    "export",
    "deploy",
    "run",
    "runs",
    "queue",
    "show",
    "payload",
    "find",
    "retry",
    "redrive",
    "deliveries",
    "resolve",
    "stop",
    "connectors",
    "settings",
    "token",
    "doctor",
    "schema",
]


def test_every_verb_of_the_table_is_there_and_loads():
    app = build()
    for verb in TABLE:
        assert verb in VERBS
    for verb in VERBS:
        assert app[verb].help


def test_the_front_page_lists_every_verb_and_global_option():
    page = front_help()
    for name in [*VERBS, "--home", "--url", "--token", "--json"]:
        assert f"\n  {name} " in page


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_the_front_page_is_the_answer_to_nothing(words, capsys):
    assert main(words) == 0
    assert capsys.readouterr().out == front_help()


def test_the_front_page_loads_no_library():
    code = (
        "import sys; from redrive.cli.main import main; main(['--help']);"
        "sys.exit(','.join(n for n in ('cyclopts', 'pydantic', 'rich', 'aiohttp') if n in sys.modules))"
    )
    source = str(Path(redrive_package.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={"PYTHONPATH": source}
    )
    assert done.stderr.strip() == ""
    assert done.stdout == front_help()


@pytest.mark.parametrize(
    "words",
    [
        ["runs", "--limt", "3"],
        ["runz"],
        ["runs", "--limit", "many"],
        ["runs", "--status", "odd"],
        ["show"],
        ["show", "r1", "r2"],
        ["redrive", "r1"],
        ["redrive", "r1", "--after", "a", "--at", "b"],
        ["retry", "r1", "--from", "middle"],
        ["resolve", "d1", "--reason", "x"],
        ["resolve", "d1", "--sent", "--not-sent", "--reason", "x"],
        ["resolve", "d1", "--sent"],
        ["resolve", "d1", "--sent", "--reason", " "],
        ["run", "orders", "--var", "novalue"],
        ["run", "orders", "--var", "a=1", "--var", "a=2"],
        ["run", "./none.yaml"],
        ["run", "none.yml"],
        ["runs", "--since", "soonish"],
        ["runs", "--limit", "0"],
        ["payload", "p1", "--items", "3"],
        ["import", "./none"],
        ["run", "orders", "--delivery", "send_twice"],
        ["up", "--url", "http://127.0.0.1:9"],
    ],
)
def test_wrong_use_exits_2_and_says_why(redrive, words):
    result = redrive(*words)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("Error: ")
    again = redrive(*words, "--json")
    assert again.code == 2
    assert set(again.error) == {"code", "title", "detail", "at", "hint"}


def test_a_wrong_option_names_the_nearest_and_the_help(redrive):
    result = redrive("runs", "--limt", "3")
    assert "--limit" in result.err
    assert "redrive runs --help" in result.err


def test_a_word_too_many_is_named(redrive):
    done = redrive("payload", "p_1", "keep")
    assert done.code == 2
    assert "nothing is expected where 'keep' stands" in done.err
    assert "redrive payload --help" in done.err


@pytest.mark.parametrize(
    "words", [["--json", "runs"], ["runs", "--json"], ["runs", "--json", "--limit", "2"]]
)
def test_global_options_stand_before_or_after_the_verb(redrive, words):
    result = redrive(*words)
    assert result.code == 0
    assert set(result.json) == {"items", "next"}


def test_global_options_stand_between_the_words_of_a_verb(redrive):
    for words in (("token", "--json", "list"), ("token", "list", "--json"), ("--json", "token", "list")):
        assert redrive(*words).json["items"][0]["id"] == "t1"


def test_what_follows_two_dashes_is_no_option(redrive, service):
    assert redrive("find", "--", "--json").code == 0
    assert service.asked("search.find")[0] == ("--json",)


def test_a_home_and_an_address_exclude_each_other(redrive):
    result = redrive("runs", "--url", "http://127.0.0.1:9")
    assert result.code == 2
    assert "--home or --url" in result.err


def test_a_server_that_does_not_answer_exits_3(redrive, unused_tcp_port):
    result = redrive("--json", "runs", "--url", f"http://127.0.0.1:{unused_tcp_port}", home=False)
    assert result.code == 3
    assert result.error["code"] == "server.unreachable"
    assert "redrive up" in result.error["hint"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StoreBusy("busy"), 3),
        (HomeUnusable("newer release", code="home.newer"), 3),
        (OSError(28, "No space"), 3),
    ],
)
def test_faults_exit_3(redrive, service, error, code):
    service.raising["list"] = error
    assert redrive("runs").code == code


def test_an_unforeseen_fault_exits_3_without_a_trace(redrive, service, monkeypatch):
    service.raising["list"] = ZeroDivisionError("inside")
    result = redrive("runs", "--json")
    assert result.code == 3
    assert result.error["code"] == "fault.unforeseen"
    monkeypatch.setenv("REDRIVE_LOG_LEVEL", "debug")
    assert "ZeroDivisionError: inside" in redrive("runs").err


def test_unknown_ids_exit_2(redrive):
    for words in (
        ("show", "none"),
        ("payload", "none"),
        ("payload", "gone"),
        ("retry", "none", "--yes"),
        ("redrive", "r1", "--after", "sned"),
        ("run", "none"),
        ("export", "none"),
        ("token", "revoke", "none"),
        ("resolve", "none", "--sent", "--reason", "x"),
        ("connectors", "show", "none"),
    ):
        result = redrive(*words)
        assert result.code == 2, words
        assert "hint" in result.err or "(" in result.err


def test_the_environment_names_home_and_address(redrive, service, monkeypatch, tmp_path):
    monkeypatch.setenv("REDRIVE_HOME", str(tmp_path / "elsewhere"))
    assert redrive("runs", home=False).code == 0
    assert service.opened_at == tmp_path / "elsewhere"
    monkeypatch.setenv("REDRIVE_URL", "http://127.0.0.1:9")
    assert redrive("runs", home=False).code == 3
    # What is typed wins over the environment.
    assert redrive("runs").code == 0
    assert service.opened_at == tmp_path / "home"


def test_completion_is_made_for_a_shell():
    script = build().generate_completion(shell="bash")
    for verb in TABLE:
        assert verb in script
    assert "--no-wait" in script
