"""Retry and redrive in all their ways, in chains, and what they refuse."""

from datetime import UTC, datetime

import pytest

from redrive.client.records import RedriveRequest, RetryRequest, StartRequest
from redrive.errors import ConfirmationNeeded, NotFound, RedriveError, StateConflict
from tests.acceptance.product import step

FLOW = """
flow: orders
variables:
  source: {type: string, default: web}
  order_id: {type: string, default: ""}
steps:
  - id: pull
    shape: connector
    connection: warehouse
    endpoint: list
    with: {order_id: "{{ vars.order_id }}"}
  - {id: paid, shape: filter, keep: {field: status, is: paid}}
  - id: form
    shape: map
    automatic: true
    fields: [{to: source, value: "{{ vars.source }}"}, {to: at, value: "{{ now }}"}]
  - {id: pairs, shape: flow_control, size: 2}
  - {id: send, shape: connector, connection: warehouse, endpoint: take, key: id}
"""
STEPS = ("pull", "paid", "form", "pairs", "send")


def orders(*numbers: int, **more):
    return [{"id": number, "status": "paid", "total": 1} | more for number in numbers]


def statuses(run):
    return [one.status for one in run.steps]


@pytest.fixture
async def failed(product, warehouse):
    """Orders 1 to 6 in three requests; the one with 4 is refused."""
    await product.load(warehouse.documents, FLOW)
    warehouse.give(orders(1, 2, 3, 4, 5, 6))
    warehouse.refused = {"4"}
    run = await product.run("orders")
    assert run.status == "failure"
    assert warehouse.requests == [["1", "2"], ["3", "4"], ["5", "6"]]
    warehouse.refused = set()
    return run


async def code_of(call) -> str:
    with pytest.raises(RedriveError) as caught:
        await call
    assert caught.value.detail
    assert caught.value.exit_code == 2
    return caught.value.code


def but_healed(step_run):
    """What a step run shows, without the mark that a later run made good what it had failed."""
    return step_run.model_dump(exclude={"healed_by": True, "failed_payloads": {"__all__": {"healed_by"}}})


# ---- retry


async def test_retry_from_the_failed_step_sends_what_failed(product, warehouse, failed):
    run = await product.retry(failed.id)
    assert (run.status, run.trigger, run.source_run, run.start_step) == (
        "success",
        "retry",
        failed.id,
        "send",
    )
    assert statuses(run) == ["kept"] * 4 + ["success"]
    assert run.clock == failed.clock
    assert warehouse.requests[3:] == [["3", "4"]]
    assert set(warehouse.counts.values()) == {1}
    # The step's bucket is whole: what the source had sent, and what was sent now.
    assert len(step(run, "send").payloads_out) == 3
    again = await product.client.runs.get(failed.id)
    assert again.redrives == [run.id]
    assert step(again, "send").healed_by == run.id
    assert [but_healed(one) for one in again.steps] == [but_healed(one) for one in failed.steps]


async def test_retry_from_the_start_pulls_again(product, warehouse, failed):
    warehouse.give(orders(1, 2, 3, 4, 5, 6, 7))
    run = await product.retry(failed.id, from_="start")
    assert (run.status, run.start_step) == ("success", None)
    assert statuses(run) == ["success"] * 5
    assert run.clock == failed.clock
    assert sorted(warehouse.counts.items()) == [(str(n), 1) for n in range(1, 8)]
    assert step(run, "send").deliveries.skipped == 4


async def test_a_retry_that_fails_is_retried(product, warehouse, failed):
    warehouse.refused = {"4"}
    second = await product.retry(failed.id)
    assert second.status == "failure"
    warehouse.refused = set()
    third = await product.retry(second.id)
    assert (third.status, third.source_run) == ("success", second.id)
    assert set(warehouse.counts.values()) == {1}
    assert len(warehouse.counts) == 6
    assert len(step(third, "send").payloads_out) == 3


async def test_retry_from_start_of_a_retry_begins_where_the_first_run_began(product, warehouse, failed):
    warehouse.refused = {"4"}
    second = await product.retry(failed.id)
    warehouse.refused = set()
    run = await product.retry(second.id, from_="start")
    assert statuses(run) == ["success"] * 5
    assert set(warehouse.counts.values()) == {1}


# ---- redrive


async def test_redrive_after_a_step_takes_its_output(product, warehouse, failed):
    run = await product.redrive(failed.id, after="form")
    assert statuses(run) == ["kept"] * 3 + ["success"] * 2
    assert (run.trigger, run.start_step) == ("redrive", "form")
    assert [one.id for one in step(run, "form").payloads_out] == [
        one.id for one in step(failed, "form").payloads_out
    ]
    assert warehouse.requests[3:] == [["3", "4"]]
    assert set(warehouse.counts.values()) == {1}


async def test_a_redrive_of_a_redrive_reads_inherited_buckets(product, warehouse, failed):
    warehouse.refused = {"4"}
    second = await product.redrive(failed.id, at="send")
    assert second.status == "failure"
    warehouse.refused = set()
    third = await product.redrive(second.id, at="paid")
    assert (third.status, third.source_run) == ("success", second.id)
    assert statuses(third) == ["kept"] + ["success"] * 4
    assert step(third, "paid").payloads_in == step(failed, "pull").payloads_out
    fourth = await product.redrive(third.id, after="pull", items="id = 4", confirm=True)
    assert fourth.status == "success"
    assert set(warehouse.counts.values()) == {1}
    assert (await product.client.runs.get(failed.id)).redrives == [second.id]


NEWER = FLOW.replace('value: "{{ vars.source }}"', "value: newer")
DRAFT = FLOW.replace('value: "{{ vars.source }}"', "value: draft")


async def test_versions(product, warehouse, failed):
    await product.load(NEWER)
    await product.load(DRAFT, deploy=False)
    before = await product.client.flows.versions("orders")
    seen = {}
    for version in ("original", "deployed", "draft", "1", "2"):
        run = await product.redrive(
            failed.id, at="form", version=version, items="id = 4", delivery="send_all", reason="to compare"
        )
        assert run.status == "success"
        seen[version] = (run.version, b'"source":"newer"' in warehouse.taken[-1].replace(b" ", b""))
    assert seen["original"] == seen["1"] == (1, False)
    assert seen["deployed"] == seen["2"] == (2, True)
    assert seen["draft"] == (3, False)
    after = await product.client.flows.versions("orders")
    assert {(v.number, v.digest) for v in before.items} <= {(v.number, v.digest) for v in after.items}
    flow = await product.client.flows.get("orders")
    assert (flow.deployed, flow.draft) == (2, True)
    assert await code_of(product.redrive(failed.id, at="form", version="9")) == "version.unknown"


async def test_a_step_that_the_version_no_longer_has(product, warehouse, failed):
    await product.load(FLOW.replace("id: pairs", "id: couples"))
    with pytest.raises(NotFound) as caught:
        await product.redrive(failed.id, at="pairs", version="deployed")
    assert caught.value.code == "step.unknown"
    assert "pairs" in caught.value.detail
    run = await product.redrive(failed.id, at="form", version="deployed")
    assert run.status == "success"
    assert [one.step for one in run.steps] == ["pull", "paid", "form", "couples", "send"]


async def test_the_clock(product, warehouse, failed):
    then = await product.redrive(failed.id, at="form", items="id = 4")
    assert then.clock == failed.clock
    assert failed.clock.strftime("%Y-%m-%dT%H:%M:%S").encode() in warehouse.taken[-1]
    now = await product.redrive(
        failed.id, at="form", items="id = 4", clock="now", delivery="send_all", reason="a new date"
    )
    assert now.clock > failed.clock
    assert (datetime.now(UTC) - now.clock).total_seconds() < 60
    assert warehouse.taken[-1] != warehouse.taken[-2]


async def test_variables(product, warehouse, failed):
    run = await product.redrive(failed.id, at="form", variables={"source": "shop"}, items="id = 4")
    assert b'"source":"shop"' in warehouse.taken[-1].replace(b" ", b"")
    assert run.variables["source"] == "shop"
    # They stay with the lineage.
    later = await product.redrive(run.id, at="form", delivery="send_all", reason="again", confirm=True)
    assert later.variables["source"] == "shop"
    error = await code_of(product.redrive(failed.id, at="form", variables={"sauce": "x"}))
    assert error == "variable.unknown"


async def test_skips(product, warehouse, failed):
    run = await product.redrive(failed.id, at="form", skips=["form", "pairs"], items="id = 4")
    assert statuses(run) == ["kept", "kept", "skipped", "skipped", "success"]
    assert b"source" not in warehouse.taken[-1]
    assert run.warnings >= 2
    assert await code_of(product.redrive(failed.id, at="form", skips=["from"])) == "step.unknown"


async def test_payloads_replace_the_bucket(product, warehouse, failed):
    upload = await product.upload(b'[{"id": 77, "total": 2.50}]', filename="a.json")
    run = await product.redrive(failed.id, at="send", payloads=[upload])
    assert run.status == "success"
    assert warehouse.taken[-1] == b'{"id": 77, "total": 2.50}'
    assert "4" not in warehouse.counts
    stored = step(failed, "send").payloads_in[1].id
    await product.redrive(failed.id, at="send", payloads=[stored])
    assert warehouse.counts["4"] == 1


async def test_an_edit_replaces_one_payload_and_is_linked(product, warehouse, failed):
    stored = step(failed, "send").failed_payloads[0].id
    upload = await product.upload(
        (await product.bytes(stored)).replace(b'"total":1', b'"total":9'), filename="a.json"
    )
    run = await product.redrive(failed.id, at="send", edits={stored: upload}, reason="wrong total")
    assert run.status == "success"
    assert warehouse.requests[3:] == [["3", "4"]]
    edited = step(run, "send").payloads_in[1].id
    detail = await product.client.payloads.get(edited)
    assert detail.edited_from == stored
    assert detail.edit_reason == "wrong total"
    assert {"op": "replace", "path": "/0/total", "value": 9} in detail.patch
    assert (await product.client.payloads.get(stored)).edited_from is None


# ---- confirmation and refusals


async def test_a_source_that_did_not_fail_asks(product, warehouse, failed):
    run = await product.retry(failed.id)
    for call in (
        product.redrive(run.id, at="send"),
        product.retry(run.id, from_="start"),
    ):
        with pytest.raises(ConfirmationNeeded) as caught:
            await call
        assert "success" in caught.value.detail
    plan = await product.plan(run.id, at="send")
    assert plan.confirm
    before = dict(warehouse.counts)
    again = await product.redrive(run.id, at="send", confirm=True)
    assert again.status == "success"
    assert step(again, "send").warnings == 1
    assert warehouse.counts == before
    # One that failed never asks, also when a later run has mended it.
    assert (await product.plan(failed.id, at="send")).confirm is None
    assert (await product.redrive(failed.id, at="send")).status == "success"
    assert warehouse.counts == before


async def test_a_plan_tells_of_a_connection_that_cannot_be_used(product, warehouse, failed):
    secret = "secrets: {token: {env: NOT_SET_ANYWHERE}}\n"
    await product.load(warehouse.documents + secret)
    plan = await product.plan(failed.id, at="send")
    assert plan.steps == []
    assert len(plan.warnings) == 1
    assert plan.warnings[0].startswith("send would fail: ")
    assert "NOT_SET_ANYWHERE" in plan.warnings[0]


async def test_the_command_asks_for_a_confirmation(product, warehouse, failed, redrive):
    run = await product.retry(failed.id)
    error = redrive.refused("redrive", run.id, "--at", "send")
    assert error["code"] == "confirmation.needed"
    assert "--yes" in error["hint"]
    assert redrive.json("redrive", run.id, "--at", "send", "--yes")["status"] == "success"


async def test_what_is_refused(product, warehouse, failed):
    success = await product.retry(failed.id)
    before = [run.id for run in (await product.client.runs.list()).items]
    assert await code_of(product.retry(success.id)) == "run.not_failed"
    assert await code_of(product.redrive(failed.id, after="send")) == "step.not_finished"
    assert await code_of(product.redrive(failed.id, at="sned")) == "step.unknown"
    assert await code_of(product.redrive(failed.id)) == "start.missing"
    assert await code_of(product.redrive(failed.id, at="send", after="form")) == "start.missing"
    assert await code_of(product.redrive("r0000000000000", at="send")) == "run.unknown"
    assert await code_of(product.redrive(failed.id, at="send", payloads=["pnone"])) == "payload.unknown"
    assert await code_of(product.redrive(failed.id, at="send", edits={"pnone": "pnone"})) == "payload.unknown"
    assert await code_of(product.retry(failed.id, delivery="send_all")) == "reason.missing"
    assert [run.id for run in (await product.client.runs.list()).items] == before
    with pytest.raises(NotFound) as caught:
        await product.redrive(failed.id, at="sned")
    assert "send" in f"{caught.value.detail} {caught.value.hint}"


async def test_after_a_failed_step_with_a_payload(product, warehouse, failed):
    upload = await product.upload(b'[{"id": 4}]', filename="a.json")
    run = await product.redrive(failed.id, after="send", payloads=[upload])
    assert run.status == "success"
    assert "4" not in warehouse.counts


async def test_a_run_that_goes_on_is_not_redriven(product, warehouse, failed):
    row = await product.client.runs.start("orders", StartRequest())
    for call in (
        product.client.redrives.retry(row.id, RetryRequest()),
        product.client.redrives.redrive(row.id, RedriveRequest(at="send")),
        product.client.redrives.plan(row.id, RedriveRequest(at="send")),
    ):
        with pytest.raises(StateConflict) as caught:
            await call
        assert caught.value.code == "run.unfinished"
        assert caught.value.hint
    await product.ended(row)


async def test_a_stopped_run_is_retried_from_where_it_stopped(product, warehouse, failed):
    row = await product.client.runs.start("orders", StartRequest(delivery="send_all", reason="all again"))
    await product.client.runs.stop(row.id)
    stopped = await product.ended(row)
    assert stopped.status == "stopped"
    run = await product.retry(stopped.id, from_="start")
    assert run.status == "success"


async def test_the_same_key_starts_one_run(product, warehouse, failed):
    request = RedriveRequest(at="send")
    first = await product.client.redrives.redrive(failed.id, request, idempotency_key="k")
    second = await product.client.redrives.redrive(failed.id, request, idempotency_key="k")
    assert first.id == second.id
    with pytest.raises(StateConflict) as caught:
        await product.client.redrives.redrive(failed.id, RedriveRequest(at="form"), idempotency_key="k")
    assert caught.value.code == "idempotency.conflict"
    await product.ended(first)
    assert set(warehouse.counts.values()) == {1}
