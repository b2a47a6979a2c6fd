"""Where a value stood, and what became of it there."""

from __future__ import annotations

import pytest

from redrive.core.ids import to_text
from redrive.engine.clock import instant
from redrive.errors import UsageError
from redrive.service import outcomes
from redrive.service.search import Search
from tests.unit.service.building import lineage_of


@pytest.fixture
def search(home):
    return Search(home.kernel)


@pytest.fixture
async def sent(home):
    """A run that tracked three orders of one payload, mapped them, and sent two; with its buckets."""
    return await sent_run(home)


async def sent_run(home, *statuses):
    run = await home.run(status="failure")
    page = await home.bucket(run.id, 0, b"[1,2,3]", items=3)
    marked = await home.bucket(run.id, 1, b"[1,2,3]", items=3)
    await home.step(run, "pull", outputs=[page[0].bucket], bucket=page[0].bucket, payloads_out=1)
    await home.step(
        run,
        "mark",
        inputs=[page[0].bucket],
        outputs=[marked[0].bucket],
        bucket=marked[0].bucket,
        payloads_out=1,
    )
    await home.step(run, "send", inputs=[marked[0].bucket], delivered=1, rejected=1)
    for item in range(3):
        await home.tracked(str(1042 + item), run, payload_id=page[0].id, item=item)
    return run, page[0], marked[0]


def facts(page):
    return [(item.run, item.step, item.payload, item.item, item.field, item.delivery) for item in page.items]


async def test_a_tracked_value_leads_to_its_item(home, search, sent):
    run, page, _ = sent
    found = await search.find("1043")
    assert facts(found) == [(to_text("r", run.id), "mark", to_text("p", page.id), 1, "order", None)]
    item = found.items[0]
    assert (item.flow, item.value, item.at) == ("orders", "1043", instant(run.started_at))
    assert found.next is None
    assert (await search.find("104")).items == []
    assert (await search.find("1043", field="sku")).items == []
    assert len((await search.find("1043", field="order")).items) == 1


async def test_a_delivery_key_leads_to_the_item_that_was_sent(home, search, sent):
    run, page, marked = sent
    target = await home.target()
    number = await home.delivery(target, "1042", run, "delivered", payload_id=marked.id)
    await home.event(number, run, "delivered", payload_id=marked.id)
    assert facts(await search.find("1042")) == [
        (to_text("r", run.id), "send", to_text("p", marked.id), 0, "id", "delivered"),
        (to_text("r", run.id), "mark", to_text("p", page.id), 0, "order", "delivered"),
    ]
    assert [item.step for item in (await search.find("1042", field="id")).items] == ["send"]


async def test_every_run_keeps_its_own_outcome(home, search):
    target = await home.target()
    first, _, marked = await sent_run(home)
    number = await home.delivery(target, "1042", first, "delivered", payload_id=marked.id)
    await home.event(number, first, "rejected", payload_id=marked.id)
    again = await home.run(source_run=first.id, trigger="retry")
    await home.step(again, "mark", status="kept")
    await home.step(again, "send", inputs=[marked.bucket], delivered=1)
    await home.event(number, again, "unknown", payload_id=marked.id)
    await home.event(number, again, "delivered", payload_id=marked.id)
    later, _, other = await sent_run(home)
    await home.event(number, later, "skipped", payload_id=other.id)
    assert [(item.run, item.step, item.delivery) for item in (await search.find("1042")).items] == [
        (to_text("r", later.id), "send", "skipped"),
        (to_text("r", later.id), "mark", "skipped"),
        (to_text("r", again.id), "send", "delivered"),
        (to_text("r", first.id), "send", "rejected"),
        (to_text("r", first.id), "mark", "rejected"),
    ]


async def test_an_item_that_is_being_sent_is_begun(home, search, sent):
    run, page, marked = sent
    await home.step(run, "send", inputs=[marked.bucket], status="running")
    await home.tracked("ann@example.com", run, payload_id=page.id, item=2, field="email")
    await home.delivery(await home.target(), "1044", run, "begun", payload_id=marked.id, item=2)
    assert [(item.step, item.delivery) for item in (await search.find("1044")).items] == [
        ("send", "begun"),
        ("mark", "begun"),
    ]
    assert [item.delivery for item in (await search.find("ann@example.com")).items] == ["begun"]
    assert [item.delivery for item in (await search.find("1043")).items] == [None]


async def test_an_item_that_got_no_outcome_is_found_once(home, search, sent):
    run, _, marked = sent
    await home.target()
    await home.tracked("1044", run, position=2, payload_id=marked.id, item=2, field="id")
    assert [(item.step, item.field, item.delivery) for item in (await search.find("1044")).items] == [
        ("send", "id", None),
        ("mark", "order", None),
    ]
    # An attempt later it is sent: the same item is still one row.
    number = await home.delivery(
        await home.target("orders/other"), "1044", run, "rejected", payload_id=marked.id, item=2
    )
    await home.event(number, run, "rejected", payload_id=marked.id, item=2)
    assert [(item.step, item.field, item.delivery) for item in (await search.find("1044")).items] == [
        ("send", "id", "rejected"),
        ("mark", "order", "rejected"),
    ]


async def test_keys_of_a_stored_request_that_another_run_sent_again_stood_in_no_payload_of_it(
    home, search, sent
):
    run, _, marked = sent
    number = await home.delivery(await home.target(), "77", run, "delivered", payload_id=marked.id)
    await home.event(number, run, "delivered", payload_id=marked.id, item=-1)
    assert (await search.find("77")).items == []


async def test_a_key_without_a_known_field(home, search, sent):
    run, _, marked = sent
    number = await home.delivery(
        await home.target(key_field=None), "77", run, "delivered", payload_id=marked.id
    )
    await home.event(number, run, "delivered", payload_id=marked.id)
    assert [item.field for item in (await search.find("77")).items] == ["key"]


# ---- tracked under another name than the key


async def test_an_outcome_is_found_by_lineage(home, search, sent):
    run, page, marked = sent
    await home.tracked("ann@example.com", run, payload_id=page.id, item=1, field="email")
    await home.tracked("bob@example.com", run, payload_id=page.id, item=0, field="email")
    target = await home.target()
    for key, item, status in (("1043", 1, "rejected"), ("1044", 2, "delivered")):
        number = await home.delivery(target, key, run, status, payload_id=marked.id, item=item)
        await home.event(number, run, status, payload_id=marked.id, item=item)
    assert [item.delivery for item in (await search.find("ann@example.com")).items] == ["rejected"]
    assert [item.delivery for item in (await search.find("bob@example.com")).items] == [None]


async def test_lineage_leads_through_batches_skipped_steps_and_several_buckets(home, search):
    run = await home.run()
    first = await home.bucket(run.id, -1, b"[0,1]", b"[2,3]", items=2)
    second = await home.bucket(run.id, -1, b"[4,5]", items=2)
    inputs = [first[0].bucket, second[0].bucket]
    # Batches: the items 5 and 3 (second of payload 2, second of payload 1), then the item 0.
    one = await home.bucket(run.id, 1, b"[5,3]", items=2, lineage=lineage_of((2, 1), (1, 1)))
    two = await home.bucket(run.id, 1, b"[0]", items=1, lineage=lineage_of((0, 0)))
    await home.step(run, "pull", inputs=inputs, bucket=one[0].bucket, outputs=[one[0].bucket], payloads_out=1)
    await home.step(run, "mark", inputs=[one[0].bucket], outputs=[one[0].bucket], status="skipped")
    await home.step(run, "send", inputs=[two[0].bucket, one[0].bucket], delivered=2, position=2)
    for name, payload, item in (("five", second[0], 1), ("three", first[1], 1), ("four", second[0], 0)):
        await home.tracked(name, run, position=0, payload_id=payload.id, item=item, field="name")
    target = await home.target()
    for key, item, status in (("5", 0, "delivered"), ("3", 1, "unknown")):
        number = await home.delivery(target, key, run, status, payload_id=one[0].id, item=item)
        await home.event(number, run, status, payload_id=one[0].id, item=item)
    got = {
        name: [item.delivery for item in (await search.find(name)).items]
        for name in ("five", "three", "four")
    }
    assert got == {"five": ["delivered"], "three": ["unknown"], "four": [None]}


async def test_a_value_that_is_the_key_of_something_else_is_not_taken_for_it(home, search, sent):
    run, page, marked = sent
    await home.tracked("1042", run, payload_id=page.id, item=2, field="quantity")
    number = await home.delivery(await home.target(), "1042", run, "delivered", payload_id=marked.id)
    await home.event(number, run, "delivered", payload_id=marked.id)
    assert {(item.step, item.field): item.delivery for item in (await search.find("1042")).items} == {
        ("send", "id"): "delivered",
        ("mark", "order"): "delivered",
        ("mark", "quantity"): None,
    }


async def test_a_run_too_large_to_follow_is_answered_by_the_key(home, search, sent, monkeypatch):
    monkeypatch.setattr(outcomes, "MAX_PAYLOADS", 0)
    run, page, marked = sent
    await home.tracked("ann@example.com", run, payload_id=page.id, item=0, field="email")
    number = await home.delivery(await home.target(), "1042", run, "delivered", payload_id=marked.id)
    await home.event(number, run, "delivered", payload_id=marked.id)
    assert [item.delivery for item in (await search.find("1042")).items] == ["delivered", "delivered"]
    assert [item.delivery for item in (await search.find("ann@example.com")).items] == [None]


# ---- pages


async def test_pages_through_both_sources_hold_each_row_once(home, search):
    target = await home.target()
    number, wanted = None, []
    for n in range(7):
        run, page, marked = await sent_run(home)
        if n % 3 != 2:
            number = number or await home.delivery(target, "1042", run, "delivered", payload_id=marked.id)
            await home.event(number, run, "unknown", payload_id=marked.id)
            await home.event(number, run, "delivered", payload_id=marked.id)
            wanted.append((to_text("r", run.id), "send", "id"))
        await home.tracked("1042", run, payload_id=page.id, field="sku")
        wanted += [(to_text("r", run.id), "mark", "sku"), (to_text("r", run.id), "mark", "order")]
    order = {run: n for n, run in enumerate(dict.fromkeys(run for run, *_ in reversed(wanted)))}
    wanted.sort(key=lambda row: order[row[0]])
    everything = [(item.run, item.step, item.field) for item in (await search.find("1042", limit=500)).items]
    assert sorted(everything, key=lambda row: order[row[0]]) == everything
    assert sorted(everything) == sorted(wanted)
    for limit in (1, 2, 3, 5):
        shown, cursor = [], None
        while True:
            page = await search.find("1042", limit=limit, cursor=cursor)
            shown += [(item.run, item.step, item.field) for item in page.items]
            if (cursor := page.next) is None:
                break
        assert shown == everything
    by_field, cursor = [], None
    while True:
        page = await search.find("1042", field="order", limit=2, cursor=cursor)
        by_field += [(item.run, item.delivery) for item in page.items]
        if (cursor := page.next) is None:
            break
    assert len(by_field) == 7
    assert [delivery for _, delivery in by_field].count("delivered") == 5


@pytest.mark.parametrize("value", ["", "%", "' OR 1=1 --", "\0", "\ud800", "x" * 100_000, "🎉"])
async def test_any_text_is_only_a_value(home, search, sent, value):
    assert (await search.find(value)).items == []
    assert (await search.find("1042", field=value)).items == []


async def test_a_cursor_of_another_list_is_refused(search):
    with pytest.raises(UsageError):
        await search.find("1042", cursor="WzFd")
