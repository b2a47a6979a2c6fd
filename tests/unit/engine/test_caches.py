"""Caches and lookups in real runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from redrive.errors import NotFound, StepError
from redrive.sdk import Out, Payload, StepContext
from redrive.service.views import RedriveRequest, RetryRequest
from tests.unit.engine.world import Crash, Home, World


def add(**settings: Any) -> str:
    more = "".join(f", {name}: {value}" for name, value in settings.items())
    return f"{{id: add, shape: add_to_cache, cache: kept{more}}}"


def load(**settings: Any) -> str:
    more = "".join(f", {name}: {value}" for name, value in settings.items())
    return f"{{id: load, shape: load_from_cache, cache: kept{more}}}"


async def failing(_payload: Payload, _ctx: StepContext) -> AsyncIterator[Out]:
    raise StepError("broken")
    yield


async def test_what_one_run_keeps_another_loads_with_its_meta_and_without_a_copy(home: Home) -> None:
    async with home.open() as desk:
        await desk.put("{id: mark, shape: set_variables, meta: {shop: uk}}", add(scope="company"))
        await desk.put(load(scope="company"), name="g")
        kept = await desk.run([{"id": 1}], [{"id": 2}])
        loaded = await desk.run([0], name="g")

        assert await desk.values(loaded.id, "load") == [[{"id": 1}], [{"id": 2}]]
        out = (await desk.service.runs.payloads(loaded.id, "load", "out")).items
        assert [payload.meta for payload in out] == [{"shop": "uk"}] * 2
        assert kept.steps[1].payloads_out[0].size_bytes == out[0].size_bytes


async def test_without_append_a_later_run_replaces_and_with_it_adds(home: Home) -> None:
    async with home.open() as desk:
        await desk.put(add(append="true"), load())
        await desk.put(add(), load(), name="g")
        for name in ("f", "g"):
            await desk.run([1], [2], name=name)
        runs = {name: await desk.run([3], name=name) for name in ("f", "g")}

        assert await desk.values(runs["f"].id, "load") == [[1], [2], [3]]
        assert await desk.values(runs["g"].id, "load") == [[3]]


async def test_an_entry_for_each_item_and_a_look_up_of_a_transform(home: Home) -> None:
    async with home.open() as desk:
        await desk.put(add(entry="'{{ item.sku }}'"))
        await desk.put(
            "{id: m, shape: map, automatic: true, fields: [{to: free, from: sku, do: [{cache_lookup: "
            "{cache: kept, scope: company, at: free, default: 0}}]}]}",
            name="g",
        )
        await desk.put(add(entry="'{{ item.sku }}'", scope="company"))
        await desk.run([{"sku": "A", "free": 3}, {"sku": "B", "free": 5}])
        run = await desk.run([{"sku": "B"}, {"sku": "C"}, {"sku": "B"}], name="g")

        found = await desk.values(run.id, "m")
        assert found == [[{"sku": "B", "free": 5}, {"sku": "C", "free": 0}, {"sku": "B", "free": 5}]]


async def test_the_cache_of_a_run_is_there_for_what_is_made_from_it(home: Home, world: World) -> None:
    async with home.open() as desk:
        await desk.put(add(scope="run"), "{id: work, shape: hooked, retries: 0}", load(scope="run"))
        world.hooks["work"] = failing
        first = await desk.run([1], [2])
        del world.hooks["work"]
        retried = await desk.ended((await desk.service.redrives.retry(first.id, RetryRequest())).id)
        other = await desk.run([7])
        again = await desk.ended(
            (await desk.service.redrives.redrive(retried.id, RedriveRequest(at="add", confirm=True))).id
        )

        assert first.status == "failure"
        assert await desk.values(retried.id, "load") == [[1], [2]] * 2  # once for each input
        assert await desk.values(other.id, "load") == [[7]]
        assert await desk.values(again.id, "load") == [[1], [2]] * 2  # not twice: it was added anew


async def test_a_plan_looks_into_caches_and_writes_nothing(home: Home) -> None:
    async with home.open() as desk:
        await desk.put(
            add(), load(), "{id: send, shape: connector, connection: system, endpoint: book, key: id}"
        )
        first = await desk.run([{"id": 1}])
        await desk.service.caches.clear("kept")
        plan = await desk.service.redrives.plan(first.id, RedriveRequest(at="add"))

        assert [(step.step, step.to_send + step.delivered) for step in plan.steps] == [("send", 1)]
        assert (await desk.service.caches.entries("kept")).items == []


@pytest.mark.parametrize("point", ["payload.written", "payload.finished", "step.finished"])
async def test_a_crash_neither_loses_nor_doubles_pages(home: Home, world: World, point: str) -> None:
    async with home.open() as desk:
        await desk.put(add(append="true"), load(pages="all"))
        crash = Crash(desk, home)
        crash.at(point, 2)
        run = await desk.start([1], [2])
        await crash.happened.wait()
    async with crash.home.open() as desk:
        view = await desk.ended(run)

        assert view.status == "success"
        assert await desk.values(run, "load") == [[1], [2]] * 2


@pytest.mark.parametrize(
    ("settings", "gives"),
    [({"on_miss": "pass"}, [[{"id": 1}]]), ({"entry": "'{{ item.id }}'", "on_miss": "pass"}, [[{"id": 1}]])],
)
async def test_an_entry_whose_time_is_over_is_not_there(
    home: Home, settings: dict[str, str], gives: list[Any]
) -> None:
    async with home.open() as desk:
        entry = {name: value for name, value in settings.items() if name == "entry"}
        await desk.put(add(ttl="0.000001", **entry), load(**settings))
        run = await desk.run([{"id": 1}])

        assert await desk.values(run.id, "load") == gives


async def test_a_miss_fails_and_says_the_way_out(home: Home) -> None:
    async with home.open() as desk:
        await desk.put(load())
        run = await desk.run([1])

        assert run.steps[0].error is not None
        assert run.steps[0].error.code == "cache.miss"
        assert "on_miss" in (run.steps[0].error.hint or "")


LOOKUP = "{lookup: {table: countries, missing: empty}}"
MAP = f"{{id: m, shape: map, fields: [{{to: country, from: code, do: [{LOOKUP}]}}]}}"


async def table(*rows: str) -> AsyncIterator[bytes]:
    yield "\n".join(rows).encode()


async def test_a_step_sees_one_state_of_a_lookup(home: Home, world: World) -> None:
    async def look(payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        lookup = await ctx.lookup("countries")
        before = dict(await lookup.find(["GB"]))
        await desk.service.lookups.import_("countries", table("FR,France", "GB,England"))
        await desk.service.lookups.set("countries", "FR", "la France")
        after = dict(await lookup.find(["GB", "FR"]))
        yield Out(content=str([before, after]).replace("'", '"').encode(), like=payload)

    async with home.open() as desk:
        await desk.put("{id: work, shape: hooked}", MAP)
        await desk.service.lookups.set("countries", "FR", "France")
        await desk.service.lookups.import_("countries", table("GB,United Kingdom", "FR,France"))
        world.hooks["work"] = look
        run = await desk.run([1])

        assert await desk.values(run.id, "work") == [
            [{"GB": "United Kingdom"}, {"GB": "United Kingdom", "FR": "France"}]
        ]
        del world.hooks["work"]
        later = await desk.run([{"code": "FR"}, {"code": "GB"}, {"code": "XX"}])
        assert await desk.values(later.id, "m") == [
            [{"country": "la France"}, {"country": "England"}, {"country": None}]
        ]


async def test_a_flow_whose_lookup_is_not_there_is_not_started(home: Home) -> None:
    async with home.open() as desk:
        await desk.put(MAP)
        await desk.service.lookups.set("countrys", "FR", "France")
        with pytest.raises(NotFound) as caught:
            await desk.start([1])

        assert caught.value.code == "lookup.unknown"
        assert caught.value.hint == "Did you mean 'countrys'?"
        text = b"flow: f\nsteps:\n  - " + MAP.encode()
        checked = await desk.service.flows.check([("f.yaml", text)])
        assert checked.problems == []
        assert "there is no lookup 'countries' here" in checked.warnings[0]
