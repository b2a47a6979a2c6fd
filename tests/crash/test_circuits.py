"""A process is killed while a target is down: afterwards runs wait or go on, and send nothing twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from redrive.engine.failpoints import CIRCUITS
from tests.crash.house import KILLED, House

Made = Callable[..., House]
DOWN = {"REDRIVE_CIRCUIT_FAILURES": "2", "REDRIVE_CIRCUIT_WAIT_S": "0.05"}


@pytest.mark.parametrize("name", CIRCUITS)
async def test_a_circuit_survives_the_death_of_a_process(make_house: Made, name: str, store: str) -> None:
    house = make_house(name, honours_keys=True, store=store, statuses=[503] * 4)
    case = house.case
    assert house.work("idempotent", **DOWN, REDRIVE_FAILPOINT=name) == KILLED, house.errors()
    assert house.work("idempotent", **DOWN) == 0, house.errors()
    left = house.left()
    assert [run["status"] for run in left.runs] == ["success"], left.runs[0]["summary"]
    assert case.booked == dict.fromkeys(case.paid, 1)
    assert left.delivered == case.paid
    assert house.sound()
    with house.rows() as rows:
        assert rows("SELECT connection FROM circuits") == []
