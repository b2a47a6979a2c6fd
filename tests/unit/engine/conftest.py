from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from redrive.engine.failpoints import failpoints
from tests.unit.engine.house import House
from tests.unit.engine.world import Home, World, reset


@pytest.fixture
def world() -> Iterator[World]:
    yield reset()
    failpoints.action = None


@pytest.fixture
def home(tmp_path: Path, world: World) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    yield house
    house.close()
