"""The record store on each database, with second hands on it as another process would have them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from redrive.core.run import PayloadRow, Run
from redrive.store import runs as run_store
from redrive.store.committer import Committer, Transaction
from redrive.store.database import Database, Reader, Rows
from redrive.store.opening import open_database
from redrive.store.statements import Insert, Statement, row


@dataclass
class Store:
    """One process's way to the store."""

    database: Database
    committer: Committer
    reader: Reader
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1000, 1 << 40)))

    async def write(self, work: Callable[[Transaction], Any]) -> Any:
        return await self.committer.submit(work)

    async def insert(self, statement: Insert, *rows: tuple[Any, ...]) -> None:
        await self.write(lambda transaction: transaction.insert_many(statement, rows))

    async def read(self, function: Callable[[Rows], Any]) -> Any:
        return await self.reader.run(function)

    async def all(self, statement: Statement, **parameters: Any) -> list[tuple[Any, ...]]:
        return await self.read(lambda rows: rows.all(statement, **parameters))

    async def query(self, expression: Any) -> list[tuple[Any, ...]]:
        return await self.read(lambda rows: rows.query(expression))

    async def run(self, **more: Any) -> Run:
        fields: dict[str, Any] = {
            "id": next(self.numbers), "flow_id": 1, "flow": "orders", "version": 1, "status": "success",
            "trigger": "manual", "priority": 2, "epoch": 1, "losses": 0, "queued_at": 10, "clock": 10,
        }  # fmt: skip
        run = Run(**(fields | more))
        await self.insert(run_store.INSERT_RUN, row(run))
        return run

    async def payload(self, bucket: int, position: int, **more: Any) -> PayloadRow:
        fields: dict[str, Any] = {
            "id": next(self.numbers), "bucket": bucket, "position": position, "digest": b"d" * 32,
            "size_bytes": 2, "items": 1, "media_type": "application/json",
        }  # fmt: skip
        payload = PayloadRow(**(fields | more))
        await self.insert(run_store.INSERT_PAYLOAD, row(payload))
        return payload

    def close(self) -> None:
        self.committer.close()
        self.reader.close()


@pytest.fixture
def database(store: str, tmp_path: Path) -> Database:
    database = open_database(tmp_path, os.environ.get("REDRIVE_STORE"))
    database.migrate()
    return database


@pytest.fixture
async def opened(database: Database) -> AsyncIterator[Callable[..., Store]]:
    """Opens the store as one more process would."""
    made: list[Store] = []

    def open_(**more: Any) -> Store:
        made.append(Store(database, Committer(database, **more), Reader(database)))
        return made[-1]

    yield open_
    for one in made:
        await asyncio.to_thread(one.close)


@pytest.fixture
def here(opened: Callable[..., Store]) -> Store:
    return opened()
