"""A home grows: its records go to PostgreSQL, its objects to an object store, and work goes on there."""

from __future__ import annotations

import json

import pytest

from tests.acceptance.product import Command, up

FLOW = """
flow: orders
steps:
  - {id: given, shape: manual_payload, payload: [{id: "1042"}, {id: "na\\u0000me"}]}
  - {id: mark, shape: track, fields: {order: id}}
"""


pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def every_store():
    """These name their stores themselves."""


@pytest.fixture
def address(postgres):
    address = postgres.migrated()
    yield address
    postgres.give_back(address)


@pytest.fixture
def moved_home(redrive, tmp_path):
    """A home with a run, and a payload that is an object."""
    (tmp_path / "flow.yaml").write_text(FLOW)
    (tmp_path / "large.json").write_text(json.dumps([{"id": n, "text": str(n) * 40} for n in range(20_000)]))
    redrive.ok("import", str(tmp_path / "flow.yaml"), "--deploy")
    run = redrive.json("run", "orders")
    redrive.ok("run", "orders", "--payload", str(tmp_path / "large.json"))
    return run


async def test_a_home_moves_to_postgres_and_back(redrive, home, address, moved_home):
    before = (home / "redrive.db").read_bytes()
    shown = redrive.json("runs")
    told = redrive.json("move", "--store", address)
    assert {one["name"]: one["count"] for one in told["moved"]}["runs"] == 2
    assert (home / "redrive.db").read_bytes() == before
    there = Command(home, {"REDRIVE_STORE": address})
    assert there.json("runs") == shown
    assert (moved_home["id"], "mark") in [
        (one["run"], one["step"]) for one in there.json("find", "1042")["items"]
    ]
    again = there.json("retry", moved_home["id"], "--from", "start", "--yes")
    assert again["status"] == "success"
    assert again["source_run"] == moved_home["id"]
    # Now the home says where its records are: the old ones are not taken up by mistake.
    assert redrive.refused("runs", code=3)["code"] == "home.records_elsewhere"
    assert there.refused("move", "--store", "file")["code"] == "store.not_empty"
    (home / "redrive.db").rename(home / "old.db")
    shown = there.json("runs")
    there.ok("move", "--store", "file")
    (home / "records-store").unlink()
    assert redrive.json("runs") == shown
    assert redrive.json("run", "orders")["status"] == "success"
    assert all(one["ok"] for one in redrive.json("doctor")["items"])


def test_a_store_that_holds_something_takes_no_second_home(redrive, home, address, moved_home):
    redrive.ok("move", "--store", address)
    error = redrive.refused("move", "--store", address)
    assert error["code"] == "store.not_empty"


async def test_a_home_that_is_served_does_not_move(redrive, home, address, moved_home):
    async with up(redrive):
        assert redrive.refused("move", "--store", address, code=3)["code"] == "home.locked"
    redrive.ok("move", "--store", address)


def test_a_backup_becomes_a_home_on_postgres(redrive, home, address, moved_home, tmp_path):
    shown = redrive.json("runs")
    redrive.ok("backup", str(tmp_path / "b.tar"))
    there = Command(tmp_path / "new", {"REDRIVE_STORE": address})
    told = there.json("restore", str(tmp_path / "b.tar"))
    assert (told["left_out"], told["stopped"]) == ([], 0)
    assert address.rpartition("/")[2] in told["store"]
    assert there.json("runs") == shown
    again = there.json("retry", moved_home["id"], "--from", "start", "--yes")
    assert again["status"] == "success"
    checks = there.json("doctor", code=1)["items"]  # the server of the tests does without fsync
    assert {one["name"] for one in checks if not one["ok"]} == {"database"}
    taken = Command(tmp_path / "newer", {"REDRIVE_STORE": address})
    assert taken.refused("restore", str(tmp_path / "b.tar"))["code"] == "store.not_empty"
    assert not (tmp_path / "newer").exists()


def test_a_password_is_nowhere_shown(redrive, home, moved_home, postgres):
    secret = "hunter2-hunter2"
    address = "postgresql://ann:" + secret + "@127.0.0.1:1/none"
    for ended in (
        redrive("move", "--store", address),
        Command(home, {"REDRIVE_STORE": address})("runs"),
        Command(home, {"REDRIVE_STORE": address})("doctor"),
    ):
        assert ended.code == 3
        assert "127.0.0.1:1" in ended.err
        assert secret not in ended.err + ended.text
    settings = Command(home, {"REDRIVE_STORE": "postgresql://ann:" + secret + "@[/"})("settings")
    assert secret not in settings.err + settings.text


def test_objects_move_to_an_object_store(redrive, home, s3, tmp_path, moved_home):
    objects = {path.parent.name + path.name for path in (home / "objects").glob("*/*")}
    assert objects
    place = s3.address("moved")
    keys = {"REDRIVE_OBJECTS_KEY": "test-key", "REDRIVE_OBJECTS_SECRET": "test-secret"}
    there = Command(home, keys)
    told = there.json("move", "--objects", place)
    assert [(one["name"], one["count"]) for one in told["moved"]] == [("objects", len(objects))]
    assert there.json("move", "--objects", place) == told
    for path in (home / "objects").glob("*/*"):
        path.unlink()
    there = Command(home, {**keys, "REDRIVE_OBJECTS": place})
    run = there.json("runs")["items"][0]
    payload = there.json("show", run["id"])["steps"][0]["payloads_out"][0]["id"]
    assert there.ok("payload", payload).code == 0
