from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from filelock import FileLock

from redrive.core.run import Run
from redrive.registry import BrokenPlugin, Registry
from redrive.service.doctor import doctor
from redrive.service.flows import Flows
from redrive.settings import Settings
from redrive.store import ledger
from redrive.store import runs as run_store
from redrive.store.contents import INSERT_CONTENT
from redrive.store.opening import DATABASE
from redrive.store.sqlite import LOCK
from redrive.store.statements import row
from tests.unit.service.definition_home import EVERYTHING, FLOW, NOON, opened

NAMES = [
    "home", "disk", "schema", "database", "contents", "plug-ins", "connections", "flows", "runner",
    "deliveries", "search", "notices",
]  # fmt: skip


@pytest.fixture(autouse=True)
def every_store():
    """Not on every one: these look into the file of SQLite. What PostgreSQL tells of itself is part of
    the contract suite.
    """


@pytest.fixture
async def kernel(tmp_path):
    async with opened(tmp_path / "home") as kernel:
        yield kernel


async def bad(kernel):
    return [(one.name, one.detail, one.hint) for one in await doctor(kernel) if not one.ok]


async def only(kernel, name):
    """The one thing that is wrong, which has that name: what it is, and how to mend it."""
    ((found, detail, hint),) = await bad(kernel)
    assert found == name
    assert hint
    return detail


async def keep(kernel, data):
    content = await kernel.deps.contents.put(data)
    await kernel.write(lambda transaction: transaction.insert_many(INSERT_CONTENT, content.rows))
    return content


async def test_a_sound_home_passes_every_check(kernel, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "x")
    await Flows(kernel).import_documents(EVERYTHING, deploy=True)
    await keep(kernel, b"a" * 200)
    await keep(kernel, bytes(range(256)) * 4096)
    found = await doctor(kernel)
    assert [one.name for one in found if one.ok] == NAMES
    assert len(found) == len(NAMES)
    assert "2" in next(one.detail for one in found if one.name == "contents")


async def test_a_new_home_passes_too(kernel):
    assert await bad(kernel) == []


@pytest.mark.parametrize(("name", "mode"), [(".", 0o755), ("secret.key", 0o640), ("server.json", 0o604)])
async def test_what_others_can_read_is_told(kernel, name, mode):
    path = kernel.home / name
    if name != ".":
        path.write_text("x")
        path.chmod(0o600)
    assert await bad(kernel) == []
    path.chmod(mode)
    assert f"{mode:04o}" in await only(kernel, "home")


async def test_a_disk_that_is_nearly_full_is_told(kernel):
    kernel.deps.settings = Settings(free_disk_percent=99.999)
    assert "no new run" in await only(kernel, "disk")


async def test_a_schema_of_another_release_is_told(kernel):
    with closing(sqlite3.connect(kernel.home / DATABASE)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "9999" in await only(kernel, "schema")


async def test_a_damaged_database_is_told_and_the_other_checks_go_on(tmp_path):
    home = tmp_path / "home"
    async with opened(home) as kernel:
        await Flows(kernel).import_documents(EVERYTHING)
    with closing(sqlite3.connect(home / DATABASE)) as connection, connection:
        # An index entry that its table no longer has.
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("DELETE FROM sqlite_master WHERE name = 'ix_runs_status_id'")
    async with opened(home) as kernel:
        found = {name for name, _, _ in await bad(kernel)}
    assert "database" in found
    assert "home" not in found


async def test_content_that_no_longer_matches_its_hash_is_told(kernel):
    await keep(kernel, b"whole " * 100)
    hurt = await keep(kernel, b"hurt " * 100)
    other = await keep(kernel, b"other " * 100)
    with closing(sqlite3.connect(kernel.home / DATABASE)) as connection, connection:
        connection.execute(
            "UPDATE contents SET data = (SELECT data FROM contents WHERE digest = ?) WHERE digest = ?",
            (other.digest, hurt.digest),
        )
    detail = await only(kernel, "contents")
    assert hurt.digest.hex()[:12] in detail
    assert other.digest.hex()[:12] not in detail


async def test_an_object_that_is_gone_is_told(kernel):
    content = await keep(kernel, bytes(range(256)) * 4096)
    kernel.blobs.delete(content.digest)
    assert content.digest.hex()[:12] in await only(kernel, "contents")


async def test_a_broken_plugin_is_told(kernel):
    full = kernel.registry
    kernel.registry = Registry(
        full.shapes.values(),
        full.protocols.values(),
        [BrokenPlugin("redrive.shapes", "dedupe", "acme-shapes", "No module named 'acme'")],
    )
    assert "dedupe" in await only(kernel, "plug-ins")


async def test_secrets_that_are_not_there_are_told_by_name(kernel, monkeypatch):
    monkeypatch.delenv("SHOP_TOKEN", raising=False)
    await Flows(kernel).import_documents(EVERYTHING)
    assert "SHOP_TOKEN" in await only(kernel, "connections")


async def test_a_stored_secret_without_its_key_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "x")
    async with opened(tmp_path / "home") as kernel:
        await Flows(kernel).import_documents(EVERYTHING)
        (kernel.home / "secret.key").unlink()
    async with opened(tmp_path / "home") as kernel:
        told = await only(kernel, "connections")
        assert "the secret 'password' of connection 'shop' does not open with any key" in told


async def test_a_connection_without_its_connector_is_told(kernel, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "x")
    await Flows(kernel).import_documents(EVERYTHING[:1])
    assert "demo-shop" in await only(kernel, "connections")


async def test_a_deployed_flow_that_names_nothing_known_is_told(kernel):
    flows = Flows(kernel)
    await flows.import_documents([("flow.yaml", FLOW)])
    assert await bad(kernel) == []  # it is a draft
    await flows.deploy("orders")
    assert "shop" in await only(kernel, "flows")


async def test_a_deployed_flow_that_no_longer_validates_is_told(kernel, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "x")
    await Flows(kernel).import_documents(EVERYTHING, deploy=True)
    full = kernel.registry
    kernel.registry = Registry(
        [shape for kind, shape in full.shapes.items() if kind != "filter"], full.protocols.values()
    )
    detail = await only(kernel, "flows")
    assert "version 1 of orders" in detail
    assert "filter" in detail


async def test_interrupted_runs_are_told_unless_somebody_executes(kernel):
    now = kernel.deps.clock.micros()
    run = Run(
        id=kernel.deps.ids.next(), flow_id=1, flow="orders", version=1, status="running",
        trigger="manual", priority=2, epoch=1, losses=0, queued_at=now, clock=now,
    )  # fmt: skip
    await kernel.write(lambda transaction: transaction.insert(run_store.INSERT_RUN, row(run)))
    assert "interrupted: 1 run," in await only(kernel, "runner")
    with FileLock(kernel.home / LOCK):
        assert await bad(kernel) == []
        assert any("another process executes" in one.detail for one in await doctor(kernel))
    assert "interrupted" in await only(kernel, "runner")


async def test_unknown_deliveries_are_told(kernel):
    ids = kernel.deps.ids
    values = {
        "target_id": 1, "key": "1042", "status": "unknown", "run_id": 1, "epoch": 1, "position": 0,
        "at": NOON,
    }  # fmt: skip
    columns = [column.name for column in ledger.INSERT_DELIVERY.table.columns]
    await kernel.write(
        lambda transaction: transaction.insert(
            ledger.INSERT_DELIVERY, tuple({**values, "id": ids.next()}.get(name) for name in columns)
        )
    )
    assert "1 delivery may" in await only(kernel, "deliveries")
