"""A process is killed in the middle of a retention, an erasing, a backup, a restore; the next one goes on."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from redrive.engine.failpoints import BACKUP, ERASE, RETENTION, SEARCH
from tests.crash.house import KILLED, House
from tests.postgres import PostgresServer

Made = Callable[..., House]
TABLES = ("runs", "step_runs", "buckets", "payloads", "exchanges", "log_lines", "delivery_events", "contents")


@pytest.fixture(scope="module")
def ran(
    make_house: Made, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[..., House]:
    """Copies of a home with one whole run, whose contents are objects."""
    made: dict[str, House] = {}

    def copy(name: str, store: str = "sqlite") -> House:
        if store not in made:
            made[store] = make_house("ran", big=True, store=store)
            assert made[store].work("bare") == 0, made[store].errors()
        first = made[store]
        path = tmp_path_factory.mktemp(name) / "home"
        shutil.copytree(first.path, path)
        server = request.getfixturevalue("postgres") if first.store else None
        return House(path, first.case, first.zygote, server.copy(first.store) if server else None)

    return copy


def counts(house: House) -> dict[str, int]:
    with house.rows() as rows:
        return {table: rows(f"SELECT count(*) AS n FROM {table}")[0]["n"] for table in TABLES}


def whole(house: House) -> None:
    """The database is sound; what a payload names is there; each object has a record."""
    empty = "''::bytea" if house.store else "x''"
    with house.rows() as rows:
        assert house.store or rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
        assert not rows(
            "SELECT p.id FROM payloads p LEFT JOIN contents c ON c.digest = p.digest"
            f" WHERE c.digest IS NULL AND p.digest <> {empty}"
        )
        assert not rows(
            "SELECT c.digest FROM contents c LEFT JOIN contents b ON b.digest = c.base"
            " WHERE c.base IS NOT NULL AND b.digest IS NULL"
        )


@pytest.mark.parametrize("days", [31, 181], ids=["expire", "delete"])
@pytest.mark.parametrize("point", RETENTION)
def test_a_retention_that_is_killed_goes_on(
    ran: Callable[..., House], point: str, days: int, store: str
) -> None:
    house = ran(f"{point}-{days}", store)
    code = house.run("retain", str(house.path), str(days), REDRIVE_FAILPOINT=f"{point}:1")
    if days == 31 and point in {"retention.piece", "retention.emptied"}:
        assert code == 0  # nothing is deleted
    else:
        assert code == KILLED
    whole(house)
    assert house.run("retain", str(house.path), str(days)) == 0, house.errors()
    whole(house)
    left = counts(house)
    if days == 31:
        assert (left["runs"], left["contents"]) == (1, 0)
        assert left["payloads"] > 0
    else:
        assert set(left.values()) == {0}
    with house.rows() as rows:
        assert rows("SELECT count(*) AS n FROM deliveries")[0]["n"] > 0


@pytest.mark.parametrize("point", ERASE)
def test_an_erasing_that_is_killed_goes_on(ran: Callable[..., House], point: str, store: str) -> None:
    house = ran(point, store)
    value = str(house.case.orders(1)[2]["id"])
    assert stands_in(house, value)
    assert house.run("erase", str(house.path), value, REDRIVE_FAILPOINT=f"{point}:1") == KILLED
    whole(house)
    assert house.run("erase", str(house.path), value) == 0, house.errors()
    whole(house)
    assert not stands_in(house, value)


@pytest.mark.parametrize("point", SEARCH)
def test_a_search_index_that_is_cut_off_is_brought_up_to_date(
    ran: Callable[..., House], point: str, store: str
) -> None:
    house = ran(point, store)
    value = str(house.case.orders(2)[2]["total"])
    assert house.run("find", str(house.path), value, REDRIVE_FAILPOINT=f"{point}:1") == KILLED
    whole(house)
    assert house.run("find", str(house.path), value) == 0, house.errors()
    (found,) = house.printed()
    assert {step for step, *_ in found} >= {"pull", "paid", "form", "batch"}
    assert len(found) == len({tuple(one) for one in found})
    # What was found once stands there once, also when it is taken in again.
    assert house.run("find", str(house.path), value) == 0, house.errors()
    assert house.printed() == [found]


def stands_in(house: House, value: str) -> bool:
    """Whether any content that is named holds it."""
    with house.rows() as rows:
        named = rows("SELECT digest, size_bytes FROM contents")

    async def look() -> bool:
        async with house.service() as service:
            contents = service.kernel.deps.contents
            for row in named:
                data = await contents.known(bytes(row["digest"]), row["size_bytes"]).read()
                if f'"id":{value},'.encode() in data:
                    return True
        return False

    return asyncio.run(look())


def test_a_killed_backup_leaves_no_file_and_a_killed_restore_no_home(
    ran: Callable[..., House], postgres: PostgresServer
) -> None:
    house = ran("backup")
    archive, new = house.path.with_name("b.tar"), house.path.with_name("new")
    words = ("cli", "backup", str(archive), "--home", str(house.path))
    assert house.run(*words, REDRIVE_FAILPOINT="backup.begun:1") == KILLED
    assert not archive.exists()
    assert house.run(*words) == 0, house.errors()
    restore = ("cli", "restore", str(archive), "--home", str(new))
    for point in BACKUP:
        if point in {"restore.rows", "restore.whole"}:
            assert house.run(*restore, REDRIVE_FAILPOINT=f"{point}:1") == KILLED
            assert not new.exists()
    assert house.run(*restore) == 0, house.errors()
    assert not [path for path in new.parent.iterdir() if path.name.startswith(".new")]
    restored = House(new, house.case, house.zygote)
    whole(restored)
    assert counts(restored) == counts(house)
    assert objects(restored.path) == objects(house.path)
    # Into a database of its own: killed in the middle it leaves no home, and goes into another one.
    for point in ("restore.whole", "restore.passed_on", None):
        newer = House(house.path.with_name("newer"), house.case, house.zygote, postgres.empty())
        words = ("cli", "restore", str(archive), "--home", str(newer.path))
        if point is not None:
            assert newer.run(*words, REDRIVE_FAILPOINT=f"{point}:1") == KILLED
            assert not newer.path.exists()
    assert newer.run(*words) == 0, newer.errors()
    whole(newer)
    assert counts(newer) == counts(house)
    assert objects(newer.path) == objects(house.path)


def objects(home: Path) -> set[str]:
    return {path.parent.name + path.name for path in (home / "objects").glob("*/*")}
