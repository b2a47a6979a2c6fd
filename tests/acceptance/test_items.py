"""Chosen items of a large payload are sent again, each with its own bytes."""

import json

import pytest

from redrive.client.records import RetryRequest
from redrive.errors import RedriveError, UsageError
from tests.acceptance.product import step

FLOW = """
flow: orders
steps:
  - {id: paid, shape: filter, keep: {field: status, is: paid}}
  - {id: batches, shape: flow_control, size: 2500}
  - {id: send, shape: connector, connection: warehouse, endpoint: judge, key: id}
"""


def order(number: int) -> bytes:
    # Spelt in ways that a parser would not give back: zeros, order, spaces, a number beyond 2**53.
    return (
        b'{"status": "paid", "id":%d,  "total": %d.10, "shop": "%s", "big": 123456789012345678901234567890}'
        % (number, number, b"uk" if number % 2 else b"nl")
    )


@pytest.fixture
async def failed(product, warehouse):
    """A run of 10,000 orders of which three were refused."""
    await product.load(warehouse.documents, FLOW)
    data = b"[\n" + b",\n".join(map(order, range(10_000))) + b"\n]"
    payload = await product.upload(data, filename="orders.json")
    warehouse.refused = {"4711", "4712", "9001"}
    run = await product.run("orders", payloads=[payload])
    assert run.status == "failure"
    assert len(warehouse.taken) == 9_997
    counts = step(run, "send").deliveries
    assert (counts.delivered, counts.rejected) == (9_997, 3)
    warehouse.refused = set()
    warehouse.forget()
    return run


async def test_one_item_of_ten_thousand(product, warehouse, failed):
    (given,) = step(failed, "paid").payloads_in
    assert given.items == 10_000
    plan = await product.plan(failed.id, at="paid", items="id = 4711")
    assert [(one.step, one.to_send, one.delivered) for one in plan.steps] == [("send", 1, 0)]
    run = await product.redrive(failed.id, at="paid", items="id = 4711")
    assert run.status == "success"
    assert warehouse.taken == [order(4711)]
    (chosen,) = step(run, "paid").payloads_in
    assert chosen.items == 1
    assert (await product.client.payloads.items(chosen.id, 0, 9)).items == [order(4711).decode()]


async def test_the_items_that_failed(product, warehouse, failed):
    run = await product.redrive(failed.id, at="paid", items="failed")
    assert run.status == "success"
    assert warehouse.taken == [order(4711), order(4712), order(9001)]
    assert step(run, "send").deliveries.delivered == 3


async def test_items_that_failed_and_are_in_a_list(product, warehouse, failed):
    run = await product.redrive(failed.id, at="paid", items='failed and id in 4711,"9001",17 and shop = uk')
    assert run.status == "success"
    assert warehouse.taken == [order(4711), order(9001)]


async def test_after_a_step_the_items_of_its_output_are_chosen(product, warehouse, failed):
    run = await product.redrive(failed.id, after="batches", items="id in 9001,4711")
    assert run.status == "success"
    assert [one.items for one in step(run, "send").payloads_in] == [1, 1]
    assert warehouse.taken == [order(4711), order(9001)]


async def test_chosen_items_that_were_delivered_are_left_out(product, warehouse, failed):
    run = await product.redrive(failed.id, at="paid", items="id in 16,17,9001")
    assert warehouse.taken == [order(9001)]
    assert step(run, "send").deliveries.skipped == 2


WRONG = {
    "id = 10000": "items.none",
    "id = 4711 and id = 4712": "items.none",
    "total = 4711.1": "items.none",  # spelt 4711.10
    "id == 4711": "items.invalid",
    "id in": "items.invalid",
    "": "items.invalid",
    "failed or id = 1": "items.invalid",
}


async def test_a_selection_that_fits_nothing_or_says_nothing(product, warehouse, failed):
    for items, code in WRONG.items():
        with pytest.raises(UsageError) as caught:
            await product.redrive(failed.id, at="paid", items=items)
        assert caught.value.code == code
        assert caught.value.hint
    assert [run.id for run in (await product.client.runs.list()).items] == [failed.id]
    assert warehouse.taken == []


async def test_the_command_takes_the_same_expression(product, warehouse, failed, redrive):
    ended = redrive("redrive", failed.id, "--at", "send", "--items", "id = 9001", "--json")
    assert ended.code == 0, ended.err
    assert warehouse.taken == [order(9001)]
    assert json.loads(warehouse.taken[0])["id"] == 9001


@pytest.mark.parametrize(
    ("endpoint", "key"), [("judge", "id"), ("take-each", "id"), ("take-each", None)], ids=str
)
@pytest.mark.parametrize("shape", ["alone", "in a try"])
async def test_a_retry_sends_the_refused_items_of_a_payload(product, warehouse, endpoint, key, shape):
    send = {"id": "send", "shape": "connector", "connection": "warehouse", "endpoint": endpoint}
    if key:
        send["key"] = key
    steps = [send] if shape == "alone" else [{"id": "guard", "shape": "try", "steps": [send], "catch": []}]
    await product.load(warehouse.documents, json.dumps({"flow": "orders", "steps": steps}))
    payload = await product.upload(b"[" + b",".join(map(order, range(4))) + b"]", filename="orders.json")
    warehouse.refused = {"1", "2"}
    run = await product.run("orders", payloads=[payload])
    assert run.status == ("failure" if shape == "alone" else "partial_success")
    assert warehouse.counts == {"0": 1, "3": 1}
    warehouse.refused = {"2"}
    plan = await product.client.redrives.plan_retry(run.id, RetryRequest())
    assert [(one.step, one.to_send) for one in plan.steps] == [("send", 2 if key else None)]
    again = await product.retry(run.id)
    assert again.status == run.status
    assert warehouse.counts == {"0": 1, "1": 1, "3": 1}
    warehouse.refused = set()
    last = await product.retry(again.id)
    assert last.status == "success"
    assert warehouse.counts == {"0": 1, "1": 1, "2": 1, "3": 1}
    assert (await product.client.runs.get(run.id)).healed_by == last.id


@pytest.mark.parametrize(
    ("media_type", "items_path", "given", "chosen"),
    [
        ("text/csv", "", b'id;name\r\n1;"a\r\n;b"\r\n2;c\r\n03;d\r\n', b'id;name\r\n1;"a\r\n;b"\r\n03;d\r\n'),
        (
            "application/xml",
            "orders.order",
            (
                b'<orders xmlns="urn:x"><order no="1"><id>1</id></order><order><id>2</id></order> '
                b"<order><id> 03 </id></order></orders>"
            ),
            b'<orders xmlns="urn:x"><order no="1"><id>1</id></order></orders>',
        ),
        ("application/x-ndjson", "", b'{"id":1}\n{"id": "2"}\n{"id":"03"}\n', b'{"id":1}\n{"id":"03"}'),
    ],
    ids=["csv", "xml", "ndjson"],
)
async def test_items_of_other_formats_are_chosen_by_their_fields(
    product, media_type, items_path, given, chosen
):
    await product.load("flow: f\nsteps:\n  - {id: on, shape: set_variables, meta: {a: b}}")
    payload = await product.upload(given, media_type=media_type, items_path=items_path)
    run = await product.run("f", payloads=[payload])
    assert step(run, "on").payloads_in[0].items == 3
    again = await product.redrive(run.id, at="on", items="id in 1,03", confirm=True)
    (out,) = step(again, "on").payloads_out
    assert await product.bytes(out.id) == chosen


async def test_an_item_is_edited_beside_the_others(product, warehouse, failed):
    (given,) = step(failed, "paid").payloads_in
    mended = order(4711).replace(b".10", b".20").decode()
    request = {"at": "paid", "items": "#4711", "item_edits": {given.id: {"4711": mended}}, "reason": "price"}
    assert (await product.plan(failed.id, **request)).steps[0].to_send == 1
    run = await product.redrive(failed.id, **request)
    assert run.status == "success"
    assert warehouse.taken == [mended.encode()]
    (chosen,) = step(run, "paid").payloads_in
    detail = await product.client.payloads.get(chosen.id)
    assert detail.edited_from == given.id


async def test_an_edited_item_has_its_patch(product, failed):
    (given,) = step(failed, "paid").payloads_in
    request = {"at": "paid", "item_edits": {given.id: {"3": '{"id":3,"status":"paid"}'}}, "reason": "why"}
    run = await product.redrive(failed.id, **request, confirm=True)
    (whole,) = step(run, "paid").payloads_in
    detail = await product.client.payloads.get(whole.id)
    assert (whole.items, detail.edit_reason) == (10_000, "why")
    assert {change["path"].split("/")[1] for change in detail.patch} == {"3"}
    items = (await product.client.payloads.items(whole.id, 2, 5)).items
    assert items == [order(2).decode(), '{"id":3,"status":"paid"}', order(4).decode()]
    way = await product.client.payloads.way(whole.id, 3)
    assert [(one.payload, one.item) for one in way.before][-1] == (given.id, 3)


@pytest.mark.parametrize(
    ("number", "text", "code"),
    [
        ("3", '{"id":', "edit.invalid"),
        ("3", "", "edit.invalid"),
        ("10000", "{}", "items.none"),
        ("x", "{}", "items.invalid"),
    ],
)
async def test_an_edit_of_an_item_that_cannot_be_is_refused(product, failed, number, text, code):
    (given,) = step(failed, "paid").payloads_in
    with pytest.raises(RedriveError) as caught:
        await product.plan(failed.id, at="paid", item_edits={given.id: {number: text}})
    assert caught.value.code == code


async def test_failed_items_of_one_payload_among_many(product, warehouse, failed):
    payloads = step(failed, "send").payloads_in
    run = await product.redrive(failed.id, at="send", payloads=[payloads[3].id], items="failed")
    assert warehouse.taken == [order(9001)]
    assert run.status == "success"
