"""No secret is found anywhere: tables, contents, process log, answers of the API, exports, backups."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import select

from redrive.service.app import open_service
from redrive.settings import load
from redrive.store import tables
from tests.integration.secrets.leaks import (
    HOOK,
    KINDS,
    MODES,
    SECRETS,
    URL_PASSWORD,
    cells,
    documents,
    leaks,
    members,
    told_back,
)

SOURCE = str(Path(__file__).parents[3] / "src")
HOOKED = """
flow: hooked
triggers:
  - webhook: {token: {secret: {connection: bearer, name: token}}}
steps:
  - {id: tell, shape: notify, message: hello, level: error, groups: [ops]}
"""
EVERYTHING = bool(os.environ.get("REDRIVE_TEST_ALL"))


@contextlib.asynccontextmanager
async def hostile():
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", told_back)
    # As a proxy it is asked for whole addresses.
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def begin(home: Path, log: Path) -> tuple[subprocess.Popen[bytes], str, str]:
    environment = os.environ | {
        "PYTHONPATH": SOURCE,
        "REDRIVE_LOG_LEVEL": "debug",
        "REDRIVE_RETRY_BASE_S": "0.01",
        "HOOK_SECRET": HOOK,
    }
    with log.open("wb") as log_file:
        process = subprocess.Popen(
            [sys.executable, "-m", "redrive", "--home", str(home), "--json", "up", "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=log_file,
            env=environment,
        )
    with process.stdout as lines:
        told = json.loads(lines.readline())
    return process, told["url"], json.loads((home / "server.json").read_text())["token"]


async def answers(session: aiohttp.ClientSession, url: str) -> dict[str, bytes]:
    """What the API says of everything."""
    found: dict[str, bytes] = {}

    async def get(path: str) -> bytes:
        async with session.get(f"{url}/api/v1/{path}") as answer:
            body = await answer.read()
            found[path] = body + str(answer.headers).encode()
            return body

    for path in ("connections", "connectors", "settings", "groups", "triggers", "secrets", "flows", "doctor"):
        await get(path)
    for name in KINDS:
        await get(f"connections/{name}/document")
        await get(f"connectors/{name}/document")
        await get(f"flows/{name}/bundle")
    for run in json.loads(await get("runs?limit=500"))["items"]:
        await get(f"runs/{run['id']}")
        await get(f"runs/{run['id']}/logs")
        for one in json.loads(await get(f"runs/{run['id']}/exchanges?limit=500"))["items"]:
            for which in ("request", "response"):
                await get(f"exchanges/{one['id']}/{which}")
    return found


@pytest.mark.slow
async def test_no_secret_is_found_anywhere(tmp_path):  # noqa: PLR0915 - one story
    home, log = tmp_path / "home", tmp_path / "log"
    modes = MODES if EVERYTHING else ("good", "rejected", "half")
    async with hostile() as url:
        async with open_service(home, load(environment={}, options={"home": str(home)})) as service:
            every = [(f"{name}.yaml", documents(name, url)) for name in KINDS]
            await service.flows.import_documents([*every, ("h.yaml", HOOKED.encode())], deploy=True)
        process, address, token = await asyncio.to_thread(begin, home, log)
        try:
            headers = {"Authorization": f"Bearer {token}"}
            async with aiohttp.ClientSession(headers=headers) as session:
                group = {"urls": [{"url": f"json://ann:{URL_PASSWORD}@{url[7:]}/broken/{URL_PASSWORD}"}]}
                async with session.put(f"{address}/api/v1/groups/ops", json=group) as answer:
                    assert answer.status in {200, 201}, await answer.text()
                ids = []
                for name in KINDS:
                    for mode in modes:
                        body = {"variables": {"mode": mode}}
                        async with session.post(f"{address}/api/v1/flows/{name}/runs", json=body) as answer:
                            assert answer.status in {200, 201, 202}, await answer.text()
                            ids.append((await answer.json())["id"])
                hook = {"Authorization": f"Bearer {SECRETS['token']}x"}
                async with session.post(f"{address}/hooks/hooked", headers=hook, data=b"x") as answer:
                    assert answer.status == 401
                async with session.post(f"{address}/api/v1/groups/ops/test", headers=headers) as answer:
                    sent = await answer.read()
                statuses = set()
                for run in ids:
                    while True:
                        async with session.get(f"{address}/api/v1/runs/{run}") as answer:
                            row = await answer.json()
                        if row["finished_at"]:
                            break
                        await asyncio.sleep(0.02)  # another process ends it
                    statuses.add(row["status"])
                assert statuses == {"success", "failure"}
                told = {"groups/test": sent} | await answers(session, address)
                async with session.post(f"{address}/api/v1/backups", params={"name": "b"}) as answer:
                    (tmp_path / "b.tar").write_bytes(await answer.read())
        finally:
            process.terminate()
            assert await asyncio.to_thread(process.wait, 30) == 0
    exchanges = [path for path in told if path.endswith(("/request", "/response"))]
    assert len(exchanges) > 2 * len(ids)
    found = {one for path, data in told.items() for one in leaks(path, data)}
    found |= leaks("process log", log.read_bytes())
    found |= {one for name, data in members(tmp_path / "b.tar") for one in leaks(name, data)}
    for database in home.glob("*.db"):
        found |= {one for place, data in cells(database) for one in leaks(place, data)}
    async with open_service(home, load(environment={}, options={"home": str(home)})) as service:
        contents = service.kernel.deps.contents
        rows = service.kernel.deps.reader.rows()
        for digest, size in rows.query(select(tables.contents.c.digest, tables.contents.c.size_bytes)):
            found |= leaks("contents", await contents.known(bytes(digest), size).read())
    for path in home.rglob("*"):
        if path.is_file():
            found |= leaks(path.name, path.read_bytes())
    assert sorted(found) == []
