"""Finding by key and by any value in a large store, and what the index takes.

The store is filled in bulk: rows and documents are made by the code that makes them in a home too, and
written straight into both files, without a run being executed. A run has the shape of the small reference
run: seven payloads of ten orders, which share four contents.
"""

from __future__ import annotations

import asyncio
import math
import random
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import zstandard
from blake3 import blake3

from benchmarks.machine import describe
from redrive.core.run import PayloadRow, Plan, Run, StepRun
from redrive.core.searching import tokens, values_of
from redrive.engine.clock import Clock, Ids
from redrive.service.app import Service, open_service
from redrive.settings import load
from redrive.store import ledger, search_queue
from redrive.store import runs as run_store
from redrive.store.contents import INSERT_CONTENT, ZSTD
from redrive.store.search_index import Changes, Entry, Payloads
from redrive.store.search_sqlite import SqliteSearchIndex
from redrive.store.sqlite import SqliteDatabase
from redrive.store.statements import SQLITE, Insert, row

STEPS = ("pull", "paid-only", "erp-form", "batches", "send")
# How many payloads each step puts out, and which content each of them has.
OUT = ((0,), (1,), (2,), (2, 3), (3, 3))
PAYLOADS = sum(map(len, OUT))
ORDERS, KEYED = 10, 2
GENERATION = 1
GROUP = 500
ASKED = 200
_JSON = "application/json"
_WORDS = [f"{one}{two}" for one in ("blue", "red", "green", "old", "new", "small") for two in range(400)]


def orders(number: int, chance: random.Random) -> list[dict[str, object]]:
    return [
        {
            "id": number * ORDERS + n,
            "name": f"#{number * ORDERS + n}",
            "email": f"{chance.choice(_WORDS)}.{chance.choice(_WORDS)}@example.com",
            "total_price": f"{chance.randrange(100000) / 100:.2f}",
            "created_at": f"2026-{n + 1:02}-11T0{n}:{number % 60:02}:{chance.randrange(60):02}Z",
            "financial_status": "paid",
            "currency": "GBP",
            "note": " ".join(chance.choices(_WORDS, k=6)),
            "token": f"{chance.getrandbits(96):024x}",
            "line_items": [
                {"sku": f"SKU-{chance.randrange(5000):05}", "quantity": chance.randrange(9), "grams": 100 * n}
                for _ in range(2)
            ],
        }
        for n in range(ORDERS)
    ]


class Filled(msgspec.Struct):
    """What a filled store holds, beside it in a file."""

    payloads: int
    plain_bytes: int
    packed_bytes: int
    took_s: float
    sample: list[dict[str, object]]


class Filler:
    """Fills one home. `sample` keeps values that were put in, the oldest and the newest among them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.database = SqliteDatabase(home / "redrive.db")
        self.database.migrate()
        self.index = SqliteSearchIndex(home / "search.db")
        self.index.claim()
        self.index.begin(GENERATION, 0)
        self.ids = Ids(Clock())
        self.sample: list[dict[str, object]] = []
        self.plain_bytes = self.packed_bytes = 0
        self._chance = random.Random(1)
        self._packer = zstandard.ZstdCompressor(level=1)
        self._rows: dict[Insert, list[tuple[object, ...]]] = {}
        self._entries: list[Entry] = []

    def fill(self, payloads: int, within_s: float) -> int:
        """Put in so many payloads, at least, or as many as the time allows; how many there are then."""
        connection = sqlite3.connect(self.home / "redrive.db", isolation_level=None)
        # Hashes come in no order: the index of contents has to stay in memory.
        for pragma in ("synchronous=OFF", "cache_size=-1000000", "wal_autocheckpoint=50000"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        self._insert(ledger.INSERT_TARGET, (1, "f/send", "erp", "create", "id"))
        wanted = -(-payloads // PAYLOADS)
        runs, until = 0, time.monotonic() + within_s
        while runs < wanted and time.monotonic() < until:
            for number in range(runs, min(runs + GROUP, wanted)):
                self._run(number)
                runs += 1
            self._flush(connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.close()
        self.index.close()
        return runs * PAYLOADS

    def _insert(self, statement: Insert, *rows: tuple[object, ...]) -> None:
        self._rows.setdefault(statement, []).extend(rows)

    def _run(self, number: int) -> None:
        now = 1_700_000_000_000_000 + number * 1_000_000
        run = Run(
            id=self.ids.next(), flow_id=1, flow="orders-to-erp", version=1, status="success",
            trigger="manual", priority=2, epoch=1, losses=0, queued_at=now, clock=now, started_at=now,
            finished_at=now, plan=msgspec.json.encode(Plan()),
        )  # fmt: skip
        made = orders(number, self._chance)
        if number % 997 == 0:
            self.sample.append(made[0])
        contents = [
            msgspec.json.encode(part)
            for part in (
                made,
                made[:9],
                [
                    {"reference": one["id"], "customer": one["email"], "lines": one["line_items"]}
                    for one in made
                ],
                made[:5],
            )
        ]
        digests = [blake3(data).digest() for data in contents]
        for data, digest in zip(contents, digests, strict=True):
            packed = self._packer.compress(data)
            self.plain_bytes += len(data)
            self.packed_bytes += len(packed)
            self._insert(INSERT_CONTENT, (digest, len(data), ZSTD, packed, None, None, None))
        self._insert(run_store.INSERT_RUN, row(run))
        buckets: list[int] = []
        first = 0
        for position, (step, out) in enumerate(zip(STEPS, OUT, strict=True)):
            bucket = self.ids.next()
            record = StepRun(
                run_id=run.id, position=position, step=step, shape="connector", status="success", attempts=1,
                started_at=now, finished_at=now, inputs=msgspec.json.encode(buckets[-1:]).decode(),
                outputs=msgspec.json.encode([bucket]).decode(), bucket=bucket,
                payloads_out=len(out), out=len(out),
            )  # fmt: skip
            buckets.append(bucket)
            self._insert(run_store.PUT_STEP_RUN, row(record))
            self._insert(run_store.INSERT_BUCKET, (bucket, run.id, position))
            for place, which in enumerate(out):
                payload = PayloadRow(
                    id=self.ids.next(), bucket=bucket, position=place, digest=digests[which],
                    size_bytes=len(contents[which]), items=ORDERS, media_type=_JSON,
                )  # fmt: skip
                first = first or payload.id
                self._insert(run_store.INSERT_PAYLOAD, row(payload))
        for n in range(KEYED):
            key, delivery = str(made[n]["id"]), self.ids.next()
            self._insert(
                ledger.INSERT_DELIVERY,
                (delivery, 1, key, "delivered", run.id, 1, 4, None, first, n, b"", now, b"", now, run.id),
            )
            self._insert(ledger.INSERT_EVENT, (delivery, run.id, 4, first, n, 1, "delivered", None, now))
        known = tokens({value for data in contents for value in values_of(data, _JSON)})
        parts = tuple(Payloads(bucket, 0, len(out)) for bucket, out in zip(buckets, OUT, strict=True))
        self._entries.append(Entry(run.id, parts, known, old=False))

    def _flush(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN")
        for statement, rows in self._rows.items():
            connection.executemany(statement.on(SQLITE).text, rows)
        mark = self.index.apply(Changes(entries=self._entries))
        insert = search_queue.PUT_STATE.on(SQLITE).text
        connection.execute(insert, (1, GENERATION, mark))
        connection.execute("COMMIT")
        self._rows, self._entries = {}, []


async def asked(service: Service, values: Iterator[str]) -> tuple[float, float, int]:
    """p50 and p95 in milliseconds, and how many of them found nothing."""
    took, nothing = [], 0
    for _, value in zip(range(ASKED), values, strict=False):
        begun = time.perf_counter()
        page = await service.search.find(value, limit=20)
        took.append((time.perf_counter() - begun) * 1000)
        nothing += not page.items
    return statistics.median(took), statistics.quantiles(took, n=20)[-1], nothing


async def _measured(home: Path, sample: list[dict[str, object]], runs: int) -> list[str]:
    chance = random.Random(2)
    kinds: dict[str, Callable[[], str]] = {
        "key of a delivery": lambda: str(chance.randrange(runs) * ORDERS + chance.randrange(KEYED)),
        "any value: e-mail address": lambda: str(chance.choice(sample)["email"]),
        "any value: token (in one run)": lambda: str(chance.choice(sample)["token"]),
        "any value: SKU (in many runs)": lambda: f"SKU-{chance.randrange(5000):05}",
        "any value: word in every run (`paid`)": lambda: "paid",
        "any value: two words of a note": lambda: " ".join(str(chance.choice(sample)["note"]).split()[1:3]),
        "any value: words that meet in many runs, side by side in few": lambda: " ".join(
            chance.choices(_WORDS, k=2)
        ),
        "any value: nowhere": lambda: f"{chance.getrandbits(96):024x}",
    }
    lines = ["| asked for | p50 ms | p95 ms | found nothing |", "|---|---|---|---|"]
    async with open_service(home, load(environment={})) as service:
        for name, draw in kinds.items():
            p50, p95, nothing = await asked(service, iter(draw, None))
            lines.append(f"| {name} | {p50:.1f} | {p95:.1f} | {nothing} of {ASKED} |")
    return lines


def filled(home: Path, payloads: int, within_s: float) -> Filled:
    """The store in that folder, filled where there is none yet; a large one is used again."""
    facts = home.with_name(f"{home.name}.filled.json")
    if facts.exists():
        return msgspec.json.decode(facts.read_bytes(), type=Filled)
    home.mkdir(parents=True)
    filler = Filler(home)
    begun = time.perf_counter()
    count = filler.fill(payloads, within_s)
    took_s = time.perf_counter() - begun
    made = Filled(count, filler.plain_bytes, filler.packed_bytes, took_s, filler.sample)
    facts.write_bytes(msgspec.json.encode(made))
    return made


def main(folder: Path, *, payloads: int, within_s: float = math.inf) -> list[str]:
    """Measure; the lines of the report."""
    machine = describe(folder)
    home = folder / "home"
    made = filled(home, payloads, within_s)
    index = sum(path.stat().st_size for path in home.glob("search.db*"))
    records = sum(path.stat().st_size for path in home.glob("redrive.db*"))
    runs = made.payloads // PAYLOADS
    measured = asyncio.run(_measured(home, made.sample, runs))
    how = (
        f"{made.payloads:,} payloads of {runs:,} runs, filled in bulk in {made.took_s:.0f} s"
        f" ({made.took_s / runs * 1000:.2f} ms a run, records and index)."
    )
    sizes = (
        f"Payload bytes stored: {made.packed_bytes / 1e6:.0f} MB (plain {made.plain_bytes / 1e6:.0f} MB);"
        f" records {records / 1e6:.0f} MB; search index {index / 1e6:.0f} MB:"
        f" {index / made.packed_bytes:.2f} of the payload bytes stored, {index / runs:.0f} bytes a run."
    )
    asked_for = f"The first 20 rows of each answer, {ASKED} questions of each kind, one after another."
    return [*machine, "", how, sizes, asked_for, "", *measured]
