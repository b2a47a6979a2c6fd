"""The run log as it is read: filters, pages, one run with its steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from redrive.core.ids import to_text
from redrive.core.run import Begin, Plan
from redrive.engine.clock import instant
from redrive.errors import NotFound, PayloadGone, UsageError
from redrive.service.runlog import LISTED, RunLog
from tests.unit.service.building import FLOW, START


def rid(run):
    return to_text("r", run.id)


async def ids(page):
    return [row.id for row in (await page).items]


@pytest.fixture
def log(home):
    return RunLog(home.kernel)


# ---- lists


async def test_the_newest_run_comes_first_and_cursors_lead_through_all(home, log):
    runs = [await home.run() for _ in range(5)]
    first = await log.list(limit=2)
    second = await log.list(limit=2, cursor=first.next)
    third = await log.list(limit=2, cursor=second.next)
    shown = [row.id for page in (first, second, third) for row in page.items]
    assert shown == [rid(run) for run in reversed(runs)]
    assert third.next is None


async def test_a_page_that_is_just_full_has_no_next(home, log):
    await home.run()
    await home.run()
    assert (await log.list(limit=2)).next is None


async def test_a_run_that_comes_between_two_pages_shifts_nothing(home, log):
    old = [await home.run() for _ in range(3)]
    first = await log.list(limit=1)
    await home.run()
    assert await ids(log.list(limit=5, cursor=first.next)) == [rid(old[1]), rid(old[0])]


@pytest.mark.parametrize("time_s", [-1.0, 60.0], ids=["no time", "time enough"])
async def test_a_long_log_is_looked_through_page_by_page(home, log, monkeypatch, time_s):
    monkeypatch.setattr("redrive.store.runlog.WALK", 2)
    monkeypatch.setattr("redrive.store.runlog.WALK_APART", 2)
    monkeypatch.setattr("redrive.service.runlog.WALK_S", time_s)
    runs = [await home.run(summary="wanted" if n in (0, 4) else "") for n in range(7)]
    pages = [await log.list(text="wanted")]
    while pages[-1].next is not None:
        pages.append(await log.list(text="wanted", cursor=pages[-1].next))
    assert [row.id for page in pages for row in page.items] == [rid(runs[4]), rid(runs[0])]
    assert (len(pages) > 1) is (time_s < 0)
    assert await ids(log.list(text="wanted", limit=1)) == [rid(runs[4])]


async def test_one_status_or_several(home, log):
    good, bad, stopped = [await home.run(status=status) for status in ("success", "failure", "stopped")]
    assert await ids(log.list(status="failure")) == [rid(bad)]
    assert await ids(log.list(status="success, stopped")) == [rid(stopped), rid(good)]
    assert await ids(log.list(status="success,success")) == [rid(good)]


async def test_pages_of_several_statuses_and_flows_stay_in_order(home, log):
    runs = [await home.run(flow_id=1 + n % 2, status=("success", "failure")[n // 2 % 2]) for n in range(12)]
    shown, cursor = [], None
    while True:
        page = await log.list(status="success,failure", flow="orders", limit=5, cursor=cursor)
        shown += [row.id for row in page.items]
        if (cursor := page.next) is None:
            break
    assert shown == [rid(run) for run in reversed(runs)]


async def test_an_unknown_status_names_the_nearest(log):
    with pytest.raises(UsageError) as caught:
        await log.list(status="failed")
    assert caught.value.code == "status.unknown"
    assert "failure" in caught.value.hint


async def test_by_flow_also_where_the_flow_was_deleted_and_made_again(home, log):
    before = await home.run(flow_id=7)
    await home.run("stock", flow_id=8)
    now = await home.run(flow_id=9)
    assert await ids(log.list(flow="orders")) == [rid(now), rid(before)]
    assert await ids(log.list(flow="nothing")) == []


async def test_flow_and_status_through_either_index(home, log):
    for _ in range(3):
        await home.run("stock", flow_id=2, status="success")
    good = await home.run(status="success")
    bad = await home.run(status="failure")
    assert await ids(log.list(flow="orders", status="failure")) == [rid(bad)]
    assert await ids(log.list(flow="orders", status="success")) == [rid(good)]
    assert await ids(log.list(flow="stock", status="failure")) == []


async def test_by_trigger_version_and_warnings(home, log):
    plain = await home.run(trigger="api", version=2)
    warned = await home.run(trigger="retry", warnings=3)
    assert await ids(log.list(trigger="api")) == [rid(plain)]
    assert await ids(log.list(version=2)) == [rid(plain)]
    assert await ids(log.list(warnings=True)) == [rid(warned)]
    assert await ids(log.list(warnings=False)) == [rid(plain)]
    assert await ids(log.list(version=1 << 70)) == []


async def test_since_counts_from_when_a_run_was_queued(home, log):
    await home.run()
    middle = await home.run()
    last = await home.run()
    at = instant(middle.queued_at)
    assert await ids(log.list(since=at)) == [rid(last), rid(middle)]
    assert await ids(log.list(since=at.astimezone(timezone(timedelta(hours=9))))) == [rid(last), rid(middle)]
    assert await ids(log.list(since=at + timedelta(microseconds=1))) == [rid(last)]
    assert len((await log.list(since=datetime.min.replace(tzinfo=UTC))).items) == 3
    assert await ids(log.list(since=datetime.max.replace(tzinfo=UTC))) == []


async def test_since_finds_a_run_that_was_queued_while_the_clock_was_set_back(home, log):
    run = await home.run(queued_at=START + 3_600_000_000)
    assert await ids(log.list(since=instant(run.queued_at - 30_000_000))) == []
    # The other way round, the id is younger than the queueing.
    late = await home.run(queued_at=START - 3_600_000_000)
    assert await ids(log.list(since=instant(late.queued_at))) == [rid(late), rid(run)]


async def test_since_without_a_time_zone_is_refused(log):
    with pytest.raises(UsageError) as caught:
        await log.list(since=datetime(2026, 1, 1))  # noqa: DTZ001
    assert caught.value.code == "since.invalid"


async def test_text_stands_in_the_summary_the_flow_or_the_id(home, log):
    run = await home.run(summary="send: 10 payloads FAILED")
    other = await home.run("Stock levels", flow_id=2)
    assert await ids(log.list(text="failed")) == [rid(run)]
    assert await ids(log.list(text="STOCK")) == [rid(other)]
    assert await ids(log.list(text=rid(run))) == [rid(run)]
    assert await ids(log.list(text=rid(run).upper())) == [rid(run)]
    assert await ids(log.list(text=rid(run)[1:])) == [rid(run)]
    assert await ids(log.list(text=rid(other)[-5:])) == [rid(other)]
    assert await ids(log.list(text=rid(other)[4:-1])) == [rid(other)]
    assert await ids(log.list(text=rid(other)[:7])) == [rid(other), rid(run)]


@pytest.mark.parametrize("text", ["%", "_", "\\", "a%b", "'", '"; drop table runs --', "\0", "x" * 100_000])
async def test_wildcards_and_quotes_are_only_text(home, log, text):
    await home.run(summary="all is well")
    assert await ids(log.list(text=text)) == []
    run = await home.run(summary=f"before {text} behind")
    assert await ids(log.list(text=text)) == [rid(run)]


async def test_a_text_that_is_no_text_finds_nothing(home, log):
    await home.run()
    assert await ids(log.list(text="\ud800")) == []
    assert await ids(log.list(flow="\ud800")) == []


@pytest.mark.parametrize(
    "cursor", ["", "x", "é", "WyJhIl0", "W10", "WzFdWzFd", "bnVsbA", "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OV0"]
)
async def test_a_cursor_of_another_list_is_refused(log, cursor):
    with pytest.raises(UsageError) as caught:
        await log.list(cursor=cursor)
    assert caught.value.code == "cursor.invalid"


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_page_has_an_entry_at_least(log, limit):
    with pytest.raises(UsageError) as caught:
        await log.list(limit=limit)
    assert caught.value.code == "limit.invalid"


async def test_a_row_tells_its_times_variables_and_redrives(home, log):
    run = await home.run(variables={"order_id": 12345678901234567890}, status="failure", start_step="send")
    again = [await home.run(source_run=run.id, trigger="retry") for _ in range(2)]
    row = (await log.list(limit=3)).items[2]
    assert row.redrives == [rid(one) for one in again]
    assert row.variables == {"order_id": 12345678901234567890}
    assert row.duration_s == 1.5
    assert row.queued_at == instant(run.queued_at)
    assert (row.source_run, row.start_step) == (None, "send")
    assert (await log.row(again[0].id)).source_run == rid(run)


async def test_the_duration_of_a_running_run_counts_to_now(home, log):
    run = await home.run(status="running")
    home.clock.forward(10)
    assert (await log.row(run.id)).duration_s == 9.5
    waiting = await home.run(status="queued")
    assert (await log.row(waiting.id)).duration_s is None


async def test_variables_of_a_redrive_are_those_it_ran_with(home, log):
    plan = Plan(start="at", step="send", asked={"variables": {"b": 3}})
    run = await home.run(variables={"a": 1, "b": 2}, plan=plan)
    assert (await log.row(run.id)).variables == {"a": 1, "b": 3}


# ---- one run


async def test_every_step_of_the_version_is_listed_in_document_order(home, log):
    await home.version()
    run = await home.run(status="failure")
    await home.step(run, "mark", status="failure", error={"code": "c", "title": "t", "detail": "d"})
    await home.step(run, "pull")
    view = await log.get(rid(run))
    assert [(step.step, step.status) for step in view.steps] == [
        ("pull", "success"),
        ("mark", "failure"),
        ("send", "pending"),
        ("after", "pending"),
    ]
    assert view.steps[1].error.detail == "d"
    assert view.steps[2].name == "To the ERP"
    assert view.steps[2].payloads_in == []
    assert view.plan is None


async def test_a_version_that_no_longer_builds_shows_its_records(home, log):
    await home.version(FLOW.replace(b"track", b"shape_that_was_removed"))
    run = await home.run()
    await home.step(run, "mark")
    assert [step.step for step in (await log.get(rid(run))).steps] == ["mark"]
    lost = await home.run(version=9)
    assert (await log.get(rid(lost))).steps == []


async def test_payload_lists_of_a_step_come_from_its_buckets(home, log):
    await home.version()
    run = await home.run()
    first = await home.bucket(run.id, 0, b"[1]", b"[2]", items=1, meta=b'{"page":"1"}')
    second = await home.bucket(run.id, 0, b"[3,4]", items=2)
    inputs = [first[0].bucket, second[0].bucket]
    out = await home.bucket(run.id, 1, b"[5]")
    step = await home.step(
        run, "mark", inputs=inputs, outputs=[out[0].bucket], payloads_in=3, items_in=4, bytes_in=11,
        payloads_out=1, items_out=1, bytes_out=3, failed=2, delivered=4, skipped=3, rejected=2, unknown=1,
    )  # fmt: skip
    await home.failed(step, 1, first[1].id)
    await home.failed(step, 0, 0)  # the empty payload of a start without data
    shown = (await log.get(rid(run))).steps[1]
    assert [p.id for p in shown.payloads_in] == [to_text("p", p.id) for p in (*first, *second)]
    assert shown.payloads_in[0].meta == {"page": "1"}
    assert [p.items for p in shown.payloads_in] == [1, 1, 2]
    assert [p.id for p in shown.payloads_out] == [to_text("p", out[0].id)]
    assert [p.id for p in shown.failed_payloads] == [to_text("p", first[1].id)]
    assert shown.counts == {
        "payloads_in": 3, "items_in": 4, "bytes_in": 11, "payloads_out": 1, "items_out": 1, "bytes_out": 3,
        "failed_payloads": 2,
    }  # fmt: skip
    assert shown.deliveries.model_dump() == {"delivered": 4, "skipped": 3, "rejected": 2, "unknown": 1}
    assert shown.duration_s == 1.5


async def test_the_empty_payload_of_a_start_without_data_is_not_listed(home, log):
    await home.version()
    run = await home.run()
    for inputs in (None, []):
        await home.step(run, "pull", inputs=inputs)
        assert (await log.get(rid(run))).steps[0].payloads_in == []


async def test_payload_lists_end_at_a_hundred_and_their_cursor_leads_on(home, log):
    await home.version()
    run = await home.run()
    one = await home.bucket(run.id, 0, *[b"[%d]" % n for n in range(60)])
    two = await home.bucket(run.id, 0, *[b"[%d]" % n for n in range(60, 130)])
    buckets = [one[0].bucket, two[0].bucket]
    step = await home.step(run, "mark", inputs=buckets, outputs=buckets, failed=130)
    for number, payload in enumerate([*one, *two]):
        await home.failed(step, number, payload.id)
    everything = [to_text("p", payload.id) for payload in (*one, *two)]
    shown = (await log.get(rid(run))).steps[1]
    for side, listed, after in (
        ("in", shown.payloads_in, shown.payloads_in_next),
        ("out", shown.payloads_out, shown.payloads_out_next),
        ("failed", shown.failed_payloads, shown.failed_payloads_next),
    ):
        assert [p.id for p in listed] == everything[:LISTED]
        rest = await log.payloads(rid(run), "mark", side, cursor=after)
        assert [p.id for p in rest.items] == everything[LISTED:]
        assert rest.next is None
        pages, cursor = [], None
        while True:
            page = await log.payloads(rid(run), "mark", side, limit=55, cursor=cursor)
            pages += [p.id for p in page.items]
            if (cursor := page.next) is None:
                break
        assert pages == everything


async def test_a_running_step_shows_what_it_has_put_out_so_far(home, log):
    await home.version()
    run = await home.run(status="running")
    out = await home.bucket(run.id, 0, b"[1]")
    await home.step(run, "pull", status="running", bucket=out[0].bucket, finished_at=None)
    home.clock.forward(4)
    shown = (await log.get(rid(run))).steps[0]
    assert [p.id for p in shown.payloads_out] == [to_text("p", out[0].id)]
    assert shown.duration_s == 3.5


async def test_the_plan_is_shown_in_the_words_of_whoever_asked(home, log):
    await home.version()
    plan = Plan(
        start="after", step="pull", skips=["send"], delivery="send_all", reason="asked by Ann",
        asked={"after": "pull", "items": "id in 1042"}, begins={"pull": Begin(inputs=[1], after=True)},
    )  # fmt: skip
    run = await home.run(plan=plan)
    assert (await log.get(rid(run))).plan == {
        "after": "pull", "items": "id in 1042", "start": "after", "step": "pull", "skips": ["send"],
        "delivery": "send_all", "reason": "asked by Ann",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "r", "r0000000000000", "p0000000000000", "../etc", "r" * 500, "\0", "r%"]
)
async def test_an_unknown_run_is_not_found(log, text):
    for call in (log.get(text), log.logs(text), log.exchanges(text), log.payloads(text, "mark", "in")):
        with pytest.raises(NotFound) as caught:
            await call
        assert caught.value.code == "run.unknown"


# ---- inside a run


async def test_log_lines_of_a_run_and_of_a_step(home, log):
    await home.version()
    run = await home.run()
    other = await home.run()
    await home.step(run, "pull")
    await home.step(run, "send")
    await home.log(run, -1, "begun")
    await home.log(run, 0, "page 1", rows=250)
    await home.log(run, 2, "\x1b[31mred")
    await home.log(other, 0, "elsewhere")
    first = await log.logs(rid(run), limit=2)
    assert [(line.step, line.message) for line in first.items] == [(None, "begun"), ("pull", "page 1")]
    assert first.items[1].data == {"rows": 250}
    rest = await log.logs(rid(run), limit=2, cursor=first.next)
    assert [(line.step, line.message) for line in rest.items] == [("send", "\x1b[31mred")]
    assert rest.next is None
    assert [line.message for line in (await log.logs(rid(run), "pull")).items] == ["page 1"]
    assert (await log.logs(rid(run), "after")).items == []  # a step that was not reached


async def test_an_unknown_step_names_the_nearest(home, log):
    await home.version()
    run = await home.run()
    for call in (
        log.logs(rid(run), "sent"),
        log.exchanges(rid(run), "sent"),
        log.payloads(rid(run), "sent", "in"),
    ):
        with pytest.raises(NotFound) as caught:
            await call
        assert caught.value.code == "step.unknown"
        assert "send" in caught.value.hint


async def test_an_unknown_side_is_refused(home, log):
    with pytest.raises(UsageError):
        await log.payloads("r0000000000000", "send", "sideways")


async def test_exchanges_in_the_order_of_the_steps(home, log):
    await home.version()
    run = await home.run()
    await home.step(run, "pull")
    await home.step(run, "send")
    late = await home.exchange(run, 2, payload_id=5, body=b"[1]", answer=b"ok")
    early = [await home.exchange(run, 0) for _ in range(2)]
    first = await log.exchanges(rid(run), limit=2)
    assert [view.id for view in first.items] == [to_text("x", number) for number in early]
    rest = await log.exchanges(rid(run), limit=2, cursor=first.next)
    view = rest.items[0]
    assert (view.id, view.step, view.payload) == (to_text("x", late), "send", to_text("p", 5))
    assert (view.method, view.status, view.duration_ms) == ("POST", 201, 1.5)
    assert view.request_headers == [("Accept", "*/*")]
    assert (view.request_bytes, view.response_bytes) == (3, 2)
    assert first.items[0].request_body is None
    assert first.items[0].payload is None
    assert [one.id for one in (await log.exchanges(rid(run), "send")).items] == [to_text("x", late)]


async def test_the_bodies_of_an_exchange(home, log):
    run = await home.run()
    number = to_text("x", await home.exchange(run, 0, body=b"[1]", answer=b"\xff\x00"))
    assert b"".join([chunk async for chunk in log.exchange_body(number, "request")]) == b"[1]"
    assert b"".join([chunk async for chunk in log.exchange_body(number, "response")]) == b"\xff\x00"
    empty = to_text("x", await home.exchange(run, 0))
    assert [chunk async for chunk in log.exchange_body(empty, "request")] == []
    with pytest.raises(NotFound) as caught:
        await anext(log.exchange_body("x0000000000000", "request"))
    assert caught.value.code == "exchange.unknown"


async def test_a_body_that_has_expired_is_gone(home, log):
    run = await home.run()
    number = await home.exchange(run, 0, body=b"secret no longer kept")
    await home.forget_contents()
    with pytest.raises(PayloadGone):
        await anext(log.exchange_body(to_text("x", number), "request"))
