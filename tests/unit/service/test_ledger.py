"""The delivery ledger: lists, history, and the rules of resolving."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from redrive.core.ids import to_text
from redrive.core.jsonvalue import decode
from redrive.errors import NotFound, StateConflict, UsageError
from redrive.service.ledger import HISTORY, DeliveryLedger
from redrive.store import tables


@pytest.fixture
def ledger(home):
    return DeliveryLedger(home.kernel)


@pytest.fixture
async def run(home):
    run = await home.run()
    await home.step(run, "send")
    return run


def did(number):
    return to_text("d", number)


async def rows_of(home, table):
    return await home.kernel.deps.reader.run(lambda rows: rows.query(select(table)))


async def test_a_delivery_names_its_identity_and_its_latest_claim(home, ledger, run):
    target = await home.target()
    number = await home.delivery(target, "1042", run, "unknown", payload_id=9, item=3)
    view = await ledger.get(did(number))
    assert (view.ledger, view.connection, view.endpoint, view.key) == (
        "orders/send",
        "erp",
        "create-orders",
        "1042",
    )
    assert (view.status, view.run, view.step) == ("unknown", to_text("r", run.id), "send")
    assert (view.payload, view.item) == (to_text("p", 9), 3)


async def test_history_is_oldest_first_and_bounded(home, ledger, run):
    number = await home.delivery(await home.target(), "1042", run, "delivered")
    later = await home.run()
    await home.event(number, run, "unknown")
    await home.event(number, later, "skipped")
    await home.event(number, run, "rejected")  # resolved after the later run
    view = await ledger.get(did(number))
    assert [(event.run, event.status) for event in view.history] == [
        (to_text("r", run.id), "unknown"),
        (to_text("r", later.id), "skipped"),
        (to_text("r", run.id), "rejected"),
    ]
    for _ in range(HISTORY):
        await home.event(number, later, "skipped")
    view = await ledger.get(did(number))
    assert [event.status for event in view.history] == ["skipped"] * HISTORY


async def test_lists_by_status_and_key_newest_first(home, ledger, run):
    target, other = await home.target(), await home.target("stock/send")
    made = [
        await home.delivery(target, "1", run, "delivered"),
        await home.delivery(target, "2", run, "unknown"),
        await home.delivery(other, "1", run, "rejected"),
        await home.delivery(other, "2", run, "begun"),
        await home.delivery(other, "3", run, "unknown"),
    ]
    first = await ledger.list(limit=3)
    rest = await ledger.list(limit=3, cursor=first.next)
    assert [view.id for view in (*first.items, *rest.items)] == [did(number) for number in reversed(made)]
    assert [view.id for view in (await ledger.list(key="1")).items] == [did(made[2]), did(made[0])]
    assert [view.id for view in (await ledger.list(status="unknown")).items] == [did(made[4]), did(made[1])]
    assert [view.id for view in (await ledger.list(status="rejected", key="1")).items] == [did(made[2])]
    assert (await ledger.list(key="\ud800")).items == []
    with pytest.raises(UsageError) as caught:
        await ledger.list(status="deliverd")
    assert "delivered" in caught.value.hint


@pytest.mark.parametrize("text", ["", "d0000000000000", "r0000000000000", "1"])
async def test_an_unknown_delivery_is_not_found(ledger, text):
    for call in (ledger.get(text), ledger.resolve(text, sent=True, reason="seen")):
        with pytest.raises(NotFound) as caught:
            await call
        assert caught.value.code == "delivery.missing"


@pytest.mark.parametrize(("sent", "status"), [(True, "delivered"), (False, "rejected")])
async def test_an_unknown_delivery_is_resolved(home, ledger, run, sent, status):
    number = await home.delivery(await home.target(), "1042", run, "unknown", payload_id=9, item=3)
    await home.event(number, run, "unknown", payload_id=9, item=3)
    home.clock.forward(60)
    waiter = home.kernel.deps.signal.waiter()
    view = await ledger.resolve(did(number), sent=sent, reason=" seen in the ERP ")
    assert view.status == status
    assert [(event.run, event.status) for event in view.history] == [
        (to_text("r", run.id), "unknown"),
        (to_text("r", run.id), status),
    ]
    await asyncio.wait_for(waiter.wait(), 5)
    record = dict(zip(tables.deliveries.c.keys(), (await rows_of(home, tables.deliveries))[0], strict=True))
    if sent:
        # Kept of its own only while it differs from what was claimed last.
        assert (record["delivered_digest"], bytes(record["digest"])) == (None, b"d" * 32)
        assert (record["delivered_at"], record["delivered_run"]) == (home.clock.now, run.id)
    else:
        assert record["delivered_at"] is None
    _, at, actor, action, subject, data, *_ = (await rows_of(home, tables.audit))[0]
    assert (at, actor, action, subject) == (home.clock.now, "ann", "delivery.resolve", did(number))
    assert decode(data) == {"status": status, "before": "unknown", "reason": "seen in the ERP"}


async def test_a_claim_whose_run_has_ended_is_resolved(home, ledger, run):
    number = await home.delivery(await home.target(), "1042", run, "begun")
    assert (await ledger.resolve(did(number), sent=False, reason="never left")).status == "rejected"


async def test_a_claim_of_a_run_under_way_is_not(home, ledger):
    run = await home.run(status="running")
    number = await home.delivery(await home.target(), "1042", run, "begun")
    with pytest.raises(StateConflict) as caught:
        await ledger.resolve(did(number), sent=True, reason="seen")
    assert caught.value.code == "delivery.not_open"
    assert to_text("r", run.id) in caught.value.detail
    assert (await ledger.get(did(number))).status == "begun"


@pytest.mark.parametrize("status", ["delivered", "rejected"])
async def test_what_is_known_is_not_resolved(home, ledger, run, status):
    number = await home.delivery(await home.target(), "1042", run, status)
    with pytest.raises(StateConflict) as caught:
        await ledger.resolve(did(number), sent=True, reason="seen")
    assert caught.value.code == "delivery.not_open"
    assert await rows_of(home, tables.audit) == []


async def test_two_who_resolve_at_once_do_not_both_win(home, ledger, run):
    number = await home.delivery(await home.target(), "1042", run, "unknown")
    answers = await asyncio.gather(
        ledger.resolve(did(number), sent=True, reason="seen"),
        ledger.resolve(did(number), sent=False, reason="not seen"),
        return_exceptions=True,
    )
    assert sorted(isinstance(answer, StateConflict) for answer in answers) == [False, True]
    assert len(await rows_of(home, tables.delivery_events)) == 1


@pytest.mark.parametrize("reason", ["", " \n\t", "\ud800"])
async def test_a_reason_is_required(home, ledger, run, reason):
    number = await home.delivery(await home.target(), "1042", run, "unknown")
    with pytest.raises(UsageError):
        await ledger.resolve(did(number), sent=True, reason=reason)
    assert (await ledger.get(did(number))).status == "unknown"
