"""Lists of the run log on each database: filters, order, pages."""

from __future__ import annotations

from typing import Any

import pytest

from redrive.core.ids import to_text
from redrive.store import runlog as store
from redrive.store import runs as run_store
from redrive.store.runlog import RunFilter
from tests.contract.store.conftest import Store

BASE = 1_795_000_000_000 << 22  # an id as they are made, of some day


async def ids(here: Store, before: int | None = None, at_most: int = 50, **wanted: Any) -> list[int]:
    found = await here.read(lambda rows: store.runs_page(rows, RunFilter(**wanted), before, at_most))
    return [run.id for run in found]


async def some_runs(here: Store) -> None:
    for run_id, more in {
        1: {"flow_id": 1, "flow": "orders", "status": "failure", "summary": "ERP said NO: 100% _wrong_"},
        2: {"flow_id": 2, "flow": "stock", "status": "success", "trigger": "schedule", "version": 2},
        3: {"flow_id": 1, "flow": "orders", "status": "running", "warnings": 2},
        4: {"flow_id": 1, "flow": "orders", "status": "success", "summary": "Straße\0 ÄRGER"},
        5: {"flow_id": 3, "flow": "orders", "status": "failure", "queued_at": 99},
    }.items():
        await here.run(id=run_id, **more)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [5, 4, 3, 2, 1]),
        ({"statuses": ("failure",)}, [5, 1]),
        ({"statuses": ("failure", "running")}, [5, 3, 1]),
        ({"flow": "orders"}, [5, 4, 3, 1]),
        ({"flow": "nobody"}, []),
        ({"flow": "orders", "statuses": ("failure", "success")}, [5, 4, 1]),
        ({"trigger": "schedule"}, [2]),
        ({"version": 2}, [2]),
        ({"warnings": True}, [3]),
        ({"warnings": False, "flow": "stock"}, [2]),
        ({"text": "said no"}, [1]),
        ({"text": "100% _"}, [1]),
        ({"text": "Orders"}, [5, 4, 3, 1]),
        ({"text": "straße\0 är"}, []),  # only ASCII letters are equal in both cases
        ({"text": "STRAße\0 ÄR"}, [4]),
        ({"text": "\\u0000"}, []),
    ],
)
async def test_filters(here: Store, wanted: dict[str, Any], expected: list[int]) -> None:
    await some_runs(here)
    assert await ids(here, **wanted) == expected
    first = await ids(here, at_most=1, **wanted)
    assert first == expected[:1]
    if first:
        assert await ids(here, before=first[0], **wanted) == expected[1:]


async def test_the_narrower_index_leads_and_nothing_is_left_out(here: Store) -> None:
    for number in range(30):
        await here.run(
            id=number, flow_id=number % 3, flow=f"flow{number % 3}", status=("failure", "success")[number % 2]
        )
    for flow in range(3):
        for status in ("failure", "success"):
            expected = [n for n in range(30) if n % 3 == flow and ("failure", "success")[n % 2] == status]
            assert await ids(here, flow=f"flow{flow}", statuses=(status,)) == expected[::-1]


async def test_runs_by_a_piece_of_their_id(here: Store) -> None:
    for number in range(3):
        await here.run(id=BASE + number * 12_345_678_901)
    for number in range(3):
        run_id = BASE + number * 12_345_678_901
        text = to_text("r", run_id)
        assert await ids(here, text=text) == [run_id]
        assert run_id in await ids(here, text=text[:6])
        assert run_id in await ids(here, text=text[3:9])
        assert await ids(here, text=text[1:]) == [run_id]


async def test_runs_since(here: Store) -> None:
    at = (BASE >> 22) * 1000
    await here.run(id=BASE, queued_at=at)
    await here.run(id=BASE + (5 << 22), queued_at=at + 5000)
    assert await ids(here, since=at + 1) == [BASE + (5 << 22)]
    assert len(await ids(here, since=at)) == 2


async def test_runs_made_from_a_run(here: Store) -> None:
    await here.run(id=1)
    for number, source in ((4, 1), (3, 1), (5, 2)):
        await here.run(id=number, source_run=source)
    found = await here.read(
        lambda rows: (store.redrives_of(rows, [1, 2, 3]), store.names_of_runs(rows, [1, 7]))
    )
    assert found == ({1: [3, 4], 2: [5]}, {1: ("orders", 10)})


async def test_log_lines_in_pages(here: Store) -> None:
    lines = [(1, n << 33, n % 2, n, "info", f"line {n} \0", b"{}" if n else None) for n in (3, 1, 0, 2)]
    await here.insert(run_store.INSERT_LOG, *lines)
    page = await here.read(lambda rows: store.log_page(rows, 1, None, -1, 3))
    assert [(one.sequence >> 33, one.message) for one in page] == [(n, f"line {n} \0") for n in range(3)]
    page = await here.read(lambda rows: store.log_page(rows, 1, 1, 1 << 33, 9))
    assert [one.sequence >> 33 for one in page] == [3]


async def test_exchanges_by_step_in_pages(here: Store) -> None:
    for number, position in ((8, 1), (5, 2), (7, 1), (6, 0)):
        exchange = (number, 1, position, None, 1, b"{}", None, 0, 200, b"{}", b"ok", 2, 10, 3)
        await here.insert(run_store.INSERT_EXCHANGE, exchange)

    async def page(position: int | None, after: tuple[int, int], at_most: int = 9) -> list[int]:
        found = await here.read(lambda rows: store.exchanges_page(rows, 1, position, after, at_most))
        return [one.id for one in found]

    assert await page(None, (-1, 0)) == [6, 7, 8, 5]
    assert await page(None, (1, 7), 1) == [8]
    assert await page(1, (1, 7)) == [8]
    assert await here.all(store.BODY, exchange_id=8) == [(None, 0, b"ok", 2, 1, b"{}", b"{}")]


async def test_failed_payloads_and_payloads_of_several_buckets(here: Store) -> None:
    made = [await here.payload(bucket, position) for bucket in (1, 2) for position in (0, 1)]
    page = await here.read(lambda rows: store.payloads_page(rows, [1, 2], 1, 2))
    assert page == [(1, made[1]), (2, made[2])]
    await here.insert(
        run_store.INSERT_FAILED, (7, 0, 3, made[1].id, 1, b"{}", None), (7, 0, 1, made[0].id, 1, b"{}", None)
    )
    assert await here.read(lambda rows: store.failed_page(rows, 7, 0, 0, 9)) == [(1, made[0]), (3, made[1])]


async def test_a_page_looks_back_so_far_where_no_index_helps(here: Store, monkeypatch: Any) -> None:
    monkeypatch.setattr(store, "WALK", 2)
    monkeypatch.setattr(store, "WALK_APART", 2)
    await some_runs(here)

    async def horizon(before: int | None = None, **wanted: Any) -> int | None:
        return await here.read(lambda rows: store.horizon(rows, RunFilter(**wanted), before))

    assert await horizon(text="no") == 3
    assert await horizon(before=4, version=2) == 1
    assert await horizon(before=3, text="no") is None  # the rest is no more than that
    assert await horizon(text="no", flow="orders") == 1
    assert await horizon(text="no", statuses=("failure", "success")) is None
    assert await horizon(trigger="schedule", flow="orders") == 1
    assert await horizon(trigger="schedule") is None
    assert await horizon(warnings=True, flow="orders") == 1
    assert await horizon(warnings=False) is None
    assert await horizon(text=to_text("r", 4)) is None
    found = await here.read(lambda rows: store.runs_page(rows, RunFilter(text="no"), None, 9, down_to=3))
    assert found == []
