"""A home for a moment: where flows run against recorded answers and nothing leaves the machine.

It is an ordinary home in a temporary folder, opened by the ordinary service and executed by the
ordinary worker. What differs is handed in: connections answer from records (`sdk.playback`), time is
played, secrets are their own names.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import bindparam, update

from redrive.core.ids import from_text, to_text
from redrive.core.jsonvalue import encode
from redrive.core.run import PayloadRow
from redrive.documents.flow_tests import GivenForm
from redrive.engine.clock import Clock, micros_of
from redrive.errors import NotFound
from redrive.registry import Registry
from redrive.sdk.content import Content
from redrive.sdk.playback import Playback
from redrive.service.interface import Document
from redrive.service.kernel import Kernel
from redrive.service.lookups import Lookups
from redrive.service.playback import JSON
from redrive.service.views import RunView, StartRequest
from redrive.settings import Settings
from redrive.store import flows as flow_store
from redrive.store import payloads as payload_store
from redrive.store import runs as run_store
from redrive.store import tables
from redrive.store.committer import Transaction
from redrive.store.contents import INSERT_CONTENT
from redrive.store.statements import Statement, row

if TYPE_CHECKING:
    from redrive.service.app import Service

Opener: TypeAlias = "Callable[..., AbstractAsyncContextManager[Service]]"
"""`redrive.service.app.open_service`."""

DATABASE = "redrive.db"
TRIGGER = "test"
AT_ONCE = 2
"""Benches open at the same time in one process; more wait."""

_PUT_META = Statement(
    update(tables.payloads)
    .where(tables.payloads.c.id == bindparam("payload_id"))
    .values(meta=bindparam("b_meta"))
)


class BenchClock(Clock):
    """Begins at an instant and goes on as time does; waits are over at once, and counted as passed."""

    def __init__(self, at: datetime) -> None:
        self._at = micros_of(at)
        self._begun = time.monotonic_ns()
        self._waited = 0

    def micros(self) -> int:
        return self._at + (time.monotonic_ns() - self._begun) // 1000 + self._waited

    def waits(self, seconds: float) -> float:
        self._waited += int(max(0.0, seconds) * 1_000_000)
        return 0.0


class Bench:
    """One opened bench. `kernel` and `service` are those of the home for a moment."""

    def __init__(self, service: Service) -> None:
        self.service = service

    @property
    def kernel(self) -> Kernel:
        return self.service.kernel

    async def take(self, documents: Sequence[Document]) -> None:
        """Take documents in, as an import does. Errors: `document.invalid`."""
        await self.service.flows.import_documents(documents, deploy=True)  # flows call deployed ones

    async def furnish(
        self,
        home: Kernel,
        lookups: Sequence[str],
        given: Mapping[str, Mapping[str, str]] | None = None,
        pools: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Lookups as they are given, else as the home has them; data pools that hold what is given."""
        there = Lookups(home)
        for name in lookups:
            if name not in (given or {}):
                with suppress(NotFound):  # the step that looks up says that it is missing
                    await self.service.lookups.import_(name, there.export(name))
        for name, entries in (given or {}).items():
            for source, target in entries.items():
                await self.service.lookups.set(name, source, target)
        for name, keys in (pools or {}).items():
            await self.service.pools.add(name, list(keys))

    async def give(self, form: GivenForm, read: Callable[[str], bytes]) -> str:
        """A payload that a test gives; its id."""
        if form.file is not None:
            data, media_type, name = read(form.file), form.media_type, form.file
        elif form.text is not None:
            data, media_type, name = form.text.encode(), form.media_type or "text/plain", None
        else:
            data, media_type, name = encode(form.json_), form.media_type or JSON, None
        made = await self.service.payloads.upload(
            _chunks(data), media_type=media_type, items_path=form.items, filename=name
        )
        if form.meta:
            number = from_text("p", made.id)
            await self.kernel.write(
                lambda transaction: transaction.run(_PUT_META, payload_id=number, b_meta=encode(form.meta))
            )
        return made.id

    async def copy(self, payload: PayloadRow, content: Content) -> str:
        """A payload of another home, byte for byte; its id here."""
        deps = self.kernel.deps
        stored = await deps.contents.put(content.stream())
        copied = PayloadRow(
            id=deps.ids.next(),
            bucket=deps.ids.next(),
            position=0,
            digest=stored.digest,
            size_bytes=stored.size_bytes,
            items=payload.items,
            media_type=payload.media_type,
            items_path=payload.items_path,
            meta=payload.meta,
        )

        def work(transaction: Transaction) -> None:
            transaction.insert_many(INSERT_CONTENT, stored.rows)
            transaction.insert(
                run_store.INSERT_BUCKET, (copied.bucket, payload_store.UPLOAD, payload_store.HANDED)
            )
            transaction.insert(run_store.INSERT_PAYLOAD, row(copied))

        await self.kernel.write(work)
        return to_text("p", copied.id)

    async def run(
        self,
        flow: str,
        *,
        clock: datetime,
        payloads: Sequence[str] = (),
        variables: Mapping[str, Any] | None = None,
        skips: Sequence[str] = (),
        last_success: datetime | None = None,
        delivery: str | None = None,
    ) -> RunView:
        """Run the flow's draft to its end, by the ordinary worker."""
        if last_success is not None:
            await self.kernel.write(lambda transaction: self._succeeded(transaction, flow, last_success))
        request = StartRequest.model_validate(
            {
                "variables": dict(variables or {}),
                "payloads": list(payloads),
                "skips": list(skips),
                "version": "draft",
                "delivery": delivery,
                "reason": "a test",
                "clock": clock,
            }
        )
        started = await self.service.runs.start(flow, request, trigger=TRIGGER)
        await self.service.execute_until(started.id)
        return await self.service.runs.get(started.id)

    @staticmethod
    def _succeeded(transaction: Transaction, flow: str, at: datetime) -> None:
        found = flow_store.get_flow(transaction, flow)
        assert found is not None
        transaction.run(run_store.LAST_SUCCESS, flow_id=found.id, b_clock=micros_of(at))


class Benches:
    """Opens benches: each a folder of its own, so that no test sees what another one sent."""

    def __init__(self, opener: Opener, registry: Registry) -> None:
        self._open = opener
        self._registry = registry
        self._places = asyncio.Semaphore(AT_ONCE)
        self._schema: bytes | None = None

    @asynccontextmanager
    async def open(self, playback: Playback, clock: datetime) -> AsyncIterator[Bench]:
        async with self._places:
            folder = Path(await asyncio.to_thread(tempfile.mkdtemp, "", "redrive-bench-"))
            try:
                await self._prepare(folder)
                async with self._open(
                    folder,
                    Settings(),
                    actor="bench",
                    registry=self._registry,
                    clock=BenchClock(clock),
                    playback=playback,
                ) as service:
                    yield Bench(service)
            finally:
                await asyncio.to_thread(shutil.rmtree, folder, True)

    async def _prepare(self, folder: Path) -> None:
        """An empty database: made once by the migrations, then copied."""
        if self._schema is None:
            template = Path(await asyncio.to_thread(tempfile.mkdtemp, "", "redrive-bench-"))
            try:
                async with self._open(template, Settings(), actor="bench", registry=self._registry):
                    pass
                self._schema = await asyncio.to_thread((template / DATABASE).read_bytes)
            finally:
                await asyncio.to_thread(shutil.rmtree, template, True)
        await asyncio.to_thread((folder / DATABASE).write_bytes, self._schema)


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data
