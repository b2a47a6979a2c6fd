"""A process is killed in the middle of a rotation: each secret opens all the time, the next one ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from redrive.engine.failpoints import SECRETS
from tests.crash.house import KILLED, House

CONNECTION = """
connection: sealed
connector: site
settings: {base_url: "http://127.0.0.1:9"}
secrets: {token: very-secret, password: most-secret}
"""


def rotate(house: House, **environment: str) -> int:
    return house.run("cli", "secrets", "rotate", "--home", str(house.path), **environment)


def status(house: House) -> dict[str, Any]:
    assert house.run("cli", "secrets", "--json", "--home", str(house.path)) == 0, house.errors()
    (told,) = house.printed()
    return told


@pytest.mark.parametrize("point", [*SECRETS, "commit.before", "commit.after"])
def test_a_rotation_that_is_killed(make_house: Callable[..., House], point: str, store: str) -> None:
    house = make_house(f"rotating-{point}", store=store)
    document = house.path.parent / "sealed.yaml"
    document.write_text(CONNECTION)
    assert house.run("cli", "import", str(document), "--home", str(house.path)) == 0, house.errors()
    before = status(house)
    assert before["sealed"] == 2
    assert rotate(house, REDRIVE_FAILPOINT=f"{point}:1") == KILLED
    between = status(house)
    assert (between["sealed"], between["unreadable"]) == (2, [])
    assert rotate(house) == 0, house.errors()
    after = status(house)
    assert [(key["sealed"], key["seals"]) for key in after["keys"]] == [(2, True)]
    assert after["seals"] != before["seals"]
