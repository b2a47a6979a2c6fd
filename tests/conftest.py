"""For all tests: the same examples in each run, new ones in the full matrix; one S3 server for all."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.s3_server import S3Server, s3_server

settings.register_profile("same", derandomize=True, deadline=None)
if not os.environ.get("REDRIVE_TEST_ALL"):
    settings.load_profile("same")


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Started when the first test wants it."""
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server
