"""A backup of a home that is in use, and the home that is made from it: equal to the last row and byte."""

from __future__ import annotations

import io
import tarfile
from functools import partial
from pathlib import Path

import pytest

from redrive.engine.archive import Packer
from redrive.engine.failpoints import failpoints
from redrive.engine.restore import restore
from redrive.engine.restored import STOPPED
from redrive.errors import HomeUnusable, UserError
from redrive.service.app import open_service
from redrive.service.views import RedriveRequest, StartRequest
from redrive.settings import load
from redrive.store import tables
from tests.unit.service.building import TestClock
from tests.unit.service.test_retention import FLOW, ran

SETTINGS = load(environment={"REDRIVE_RETENTION_EVERY_S": "0"})
LARGE = b'[{"id": 1, "note": "' + bytes(range(35, 90)) * 20_000 + b'"}]'

KEY = "NdZ7xlDtcKYiC9iA0i0lA2nlcPI3vNZmXoi8w9l8cFE="


@pytest.fixture
async def home(tmp_path: Path):
    async with open_service(tmp_path / "home", SETTINGS, serve=True) as service:
        await service.flows.import_documents([("orders.yaml", FLOW)], deploy=True)
        run = await ran(service)
        again = await service.redrives.redrive(run, RedriveRequest(at="some", confirm=True))
        await service.runs.wait(again.id, 20)
        (tmp_path / "home" / "redrive.toml").write_text("port = 0\n")
        (tmp_path / "home" / "secret.key").write_text(KEY + "\n")
        yield service


async def upload(service, data: bytes) -> str:
    async def chunks():
        yield data

    return (await service.payloads.upload(chunks())).id


async def backed_up(service, **how) -> bytes:
    return b"".join([chunk async for chunk in service.backups.create(name="b.tar", **how)])


def everything(service) -> dict[str, list]:
    rows = service._kernel.deps.reader.rows()
    return {
        table.name: sorted(rows.query(table.select()), key=repr)
        for table in tables.metadata.sorted_tables
        # The search index is written in the background; what it holds can be made again.
        if table.name not in {"backups", "audit"} and not table.name.startswith("search_")
    }


async def test_a_restored_home_holds_the_same(home, tmp_path):
    large = await upload(home, LARGE)
    taken = await home.runs.start("orders", StartRequest(payloads=[large]))
    await home.runs.wait(taken.id, 20)
    run = await ran(home)
    before = everything(home)
    archive = await backed_up(home)
    await ran(home)  # what comes later is not in it
    new = tmp_path / "new"
    done = await restore(io.BytesIO(archive), new)
    assert (done.stopped, done.unknown, done.objects, done.secrets) == (0, 0, 1, False)
    assert (new / "redrive.toml").read_text() == "port = 0\n"
    assert not (new / "secret.key").exists()
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []
    async with open_service(new, SETTINGS) as restored:
        assert everything(restored) == before
        assert b"".join([chunk async for chunk in restored.payloads.stream(large)]) == LARGE
        assert all(finding.ok for finding in await restored.doctor() if finding.name != "home")
        view = await restored.runs.get(run)
        assert [step.status for step in view.steps] == ["success"] * 3
        (listed,) = (await restored.backups.list()).items
        assert listed.state == "done"
    (listed,) = (await home.backups.list()).items
    assert (listed.state, listed.name, listed.objects) == ("done", "b.tar", 1)
    assert listed.size_bytes == len(archive)


async def test_a_restored_home_is_not_led_to_the_stores_of_the_other(home, tmp_path):
    """Two homes on one store would take each other's records and objects away."""
    text = "# mine\nstore = 'postgresql://db/redrive'\nstore_x = 1\n objects= \"s3://b/p\"\nport = 0\n"
    (tmp_path / "home" / "redrive.toml").write_text(text)
    done = await restore(io.BytesIO(await backed_up(home)), tmp_path / "new")
    assert done.left_out == ["store", "objects"]
    left = (tmp_path / "new" / "redrive.toml").read_text().splitlines()
    assert [line for line in left if not line.startswith("#")] == ["store_x = 1", "port = 0"]
    assert len(left) == 5


async def test_the_key_of_secrets_only_where_it_was_asked_for(home, tmp_path):
    archive = await backed_up(home, secrets=True)
    assert (await restore(io.BytesIO(archive), tmp_path / "new")).secrets
    assert (tmp_path / "new" / "secret.key").read_text() == KEY
    assert (tmp_path / "new" / "secret.key").stat().st_mode & 0o077 == 0


async def test_a_backup_is_of_one_moment_however_long_it_takes(home, tmp_path, monkeypatch):
    monkeypatch.setattr("redrive.engine.backup.PAGE", 2)
    before = everything(home)
    chunks = home.backups.create(name="b.tar")
    archive = await anext(chunks)
    for _ in range(3):
        await ran(home)
    archive += b"".join([chunk async for chunk in chunks])
    await restore(io.BytesIO(archive), tmp_path / "new")
    async with open_service(tmp_path / "new", SETTINGS) as restored:
        assert everything(restored) == before


async def test_what_had_not_ended_is_stopped_and_nothing_goes_on_by_itself(tmp_path):
    async with open_service(tmp_path / "home", SETTINGS) as service:
        await service.flows.import_documents([("orders.yaml", FLOW)], deploy=True)
        queued = (await service.runs.start("orders", StartRequest())).id
        archive = await backed_up(service)
    done = await restore(io.BytesIO(archive), tmp_path / "new", clock=TestClock())
    assert done.stopped == 1
    async with open_service(tmp_path / "new", SETTINGS, serve=True) as restored:
        row = await restored.runs.wait(queued, 5)
        assert (row.status, row.summary) == ("stopped", STOPPED)


async def test_a_backup_that_nobody_takes_is_broken(home):
    chunks = home.backups.create(name="cut.tar")
    await anext(chunks)
    await chunks.aclose()
    (listed,) = (await home.backups.list()).items
    assert listed.state == "broken"


async def test_only_a_new_or_empty_folder_becomes_a_home(home, tmp_path):
    archive = await backed_up(home)
    (tmp_path / "empty").mkdir()
    await restore(io.BytesIO(archive), tmp_path / "empty")
    for taken in (tmp_path / "empty", tmp_path / "home"):
        before = sorted(taken.iterdir())
        with pytest.raises(HomeUnusable) as error:
            await restore(io.BytesIO(archive), taken)
        assert error.value.code == "home.not_empty"
        assert sorted(taken.iterdir()) == before


@pytest.mark.parametrize("place", [0.0, 0.1, 0.5, 0.9, 0.99])
async def test_a_cut_or_changed_backup_is_refused_whole(home, tmp_path, place):
    await upload(home, LARGE)
    archive = await backed_up(home)
    at = int(len(archive) * place)
    flipped = archive[:at] + bytes([archive[at] ^ 1]) + archive[at + 1 :]
    for bad in (archive[:at], flipped):
        if bad == archive:
            continue
        if _padding(archive, at) if bad is flipped else _is_end(archive, at):
            continue  # says nothing
        with pytest.raises(UserError) as error:
            await restore(io.BytesIO(bad), tmp_path / "new")
        assert error.value.code in {"backup.damaged", "backup.unknown"}
        assert not list(tmp_path.glob("*new*"))


def _is_end(archive: bytes, at: int) -> bool:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        last = tar.getmembers()[-1]
        return last.offset_data + last.size <= at


def _padding(archive: bytes, at: int) -> bool:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return not any(one.offset <= at < one.offset_data + one.size for one in tar)


async def test_a_member_that_no_backup_has_is_refused(tmp_path):
    packer = Packer()
    for name in ("../../etc/passwd", "manifest.json"):
        with pytest.raises(UserError) as error:
            await restore(io.BytesIO(packer.member(name, b"{}") + bytes(1024)), tmp_path / "new")
        assert error.value.code == "backup.unknown"


async def test_a_restore_that_dies_leaves_no_home(home, tmp_path, monkeypatch):
    archive = await backed_up(home)

    class Dead(BaseException):
        pass

    def die_at(point: str, name: str) -> None:
        if name == point:
            raise Dead

    for point in ("restore.rows", "restore.whole"):
        monkeypatch.setattr(failpoints, "action", partial(die_at, point))
        with pytest.raises(Dead):
            await restore(io.BytesIO(archive), tmp_path / "new")
        monkeypatch.setattr(failpoints, "action", None)
        assert not (tmp_path / "new").exists()
    await restore(io.BytesIO(archive), tmp_path / "new")
