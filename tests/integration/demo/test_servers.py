"""The demo systems as real processes: they start, go wrong as told, and end with their parent."""

import asyncio
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from redrive.demo.servers import DemoServers
from redrive.errors import Fault as RedriveFault

SOURCE = str(Path(__file__).parents[3] / "src")
ORDERS = [{"id": 1, "postcode": "N1"}, {"id": 2, "postcode": "N2"}]


@pytest.fixture(scope="module")
def running() -> Iterator[DemoServers]:
    with DemoServers() as servers:
        yield servers


@pytest.fixture
def servers(running: DemoServers) -> Iterator[DemoServers]:
    yield running
    running.shop.control(reset=True)
    running.erp.control(reset=True)


@contextlib.asynccontextmanager
async def session(token: str):  # type: ignore[no-untyped-def]
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as client:
        yield client


async def test_orders_go_from_one_to_the_other(servers: DemoServers) -> None:
    async with session(servers.shop.token) as shop, session(servers.erp.token) as erp:
        async with shop.get(f"{servers.shop.url}/orders?day=2026-11-02&per_page=40") as answer:
            assert answer.status == 200
            orders = (await answer.json())["orders"]
        form = [{"id": order["id"], "ship_to": order["shipping_address"]} for order in orders[:10]]
        async with erp.post(f"{servers.erp.url}/orders", json=form) as answer:
            assert answer.status == 201
    assert servers.erp.counts() == {str(number): 1 for number in range(1001, 1011)}


async def test_without_the_token_nothing_is_given(servers: DemoServers) -> None:
    async with aiohttp.ClientSession() as client, client.get(f"{servers.shop.url}/orders") as answer:
        assert answer.status == 401
    async with aiohttp.ClientSession() as client, client.get(f"{servers.shop.url}/health") as answer:
        assert answer.status == 200


async def test_an_unknown_place_is_404_and_a_senseless_query_400(servers: DemoServers) -> None:
    async with session(servers.shop.token) as client:
        async with client.get(f"{servers.shop.url}/parcels") as answer:
            assert answer.status == 404
        async with client.get(f"{servers.shop.url}/orders?page=x") as answer:
            assert answer.status == 400
            assert "page must be" in (await answer.json())["error"]


async def test_large_pages_arrive_whole(servers: DemoServers) -> None:
    address = f"{servers.shop.url}/orders?per_page=1500"
    async with session(servers.shop.token) as client, client.get(address) as answer:
        assert len((await answer.json())["orders"]) == 1500


async def test_a_told_status_is_answered_and_nothing_is_booked(servers: DemoServers) -> None:
    servers.erp.control(faults=[{"kind": "status", "status": 429, "retry_after_s": 2, "times": 1}])
    async with session(servers.erp.token) as client:
        async with client.post(f"{servers.erp.url}/orders", json=ORDERS) as answer:
            assert answer.status == 429
            assert answer.headers["Retry-After"] == "2"
        assert servers.erp.counts() == {}
        async with client.post(f"{servers.erp.url}/orders", json=ORDERS) as answer:
            assert answer.status == 201


@pytest.mark.parametrize(("at", "counts"), [("before", {}), ("after", {"1": 1, "2": 1})])
async def test_a_cut_before_books_nothing_and_after_it_does(
    servers: DemoServers, at: str, counts: dict[str, int]
) -> None:
    servers.erp.control(faults=[{"kind": "cut", "at": at, "order": 2}])
    async with session(servers.erp.token) as client:
        with pytest.raises(aiohttp.ClientError):
            async with client.post(f"{servers.erp.url}/orders", json=ORDERS) as answer:
                await answer.read()
    assert servers.erp.counts() == counts


async def test_a_cut_sends_only_so_many_bytes(servers: DemoServers) -> None:
    servers.shop.control(faults=[{"kind": "cut", "bytes": 100}])
    async with session(servers.shop.token) as client, client.get(f"{servers.shop.url}/orders") as answer:
        assert (answer.content_length or 0) > 10_000
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_garbage_comes_with_a_good_status(servers: DemoServers) -> None:
    servers.shop.control(faults=[{"kind": "garbage"}])
    async with session(servers.shop.token) as client, client.get(f"{servers.shop.url}/orders") as answer:
        assert answer.status == 200
        with pytest.raises(ValueError, match=r"utf-8|Expecting value"):
            json.loads(await answer.read())


async def test_a_trickle_never_ends_until_released(servers: DemoServers) -> None:
    servers.shop.control(faults=[{"kind": "trickle", "delay_s": 60}])
    async with session(servers.shop.token) as client, client.get(f"{servers.shop.url}/orders/1042") as answer:
        await asyncio.to_thread(servers.shop.wait, held=1)
        servers.shop.control(release=True)
        assert json.loads(await answer.read())["id"] == 1042


async def test_a_held_request_is_booked_already_and_answered_when_released(servers: DemoServers) -> None:
    servers.erp.control(faults=[{"kind": "hold"}])

    async def send() -> int:
        address = f"{servers.erp.url}/orders"
        async with session(servers.erp.token) as client, client.post(address, json=ORDERS) as answer:
            return answer.status

    sending = asyncio.create_task(send())
    await asyncio.to_thread(servers.erp.wait, requests=1, held=1)
    assert servers.erp.counts() == {"1": 1, "2": 1}
    assert not sending.done()
    servers.erp.control(release=True)
    assert await sending == 201


async def test_down_refuses_connections_and_keeps_counts_until_it_is_up_again(servers: DemoServers) -> None:
    async with session(servers.erp.token) as client:
        async with client.post(f"{servers.erp.url}/orders", json=ORDERS) as answer:
            assert answer.status == 201
        assert servers.erp.control(down=True)["down"]
        with pytest.raises(aiohttp.ClientConnectionError):
            async with client.post(f"{servers.erp.url}/orders", json=ORDERS):
                pass
        assert servers.erp.counts() == {"1": 1, "2": 1}
        assert not servers.erp.control(down=False)["down"]
        async with client.get(f"{servers.erp.url}/orders/1") as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    "told", [{"fault": []}, {"faults": [{"kind": "lazy"}]}, {"settings": {"pages": "none"}}, {"down": 3}]
)
def test_an_instruction_that_is_not_understood_is_refused(
    servers: DemoServers, told: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match="answered 400"):
        servers.shop.control(**told)


def test_a_wait_in_vain_ends_in_time(servers: DemoServers) -> None:
    with pytest.raises(TimeoutError, match="did not get there"):
        servers.shop.wait(requests=1, timeout_s=0)


def test_a_port_in_use_is_one_clear_sentence(servers: DemoServers) -> None:
    port = servers.shop.url.rpartition(":")[2]
    ended = subprocess.run(
        [sys.executable, "-m", "redrive.demo.shop", "--port", port],
        env={**os.environ, "PYTHONPATH": SOURCE}, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert ended.returncode == 3
    assert f"port {port} cannot be used" in ended.stderr


def test_a_server_that_cannot_start_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DemoServers, "__init__", lambda self: None)
    servers = DemoServers()
    servers._shop_arguments = ("--orders", "many")  # type: ignore[attr-defined]
    servers._erp_arguments = ()  # type: ignore[attr-defined]
    with pytest.raises(RedriveFault, match="the demo shop did not start"):
        servers.__enter__()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the end of a foreign process shows on Linux only")
def test_they_end_when_their_parent_is_killed() -> None:
    program = (
        "from redrive.demo.servers import DemoServers\n"
        "with DemoServers() as s:\n"
        "    print(s.shop.pid, s.erp.pid, flush=True)\n"
        "    __import__('threading').Event().wait()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": SOURCE}, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    children = [int(pid) for pid in parent.stdout.readline().split()]
    handles = [os.pidfd_open(pid) for pid in children]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    for handle in handles:
        assert select.select([handle], [], [], 10)[0]
        os.close(handle)
