from __future__ import annotations

import pytest

from redrive.service.views import Finding, FindItem, FindPage
from tests.unit.server.recording import AT

FOUND = FindItem(
    run="r1", flow="f", step="s", payload="p1", item=0, field="note", value="blue", delivery=None, at=AT
)


@pytest.fixture
def documents(tmp_path):
    folder = tmp_path / "flows"
    (folder / "deep").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / "a.yaml").write_bytes(b"flow: a\r\n")
    (folder / "deep" / "b.json").write_bytes(b'{"connector": "b"}')
    (folder / "input.json").write_bytes(b'[{"id": 1}]')
    (folder / ".git" / "c.yaml").write_bytes(b"flow: c")
    (folder / "notes.txt").write_bytes(b"no")
    return folder


def test_import_takes_documents_of_files_and_folders(redrive, service, documents):
    result = redrive("import", "flows", "flows/a.yaml", "--deploy", "--map", "shop=shop-test", "--json")
    assert result.code == 0
    assert result.json == {
        "items": [{"kind": "flow", "name": "orders", "result": "created", "version": 4, "warnings": []}],
        "next": None,
    }
    args, kwargs = service.asked("flows.import_documents")
    assert args == ([("flows/a.yaml", b"flow: a\r\n"), ("flows/deep/b.json", b'{"connector": "b"}')],)
    assert kwargs == {"deploy": True, "rename": {"shop": "shop-test"}, "note": None}


def test_an_invalid_document_is_refused_with_all_problems(redrive, documents):
    (documents / "x.yaml").write_bytes(b"fliter")
    (documents / "y.yaml").write_bytes(b"fliter")
    for verb in ("check", "import"):
        result = redrive(verb, "flows", "--json")
        assert result.code == 2
        assert result.out == ""
        assert [one["file"] for one in result.error["problems"]] == ["flows/x.yaml", "flows/y.yaml"]
        told = redrive(verb, "flows").err
        assert "flows/x.yaml:3: step f setting shape: There is no shape 'fliter'" in told
        assert "did you mean 'filter'?" in told


def test_a_check_of_valid_documents(redrive, service, documents):
    result = redrive("check", "flows/a.yaml")
    assert result.code == 0
    assert "warning: orders: step send is skipped" in result.out
    assert result.out.endswith("1 file is valid.\n")
    assert redrive("check", "flows/a.yaml", "--json").json["problems"] == []


def test_folders_and_files_that_are_not_there(redrive, documents, tmp_path):
    (tmp_path / "empty").mkdir()
    assert redrive("check", "empty").code == 2
    result = redrive("check", "flows/aa.yaml", "--json")
    assert result.error["code"] == "file.unknown"
    assert "a.yaml" in result.error["hint"]


def test_export_is_byte_for_byte(redrive):
    assert redrive("export", "orders").out == "flow: orders  # as it was\r\nsteps: []\n"
    assert redrive("export", "orders", "--json").json["document"].startswith("flow: orders")
    assert redrive("export", "ordres").code == 2


def test_deploy_flows_and_schema(redrive, service):
    assert redrive("deploy", "orders").out == "orders version 4 is deployed.\n"
    assert redrive("deploy", "orders", "--version", "2", "--json").json["number"] == 2
    assert redrive("flows", "--json").json["items"][0]["name"] == "orders"
    assert redrive("flows", "list").code == 0
    assert redrive("flows", "disable", "orders").out == "orders is disabled.\n"
    assert redrive("flows", "versions", "orders", "--json").json["items"][0]["number"] == 3
    assert redrive("flows", "delete", "orders").code == 2
    assert redrive("flows", "delete", "orders", "--yes").out == "orders is deleted.\n"
    assert redrive("schema").json["title"] == "flow"
    assert redrive("schema", "connector").json["title"] == "connector"


def test_find(redrive):
    found = redrive("find", "1042", "--json").json
    assert set(found["items"][0]) == {
        "run", "flow", "step", "payload", "item", "field", "value", "delivery", "at",
    }  # fmt: skip
    nothing = redrive("find", "none")
    assert nothing.code == 0
    assert nothing.out == ""
    assert nothing.err == "Found nowhere.\n"
    assert redrive("find", "none", "--json").json == {"items": [], "next": None}


def test_find_reads_on_where_a_page_is_short(redrive, service, monkeypatch):
    pages = {
        None: FindPage(items=[], next="a", note="2 runs are not in the search index yet"),
        "a": FindPage(items=[FOUND, FOUND], next="b"),
        "b": FindPage(items=[FOUND], next="c"),
    }
    asked = []

    async def find(value, **query):
        asked.append((query["limit"], query["everywhere"]))
        return pages[query["cursor"]]

    monkeypatch.setattr(service.search, "find", find)
    printed = redrive("find", "blue", "--everywhere", "--limit", "3", "--json").json
    assert [len(printed["items"]), printed["next"]] == [3, "c"]
    assert printed["note"] == "2 runs are not in the search index yet"
    assert asked == [(3, True), (3, True), (1, True)]
    told = redrive("find", "blue", "--limit", "3")
    assert told.out.count("p1") == 3
    assert "not in the search index" in told.err
    assert "--cursor c" in told.err


def test_search(redrive, service):
    assert redrive("search", "--json").json["waiting_runs"] == 3
    shown = redrive("search", "status").out
    assert "catching up" in shown
    assert "3.8 MiB" in shown
    assert redrive("search", "rebuild").code == 0
    assert service.asked("search.rebuild")


def test_deliveries_and_resolve(redrive, service):
    page = redrive("deliveries", "--status", "unknown", "--key", "1042", "--json").json
    assert set(page["items"][0]) == {
        "id", "ledger", "connection", "endpoint", "key", "status", "run", "step", "payload", "item", "at",
        "history",
    }  # fmt: skip
    assert set(page["items"][0]["history"][0]) == {"run", "status", "at"}
    assert redrive("resolve", "d1", "--sent", "--reason", "saw it").out == "d1  1042  delivered\n"
    assert redrive("resolve", "d1", "--not-sent", "--reason", "asked", "--json").json["status"] == "rejected"
    assert service.asked("ledger.resolve") == (("d1",), {"sent": False, "reason": "asked"})


def test_connectors(redrive):
    assert "list-orders" in redrive("connectors").out
    assert redrive("connectors", "list", "--json").json["items"][0]["name"] == "shop"
    assert "env:SHOP_TOKEN" in redrive("connectors", "connections").out
    assert redrive("connectors", "show", "shop").out == "connector: shop\n"
    assert redrive("connectors", "show", "shop-live").out == "connection: shop-live\n"


def test_tokens_are_shown_once(redrive):
    made = redrive("token", "create", "ci", "--days", "30")
    assert made.out == "rd_secret\n"
    assert "not shown again" in made.err
    assert redrive("token", "create", "ci", "--json").json["token"] == "rd_secret"
    assert "rd_secret" not in redrive("token", "list").out
    assert redrive("token", "revoke", "t1").code == 0
    result = redrive("token", "link", "--json")
    assert result.code == 2
    assert result.error["code"] == "server.needed"


def test_settings(redrive):
    page = redrive("settings", "--json").json
    assert {row["name"] for row in page["items"]} >= {"home", "port", "host"}
    assert "REDRIVE" not in redrive("settings").err


def test_the_doctor_fails_if_something_is_not_in_order(redrive, service):
    assert redrive("doctor", "--quick").code == 0
    assert service.contents_checks == []
    service.findings.append(Finding(ok=False, name="clock", detail="2 h behind", hint="Set the clock."))
    result = redrive("doctor", "--quick")
    assert result.code == 1
    assert "clock: Set the clock." in result.out
    assert redrive("doctor", "--quick", "--json").code == 1


def test_the_doctor_reads_all_contents_part_after_part(redrive, service):
    result = redrive("doctor")
    assert result.code == 1
    assert service.contents_checks == [(None, False), ("ab12", False)]
    assert "3 contents" in result.out
    assert "contents: Restore a backup." in result.out
    result = redrive("doctor", "--repair", "--from", "00", "--json")
    assert result.code == 0
    assert service.contents_checks[2:] == [("00", True)]
    assert [item["detail"] for item in result.json["items"]][-1] == "content ab12"
