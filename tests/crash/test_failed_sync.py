"""The disk fails to make something durable: the process ends, and the next one goes on from what is.

SQLite's own sync cannot be made to fail through Python's driver: an I/O error at COMMIT stands for it.
PostgreSQL syncs in its own process, which is out of reach; it ends itself when that fails.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from redrive.errors import Fault
from redrive.store.sqlite import SqliteDatabase
from tests.conftest import EVERYTHING
from tests.crash.house import House
from tests.crash.programs import started

Made = Callable[..., House]


@pytest.mark.parametrize("number", range(1, 14) if EVERYTHING else (1, 4, 9))
def test_an_object_that_could_not_be_made_durable_is_made_anew(make_house: Made, number: int) -> None:
    house = make_house(f"fsync-{number}", big=True, honours_keys=True)
    code = house.run("fail_fsync", str(house.path), "idempotent", house.case.name, str(number))
    assert code == 99, (code, house.errors())
    assert "store.io" in house.errors() or "cannot fsync" in house.errors()
    posts = len(house.case.posts)
    assert house.sound()
    left = house.left()
    assert not left.runs or left.runs[0]["status"] in {"queued", "running"}
    assert house.work("idempotent") == 0, house.errors()
    assert house.left().runs[0]["status"] == "success"
    assert house.case.booked == dict.fromkeys(house.case.paid, 1)
    assert len(house.case.posts) >= posts
    assert house.sound()


@pytest.mark.parametrize("number", [2, 4, 6])  # a run makes seven at least
async def test_a_commit_that_fails_ends_the_process_and_the_next_one_goes_on(
    make_house: Made, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    house = make_house(f"commit-{number}", honours_keys=True)
    commits: list[int] = []
    commit = SqliteDatabase.commit

    def failing(database: SqliteDatabase, connection: sqlite3.Connection) -> None:
        commits.append(len(commits))
        if len(commits) == number:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
            raise error
        commit(database, connection)

    monkeypatch.setattr(SqliteDatabase, "commit", failing)
    with pytest.raises(Fault) as caught:
        async with house.service() as service:
            await service.execute_until(await started(service, "idempotent", house.case.name))
    assert caught.value.code == "store.io"
    assert len(commits) == number, "nothing was written after what failed"
    monkeypatch.undo()
    assert house.sound()
    assert house.work("idempotent") == 0, house.errors()
    assert house.left().runs[0]["status"] == "success"
    assert house.case.booked == dict.fromkeys(house.case.paid, 1)
