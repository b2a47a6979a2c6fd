"""A home with a store of its own, for tests of what people define: no runner, a clock that is set."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from redrive.documents.load import load_one
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
from redrive.store.blobs.disk import DiskBlobs
from redrive.store.committer import Committer
from redrive.store.database import Database, Reader
from redrive.store.opening import open_database
from redrive.store.secrets import SecretBox

NOON = 1_763_899_200_000_000


class SetClock(Clock):
    def __init__(self) -> None:
        self.now = NOON

    def micros(self) -> int:
        return self.now

    def forward(self, *, days: float) -> None:
        self.now += int(days * 24 * 3600 * 1_000_000)


@asynccontextmanager
async def opened(home: Path, registry: Registry | None = None) -> AsyncIterator[Kernel]:
    database = _prepared(home)
    registry = registry or Registry.discover()
    clock = SetClock()
    reader = Reader(database)
    blobs = DiskBlobs(home / "objects")
    contents = ContentStore(reader, blobs)
    secrets = SecretBox(home)
    committer = Committer(database)
    connections = Connections(
        reader,
        secrets,
        lambda text, file: load_one(text.decode(), file).data,
        lambda info: registry.protocol("http").open(info),
    )
    deps = Deps(
        committer=committer,
        reader=reader,
        contents=contents,
        connections=connections,
        flows=FlowCache(reader, registry),
        ids=Ids(clock),
        clock=clock,
        signal=LedgerSignal(),
        settings=Settings(free_disk_percent=0.0),
        gates=Gates(reader, committer, clock, Settings()),
        changed=lambda _run: None,
    )
    try:
        yield Kernel(deps=deps, home=home, owner="tester", registry=registry, secrets=secrets, blobs=blobs)
    finally:
        await connections.close()
        await asyncio.to_thread(committer.close)
        contents.close()
        reader.close()


def _prepared(home: Path) -> Database:
    home.mkdir(mode=0o700, exist_ok=True)
    database = open_database(home, os.environ.get("REDRIVE_STORE"))
    database.migrate()
    return database


FLOW = b"""\
# Orders of the shop.
flow: orders
steps:
  - id: pull
    shape: connector
    connection: shop
    endpoint: list-orders
  - id: paid-only   # the rest waits
    shape: filter
    keep: {field: status, is: paid}
"""
# The same document in other words.
RESPELT = b"""\
flow: "orders"
steps:
- {shape: connector, id: pull, endpoint: list-orders, connection: shop}
- {id: paid-only, shape: filter, keep: {field: status, is: paid}}
"""
CHANGED = FLOW.replace(b"is: paid", b"is: sent")
SKIPPED = FLOW.replace(b"    shape: filter\n", b"    shape: filter\n    skip: true\n")
CONNECTOR = b"""\
connector: demo-shop
base_url: "{{ connection.base_url }}"
endpoints:
  list-orders:
    direction: receive
    request: {method: GET, path: /orders}
    items: orders
"""
CONNECTION = b"""\
connection: shop
connector: demo-shop
settings: {base_url: "http://127.0.0.1:9001"}
secrets: {token: {env: SHOP_TOKEN}, password: hunter2}
"""
EVERYTHING = [
    ("shop.yaml", CONNECTION),
    ("demo-shop.yaml", CONNECTOR),
    ("flow.yaml", FLOW),
]
