"""A process is killed while it brings the search index up to date; the next one misses nothing and shows
nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from redrive.engine.failpoints import SEARCH
from tests.crash.house import KILLED, MODES, House

Made = Callable[..., House]
VALUE = "paid"


@pytest.fixture(scope="module")
def told(make_house: Made) -> dict[str, int]:
    """What is found where nothing was killed."""
    house = make_house("searched")
    assert house.work(MODES[0]) == 0, house.errors()
    assert house.run("find", str(house.path), VALUE) == 0, house.errors()
    found: dict[str, int] = house.printed()[-1]
    assert found["found"]
    return found


@pytest.mark.parametrize("name", SEARCH)
def test_what_a_killed_indexer_left_is_taken_up_once(
    make_house: Made, told: dict[str, int], name: str
) -> None:
    house = make_house(f"search-{name}")
    assert house.work(MODES[0]) == 0, house.errors()
    assert house.run("find", str(house.path), VALUE, REDRIVE_FAILPOINT=f"{name}:1") == KILLED, house.errors()
    assert house.run("find", str(house.path), VALUE) == 0, house.errors()
    assert house.printed()[-1] == told
    assert house.run("find", str(house.path), VALUE) == 0, house.errors()
    assert house.printed()[-1] == told
