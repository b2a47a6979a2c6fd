"""The queue through a client over real sockets: as it is in this process."""

from __future__ import annotations

import pytest

from redrive.client import connect
from redrive.client.records import MoveRequest, PauseRequest
from redrive.errors import RedriveError


@pytest.fixture
async def client(served, tmp_path):
    async with connect(home=tmp_path) as client:
        assert not client.in_process
        yield client


async def test_the_client_speaks_of_the_queue(client):
    (item,) = (await client.queue.list()).items
    assert (item.run, item.position, item.kind, item.waits_for) == ("r9", 1, "overlap", "r8")
    assert (await client.queue.move("r9", MoveRequest(priority="low"))).priority == "low"
    assert (await client.queue.pauses()).items[0].name == "erp"
    assert (await client.queue.pause(PauseRequest(kind="all"))).kind == "all"
    assert (await client.queue.resume("connection", "erp")).removed == 1
    assert (await client.queue.resume("all")).removed == 0
    assert (await client.queue.circuits()).items[0].failures == 10
    assert (await client.queue.reset("erp")).removed == 1
    with pytest.raises(RedriveError) as unknown:
        await client.queue.move("nobody", MoveRequest(front=True))
    assert unknown.value.code == "run.unknown"
