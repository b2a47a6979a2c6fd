"""What is left out of a send, in ordinary runs and in redrives, by each delivery policy."""

import pytest

from redrive.errors import UsageError
from tests.acceptance.product import step

FLOW = """
flow: orders
steps:
  - {id: pull, shape: connector, connection: warehouse, endpoint: list}
  - {id: paid, shape: filter, keep: {field: status, is: paid}}
  - {id: send, shape: connector, connection: warehouse, endpoint: take, key: id}
"""


def orders(*numbers, total=1):
    return [{"id": number, "status": "paid", "total": total} for number in numbers]


@pytest.fixture
async def home_with_orders(product, warehouse):
    await product.load(warehouse.documents, FLOW)
    warehouse.give(orders(1, 2, 3))
    first = await product.run("orders")
    assert first.status == "success"
    assert warehouse.requests == [["1", "2", "3"]]
    warehouse.forget()
    return first


def counts(run):
    found = step(run, "send").deliveries
    return found.delivered, found.skipped, found.rejected, found.unknown


# ---- ordinary runs


async def test_an_ordinary_run_sends_what_changed(product, warehouse, home_with_orders):
    warehouse.give([*orders(1, 2), *orders(3, total=2), *orders(4)])
    run = await product.run("orders")
    assert warehouse.requests == [["3", "4"]]
    assert counts(run) == (2, 2, 0, 0)
    # Back to what it once was: that is a change too.
    warehouse.give(orders(3))
    await product.run("orders")
    assert warehouse.requests[1:] == [["3"]]


async def test_a_run_with_nothing_left_to_send_is_a_success_with_a_warning(
    product, warehouse, home_with_orders
):
    run = await product.run("orders")
    assert (run.status, warehouse.requests) == ("success", [])
    assert counts(run) == (0, 3, 0, 0)
    assert step(run, "send").warnings == run.warnings == 1


async def test_an_ordinary_run_may_leave_out_only_what_was_sent_since_it_was_queued(
    product, warehouse, home_with_orders
):
    warehouse.give(orders(1, total=5))
    run = await product.run("orders", delivery="skip_delivered")
    assert counts(run) == (1, 0, 0, 0)


async def test_send_all_sends_all_and_says_why(product, warehouse, home_with_orders):
    with pytest.raises(UsageError) as caught:
        await product.run("orders", delivery="send_all")
    assert caught.value.code == "reason.missing"
    run = await product.run("orders", delivery="send_all", reason="the ERP lost a day")
    assert warehouse.requests == [["1", "2", "3"]]
    assert counts(run) == (3, 0, 0, 0)


async def test_a_step_has_a_policy_of_its_own_and_a_start_another(product, warehouse, home_with_orders):
    await product.load(FLOW.replace("key: id", "key: id, delivery: send_all"))
    await product.run("orders")
    assert warehouse.requests == [["1", "2", "3"]]
    await product.run("orders", delivery="send_changed")
    assert len(warehouse.requests) == 1


async def test_rejected_items_are_sent_by_the_next_run(product, warehouse, home_with_orders):
    warehouse.give(orders(7))
    warehouse.refused = {"7"}
    run = await product.run("orders")
    assert counts(run) == (0, 0, 1, 0)
    warehouse.refused = set()
    assert counts(await product.run("orders")) == (1, 0, 0, 0)


@pytest.mark.parametrize("endpoint", ["take-each", "judge"])
async def test_a_retry_sends_what_was_refused_among_the_others(
    product, warehouse, home_with_orders, endpoint
):
    await product.load(FLOW.replace("endpoint: take", f"endpoint: {endpoint}"))
    warehouse.give(orders(6, 7, 8, 9))
    warehouse.refused = {"7", "8"}
    run = await product.run("orders")
    assert (run.status, counts(run)) == ("failure", (2, 0, 2, 0))
    warehouse.refused = {"8"}
    again = await product.retry(run.id)
    assert (again.status, counts(again)) == ("failure", (1, 0, 1, 0))
    warehouse.refused = set()
    last = await product.retry(again.id)
    assert (last.status, counts(last)) == ("success", (1, 0, 0, 0))
    assert {warehouse.counts[order] for order in "6789"} == {1}


async def test_a_key_that_finds_nothing_fails_its_payload(product, warehouse, home_with_orders):
    for key in (None, ""):
        upload = await product.upload(b'[{"id": %s}]' % (b"null" if key is None else b'""'))
        run = await product.run("orders", payloads=[upload], skips=["pull", "paid"])
        assert run.status == "failure"
        assert step(run, "send").error.code == "key.missing"
    assert warehouse.requests == []


async def test_the_ledger_outlives_versions_and_steps_may_share_one(product, warehouse, home_with_orders):
    await product.load(FLOW.replace("keep: {field: status, is: paid}", "drop: {field: status, is: open}"))
    assert counts(await product.run("orders")) == (0, 3, 0, 0)
    other = FLOW.replace("flow: orders", "flow: others")
    await product.load(other)
    assert counts(await product.run("others")) == (3, 0, 0, 0)
    await product.load(other.replace("key: id", "key: id, ledger: orders/send"))
    assert counts(await product.run("others")) == (0, 3, 0, 0)


# ---- redrives


@pytest.fixture
async def failed(product, warehouse, home_with_orders):
    """Orders 1 to 3 were delivered earlier with total 1; of 3 to 6 with total 2, 5 and 6 were refused."""
    await product.load(
        FLOW.replace("  - {id: send", "  - {id: pairs, shape: flow_control, size: 2}\n  - {id: send")
    )
    warehouse.give(orders(3, 4, 5, 6, total=2))
    warehouse.refused = {"5"}
    run = await product.run("orders")
    assert (run.status, counts(run)) == ("failure", (2, 0, 2, 0))
    warehouse.refused = set()
    warehouse.forget()
    return run


async def test_a_redrive_leaves_out_what_its_lineage_delivered_changed_or_not(product, warehouse, failed):
    bucket = [one.id for one in step(failed, "send").payloads_in]
    edits = {}
    for one in bucket:
        data = (await product.bytes(one)).replace(b'"total": 2', b'"total": 3')
        edits[one] = await product.upload(data, filename="a.json")
    plan = await product.plan(failed.id, at="send", edits=edits)
    (send,) = plan.steps
    assert (send.to_send, send.delivered, send.newer) == (2, 2, 0)
    assert {(one["key"], one["run"]) for one in send.details} == {("3", failed.id), ("4", failed.id)}
    run = await product.redrive(failed.id, at="send", edits=edits)
    assert warehouse.requests == [["5", "6"]]
    assert counts(run) == (2, 2, 0, 0)
    # What changed is sent where that is asked for.
    warehouse.forget()
    run = await product.redrive(failed.id, at="send", edits=edits, delivery="send_changed")
    assert warehouse.requests == [["3", "4"]]


async def test_an_older_delivery_counts_only_if_unchanged(product, warehouse, home_with_orders):
    warehouse.give([*orders(1), *orders(2, total=9)])
    warehouse.refused = {"2"}
    failed = await product.run("orders")
    assert counts(failed) == (0, 1, 1, 0)
    warehouse.refused = set()
    run = await product.retry(failed.id, from_="start")
    assert warehouse.requests[1:] == [["2"]]
    assert counts(run) == (1, 1, 0, 0)


async def test_a_newer_version_delivered_by_a_later_run_stays(product, warehouse, failed):
    warehouse.give(orders(3, 5, total=8))
    later = await product.run("orders")
    assert warehouse.requests == [["3", "5"]]
    for policy in ("skip_delivered", "send_changed"):
        plan = await product.plan(failed.id, at="send", delivery=policy)
        (send,) = plan.steps
        assert (send.to_send, send.delivered, send.newer) == (1, 1, 2)
        newer = {one["key"]: one["run"] for one in send.details if one["reason"] == "newer"}
        assert newer == {"3": later.id, "5": later.id}
    await product.redrive(failed.id, at="send")
    assert warehouse.requests[1:] == [["6"]]
    warehouse.forget()
    plan = await product.plan(failed.id, at="send", delivery="send_all", reason="the old ones")
    assert (plan.steps[0].to_send, plan.steps[0].changed) == (4, 2)
    await product.redrive(failed.id, at="send", delivery="send_all", reason="the old ones")
    assert sorted(key for request in warehouse.requests for key in request) == ["3", "4", "5", "6"]
    delivered = (await product.client.ledger.list(key="3")).items[0]
    assert [event.status for event in delivered.history].count("delivered") == 4


async def test_a_plan_changes_nothing(product, warehouse, failed):
    before = await product.client.ledger.list(limit=50)
    rows = await product.client.runs.list()
    for request in ({"at": "pull"}, {"at": "paid"}, {"after": "pairs"}, {"at": "send", "items": "id = 5"}):
        plan = await product.plan(failed.id, **request)
        assert plan.source_run == failed.id
    assert await product.client.ledger.list(limit=50) == before
    assert await product.client.runs.list() == rows
    assert warehouse.requests == []


async def test_a_step_without_a_key_says_so_in_every_plan(product, warehouse):
    await product.load(warehouse.documents, FLOW.replace(", key: id", ""))
    warehouse.give(orders(1))
    run = await product.run("orders")
    plan = await product.plan(run.id, at="send")
    assert any("no key" in warning for warning in plan.warnings)
    assert "everything again" in plan.confirm
    await product.redrive(run.id, at="send", confirm=True)
    assert warehouse.counts == {"1": 2}
