# ruff: noqa: E501, ISC004 - messages stand in one piece, as they are shown
from __future__ import annotations

import pytest

from redrive.documents.load import load_one, load_path, load_text, read_paths
from redrive.documents.nodes import MAX_BYTES
from redrive.errors import FlowInvalid, NotFound

FLOW = "flow: orders\nsteps: []\n"
SHOP = "connector: shop\nendpoints: {}\n---\nconnection: live\nconnector: shop\n"


def problems(call, *arguments):
    with pytest.raises(FlowInvalid) as caught:
        call(*arguments)
    return [str(problem) for problem in caught.value.problems]


def test_a_file_may_hold_several_documents(tmp_path):
    path = tmp_path / "shop.yaml"
    path.write_text(SHOP)
    documents = load_path(path)
    assert [(d.kind, d.name, d.first_line) for d in documents] == [
        ("connector", "shop", 1),
        ("connection", "live", 4),
    ]
    assert "".join(document.text for document in documents) == SHOP
    assert documents[1].line_of("/connector") == 5


def test_a_folder_is_read_with_everything_below_it(tmp_path):
    (tmp_path / "b" / ".git").mkdir(parents=True)
    (tmp_path / "a.yaml").write_text(FLOW)
    (tmp_path / "b" / "c.yml").write_text(SHOP)
    (tmp_path / "b" / "d.json").write_text('{"flow": "other", "steps": []}')
    (tmp_path / "b" / ".git" / "e.yaml").write_text("not: a document")
    (tmp_path / "b" / "readme.md").write_text("text")
    (tmp_path / "b" / "input.json").write_text('[{"id": 1}]')
    (tmp_path / "b" / "expected.json").write_text('{"order": 1}')
    assert [d.name for d in load_path(tmp_path)] == ["orders", "shop", "live", "other"]
    assert [d.name for d in read_paths([tmp_path, tmp_path / "a.yaml"]).documents].count("orders") == 1


def test_the_bytes_of_a_file_stay(tmp_path):
    data = "\ufeff# Größe\r\nflow: a   # x\r\n\r\nsteps: []".encode()
    path = tmp_path / "a.yaml"
    path.write_bytes(data)
    assert load_path(path)[0].text.encode() == data


def test_a_connection_is_known_in_any_order_of_its_names():
    assert load_one('{"connector": "shop", "connection": "live"}').kind == "connection"
    assert load_one('{"steps": [], "flow": "x"}').kind == "flow"


def test_json_with_tabs_and_escapes_is_read_as_json_whatever_it_is_called():
    assert load_one('{\t"flow":\t"\\ud83d\\ude00"}', "from the API").name == "\U0001f600"
    assert load_one("{flow: x}", "from the API").name == "x"


def test_problems_of_all_files_come_together(tmp_path):
    (tmp_path / "a.yaml").write_text("flwo: x\n")
    (tmp_path / "b.yaml").write_text("- 1\n")
    (tmp_path / "c.yaml").write_text("flow: [\n")
    (tmp_path / "d.yaml").write_bytes(b"flow: \xff")
    (tmp_path / "e.yaml").write_text("# nothing\n")
    (tmp_path / "f.json").write_text('{"conector": 1}')
    (tmp_path / "g.yaml").write_text("flow: x\n---\nflow: x\n")
    (tmp_path / "h.yaml").write_text("x" * (MAX_BYTES + 1))
    expected = "expected a document that starts with flow:, connector: or connection:"
    assert [line.replace(f"{tmp_path}/", "") for line in problems(load_path, tmp_path)] == [
        f"a.yaml:1: a document that starts with 'flwo' is none that Redrive knows; {expected}; did you mean 'flow'?",
        f"b.yaml:1: a document is a mapping, and this is not one; {expected}",
        "c.yaml:1: the file is not YAML: did not find expected node content",
        "d.yaml:1: the file is not UTF-8 text",
        f"e.yaml:1: there is no document in it; {expected}",
        f"f.json:1: a document that starts with 'conector' is none that Redrive knows; {expected}; "
        "did you mean 'connector'?",
        "g.yaml:3: setting flow: the flow x stands twice (first at g.yaml:1)",
        "h.yaml: the file has more than 8 MiB",
    ]


def test_a_file_that_is_named_must_hold_a_document(tmp_path):
    path = tmp_path / "input.json"
    path.write_text('{"id": 1}')
    assert "starts with 'id'" in problems(load_path, path)[0]


def test_one_name_in_two_files_is_a_problem(tmp_path):
    (tmp_path / "a.yaml").write_text(FLOW)
    (tmp_path / "b.yaml").write_text(FLOW)
    (line,) = problems(load_path, tmp_path)
    assert line.endswith(
        f"b.yaml:1: setting flow: the flow orders stands twice (first at {tmp_path}/a.yaml:1)"
    )


def test_no_such_file_names_the_nearest(tmp_path):
    (tmp_path / "orders.yaml").write_text(FLOW)
    with pytest.raises(NotFound) as caught:
        load_path(tmp_path / "order.yaml")
    assert caught.value.code == "file.unknown"
    assert caught.value.hint == f"Did you mean {tmp_path / 'orders.yaml'}?"


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(NotFound) as caught:
        load_path(tmp_path)
    assert caught.value.hint == "Documents are files that end in .yaml, .yml or .json."


def test_load_one_wants_exactly_one():
    assert problems(load_one, SHOP, "x.yaml") == ["x.yaml:1: 2 documents; expected exactly one"]


def test_text_that_is_too_large():
    assert problems(load_text, "x" * (MAX_BYTES + 1), "x") == ["x:1: more than 8 MiB of text"]
