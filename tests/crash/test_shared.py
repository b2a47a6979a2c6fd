"""A process is killed while a run writes to what runs share: a data pool, a cache, a dictionary."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from redrive.engine.failpoints import SHARED
from redrive.service.views import StartRequest
from tests.conftest import EVERYTHING
from tests.crash.house import KILLED, House
from tests.crash.site import PAGES

Made = Callable[..., House]
PER_PAGE = 60
ORDERS = PAGES * PER_PAGE


@pytest.fixture(scope="module")
def passes(make_house: Made) -> dict[str, int]:
    house = make_house("passes", honours_keys=True, per_page=PER_PAGE)
    assert house.run("counted", str(house.path), "shared", house.case.name) == 0, house.errors()
    found = house.printed()[-1]
    assert set(SHARED) <= set(found)
    return {name: found[name] for name in SHARED}


@pytest.mark.parametrize("which", ["every"] if EVERYTHING else ["last"])
@pytest.mark.parametrize("name", SHARED)
async def test_what_runs_share_survives_the_death_of_a_process(
    make_house: Made, passes: dict[str, int], name: str, which: str, store: str
) -> None:
    last = passes[name]
    # Of the many pages that go into a cache each dies as its neighbours do.
    some = range(1, last + 1, max(1, last // 12))
    for at in some if which == "every" else [last]:
        house = make_house(f"{name}-{at}", honours_keys=True, per_page=PER_PAGE, store=store)
        assert house.work("shared", REDRIVE_FAILPOINT=f"{name}:{at}") == KILLED, house.errors()
        assert house.work("shared") == 0, house.errors()
        left, case = house.left(), house.case
        orders = {order["id"] for page in range(1, PAGES + 1) for order in case.orders(page)}
        assert [run["status"] for run in left.runs] == ["success"], left.runs[0]["summary"]
        assert case.booked == dict.fromkeys(orders, 1)
        assert left.delivered == orders
        assert house.sound()
        with house.rows() as rows:
            (pages,) = rows("SELECT count(*) AS n, count(DISTINCT payload) AS of FROM cache_pages")
            assert pages == {"n": ORDERS, "of": ORDERS}
            tracked = rows("SELECT key FROM pool_entries ORDER BY key")
            assert [int(row["key"]) for row in tracked] == sorted(orders)
            assert not rows("SELECT key FROM pool_claims")
            assert rows("SELECT count(*) AS n FROM dictionaries")[0]["n"] <= 2
        async with house.service() as service:
            again = await service.runs.start("shared", StartRequest(variables={"case": case.name}))
            assert (await service.execute_until(again.id)).status == "success"
        assert case.booked == dict.fromkeys(orders, 1)
