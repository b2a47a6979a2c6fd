"""Documents that do not parse or validate: every problem is told, and nothing is changed."""

import pytest

from tests.acceptance.bad_input.store import held

WRONG = """\
flow: orders
variables:
  day: {type: strin}
steps:
  - id: pull
    shape: conector
  - id: paid
    shape: filter
    keep: {field: status, iss: paid}
  - id: paid
    shape: flow_control
    size: 0
  - id: form
    shape: map
    feilds: []
"""
GOOD = "flow: good\nsteps:\n  - {id: one, shape: manual_payload, payload: [1]}\n"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "good.yaml").write_text(GOOD)
    (folder / "wrong.yaml").write_text(WRONG)
    return folder


def test_all_problems_are_told_at_once(redrive, folder, home):
    error = redrive.refused("check", str(folder))
    assert error["code"] == "document.invalid"
    problems = error["problems"]
    assert all(one["file"].endswith("wrong.yaml") for one in problems)
    found = {(one["line"], one["step"], one["setting"], one["nearest"]) for one in problems}
    assert {line for line, *_ in found} >= {3, 6, 9, 10, 12, 15}
    nearest = {one["nearest"] for one in problems} - {None}
    assert nearest >= {"string", "connector", "is", "fields"}
    assert all(one["code"] and one["title"] for one in problems)
    # People read the same.
    said = redrive("check", str(folder))
    assert said.code == 2
    assert "wrong.yaml:6" in said.err
    assert "did you mean 'connector'?" in said.err


def test_an_import_takes_all_documents_or_none(redrive, folder, home):
    redrive.ok("runs")
    before = held(home)
    error = redrive.refused("import", str(folder), "--deploy")
    assert error["code"] == "document.invalid"
    assert len(error["problems"]) >= 6
    assert held(home) == before
    assert redrive.json("flows", "list")["items"] == []
    (folder / "wrong.yaml").unlink()
    redrive.ok("import", str(folder))
    assert held(home)["flows"] == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"flow: x\nsteps: [\n", 2),
        (b"flow: x\n  steps: []\n", 2),
        (b"flow: x\nsteps:\n\t- id: a\n", 3),
        (b"a: &a [*a]\n", None),
        (b"flow: x\nflow: y\nsteps: []\n", 2),
        (b"- 1\n", 1),
        (b"", None),
        (b"fliter: x\n", 1),
    ],
)
async def test_what_is_no_document(runner, api, problem, home, text, line):
    before = held(home)
    answer = await api.post("/imports", json={"documents": [{"filename": "a.yaml", "text": text.decode()}]})
    body = problem(answer, 422, "document.invalid")
    assert body["problems"]
    assert body["problems"][0]["file"] == "a.yaml"
    if line is not None:
        assert body["problems"][0]["line"] == line
    assert held(home) == before


def test_a_file_that_is_not_there_or_no_text(redrive, tmp_path, home):
    assert redrive.refused("import", str(tmp_path / "none.yaml"))["code"] == "file.unknown"
    binary = tmp_path / "a.yaml"
    binary.write_bytes(b"flow: \xff\xfe\n")
    error = redrive.refused("import", str(binary))
    assert error["code"] == "document.invalid"
    assert redrive.refused("run", str(binary))["code"] == "document.invalid"
    connector = tmp_path / "shop.yaml"
    connector.write_text("connector: shop\nbase_url: http://127.0.0.1:1\nendpoints: {}\n")
    assert "connector" in redrive.refused("run", str(connector))["detail"]
    assert redrive.refused("run", "nowhere/flow.yaml")["code"] == "file.unknown"


def test_a_run_of_an_unknown_flow_names_the_nearest(redrive, folder, home):
    (folder / "wrong.yaml").unlink()
    redrive.ok("import", str(folder))
    error = redrive.refused("run", "goood")
    assert error["code"] == "flow.unknown"
    assert "good" in (error["hint"] or "")
    assert redrive.refused("run", "good", "--skip", "oen")["code"] == "step.unknown"
    assert redrive.refused("run", "good", "--version", "7")["code"] == "version.unknown"
    assert redrive.json("runs")["items"] == []
