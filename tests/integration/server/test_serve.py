from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from contextlib import asynccontextmanager

import httpx
import pytest

from redrive.client.connecting import live_server
from redrive.errors import Fault, StoreFull, UsageError
from redrive.server.serve import leave_address, remove_address, serve
from tests.unit.server.recording import FixedSettings, RecordingService


async def start(home, *, host="127.0.0.1", port=0, opened=None, service=None):
    ready = asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def open_service():
        if opened is not None:
            opened.append("open")
        yield service or RecordingService()
        if opened is not None:
            opened.append("closed")

    serving = asyncio.ensure_future(
        serve(home, host, port, open_service=open_service, settings=FixedSettings(), ready=ready.set_result)
    )
    await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED)
    return serving, ready


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_good_order(tmp_path, number):
    opened = []
    serving, ready = await start(tmp_path, opened=opened)
    address = ready.result()
    left = tmp_path / "server.json"
    assert left.stat().st_mode & 0o777 == 0o600
    told = json.loads(left.read_text())
    assert told["url"] == address.url
    assert told["pid"] == os.getpid()
    assert told["token"] not in address.link
    live = await live_server(tmp_path)
    assert live is not None
    assert live.url == address.url
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{address.url}/api/v1/runs")).status_code == 401
        headers = {"Authorization": f"Bearer {told['token']}"}
        assert (await client.get(f"{address.url}/api/v1/runs", headers=headers)).status_code == 200
        signed = await client.get(address.link, follow_redirects=True)
        assert 'name="redrive-session" content="yes"' in signed.text or "not built" in signed.text
        assert (await client.get(f"{address.url}/api/v1/runs")).status_code == 200
    os.kill(os.getpid(), number)
    await serving
    assert opened == ["open", "closed"]
    assert not left.exists()
    assert list(tmp_path.iterdir()) == []


async def test_live_streams_and_waits_do_not_hold_up_the_end(tmp_path):
    service = RecordingService()
    forever = asyncio.Event()

    async def never(*_args):
        await forever.wait()

    async def silent(_run_id=None):
        await forever.wait()
        yield

    service.runs.wait = never
    service.runs.watch = silent
    serving, ready = await start(tmp_path, service=service)
    url = ready.result().url
    headers = {"Authorization": f"Bearer {json.loads((tmp_path / 'server.json').read_text())['token']}"}
    async with (
        httpx.AsyncClient(headers=headers, timeout=30) as client,
        client.stream("GET", f"{url}/api/v1/runs/events") as events,
    ):
        lines = events.aiter_lines()
        assert await anext(lines) == ": following"
        waiting = asyncio.ensure_future(client.get(f"{url}/api/v1/runs/r3/wait"))
        health = await client.get(f"{url}/api/v1/health")
        assert health.status_code == 200
        os.kill(os.getpid(), signal.SIGTERM)
        assert (await waiting).json()["status"] == "queued"
        assert [line async for line in lines if line] == []
    async with asyncio.timeout(4):
        await serving


async def test_a_home_that_cannot_be_written_any_more_is_not_served(tmp_path):
    service = RecordingService()
    serving, ready = await start(tmp_path, service=service)
    assert ready.done()
    service.halting.set()
    with pytest.raises(StoreFull):
        await serving
    assert list(tmp_path.iterdir()) == []


async def test_a_port_in_use_changes_nothing(tmp_path):
    opened = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        serving, _ = await start(tmp_path, port=port, opened=opened)
        with pytest.raises(Fault) as caught:
            await serving
    assert caught.value.code == "port.in_use"
    assert caught.value.exit_code == 3
    assert caught.value.at == f"127.0.0.1:{port}"
    assert opened == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
async def test_other_machines_are_not_listened_to_before_somebody_can_sign_in(tmp_path, host):
    serving, _ = await start(tmp_path, host=host)
    with pytest.raises(UsageError) as caught:
        await serving
    assert caught.value.code == "host.no_account"
    assert caught.value.exit_code == 2


def test_the_address_of_another_process_stays(tmp_path):
    leave_address(tmp_path, url="http://127.0.0.1:1", token="t")
    remove_address(tmp_path)
    assert not (tmp_path / "server.json").exists()
    (tmp_path / "server.json").write_text(json.dumps({"url": "u", "token": "t", "pid": os.getpid() + 1}))
    remove_address(tmp_path)
    assert (tmp_path / "server.json").exists()


async def test_an_address_that_a_dead_process_left_does_not_count(tmp_path, unused_tcp_port):
    path = tmp_path / "server.json"
    assert await live_server(tmp_path) is None
    for text in ("", "{}", '{"url": 1, "token": 2, "pid": "x"}', "[]"):
        path.write_text(text)
        assert await live_server(tmp_path) is None
    # No process has this number; one that has it may be another program's, and nobody answers.
    for pid in (2**22 + 1, os.getpid()):
        path.write_text(json.dumps({"url": f"http://127.0.0.1:{unused_tcp_port}", "token": "t", "pid": pid}))
        assert await live_server(tmp_path) is None
