from __future__ import annotations

import io
import json
from decimal import Decimal

import pytest

from tests.unit.server.recording import CONTENT, row

RUN_KEYS = {
    "id", "flow", "version", "status", "trigger", "warnings", "summary", "queued_at", "started_at",
    "finished_at", "duration_s", "clock", "variables", "source_run", "start_step", "redrives", "parent_run",
    "parent_step", "healed_by",
}  # fmt: skip
STEP_KEYS = {
    "step", "shape", "status", "attempts", "duration_s", "warnings", "payloads_in", "payloads_in_next",
    "payloads_out", "payloads_out_next", "failed_payloads", "failed_payloads_next", "deliveries", "error",
}  # fmt: skip


@pytest.fixture
def stdin(monkeypatch):
    def give(data: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    return give


def test_a_run_object_has_the_keys_that_scripts_rely_on(redrive):
    for words in (("run", "orders"), ("show", "r1"), ("retry", "r1"), ("redrive", "r1", "--at", "send")):
        run = redrive(*words, "--json").json
        assert set(run) >= RUN_KEYS, words
        assert set(run["steps"][0]) >= STEP_KEYS
        assert set(run["steps"][0]["payloads_out"][0]) == {"id", "items", "size_bytes", "media_type", "meta"}
        assert set(run["steps"][0]["deliveries"]) == {"delivered", "skipped", "rejected", "unknown"}
    error = redrive("show", "r1", "--json").json["steps"][1]["error"]
    assert set(error) == {"code", "title", "detail", "at", "hint"}


def test_rows_of_runs_are_run_objects_without_steps(redrive):
    page = redrive("runs", "--json", "--limit", "2").json
    assert set(page["items"][0]) == RUN_KEYS
    assert page["next"] == "2"
    assert redrive("runs", "--json", "--cursor", "2").json["next"] is None


@pytest.mark.parametrize(
    ("outcome", "code"), [("success", 0), ("failure", 1), ("partial_success", 1), ("stopped", 1)]
)
def test_the_exit_code_tells_how_the_run_ended(redrive, service, outcome, code):
    service.outcome = outcome
    for words in (("run", "orders"), ("retry", "r1"), ("redrive", "r1", "--after", "send")):
        result = redrive(*words, "--json")
        assert result.code == code
        assert result.json["status"] == outcome
    assert redrive("show", "r1").code == 0


def test_waiting_executes_in_this_process(redrive, service):
    redrive("run", "orders")
    assert service.asked("execute_until")[0] == ("n3",)


def test_no_wait_queues_and_says_so(redrive, service):
    service.runner = False
    result = redrive("run", "orders", "--no-wait")
    assert result.code == 0
    assert "redrive up" in result.err
    assert not any(name == "execute_until" for name, _, _ in service.calls)
    assert redrive("run", "orders", "--no-wait", "--json").err == ""


def test_everything_that_a_start_takes(redrive, service, tmp_path):
    (tmp_path / "a.csv").write_bytes(b"id\n1\n")
    words = (
        "run", "orders", "--var", "order_id=1042", "--var", "x=", "--payload", "p1", "--payload", "a.csv",
        "--skip", "pull", "--skip", "x", "--version", "draft", "--delivery", "send_all", "--reason", "why",
    )  # fmt: skip
    assert redrive(*words).code == 0
    (flow, request), _ = service.asked("runs.start")
    assert flow == "orders"
    assert request.variables == {"order_id": "1042", "x": ""}
    assert request.payloads == ["p1", "u1"]
    assert request.skips == ["pull", "x"]
    assert (request.version, request.delivery, request.reason) == ("draft", "send_all", "why")
    args, facts = service.asked("payloads.upload")
    assert args == (b"id\n1\n",)
    assert facts == {"media_type": "text/csv", "items_path": None, "filename": "a.csv", "like": None}


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.json", "application/json"),
        ("a.jsonl", "application/x-ndjson"),
        ("a.xml", "application/xml"),
        ("a.bin", "application/octet-stream"),
        ("bare", "application/octet-stream"),
    ],
)
def test_a_files_extension_tells_its_media_type(redrive, service, tmp_path, name, media_type):
    (tmp_path / name).write_bytes(b"1")
    redrive("run", "orders", "--payload", name)
    assert service.asked("payloads.upload")[1]["media_type"] == media_type


def test_media_type_and_items_path_may_be_said(redrive, service, tmp_path):
    (tmp_path / "data").write_bytes(b"{}")
    redrive(
        "run", "orders", "--payload", "./data", "--media-type", "application/json", "--items-at", "orders"
    )
    facts = service.asked("payloads.upload")[1]
    assert (facts["media_type"], facts["items_path"]) == ("application/json", "orders")


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b'[{"id": 1.10}]', "application/json"),
        (b"5", "application/json"),
        (b"[1,", "application/octet-stream"),
        (b"id;name\n", "application/octet-stream"),
        (b"\xff\x00", "application/octet-stream"),
        (b"", "application/octet-stream"),
        (b"[1] [2]", "application/octet-stream"),
    ],
)
def test_stdin_is_json_if_it_parses(redrive, service, stdin, data, media_type):
    stdin(data)
    assert redrive("run", "orders", "--payload", "-").code == 0
    args, facts = service.asked("payloads.upload")
    assert args == (data,)
    assert facts["media_type"] == media_type


def test_stdin_is_read_once(redrive):
    assert redrive("run", "orders", "--payload", "-", "--payload", "-").code == 2


def test_a_payload_with_a_slash_is_a_file(redrive):
    result = redrive("--json", "run", "orders", "--payload", "./p1")
    assert result.code == 2
    assert result.error["code"] == "file.unknown"


def test_a_flow_that_looks_like_a_file_is_one(redrive, service, tmp_path):
    (tmp_path / "f.yaml").write_bytes(b"flow: f\r\n")
    for name in ("f.yaml", "./f.yaml"):
        assert redrive("run", name, "--skip", "a").code == 0
        args, _ = service.asked("runs.start_document")
        assert args[:2] == (b"flow: f\r\n", name)
        assert args[2].skips == ["a"]
    assert redrive("run", "f.yaml", "--version", "3").code == 2
    (tmp_path / "bad.json").write_bytes(b"fliter")
    result = redrive("run", "bad.json", "--json")
    assert result.code == 2
    assert set(result.error["problems"][0]) == {
        "code", "title", "file", "line", "step", "setting", "expected", "nearest",
    }  # fmt: skip


def test_numbers_keep_their_digits_on_the_way_out(redrive):
    out = redrive("show", "r1", "--json").out
    assert '"rate":1.10' in out
    assert json.loads(out, parse_float=Decimal)["variables"]["rate"].as_tuple().digits == (1, 1, 0)


def test_the_table_of_runs(redrive, service):
    service.rows["r1"] = row("r1", summary="bad \x1b[31m", redrives=["r2"])
    result = redrive("runs", "--limit", "2")
    lines = result.out.splitlines()
    assert lines[0].split() == (
        ["RUN", "FLOW", "VERSION", "STATUS", "TRIGGER", "QUEUED", "DURATION", "WARNINGS", "LINKS", "SUMMARY"]
    )
    assert "2026-11-20T09:15:02Z" in lines[1]
    assert "to r2" in lines[1]
    assert lines[1].endswith("bad ␛[31m")
    assert "\x1b" not in result.out
    assert "--cursor 2" in result.err


def test_a_limit_over_a_page_reads_several(redrive, service):
    for number in range(700):
        service.rows[f"m{number}"] = row(f"m{number}")
    page = redrive("runs", "--limit", "600", "--json").json
    assert len(page["items"]) == 600
    assert page["next"] == "600"


def test_filters_of_runs(redrive, service):
    words = "--status failure --flow orders --trigger manual --since 2026-11-20T09:15:00Z --text x --warnings"
    redrive("runs", *words.split(), "--version", "3")
    asked = service.asked("runs.list")[1]
    assert asked["status"] == "failure"
    assert asked["since"].isoformat() == "2026-11-20T09:15:00+00:00"
    assert asked["warnings"] is True
    assert asked["version"] == 3


def test_show_of_a_step_with_logs_and_exchanges(redrive):
    result = redrive("show", "r1", "--step", "send", "--logs", "--exchanges")
    assert result.code == 0
    assert "422: postcode is missing (remote.rejected)" in result.out
    assert "hint: Edit the payload" in result.out
    assert "say ␛[2J[bold]hi[/bold]" in result.out
    assert "POST http://127.0.0.1:9002/orders" in result.out
    assert "p1" in result.out
    assert "pull" not in result.out
    run = redrive("show", "r1", "--step", "send", "--logs", "--exchanges", "--json").json
    assert [step["step"] for step in run["steps"]] == ["send"]
    assert run["logs"][0]["level"] == "info"
    assert run["logs_next"] is None
    assert run["exchanges"][0]["status"] == 422
    unknown = redrive("show", "r1", "--step", "sned", "--json")
    assert unknown.code == 2
    assert unknown.error["hint"] == "Did you mean send?"


def test_a_payload_into_a_pipe_is_its_exact_bytes(redrive, tmp_path):
    assert redrive("payload", "p1").out.encode() == CONTENT
    assert redrive("payload", "p1", "--items", "1:2").out.startswith('[{"id": 1043')
    assert redrive("payload", "p1", "--items", "-1:").out == '[{"id": 1044}]'
    assert redrive("payload", "p1", "--out", "x.json").out == ""
    assert (tmp_path / "x.json").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
    result = redrive("payload", "p1", "--out", "none/x.json")
    assert result.code == 2
    assert redrive("payload", "p1", "--json").json["digest"]
    assert redrive("payload", "p1", "--items", "0:1", "--json").json["total"] == 3


def test_a_payload_on_a_terminal_is_bounded_text_that_it_does_not_obey(redrive, service, terminal):
    service.details["p1"] = service.details["p1"].model_copy(
        update={"text": "a\n\x1b[31m [red]b[/red] [trimmed]", "trimmed": True}
    )
    result = redrive("payload", "p1")
    assert result.out == "a\n␛[31m [red]b[/red] [trimmed]\n"
    assert "--out FILE" in result.err
    service.details["p1"] = service.details["p1"].model_copy(update={"text": None})
    result = redrive("payload", "p1")
    assert result.out == ""
    assert "not text" in result.err
    assert redrive("payload", "p1", "--items", "0:1").out == '[{"id": 1042, "total": 19.90}]\n'


def test_tables_on_a_terminal_are_drawn_without_markup(redrive, service, terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    service.rows["r1"] = row("r1", summary="[bold]x[/bold] :smile: \x1b[2J")
    result = redrive("runs")
    assert "[bold]x[/bold] :smile: ␛[2J" in result.out
    assert "─" in result.out


def test_stop(redrive):
    assert redrive("stop", "r3", "--force").out == "r3  stopped\n"
    assert redrive("stop", "r3", "--json").json["status"] == "stopped"
    assert redrive("stop", "r1").code == 2


def test_a_start_is_planned_before_it_starts(redrive, service, tmp_path):
    lines = redrive("run", "orders", "--plan", "--skip", "pull").out.splitlines()
    assert lines[0].split() == ["start", "from", "start", "step", "pull"]
    assert lines[-1].split() == ["send", "?", "?", "?", "?", "?"]
    assert redrive("run", "orders", "--plan", "--json").json["steps"][0]["to_send"] is None
    file = tmp_path / "orders.yaml"
    file.write_text("flow: orders")
    assert redrive("run", str(file), "--plan").code == 0
    assert not [name for name, *_ in service.calls if name.startswith("runs.start")]
