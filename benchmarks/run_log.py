"""Fills the run log of a home with runs that never ran, by the statements that the engine writes with."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

from sqlalchemy import select

from redrive.core.ids import lowest_at
from redrive.core.jsonvalue import encode
from redrive.core.run import Run, StepRun
from redrive.service.app import Service, open_service
from redrive.settings import load
from redrive.store import ledger, runs, tables
from redrive.store.committer import Transaction
from redrive.store.statements import row

BATCH = 10_000
DAYS = 90
FLOWS = 20
# By share. What is rare is what a list has to look longest for.
STATUSES = (("success", 930), ("failure", 50), ("partial_success", 15), ("stopped", 5))
TRIGGERS = (("schedule", 900), ("webhook", 80), ("api", 15), ("manual", 4), ("retry", 1))
# Why the send failed, by number of the run: the page folds runs that failed for one cause.
CAUSES = (
    "answered 500: the record could not be saved",
    "answered 422: postcode is missing",
    "answered 422: the SKU is not known",
    "answered 500: a lock timed out after 30 s",
    "answered 409: the order is closed",
)
SUMMARIES = {
    "success": "8 delivered",
    "failure": "send: POST /orders was answered with 500 (order {key})",
    "partial_success": "7 delivered, 1 left out",
    "stopped": "stopped at send",
}
FLOW = """\
flow: orders-{number}
steps:
  - {{id: pull, shape: manual_payload, payload: [{{id: 1}}]}}
  - {{id: send, shape: filter, keep: {{field: id, is: 1}}}}
"""


def key_of(number: int) -> str:
    return f"order-{number:08}"


async def fill(home: Path, count: int) -> None:
    """The newest run is of now, the others lie evenly over the days before it."""
    async with open_service(home, load()) as service:
        documents = [(f"{n}.flow.yaml", FLOW.format(number=n).encode()) for n in range(FLOWS)]
        await service.flows.import_documents(documents, deploy=True)
        deps = service._kernel.deps
        known = select(tables.flows.c.id, tables.flows.c.name).order_by(tables.flows.c.id)
        flows = [(row[0], row[1]) for row in await deps.reader.run(lambda rows: rows.query(known))]
        chance = random.Random(1)
        now = time.time_ns() // 1000
        step = DAYS * 86_400_000_000 // count
        for begin in range(0, count, BATCH):
            made = [
                _records(n, now - (count - n) * step, flows, chance)
                for n in range(begin, min(begin + BATCH, count))
            ]
            await deps.committer.submit(lambda tx, made=made: _write(tx, made))
        await _target(service)
        await service.insights.fold()


async def _target(service: Service) -> None:
    at = (1, "orders/send", "erp", "create", "id")
    await service._kernel.deps.committer.submit(lambda tx: tx.insert(ledger.INSERT_TARGET, at))


def _chosen(shares: tuple[tuple[str, int], ...], chance: random.Random) -> str:
    return chance.choices([name for name, _ in shares], [share for _, share in shares])[0]


def _records(number: int, at: int, flows: list[tuple[int, str]], chance: random.Random) -> Any:
    # One flow has every second run, the last one hardly any.
    flow_id, flow = flows[min(int(chance.expovariate(0.7)), len(flows) - 1)]
    status = _chosen(STATUSES, chance)
    run = Run(
        id=lowest_at(at // 1000) + number % 1000,
        flow_id=flow_id,
        flow=flow,
        version=1 if number % 1000 else 2,
        status=status,
        trigger=_chosen(TRIGGERS, chance),
        priority=2,
        epoch=1,
        losses=0,
        queued_at=at,
        started_at=at + 1000,
        finished_at=at + 300_000,
        clock=at,
        warnings=int(number % 500 == 0),
        summary=SUMMARIES[status].format(key=key_of(number)),
        connectors=b'{"erp":"%064d"}' % 0,
    )
    refused = status in {"failure", "partial_success"}
    error = {"code": "remote.rejected", "title": "The target refused", "detail": CAUSES[number % len(CAUSES)]}
    steps = [
        StepRun(
            run_id=run.id,
            position=position,
            step=step,
            shape=shape,
            status="success" if position == 0 else status,
            error=encode(error) if position and refused else None,
            rejected=int(position and refused),
            attempts=1,
            started_at=at + 1000,
            finished_at=at + 300_000,
            inputs="[]",
            outputs="[]",
            done=1,
            payloads_in=1,
            items_in=8,
            bytes_in=2000,
            payloads_out=1,
            items_out=8,
            bytes_out=2000,
        )
        for position, (step, shape) in enumerate((("pull", "manual_payload"), ("send", "filter")))
    ]
    outcome = "rejected" if refused else "delivered"
    claimed = (outcome, run.id, 1, 1, None, None, 0, bytes(32))
    delivery = (number + 1, 1, key_of(number), *claimed, at, None, at, run.id)
    event = (number + 1, run.id, 1, 0, 0, 0, outcome, None, at)
    line = (run.id, 0, 1, at, "info", "booked", None)
    return run, steps, delivery, event, line


def _write(transaction: Transaction, made: list[Any]) -> None:
    for run, steps, delivery, event, line in made:
        transaction.insert(runs.INSERT_RUN, row(run))
        transaction.insert_many(runs.PUT_STEP_RUN, [row(step) for step in steps])
        transaction.insert(ledger.INSERT_DELIVERY, delivery)
        transaction.insert(ledger.INSERT_EVENT, event)
        transaction.insert(runs.INSERT_LOG, line)
