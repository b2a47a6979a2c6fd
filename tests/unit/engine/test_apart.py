"""Shapes in helper processes: the same comes of it, also where one of them goes away."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from redrive.core.jsonvalue import encode
from redrive.engine.apart import pool
from redrive.engine.failpoints import failpoints
from redrive.errors import PayloadError
from redrive.registry import Registry
from redrive.sdk import Out, Payload, StepContext
from redrive.service.app import Service, open_service
from redrive.service.views import RunView, StartRequest
from redrive.settings import load
from redrive.store import tables
from redrive.store.contents import RECIPE, SEGMENTS
from tests.unit.engine.apart_shapes import SHAPES, Separable

BUILT_IN = [shape for shape in Registry.discover().shapes.values() if shape.examples]


class House:
    """An open home with one helper process, to which every payload is a large one."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.apart = service._kernel.deps.apart

    async def run(
        self,
        step: dict[str, Any],
        *payloads: bytes,
        media_type: str = "application/json",
        items_path: str = "",
    ) -> RunView:
        run = await self.start(step, *payloads, media_type=media_type, items_path=items_path)
        await self.service.runs.wait(run, 20)
        return await self.service.runs.get(run)

    async def start(
        self,
        step: dict[str, Any],
        *payloads: bytes,
        media_type: str = "application/json",
        items_path: str = "",
    ) -> str:
        flow = {"flow": "f", "steps": [{"id": "s", "retries": 1, **step}]}
        await self.service.flows.import_documents([("f.flow.json", encode(flow))], deploy=True)
        ids = []
        for data in payloads:
            chunks = _chunks(data)
            uploaded = await self.service.payloads.upload(
                chunks, media_type=media_type, items_path=items_path
            )
            ids.append(uploaded.id)
        return (await self.service.runs.start("f", StartRequest(payloads=ids))).id

    async def rows(self, run: RunView) -> list[Any]:
        """What the step put out, with lineage, and what it tracked and said."""
        p, s, t = tables.payloads, tables.step_runs, tables.tracked
        number = select(tables.runs.c.id).order_by(tables.runs.c.id.desc()).limit(1).scalar_subquery()
        columns = (
            p.c.digest,
            p.c.size_bytes,
            p.c["items"],
            p.c.media_type,
            p.c.items_path,
            p.c.meta,
            p.c.lineage,
        )
        out = select(*columns).join(s, s.c.bucket == p.c.bucket).where(s.c.run_id == number)
        tracked = select(t.c.field, t.c.value, t.c["item"]).where(t.c.run_id == number).order_by(t.c.value)
        reader = self.service._kernel.deps.reader
        found = await reader.run(lambda rows: [rows.query(out.order_by(p.c.position)), rows.query(tracked)])
        step = run.steps[0]
        logs = (await self.service.runs.logs(run.id)).items
        return [*found, step.status, step.error, [(line.level, line.message) for line in logs]]


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data


@asynccontextmanager
async def opened(path: Path, **settings: str) -> AsyncIterator[House]:
    found = Registry.discover()
    registry = Registry([*found.shapes.values(), *SHAPES, _Local])
    environment = {"REDRIVE_RETRY_BASE_S": "0.001", "REDRIVE_HELPERS": "1", **settings}
    async with open_service(path, load(environment=environment), serve=True, registry=registry) as service:
        yield House(service)


class _Local(Separable, kind="local", group="test"):
    """Helpers cannot import it: the class is not what its name says."""

    async def run(self, payload: Payload, ctx: StepContext) -> AsyncIterator[Out]:
        yield Out(content=b"[%d]" % os.getpid(), like=payload)


_Local.__qualname__ = "test.<locals>._Local"


@pytest.fixture(autouse=True)
def _all_payloads_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "LEAST_STEP_BYTES", 0)
    monkeypatch.setattr(pool, "LEAST_PAYLOAD_BYTES", 0)


async def payload(house: House, run: RunView, number: int = 0) -> Any:
    page = await house.service.runs.payloads(run.id, "s", "out", limit=100)
    return json.loads(b"".join([c async for c in house.service.payloads.stream(page.items[number].id)]))


@pytest.mark.slow
async def test_the_examples_of_every_shape_give_the_same_records(tmp_path: Path) -> None:
    compared = set()
    async with opened(tmp_path) as house:
        processes = house.apart.processes
        for kind in BUILT_IN:
            for example in kind.examples:
                if not kind.model_validate(kind.own_settings(example.settings)).separable:
                    continue
                given = [one if isinstance(one, bytes) else encode(one) for one in example.given]
                what: dict[str, Any] = {"media_type": example.media_type, "items_path": example.items_path}
                rows = []
                for house.apart.processes in (processes, 0):
                    try:
                        run = await house.run({"shape": kind.kind, **example.settings}, *given, **what)
                    except PayloadError:  # such bytes cannot be handed in as what they are not
                        break
                    rows.append(await house.rows(run))
                assert rows[:1] == rows[1:], f"{kind.kind}: {example.title}"
                compared.add(kind.kind)
    assert compared >= {"assert", "convert", "filter", "flow_control", "map", "merge", "split", "track"}


@pytest.mark.parametrize(
    "step",
    [
        {"shape": "filter", "keep": {"field": "n", "gt": 5}},
        {"shape": "map", "fields": [{"to": "m", "from": "n"}]},
        {"shape": "convert", "to": "csv"},
        {"shape": "flow_control", "size": 30_000},
    ],
    ids=lambda step: step["shape"],
)
async def test_what_is_written_in_pieces_is_the_same(tmp_path: Path, step: dict[str, Any]) -> None:
    big = b"[" + b",".join([b'{"n":%d,"text":"%s"}' % (n, b"x" * 40) for n in range(60_000)]) + b"]"
    async with opened(tmp_path) as house:
        apart = await house.rows(await house.run(step, big))
        house.apart.processes = 0
        assert apart == await house.rows(await house.run(step, big))
    assert apart[0]


@pytest.mark.parametrize(("items", "form"), [(8_000, RECIPE), (30_000, SEGMENTS)])
async def test_what_a_filter_keeps_comes_as_ranges_and_reads_as_it_was(
    tmp_path: Path, items: int, form: int
) -> None:
    raws = [b'{"n":%d,"text":"%s"}' % (n % 10, b"%06d" % n + b"x" * 90) for n in range(items)]
    async with opened(tmp_path) as house:
        step = {"shape": "filter", "keep": {"field": "n", "gt": 1}}
        run = await house.run(step, b"[" + b",".join(raws) + b"]")
        page = await house.service.runs.payloads(run.id, "s", "out", limit=1)
        got = b"".join([chunk async for chunk in house.service.payloads.stream(page.items[0].id)])
        assert json.loads(got) == [json.loads(raw) for raw in raws if json.loads(raw)["n"] > 1]
        c, p = tables.contents, tables.payloads
        query = select(c.c.form).join(p, p.c.digest == c.c.digest).order_by(p.c.id.desc()).limit(1)
        found = await house.service._kernel.deps.reader.run(lambda rows: rows.query(query))
        assert found[0][0] == form


async def test_one_process_does_it_all_and_ends_when_idle(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        run = await house.run({"shape": "pid"}, b"[1]", b"[2]", b"[3]")
        pids = {(await payload(house, run, number))[0] for number in range(3)}
        twice = await house.run({"shape": "twice"}, b"[1]", b"[2, 2]")
        assert [await payload(house, twice, number) for number in range(2)] == [[9, 2], [9, 2]]
        assert len(pids) == 1
        assert os.getpid() not in pids
        house.apart._let_all_go()
        await asyncio.gather(*house.apart._ending)
        with pytest.raises(ProcessLookupError):
            os.kill(pids.pop(), 0)


async def test_a_helper_that_dies_costs_an_attempt(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        run = await house.run({"shape": "falling"}, b"[1]", b"[2]")
        assert (run.status, run.steps[0].attempts, len(run.steps[0].payloads_out)) == ("success", 2, 2)
        run = await house.run({"shape": "falling", "at_first": False}, b"[1]")
        assert run.status == "failure"
        assert run.steps[0].error is not None
        assert run.steps[0].error.code == "helper.lost"
        assert (await house.run({"shape": "pid"}, b"[1]")).status == "success"


@pytest.mark.parametrize(
    ("how", "code", "detail", "attempts"),
    [
        ("ours", "remote.unavailable", "away", 2),
        ("theirs", "shape.crashed", "the shape failed with KeyError at apart_shapes.py:", 1),
        ("context", "shape.crashed", "the shape failed with AttributeError at", 1),
    ],
)
async def test_errors_come_through(tmp_path: Path, how: str, code: str, detail: str, attempts: int) -> None:
    async with opened(tmp_path) as house:
        run = await house.run({"shape": "raising", "how": how}, b"[1]", b"[2]", b"[3]")
    step = run.steps[0]
    assert step.error is not None
    assert (run.status, step.error.code, step.attempts) == ("failure", code, attempts)
    assert step.error.detail.startswith(detail)
    assert "secret" not in step.error.detail
    # What stops the step stops it there; else the others go on.
    assert len(step.payloads_out) == (1 if how == "ours" else 2)


async def test_a_forced_stop_ends_the_helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = asyncio.Event()
    monkeypatch.setattr(
        failpoints, "action", lambda name: begun.set() if name == "payload.recorded" else None
    )
    async with opened(tmp_path) as house:
        run = await house.start({"shape": "endless"}, b"[1]")
        await begun.wait()
        await house.service.runs.stop(run, force=True)
        await house.service.runs.wait(run, 20)
        assert (await house.service.runs.get(run)).status == "stopped"
        await asyncio.gather(*house.apart._ending)
        assert not house.apart._all


async def test_a_shape_that_helpers_cannot_import_runs_here(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        for _ in range(2):
            run = await house.run({"shape": "local"}, b"[1]", b"[2]")
            assert await payload(house, run, 1) == [os.getpid()]


def test_only_what_is_large_enough_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    shape = Registry.discover().shape("split").model_validate({"at": "lines"})
    mapped = (
        Registry.discover()
        .shape("map")
        .model_validate({"fields": [{"to": "a", "from": "b", "do": [{"lookup": "table"}]}]})
    )
    apart = pool.Apart(1)
    megabyte = 1 << 20
    assert apart.suits(shape, 8 * megabyte, 1)
    assert apart.suits(shape, 8 * megabyte, 64)
    assert not apart.suits(shape, 7 * megabyte, 1)
    assert not apart.suits(shape, 8 * megabyte, 65)
    assert not apart.suits(mapped, 8 * megabyte, 1)
    assert not pool.Apart(0).suits(shape, 8 * megabyte, 1)
