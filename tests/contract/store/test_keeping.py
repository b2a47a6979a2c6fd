"""Retention, erasing and backups on each database: a whole home, over its service."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from redrive.engine.restore import restore
from redrive.errors import HomeUnusable, PayloadGone, StateConflict
from redrive.service.app import open_service
from redrive.service.kept_views import EraseRequest
from redrive.service.views import StartRequest
from redrive.settings import load
from redrive.store import tables
from redrive.store.opening import open_database
from tests.unit.service.building import TestClock

FLOW = b"""
flow: orders
steps:
  - {id: pull, shape: manual_payload, payload: [{id: 1042, mail: ann@example.org}, {id: 1043, mail: b@x.org}]}
  - {id: mark, shape: track, fields: {mail: mail}}
  - {id: some, shape: filter, keep: {field: id, gt: 1}}
"""
DAY = 86_400


@pytest.fixture
async def home(store: str, tmp_path: Path):
    environment = {"REDRIVE_RETENTION_EVERY_S": "0"}
    if "REDRIVE_STORE" in os.environ:
        environment["REDRIVE_STORE"] = os.environ["REDRIVE_STORE"]
    clock = TestClock()
    async with open_service(
        tmp_path / "home", load(environment=environment), serve=True, clock=clock
    ) as home:
        await home.flows.import_documents([("orders.yaml", FLOW)], deploy=True)
        yield home, clock


async def ran(home) -> str:
    row = await home.runs.start("orders", StartRequest())
    ended = await home.runs.wait(row.id, 30)
    assert ended.status == "success", ended.summary
    return row.id


def rows_of(home, *names: str) -> dict[str, list]:
    rows = home.kernel.deps.reader.rows()
    found = {name: rows.query(tables.metadata.tables[name].select()) for name in names}
    # One database has booleans, the other 0 and 1.
    return {
        name: [tuple([int(v) if isinstance(v, bool) else v for v in row]) for row in rows]
        for name, rows in found.items()
    }


async def test_what_is_old_goes_and_what_is_young_stays(home):
    home, clock = home
    old = await ran(home)
    clock.forward(20 * DAY)
    young = await ran(home)
    clock.forward(11 * DAY)
    assert (await home.retention.run()).expired == 1
    gone = (await home.runs.get(old)).steps[0].payloads_out[0]
    assert gone.expired
    with pytest.raises(PayloadGone):
        await home.payloads.get(gone.id)
    detail = await home.payloads.get((await home.runs.get(young)).steps[2].payloads_out[0].id)
    assert "1042" in detail.text
    clock.forward(180 * DAY)
    assert (await home.retention.run(compact=True)).deleted == 2
    left = rows_of(home, "runs", "payloads", "contents", "log_lines", "tracked", "buckets")
    assert {name: len(rows) for name, rows in left.items()} == dict.fromkeys(left, 0)


async def test_what_is_erased_is_in_no_row(home):
    home, _ = home
    run = await ran(home)
    done = await home.erasures.erase(EraseRequest(value="ann@example.org", reason="asked for", confirm=True))
    assert done.found.items == 3
    for table in tables.metadata.sorted_tables:
        if table.name not in {"flow_versions", "flows"}:
            assert "ann@example" not in repr(rows_of(home, table.name))
    detail = await home.payloads.get((await home.runs.get(run)).steps[0].payloads_out[0].id)
    assert detail.text.startswith('[{"_erased":true},')


@pytest.fixture(params=["file", "database"])
def target(request: pytest.FixtureRequest):
    """Where the records of a restored home are to be."""
    if request.param == "file":
        yield None
        return
    server = request.getfixturevalue("postgres")
    address = server.empty()
    yield address
    server.drop(address)


async def test_a_backup_of_each_database_becomes_a_home_on_each(home, tmp_path, target):
    home, _ = home
    run = await ran(home)
    kept = ("runs", "step_runs", "payloads", "contents", "tracked", "log_lines", "flow_versions")
    before = rows_of(home, *kept)
    archive = b"".join([chunk async for chunk in home.backups.create(name="b")])
    database = open_database(tmp_path, target) if target else None
    await restore(io.BytesIO(archive), tmp_path / "new", store=database)
    assert (tmp_path / "new" / "redrive.db").exists() is (target is None)
    settings = load(environment={"REDRIVE_STORE": target} if target else {})
    async with open_service(tmp_path / "new", settings, serve=True) as restored:
        after = rows_of(restored, *kept)
        assert {n: sorted(map(repr, rows)) for n, rows in after.items()} == {
            n: sorted(map(repr, rows)) for n, rows in before.items()
        }
        assert (await restored.runs.get(run)).status == "success"
        # The server of the tests does without fsync, and is told so.
        assert [
            one.detail for one in await restored.doctor() if not one.ok and "fsync" not in one.detail
        ] == []
        await ran(restored)
    if target:
        # Nothing else is restored over it, and the home is not opened without it.
        with pytest.raises(StateConflict, match="is not empty"):
            await restore(io.BytesIO(archive), tmp_path / "newer", store=database)
        assert not (tmp_path / "newer").exists()
        with pytest.raises(HomeUnusable, match="the records of the home"):
            open_database(tmp_path / "new", None)
