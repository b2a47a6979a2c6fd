"""The next page is asked for while one is kept, over real sockets."""

# ruff: noqa: SIM117 - first the server, then the connection to it
from __future__ import annotations

import asyncio
import json

import pytest

from redrive.errors import StoreFull
from tests.integration.connectors.bench import Seen, bench, reply, served


def listing(**more):
    return {
        "direction": "receive",
        "request": {"method": "GET", "path": "/orders"},
        "items": "orders",
        "paginate": {"by": "page_number"},
        **more,
    }


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_next_page_is_asked_for_while_one_is_kept_where_that_changes_nothing(method):
    asked = asyncio.Event()

    def answer(seen: Seen):
        number = int(seen.query["page"])
        if number == 2:
            asked.set()
        return reply({"orders": [{"id": number}] if number <= 2 else []})

    endpoint = listing(request={"method": method, "path": "/orders"})
    async with served(answer) as site, bench(site, endpoint) as at:
        outs = at.outs()
        first = await anext(outs)
        assert first.checkpoint["page"] == 1
        if method == "GET":
            async with asyncio.timeout(5):
                await asked.wait()
        assert [seen.query["page"] for seen in site.seen] == (["1", "2"] if method == "GET" else ["1"])
        assert [out.checkpoint["page"] async for out in outs] == [2]
        assert [seen.query["page"] for seen in site.seen] == ["1", "2", "3"]


async def test_a_page_that_was_asked_for_and_is_not_wanted_is_let_go():
    asked, cut = asyncio.Event(), asyncio.Event()

    async def answer(seen: Seen):
        if seen.query["page"] == "2":
            asked.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cut.set()
                raise
        return reply({"orders": [{"id": 1}]})

    async with served(answer, cuts=True) as site:
        async with bench(site, listing()) as at:
            outs = at.outs()
            await anext(outs)
            async with asyncio.timeout(5):
                await asked.wait()
                await outs.aclose()
                await cut.wait()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "page ahead"]


def pages_of(count: int, asked: asyncio.Event):
    def answer(seen: Seen):
        number = int(seen.query["page"])
        if number == 2:
            asked.set()
        return reply({"orders": [{"id": number}] if number <= count else []})

    return answer


async def test_the_next_page_is_asked_for_while_one_is_stored_and_exchanges_stay_in_order():
    asked = asyncio.Event()
    async with served(pages_of(3, asked)) as site:
        async with bench(site, listing()) as at:
            ctx = at.context()
            store = ctx.store

            async def late(data):
                if b'"id": 1}' in data:
                    async with asyncio.timeout(5):
                        await asked.wait()
                return await store(data)

            ctx.store = late
            result = await at.run(ctx=ctx)
    assert result.error is None
    assert result.values == [[{"id": 1}], [{"id": 2}], [{"id": 3}]]
    bodies = [json.loads(await answer.body.read())["orders"] for _, answer in result.exchanges]
    assert bodies == [[{"id": 1}], [{"id": 2}], [{"id": 3}], []]


async def test_a_page_that_cannot_be_stored_is_not_put_out_and_leaves_nothing_under_way():
    async with served(pages_of(3, asyncio.Event())) as site:
        async with bench(site, listing()) as at:
            ctx = at.context()
            store = ctx.store

            async def full(data):
                if b'"id": 2}' in data:
                    raise StoreFull("no room")
                return await store(data)

            ctx.store = full
            outs = at.outs(ctx=ctx)
            assert (await anext(outs)).checkpoint["page"] == 1
            with pytest.raises(StoreFull):
                await anext(outs)
    assert [json.loads(await answer.body.read())["orders"] for _, answer in ctx.exchanges] == [[{"id": 1}]]
    assert not [task for task in asyncio.all_tasks() if task.get_name() in {"page ahead", "store page"}]
