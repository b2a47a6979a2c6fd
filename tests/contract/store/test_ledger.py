"""The delivery ledger and the search over it, on each database."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from redrive.sdk import indexable
from redrive.store import deliveries as list_store
from redrive.store import ledger as store
from redrive.store import runs as run_store
from redrive.store import search
from redrive.store.committer import Transaction
from redrive.store.search import Place
from tests.contract.store.conftest import Store

KEYS = ["1042", "1042 ", "0001042", "ä", "a\u0308", "key\0", "key", "😀", "%", ""]


def delivery(number: int, key: str, **more: Any) -> tuple[Any, ...]:
    fields = {
        "target_id": 1, "status": "begun", "run_id": 1, "epoch": 1, "position": 2, "exchange_id": 50,
        "payload_id": 60, "item": 0, "digest": b"d", "at": 10, "delivered_digest": None, "delivered_at": None,
        "delivered_run": None,
    } | more  # fmt: skip
    columns = [column.name for column in store.INSERT_DELIVERY.table.columns]
    return tuple(({"id": number, "key": key} | fields)[name] for name in columns)


def event(delivery_id: int, run_id: int, sequence: int, status: str, **more: Any) -> tuple[Any, ...]:
    place = {"position": 2, "payload_id": 60, "item": 0, "reason": None} | more
    return (
        delivery_id, run_id, place["position"], place["payload_id"], place["item"], sequence, status,
        place["reason"], sequence,
    )  # fmt: skip


async def known(here: Store, key: str, target_id: int = 1) -> Any:
    return await here.read(lambda rows: store.known(rows, target_id, [key]).get(key))


async def test_each_key_is_a_delivery_of_its_own(here: Store) -> None:
    await here.insert(store.INSERT_DELIVERY, *(delivery(n, key) for n, key in enumerate(KEYS)))
    for number, key in enumerate(KEYS):
        assert (await known(here, key)).id == number
        assert await known(here, key, 2) is None
    found = await here.all(store.OF_EXCHANGE, exchange_id=50)
    assert sorted(one[1] for one in found) == sorted(KEYS)
    many = [*(f"absent {n}" for n in range(150)), *KEYS]
    known_of = await here.read(lambda rows: store.known(rows, 1, many))
    assert {key: one.id for key, one in known_of.items()} == {key: n for n, key in enumerate(KEYS)}
    with pytest.raises(here.database.errors):
        await here.insert(store.INSERT_DELIVERY, delivery(99, KEYS[5]))


async def test_the_longest_key_fits_into_the_indexes(here: Store) -> None:
    chance = random.Random(1)
    longest = "".join(chr(chance.randrange(0x4E00, 0x9FFF)) for _ in range(666))  # nothing compresses this
    assert indexable(longest)
    await here.insert(store.INSERT_DELIVERY, delivery(1, longest))
    await here.insert(run_store.INSERT_TRACKED, (longest, "f" * 300, 1 << 62, 1, 1 << 62, 1 << 62))
    assert (await known(here, longest)).id == 1
    assert await here.read(lambda rows: search.tracked_fields(rows, longest)) == ["f" * 300]


async def test_a_key_beyond_that_is_a_fault_of_its_author(here: Store) -> None:
    chance = random.Random(1)
    beyond = "".join(chr(chance.randrange(0x4E00, 0x9FFF)) for _ in range(9_000))
    ended = await asyncio.gather(
        here.insert(store.INSERT_DELIVERY, delivery(1, beyond)),
        here.insert(store.INSERT_DELIVERY, delivery(2, "k")),
        return_exceptions=True,
    )
    assert ended[1] is None
    assert ended[0] is None or isinstance(ended[0], here.database.errors)
    assert here.committer.failed is None
    assert (await known(here, "k")).id == 2


async def test_a_target_is_known_by_its_three_names(here: Store) -> None:
    await here.insert(
        store.INSERT_TARGET, (1, "orders/send", "erp", "create", "id"), (2, "orders/send", "erp", "x", None)
    )
    assert await here.read(lambda rows: store.place(rows, "orders/send", "erp", "create")) == (1, None)
    assert await here.read(lambda rows: store.place(rows, "orders/send", "ERP", "create")) == (None, None)


async def test_two_claimants_of_one_key(opened: Callable[..., Store]) -> None:
    one, other = opened(), opened()

    def claim(run_id: int) -> Callable[[Transaction], bool]:
        def work(transaction: Transaction) -> bool:
            if store.known(transaction, 1, ["1042"]):
                return False
            transaction.insert(store.INSERT_DELIVERY, delivery(run_id, "1042", run_id=run_id))
            return True

        return work

    claims = [claim(run_id) for run_id in range(1, 21)]
    won = await asyncio.gather(*((one, other)[n % 2].write(work) for n, work in enumerate(claims)))
    assert won.count(True) == 1
    assert (await known(one, "1042")).run_id == won.index(True) + 1


async def test_a_request_is_settled_whole_or_item_by_item(here: Store) -> None:
    await here.run(id=1, root_run=7)
    await here.insert(store.INSERT_DELIVERY, *(delivery(n, f"k{n}") for n in range(4)))
    everything = dict.fromkeys(range(4), "delivered")
    assert await here.write(lambda t: store.settle(t, 50, everything, 1, 99)) == {0, 1, 2, 3}
    assert await here.write(lambda t: store.settle(t, 50, everything, 1, 100)) == set()
    found = await known(here, "k2")
    assert (found.status, found.delivered_at, found.delivered_run, found.delivered_root) == (
        "delivered",
        99,
        1,
        7,
    )
    assert bytes(found.delivered_digest) == b"d"

    await here.insert(store.INSERT_DELIVERY, *(delivery(n, f"k{n}", exchange_id=51) for n in range(4, 7)))
    mixed = {4: "delivered", 5: "rejected", 6: "unknown"}
    assert await here.write(lambda t: store.settle(t, 51, mixed, 1, 99)) == {4, 5, 6}
    assert [(await known(here, f"k{n}")).status for n in mixed] == list(mixed.values())


async def test_a_claim_keeps_what_was_delivered_before(here: Store) -> None:
    await here.insert(store.INSERT_DELIVERY, delivery(1, "k"))
    await here.write(lambda t: store.settle(t, 50, {1: "delivered"}, 1, 99))
    claim = {
        "b_run_id": 2, "b_epoch": 1, "b_position": 2, "b_exchange_id": 52, "b_payload_id": 61, "b_item": 3,
        "b_digest": b"new", "b_at": 120,
    }  # fmt: skip
    assert await here.write(lambda t: t.run(store.CLAIM, delivery_id=1, **claim)) == 1
    found = await known(here, "k")
    assert (found.status, bytes(found.delivered_digest), found.delivered_run) == ("begun", b"d", 1)
    again = {name: value for name, value in claim.items() if name != "b_digest"} | {"b_exchange_id": 53}
    renewed = [
        await here.write(lambda t, old=old: t.run(store.RECLAIM, delivery_id=1, old_exchange_id=old, **again))
        for old in (50, 52)
    ]
    assert renewed == [0, 1]


async def test_what_a_dead_execution_had_claimed_becomes_unknown(here: Store) -> None:
    await here.insert(
        store.INSERT_DELIVERY,
        delivery(1, "old", epoch=1), delivery(2, "own", epoch=2), delivery(3, "other", run_id=2),
        delivery(4, "done", status="rejected"),
    )  # fmt: skip
    assert await here.write(lambda t: store.abandon(t, 1, 2, 77, 500, "died")) == 1
    statuses = [(await known(here, key)).status for key in ("old", "own", "other", "done")]
    assert statuses == ["unknown", "begun", "begun", "rejected"]
    history = await here.read(lambda rows: list_store.history(rows, 1, 9))
    assert [(one.sequence, one.status, one.at) for one in history] == [(500, "unknown", 77)]


async def test_the_list_of_deliveries(here: Store) -> None:
    await here.insert(store.INSERT_TARGET, (1, "orders/send", "erp", "create", "id"))
    statuses = ("delivered", "unknown", "begun", "rejected", "unknown")
    await here.insert(
        store.INSERT_DELIVERY, *(delivery(n, f"k{n}\0", status=status) for n, status in enumerate(statuses))
    )

    async def page(*wanted: Any) -> list[int]:
        return [one.id for one in await here.read(lambda rows: list_store.deliveries_page(rows, *wanted))]

    assert await page(None, None, None, 3) == [4, 3, 2]
    assert await page("unknown", None, None, 9) == [4, 1]
    assert await page("unknown", None, 4, 9) == [1]
    assert await page("rejected", None, None, 9) == [3]
    assert await page(None, "k3\0", None, 9) == [3]
    found = await here.read(lambda rows: list_store.get_delivery(rows, 3))
    assert (found.key, found.ledger, found.step) == ("k3\0", "orders/send", None)
    claim = await here.write(lambda t: list_store.claim_of(t, 2))
    assert (claim.status, claim.finished_at) == ("begun", None)


async def test_history_is_the_newest_oldest_first(here: Store) -> None:
    await here.insert(
        store.INSERT_EVENT, *(event(1, 5, n, f"s{n}") for n in (30, 10, 20)), event(1, 6, 5, "later")
    )
    found = await here.read(lambda rows: list_store.history(rows, 1, 3))
    assert [one.status for one in found] == ["later", "s20", "s30"]


async def test_the_fields_of_a_value(here: Store) -> None:
    rows = [
        (value, field, run, 0, 9, item)
        for value, field in (("v", "b"), ("v", "a"), ("w", "c"), ("v", "Z"), ("v", "ä"), ("v\0", "nul"))
        for run in (1, 2)
        for item in range(3)
    ]
    await here.insert(run_store.INSERT_TRACKED, *rows)
    assert await here.read(lambda one: search.tracked_fields(one, "v")) == ["Z", "a", "b", "ä"]
    assert await here.read(lambda one: search.tracked_fields(one, "v\0")) == ["nul"]
    assert await here.read(lambda one: search.tracked_fields(one, "none")) == []
    first = await here.read(lambda one: search.tracked_page(one, "v", "a", None, 4, with_it=False))
    assert first == [Place(2, 0, 9, 2), Place(2, 0, 9, 1), Place(2, 0, 9, 0), Place(1, 0, 9, 2)]
    for with_it in (False, True):
        rest = await here.read(
            lambda one, w=with_it: search.tracked_page(one, "v", "a", first[-1], 9, with_it=w)
        )
        assert rest == [Place(1, 0, 9, n) for n in range(2 if with_it else 1, -1, -1)]


async def test_deliveries_and_outcomes_of_a_key(here: Store) -> None:
    await here.insert(store.INSERT_TARGET, (1, "a", "erp", "create", "id"), (2, "b", "erp", "create", None))
    await here.insert(
        store.INSERT_DELIVERY,
        delivery(5, "k", target_id=2, status="delivered", payload_id=None, item=None),
        delivery(4, "k"),
    )  # fmt: skip
    found = await here.read(lambda rows: search.deliveries_of(rows, "k"))
    assert [(one.id, one.field, one.open) for one in found] == [(4, "id", True), (5, None, False)]
    events = [event(4, run, run * 10 + n, f"s{n}", item=n) for run in (1, 2, 3) for n in (1, 0)]
    await here.insert(store.INSERT_EVENT, *events, event(4, 3, 99, "resolved", item=-1))
    newest = await here.read(lambda rows: search.newest_events(rows, 4, 9, 2))
    assert [one.sequence for one in newest] == [20, 21, 30, 31]
    assert [one.sequence for one in await here.read(lambda rows: search.events_in(rows, 4, 1))] == [10, 11]
    outcomes = await here.read(lambda rows: search.outcomes_of_step(rows, 3, 2))
    assert outcomes == {(60, 0): (30, "s0"), (60, 1): (31, "s1"), (60, -1): (99, "resolved")}
    claims = await here.read(lambda rows: search.claims_of_step(rows, 1, 2))
    assert claims == {(60, 0): (search.NEWEST, "begun")}
