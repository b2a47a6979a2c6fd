"""A real home in a folder, and a builder that writes runs the way the engine records them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import delete

from redrive.core.jsonvalue import encode
from redrive.core.lineage import LineageBuilder
from redrive.core.run import PayloadRow, Plan, Run, StepRun
from redrive.engine.clock import Clock, Ids
from redrive.engine.connections import Connections
from redrive.engine.contents import ContentStore
from redrive.engine.deps import Deps
from redrive.engine.flows import FlowCache
from redrive.engine.gates import Gates
from redrive.engine.target import LedgerSignal
from redrive.registry import Registry
from redrive.service.kernel import Kernel
from redrive.settings import Settings
from redrive.store import ledger as ledger_store
from redrive.store import runs as store
from redrive.store import tables
from redrive.store.blobs.memory import MemoryBlobs
from redrive.store.committer import Committer, Transaction
from redrive.store.contents import INSERT_CONTENT
from redrive.store.database import Reader
from redrive.store.opening import open_database
from redrive.store.secrets import SecretBox
from redrive.store.statements import Insert, Statement, row

START = 1_795_000_000_000_000  # some day in November 2026

FLOW = b"""
flow: orders
steps:
  - {id: pull, shape: manual_payload, payload: []}
  - {id: mark, shape: track, fields: {order: id}}
  - {id: send, shape: manual_payload, name: To the ERP, payload: []}
  - {id: after, shape: manual_payload, payload: []}
"""
STEPS = ("pull", "mark", "send", "after")

INSERT_VERSION = Insert(tables.flow_versions)


class TestClock(Clock):
    """Stands until it is moved."""

    __test__ = False

    def __init__(self) -> None:
        self.now = START

    def micros(self) -> int:
        return self.now

    def steady_s(self) -> float:
        return self.now / 1_000_000  # what it is moved by has gone by

    def forward(self, seconds: float) -> None:
        self.now += int(seconds * 1_000_000)


class Home:
    """The kernel of a home without a runner, and what puts records into it."""

    def __init__(self, kernel: Kernel, clock: TestClock) -> None:
        self.kernel = kernel
        self.clock = clock
        self.ids = kernel.deps.ids
        self.notified = 0

    async def write(self, *inserts: tuple[Insert, tuple[Any, ...]]) -> None:
        def work(transaction: Transaction) -> None:
            for statement, values in inserts:
                transaction.insert(statement, values)

        await self.kernel.write(work)

    async def version(self, document: bytes = FLOW, *, flow_id: int = 1, number: int = 1) -> None:
        await self.write(
            (INSERT_VERSION, (flow_id, number, "deployed", document, "orders.yaml", b"", self.clock.now))
        )

    async def run(self, flow: str = "orders", *, plan: Plan | None = None, **more: Any) -> Run:
        """A run, one second after the one before; ended at once unless `status` says otherwise."""
        self.clock.forward(1)
        now = self.clock.now
        fields: dict[str, Any] = {
            "id": self.ids.next(), "flow_id": 1, "version": 1, "status": "success", "trigger": "manual",
            "priority": 2, "epoch": 1, "losses": 0, "queued_at": now, "clock": now,
        } | more  # fmt: skip
        if fields["status"] != "queued":
            fields.setdefault("started_at", now + 500_000)
        if fields["status"] not in {"queued", "running"}:
            fields.setdefault("finished_at", now + 2_000_000)
        if isinstance(fields.get("variables"), dict):
            fields["variables"] = encode(fields["variables"])
        run = Run(flow=flow, plan=msgspec.json.encode(plan) if plan else None, **fields)
        await self.write((store.INSERT_RUN, row(run)))
        return run

    async def step(self, run: Run, step: str, **more: Any) -> StepRun:
        """A record of a step of `FLOW`."""
        fields: dict[str, Any] = {
            "position": STEPS.index(step), "shape": "manual_payload", "status": "success", "attempts": 1,
            "started_at": run.started_at, "finished_at": run.finished_at,
        } | more  # fmt: skip
        for name in ("inputs", "outputs"):
            fields[name] = encode(fields.get(name, [])).decode()
        if isinstance(fields.get("error"), dict):
            fields["error"] = encode(fields["error"])
        record = StepRun(run_id=run.id, step=step, **fields)
        await self.write((store.PUT_STEP_RUN, row(record)))
        return record

    async def bucket(self, run_id: int, position: int, *contents: bytes, **more: Any) -> list[PayloadRow]:
        """A bucket of payloads that step `position` of the run has put out."""
        bucket = self.ids.next()
        inserts: list[tuple[Insert, tuple[Any, ...]]] = [(store.INSERT_BUCKET, (bucket, run_id, position))]
        payloads = []
        for number, data in enumerate(contents):
            content = await self.kernel.deps.contents.put(data)
            inserts += [(INSERT_CONTENT, values) for values in content.rows]
            fields = {"media_type": "application/json", "items": None} | more
            payload = PayloadRow(
                id=self.ids.next(), bucket=bucket, position=number, digest=content.digest,
                size_bytes=content.size_bytes, **fields,
            )  # fmt: skip
            payloads.append(payload)
            inserts.append((store.INSERT_PAYLOAD, row(payload)))
        await self.write(*inserts)
        return payloads

    async def forget_contents(self) -> None:
        """As after retention: the records stay, the bytes do not."""
        gone = Statement(delete(tables.contents))
        await self.kernel.write(lambda transaction: transaction.run(gone))
        self.kernel.deps.contents.forget()

    async def failed(self, step: StepRun, number: int, payload_id: int) -> None:
        error = encode({"code": "payload.invalid", "title": "t", "detail": "d", "at": None, "hint": None})
        await self.write(
            (store.INSERT_FAILED, (step.run_id, step.position, number, payload_id, 1, error, None))
        )

    async def log(self, run: Run, position: int, message: str, **data: Any) -> None:
        await self.write(
            (
                store.INSERT_LOG,
                (
                    run.id,
                    self.ids.next(),
                    position,
                    self.clock.now,
                    "info",
                    message,
                    encode(data) if data else None,
                ),
            )
        )

    async def exchange(
        self,
        run: Run,
        position: int,
        *,
        payload_id: int = 0,
        body: bytes | None = None,
        answer: bytes | None = None,
    ) -> int:
        number = self.ids.next()
        stored = [
            await self.kernel.deps.contents.put(data) if data is not None else None for data in (body, answer)
        ]
        request = encode({"method": "POST", "url": "http://erp.test/orders", "headers": [["Accept", "*/*"]]})
        response = encode({"headers": [["Content-Type", "text/plain"]]})
        await self.write(
            *[(INSERT_CONTENT, values) for content in stored if content for values in content.rows],
            (
                store.INSERT_EXCHANGE,
                (
                    number, run.id, position, payload_id, 1, request,
                    stored[0].digest if stored[0] else None, stored[0].size_bytes if stored[0] else 0,
                    201, response,
                    stored[1].digest if stored[1] else None, stored[1].size_bytes if stored[1] else 0,
                    self.clock.now, 1500,
                ),
            ),
        )  # fmt: skip
        return number

    async def tracked(
        self, value: str, run: Run, *, position: int = 1, payload_id: int, item: int = 0, field: str = "order"
    ) -> None:
        await self.write((store.INSERT_TRACKED, (value, field, run.id, position, payload_id, item)))

    async def target(self, ledger: str = "orders/send", key_field: str | None = "id") -> int:
        number = self.ids.next()
        await self.write((ledger_store.INSERT_TARGET, (number, ledger, "erp", "create-orders", key_field)))
        return number

    async def delivery(
        self,
        target: int,
        key: str,
        run: Run,
        status: str,
        *,
        payload_id: int = 0,
        item: int = 0,
        position: int = 2,
    ) -> int:
        number = self.ids.next()
        await self.write(
            (
                ledger_store.INSERT_DELIVERY,
                (
                    number, target, key, status, run.id, 1, position, self.ids.next(), payload_id, item,
                    b"d" * 32, self.clock.now, None, None, None,
                ),
            )
        )  # fmt: skip
        return number

    async def event(
        self, delivery: int, run: Run, status: str, *, payload_id: int = 0, item: int = 0, position: int = 2
    ) -> None:
        self.clock.forward(1)
        await self.write(
            (
                ledger_store.INSERT_EVENT,
                (delivery, run.id, position, payload_id, item, self.ids.next(), status, None, self.clock.now),
            )
        )


def lineage_of(*origins: tuple[int, int]) -> bytes | None:
    """The column of an output whose items come from these (payload number, item)."""
    builder = LineageBuilder()
    for payload, number in origins:
        builder.add(payload, number)
    return builder.encode()


@asynccontextmanager
async def open_home(folder: Path, **settings: Any) -> AsyncIterator[Home]:
    database = open_database(folder, os.environ.get("REDRIVE_STORE"))
    database.migrate()
    clock = TestClock()
    reader = Reader(database)
    committer = Committer(database)
    contents = ContentStore(reader, MemoryBlobs())
    secrets = SecretBox(folder)
    registry = Registry.discover()
    signal = LedgerSignal()
    deps = Deps(
        committer=committer,
        reader=reader,
        contents=contents,
        connections=Connections(reader, secrets, lambda _document, _file: {}, lambda _info: None),
        flows=FlowCache(reader, registry),
        ids=Ids(clock),
        clock=clock,
        signal=signal,
        settings=Settings(**settings),
        gates=Gates(reader, committer, clock, Settings(**settings)),
        changed=lambda _run: None,
    )
    kernel = Kernel(
        deps=deps, home=folder, owner="ann", registry=registry, secrets=secrets, blobs=contents._blobs
    )
    try:
        yield Home(kernel, clock)
    finally:
        committer.close()
        contents.close()
        reader.close()
