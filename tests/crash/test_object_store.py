"""A home whose objects are on a real S3 server: killed, gone on with, redriven, read whole."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from redrive.service.app import open_service
from redrive.service.views import RedriveRequest
from redrive.settings import load
from redrive.store.blobs.opening import MARK, object_store
from tests.crash.house import KILLED, QUICK, House
from tests.s3_server import KEY, SECRET, S3Server

Made = Callable[..., House]


@pytest.mark.parametrize("point", ["blob.written:3", "blob.folder_synced:2", "payload.recorded:9"])
async def test_a_run_whose_process_was_killed_ends_and_is_redriven(
    make_house: Made, s3: S3Server, point: str
) -> None:
    address = s3.address(uuid.uuid4().hex)
    objects = {
        "REDRIVE_OBJECTS": address,
        "REDRIVE_OBJECTS_KEY": KEY,
        "REDRIVE_OBJECTS_SECRET": SECRET,
    }
    house = make_house(f"s3-{point}", big=True, honours_keys=True)
    assert house.work("idempotent", REDRIVE_FAILPOINT=point, **objects) == KILLED, house.errors()
    assert house.work("idempotent", **objects) == 0, house.errors()
    assert house.case.booked == dict.fromkeys(house.case.paid, 1)

    async with open_service(house.path, load(environment={**QUICK, **objects})) as service:
        (run,) = (await service.runs.list()).items
        assert run.status == "success"
        again = await service.redrives.redrive(run.id, RedriveRequest(after="pull", confirm=True))
        ended = await service.execute_until(again.id)
        assert ended.status == "success", ended.summary
        after, read = None, 0
        while True:
            part = await service.check_contents(after)
            assert [found.detail for found in part.findings if not found.ok] == []
            read += part.checked
            after = part.next
            if after is None:
                break
        assert read
    assert house.case.booked == dict.fromkeys(house.case.paid, 1)

    stored = [
        found["path"] for page in object_store(address, key=KEY, secret=SECRET).list() for found in page
    ]
    with house.rows() as rows:
        named = {row["digest"].hex() for row in rows("SELECT digest FROM contents WHERE form = 2")}
    assert named
    assert named <= {path.split("/")[-2] for path in stored}
    assert not list((house.path / "objects").glob("*/*"))
    assert not list((house.path / "temp").iterdir())
    assert address.startswith((house.path / MARK).read_text().strip())


def test_a_bucket_that_is_not_there_ends_the_command_with_its_reason(
    make_house: Made, s3: S3Server, tmp_path: Path
) -> None:
    house = make_house("s3-no-bucket")
    code = house.work(
        "bare",
        REDRIVE_OBJECTS=s3.address("x", bucket="no-such"),
        REDRIVE_OBJECTS_KEY=KEY,
        REDRIVE_OBJECTS_SECRET=SECRET,
    )
    assert code != 0
    assert "there is no such bucket" in house.errors()
