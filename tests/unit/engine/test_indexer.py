"""The search index follows the records: nothing is missed, nothing that is gone is found."""

from __future__ import annotations

import asyncio
import json
import shutil
from typing import Any

import pytest

from redrive.engine import indexer as indexing
from redrive.engine import searching, taking_up
from redrive.engine.failpoints import failpoints
from redrive.errors import StateConflict
from redrive.sdk import Out
from redrive.store import search_queue as queue
from redrive.store.search_index import Changes, Entry, Payloads

KEEP = "{id: keep, shape: filter, keep: {field: id, gt: 0}}"


def facts(page):
    return [(one.step, one.item, one.field, one.value) for one in page.items]


async def find(desk, text, **query):
    return facts(await desk.service.search.find(text, **query))


async def written(desk, work):
    return await desk.service.kernel.deps.committer.submit(work)


@pytest.fixture
async def desk(home):
    """A home that no server keeps: the index is brought up to date by each search."""
    async with home.open(serve=False) as desk:
        yield desk


async def run(desk, *payloads: Any, name: str = "f"):
    run_id = await desk.start(*payloads, name=name)
    return await desk.service.execute_until(run_id)


async def test_every_payload_of_a_run_is_found_with_its_item(desk):
    await desk.put(KEEP)
    await run(desk, [{"id": 1, "who": "Ann Lee"}, {"id": 0, "who": "Bob"}], [{"id": 2, "who": "Ann"}])
    assert (await desk.service.search.status()).state == "missing"
    assert await find(desk, "ann") == [
        ("keep", 0, "who", "Ann Lee"), ("keep", 0, "who", "Ann"),
        ("keep", 0, "who", "Ann Lee"), ("keep", 0, "who", "Ann"),
    ]  # fmt: skip
    assert await find(desk, "bob") == [("keep", 1, "who", "Bob")]
    assert await find(desk, "bob", field="id") == []
    status = await desk.service.search.status()
    assert (status.state, status.waiting_runs, status.documents) == ("complete", 0, 1)


async def test_the_newest_run_comes_first_and_a_cursor_leads_through_all(desk):
    await desk.put(KEEP)
    runs = [(await run(desk, [{"id": 1, "n": n}, {"id": 2, "n": n}])).id for n in range(4)]
    seen: list[Any] = []
    cursor = None
    while True:
        page = await desk.service.search.find("1", field="id", limit=3, cursor=cursor)
        seen += [one.run for one in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == [one for one in reversed(runs) for _ in range(2)]


async def test_keys_come_first_and_everything_is_asked_for(desk):
    await desk.put("{id: mark, shape: track, fields: {order: id}}", KEEP)
    await run(desk, [{"id": 7, "note": "7 pieces"}])
    exact = await desk.service.search.find("7")
    assert facts(exact) == [("mark", 0, "order", "7")]
    assert exact.note is None
    everything = await desk.service.search.find("7", everywhere=True)
    assert facts(everything)[0] == ("mark", 0, "order", "7")
    assert {one.value for one in everything.items} == {"7", "7 pieces"}
    first = await desk.service.search.find("7", everywhere=True, limit=1)
    rest = await desk.service.search.find("7", everywhere=True, limit=50, cursor=first.next)
    assert facts(first) + facts(rest) == facts(everything)


async def test_a_value_beside_the_items_is_found(desk):
    await desk.put("{id: wrapped, shape: map, automatic: true, wrap: orders, fields: []}")
    await run(desk, [{"id": 5}])
    assert ("wrapped", 0, "id", "5") in await find(desk, "5")
    upload = {"total": "whole", "orders": []}
    await run(desk, upload)
    assert ("wrapped", 0, "total", "whole") in await find(desk, "whole")


async def test_a_flow_may_keep_out_of_it(desk):
    await desk.put(KEEP)
    await run(desk, [{"id": 1, "who": "seen"}])
    await desk.put(KEEP, name="secret", head="settings: {search: false}")
    await run(desk, [{"id": 1, "who": "hidden"}], name="secret")
    assert await find(desk, "hidden") == []
    assert len(await find(desk, "seen")) == 2
    assert (await desk.service.search.status()).state == "complete"
    # From the next version on, and with a new index for the runs before it.
    await desk.put(KEEP, head="settings: {search: false}")
    assert len(await find(desk, "seen")) == 2
    await desk.service.search.rebuild()
    assert await find(desk, "seen") == []


async def test_a_home_may_keep_none(home):
    async with home.open(serve=False) as desk:
        await desk.put(KEEP)
        await run(desk, [{"id": 1, "who": "ann"}])
        assert await find(desk, "ann")
    home.settings["REDRIVE_SEARCH"] = "false"
    async with home.open() as desk:
        await desk.run([{"id": 1, "who": "bob"}])
        answer = await desk.service.search.find("ann")
        assert answer.items == []
        assert "off" in (answer.note or "")
        with pytest.raises(StateConflict, match="search is off"):
            await desk.service.search.rebuild()
        await until(desk, lambda status: not status.waiting_runs)
        assert not (home.path / "search.db").exists()
    del home.settings["REDRIVE_SEARCH"]
    async with home.open(serve=False) as desk:
        assert await find(desk, "ann")
        assert await find(desk, "bob")


async def until(desk, wanted):
    async with asyncio.timeout(20):
        while True:  # each asks the threads that keep it
            if wanted(await desk.service.search.status()):
                return


@pytest.fixture
def _eager(monkeypatch):
    monkeypatch.setattr(indexing, "POLL_S", 0.01)
    monkeypatch.setattr(indexing, "AGAIN_S", 0.05)


@pytest.mark.usefixtures("_eager")
async def test_a_server_keeps_it_in_the_background(home):
    async with home.open() as desk:
        await desk.put(KEEP)
        await desk.run([{"id": 1, "who": "ann"}])
        await until(desk, lambda status: status.state == "complete" and status.documents)
        assert len(await find(desk, "ann")) == 2
        await desk.service.search.rebuild()
        await until(desk, lambda status: status.state == "complete" and status.documents)
        assert len(await find(desk, "ann")) == 2
        (home.path / "search.db").unlink()
        await until(desk, lambda status: status.state == "complete" and status.documents)
        assert len(await find(desk, "ann")) == 2


async def test_runs_without_a_pause_are_taken_up_after_a_while_all_the_same(home, monkeypatch):
    monkeypatch.setattr(indexing, "POLL_S", 0.01)
    async with home.open() as desk:
        await desk.put(KEEP)
        versions = iter(range(1 << 30))
        watch = type(desk.service.kernel.deps.reader.database.watch())
        monkeypatch.setattr(watch, "version", lambda _self: next(versions))
        await desk.run([{"id": 1, "who": "ann"}])
        assert (await desk.service.search.status()).state == "behind"
        monkeypatch.setattr(indexing, "LAG_S", 0.0)
        await until(desk, lambda status: status.state == "complete")
        assert len(await find(desk, "ann")) == 2


@pytest.mark.usefixtures("_eager")
async def test_a_run_that_takes_long_is_found_as_far_as_it_is(home, world, monkeypatch):
    monkeypatch.setattr(indexing, "PART_S", 0.0)
    reached, go = asyncio.Event(), asyncio.Event()

    async def hook(payload, _ctx):
        if json.loads(await payload.content.read())[0]["id"] == 2:
            reached.set()
            await go.wait()
        yield Out(content=payload.content, like=payload)

    world.hooks["slow"] = hook
    async with home.open() as desk:
        await desk.put(KEEP, "{id: slow, shape: hooked}")
        run_id = await desk.start([{"id": 1, "who": "first"}], [{"id": 2, "who": "second"}])
        await reached.wait()
        async with asyncio.timeout(20):
            while not await find(desk, "first"):
                continue
        status = await desk.service.search.status()
        assert (status.state, status.waiting_runs) == ("behind", 1)
        answer = await desk.service.search.find("second")
        assert "may be incomplete" in (answer.note or "")
        go.set()
        await desk.ended(run_id)
        await until(desk, lambda status: status.state == "complete")
        assert sorted(await find(desk, "first")) == [("keep", 0, "who", "first")] * 2 + [
            ("slow", 0, "who", "first")
        ]
        assert len(await find(desk, "second")) == 3


async def test_runs_that_are_committed_out_of_order_are_not_missed(desk):
    """The first run's queue row stands for one that was made earlier and committed later."""
    await desk.put(KEEP)
    early = await run(desk, [{"id": 1, "who": "early"}])
    await run(desk, [{"id": 2, "who": "late"}])
    assert await find(desk, "late")
    index = desk.service.kernel.indexer.index
    number = int(queue_number(early.id))
    assert index.claim()
    index.apply(Changes(dropped=[number]))
    index.release()
    assert await find(desk, "early") == []
    await written(desk, lambda tx: tx.insert(queue.ENQUEUE, (number, queue.NEW)))
    assert len(await find(desk, "early")) == 2


def queue_number(text: str) -> int:
    from redrive.core.ids import from_text

    number = from_text("r", text)
    assert number is not None
    return number


async def test_an_index_that_is_older_than_the_records_say_is_built_anew(desk, home):
    await desk.put(KEEP)
    await run(desk, [{"id": 1, "who": "one"}])
    assert await find(desk, "one")
    for path in home.path.glob("search.db*"):
        shutil.copy(path, path.with_name(f"old-{path.name}"))
    await run(desk, [{"id": 2, "who": "two"}])
    assert await find(desk, "two")
    for path in home.path.glob("search.db*"):
        path.unlink()
    for path in home.path.glob("old-search.db*"):
        path.rename(path.with_name(path.name.removeprefix("old-")))
    assert len(await find(desk, "two")) == 2
    assert len(await find(desk, "one")) == 2


@pytest.mark.parametrize("at", ["search.begun", "search.applied"])
async def test_what_was_cut_off_is_done_once(desk, at):
    await desk.put(KEEP)
    await run(desk, [{"id": 1, "who": "one"}])

    class Cut(Exception):
        pass

    def cut(name):
        if name == at:
            failpoints.action = None
            raise Cut

    failpoints.action = cut
    with pytest.raises(Cut):
        await desk.service.search.find("one")
    assert len(await find(desk, "one")) == 2
    assert (await desk.service.search.status()).documents == 1


async def test_payloads_that_are_gone_are_not_found(desk):
    await desk.put(KEEP)
    row = await run(desk, [{"id": 1, "who": "ann"}])
    await run(desk, [{"id": 1, "who": "bob"}])
    assert await find(desk, "ann")
    number = queue_number(row.id)
    retention = desk.service.retention
    assert retention is not None
    from redrive.engine.retention import Retention
    from redrive.engine.retention_rules import Counts

    engine = Retention(desk.service.kernel.deps, desk.service.kernel.blobs, pause_s=0)
    await engine.take(number, "expire", Counts())
    assert await find(desk, "ann") == []
    assert (await desk.service.search.status()).documents == 1
    await engine.take(number, "delete", Counts())
    assert await find(desk, "ann") == []
    assert len(await find(desk, "bob")) == 2


# ---- large payloads


@pytest.fixture
def _small_windows(monkeypatch):
    monkeypatch.setattr(taking_up, "DOCUMENT_BYTES", 2000)
    monkeypatch.setattr(taking_up, "CHUNK_BYTES", 3000)


def orders(count):
    return [{"id": n, "who": f"person{n}", "note": "x" * (n % 90)} for n in range(count)]


def as_xml(rows):
    return (
        "<?xml version='1.0'?><orders><head>top</head>"
        + "\n".join(f"<order><who>{row['who']}</who><n>{row['note']}</n></order>" for row in rows)
        + "</orders>"
    )


ROWS = orders(400)
DOCUMENTS = {
    "application/json": (json.dumps(ROWS), "", "who"),
    "application/json; nested": (json.dumps({"top": 1, "orders": ROWS}, indent=1), "orders", "who"),
    "application/x-ndjson": ("\n".join(map(json.dumps, ROWS)), "", "who"),
    "text/csv": ("who;note\n" + "\n".join(f"{row['who']};{row['note']}" for row in ROWS), "", "who"),
    "application/xml": (as_xml(ROWS), "orders.order", "order.who"),
}


@pytest.mark.usefixtures("_small_windows")
@pytest.mark.parametrize("media", DOCUMENTS)
async def test_a_large_payload_is_found_item_by_item(desk, media):
    text, path, field = DOCUMENTS[media]
    await desk.put("{id: pass, shape: set_variables, variables: {a: 1}}")
    await upload_and_run(desk, text.encode(), media.partition(";")[0], path)
    for number in (0, 1, 57, 398, 399):
        found = await find(desk, f"PERSON{number}")
        assert found == [("pass", number, field, f"person{number}")] * len(found)
        assert len(found) == 2, number
    assert (await desk.service.search.status()).documents > 10
    assert await find(desk, "person400") == []


async def upload_and_run(desk, data, media, path):
    async def chunks():
        yield data

    made = await desk.service.payloads.upload(chunks(), media_type=media, items_path=path)
    from redrive.service.views import StartRequest

    started = await desk.service.runs.start("f", StartRequest(payloads=[made.id]))
    return await desk.service.execute_until(started.id)


@pytest.mark.usefixtures("_small_windows")
async def test_a_large_text_is_found_piece_by_piece(desk):
    await desk.put("{id: pass, shape: set_variables, variables: {a: 1}}")
    text = "\n".join(f"line {n} of person{n}" for n in range(2000))
    await upload_and_run(desk, text.encode(), "text/plain", "")
    assert await find(desk, "person1234") == [
        ("pass", searching.NO_ITEM, "", "line 1234 of person1234"),
        ("pass", searching.NO_ITEM, "", "line 1234 of person1234"),
    ]


@pytest.mark.usefixtures("_small_windows")
async def test_memory_stays_bounded_and_a_torn_run_is_taken_up_once(desk, monkeypatch):
    """A run with more tokens than one change takes is added in several; cut off between, it begins anew."""
    monkeypatch.setattr(indexing, "BATCH_TOKENS", 300)
    await desk.put("{id: pass, shape: set_variables, variables: {a: 1}}")
    await upload_and_run(desk, json.dumps(ROWS).encode(), "application/json", "")
    applied: list[int] = []
    index = desk.service.kernel.indexer.index
    apply = index.apply

    class Cut(Exception):
        pass

    def counted(changes):
        applied.append(len(changes.entries))
        if len(applied) == 4:
            raise Cut
        return apply(changes)

    monkeypatch.setattr(index, "apply", counted)
    with pytest.raises(Cut):
        await desk.service.search.find("person57")
    assert len(await find(desk, "person57")) == 2
    assert len(await find(desk, "person0")) == 2
    assert max(applied) < 40


async def test_a_call_reads_so_much_and_no_more(desk, monkeypatch):
    """What the index takes for possible and is not: words that stand in different values."""
    await desk.put(KEEP)
    for n in range(6):
        await run(desk, [{"id": 1, "a": "blue", "b": f"shirt {n}"}])
    await run(desk, [{"id": 1, "a": "blue shirt"}])
    monkeypatch.setattr(searching, "MOST_S", 0.0)
    pages, found, cursor = 0, [], None
    while True:
        page = await desk.service.search.find("blue shirt", cursor=cursor)
        pages, found, cursor = pages + 1, found + facts(page), page.next
        if cursor is None:
            break
    assert pages > 5
    assert facts(await desk.service.search.find("blue shirt")) == found  # what is equal comes first
    assert found == [("keep", 0, "a", "blue shirt")] * 2


async def test_wrong_candidates_are_never_shown(desk):
    await desk.put(KEEP)
    await run(desk, [{"id": 1}])
    await find(desk, "1")
    index = desk.service.kernel.indexer.index
    from redrive.core.searching import tokens

    index.claim()
    index.apply(
        Changes(entries=[Entry(1, (Payloads(1, 0, 5),), tokens(["ghost"]), old=False)], progress={1: None})
    )
    index.release()
    assert await find(desk, "ghost") == []
