"""Sends of several requests in sequence: create, then confirm."""

from __future__ import annotations

import pytest

from tests.integration.connectors.bench import MemoryLedger, Seen, bench, reply, served


def create_then_confirm(**confirm):
    call = {
        "method": "POST",
        "path": "/orders/{{ response.body.number }}/confirm",
        "body": {"of": "{{ item.id }}"},
    }
    return {
        "direction": "send",
        "per": "item",
        "request": {"method": "POST", "path": "/orders", "body": "{{ item }}"},
        "followed_by": [{"request": call, **confirm}],
    }


class Erp:
    """Counts what is created and what is confirmed; `refuse` answers the next confirmations."""

    def __init__(self, *refuse: int) -> None:
        self.created: list[int] = []
        self.confirmed: list[str] = []
        self.refuse = list(refuse)

    def __call__(self, seen: Seen):
        if seen.path == "/orders":
            self.created.append(seen.json["id"])
            return reply({"number": f"N{seen.json['id']}"}, 201)
        if self.refuse and (status := self.refuse.pop(0)):
            return reply({}, status)
        assert seen.json == {"of": int(seen.path.split("/")[2][1:])}
        self.confirmed.append(seen.path)
        return reply({"done": seen.path}, 200)


ORDERS = [{"id": 1}, {"id": 2}]


async def test_items_are_delivered_when_the_last_request_succeeded_and_its_answer_is_put_out():
    erp, ledger = Erp(), MemoryLedger()
    async with served(erp) as site, bench(site, create_then_confirm()) as at:
        result = await at.run([ORDERS], ctx=at.context(ledger), key="id")
    assert result.error is None
    assert (erp.created, erp.confirmed) == ([1, 2], ["/orders/N1/confirm", "/orders/N2/confirm"])
    assert result.values == [{"done": "/orders/N1/confirm"}, {"done": "/orders/N2/confirm"}]
    assert ledger.statuses() == {"1": "delivered", "2": "delivered"}
    assert [(claim.request.part, claim.outcome) for claim in ledger.claims] == [
        (0, "unknown"), (1, "delivered"), (0, "unknown"), (1, "delivered"),
    ]  # fmt: skip


@pytest.mark.parametrize("status", [429, 503, 401])
async def test_a_confirmation_that_was_refused_for_now_is_asked_for_again_and_nothing_is_created_twice(
    status,
):
    erp, ledger = Erp(status), MemoryLedger()
    async with served(erp) as site:
        authentication = {"method": "bearer", "token": "{{ connection.token }}"}
        async with bench(site, create_then_confirm(), authentication=authentication) as at:
            result = await at.run([ORDERS], ctx=at.context(ledger), attempts=3, key="id")
    assert result.error is None
    assert (erp.created, len(erp.confirmed)) == ([1, 2], 2)
    assert ledger.statuses() == {"1": "delivered", "2": "delivered"}


async def test_a_confirmation_that_was_rejected_leaves_the_item_unknown_and_the_next_run_confirms_it():
    erp, ledger = Erp(422), MemoryLedger()
    async with served(erp) as site, bench(site, create_then_confirm()) as at:
        failed = await at.run([ORDERS], ctx=at.context(ledger), key="id")
        assert ledger.statuses() == {"1": "unknown", "2": "delivered"}
        again = await at.run([ORDERS], ctx=at.context(ledger), key="id")
    assert failed.error is not None
    assert failed.error.code == "delivery.unknown"
    assert failed.error.detail.endswith("the 1 before it of 2 requests were carried out")
    assert (again.error, erp.created) == (None, [1, 2])
    assert ledger.statuses() == {"1": "delivered", "2": "delivered"}


@pytest.mark.parametrize(("repeat", "confirmed"), [("safe", 2), ("unsafe", 1)])
async def test_a_confirmation_whose_end_is_not_known_is_repeated_only_where_that_is_safe(repeat, confirmed):
    erp, ledger = Erp(500), MemoryLedger()
    async with served(erp) as site, bench(site, create_then_confirm(repeat=repeat)) as at:
        result = await at.run([ORDERS], ctx=at.context(ledger), attempts=3, key="id")
    assert (erp.created, len(erp.confirmed)) == ([1, 2], confirmed)
    assert (result.error is None) is (repeat == "safe")
    assert ledger.statuses()["1"] == ("delivered" if repeat == "safe" else "unknown")


async def test_without_a_key_both_requests_are_made():
    erp = Erp()
    async with served(erp) as site, bench(site, create_then_confirm()) as at:
        result = await at.run([ORDERS], ctx=at.context(MemoryLedger(keyed=False)))
    assert result.error is None
    assert (erp.created, len(erp.confirmed)) == ([1, 2], 2)
