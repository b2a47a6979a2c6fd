"""For all tests: property tests try the same examples in each run, and new ones in the full matrix;
tests that ask for `store` run on SQLite and, all of them or a fixed sample, on PostgreSQL; one server of
each kind for all.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests.postgres import PostgresServer, serving
from tests.s3_server import S3Server, s3_server

EVERYTHING = bool(os.environ.get("REDRIVE_TEST_ALL"))
ON_POSTGRES = {"tests/contract/": 100, "tests/unit/service/": 8, "tests/crash/": 6, "tests/acceptance/": 8}
"""Which per cent of the tests that ask for a store run on PostgreSQL too."""

settings.register_profile("same", derandomize=True, deadline=None)
if not EVERYTHING:
    settings.load_profile("same")


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Started when the first test wants it."""
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with serving() as server:
        yield server


@pytest.fixture
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The kind of record store that homes of this test use: `sqlite` or `postgres`."""
    if request.param == "sqlite":
        monkeypatch.delenv("REDRIVE_STORE", raising=False)
        yield request.param
        return
    server = request.getfixturevalue("postgres")
    address = server.migrated()
    monkeypatch.setenv("REDRIVE_STORE", address)
    yield request.param
    server.give_back(address)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    own = [mark for mark in metafunc.definition.iter_markers("parametrize") if mark.args[0] == "store"]
    if "store" in metafunc.fixturenames and not own:
        metafunc.parametrize("store", ["sqlite", "postgres"], indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if EVERYTHING:
        return
    left_out = [item for item in items if not _chosen(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def _chosen(item: pytest.Item) -> bool:
    call: Any = getattr(item, "callspec", None)
    if call is None or call.params.get("store") != "postgres":
        return True
    share = next((share for part, share in ON_POSTGRES.items() if item.nodeid.startswith(part)), 100)
    return zlib.crc32(item.nodeid.encode()) % 100 < share
