from __future__ import annotations

import pytest

from tests.unit.service.building import open_home


@pytest.fixture(autouse=True)
def every_store(store):
    """Each test here on both kinds of record store."""


@pytest.fixture
async def home(tmp_path):
    async with open_home(tmp_path) as home:
        yield home
