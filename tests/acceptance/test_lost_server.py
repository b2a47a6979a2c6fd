"""The server of the records goes away under a process that executes."""

from __future__ import annotations

import asyncio
import os

import pytest

from redrive.store.postgres import PostgresDatabase
from tests.acceptance.product import served
from tests.contract.store.test_runner_lock import end_sessions

FLOW = """
flow: orders
steps:
  - {id: given, shape: manual_payload, payload: [{id: 1}]}
"""

pytestmark = [pytest.mark.usefixtures("store"), pytest.mark.parametrize("store", ["postgres"], indirect=True)]


@pytest.mark.parametrize(
    ("session", "code"), [("runner", "store.lock_lost"), ("writer", "store.unreachable")]
)
async def test_it_stops_executing_and_another_goes_on(home, session, code):
    database = PostgresDatabase(os.environ["REDRIVE_STORE"])
    async with served(home) as product:
        await product.load(FLOW)
        first = await product.run("orders")
        end_sessions(database, f"redrive {session}")
        if session == "writer":  # noticed by whoever writes next
            with pytest.raises(Exception, match="out of reach"):
                await product.run("orders")
        halted = await asyncio.wait_for(product.client.halted(), 10)
        assert (halted.code, halted.exit_code) == (code, 3)
        assert (await product.client.runs.get(first.id)).status == "success"  # reading goes on
        assert not (await product.client.health()).ready
    async with served(home) as product:
        assert (await product.run("orders")).status == "success"
