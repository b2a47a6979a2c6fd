"""Live streams over real sockets end with what let them begin: session, account, right, token."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from redrive.server import stream
from redrive.settings import Settings
from tests.integration.server.serving import served_home
from tests.integration.server.test_people import Person, prepared
from tests.unit.service.building import TestClock

DAY_S = 86_400


@pytest.fixture(autouse=True)
def asked_often(monkeypatch):
    monkeypatch.setattr(stream, "ALLOWED_EVERY_S", 0.05)


async def followed(stack, person, path="/runs/events"):
    """The lines of a live stream that has begun."""
    answer = await stack.enter_async_context(person.http.stream("GET", path))
    assert answer.status_code == 200
    lines = answer.aiter_lines()
    assert await anext(lines) == ": following"
    return lines


async def ends(lines) -> bool:
    async with asyncio.timeout(10):
        return [line async for line in lines if line and not line.startswith(":")] == []


async def ended(lines) -> None:
    async with asyncio.timeout(10):
        async for _ in lines:
            pass


async def test_a_stream_ends_with_its_session_account_right_or_token(tmp_path):
    clock = TestClock()
    names = [("root", "admin", False), ("out", "viewer", False), ("ended", "viewer", False)]
    names += [("off", "viewer", False), ("less", "admin", False), ("ann", "viewer", False)]
    await prepared(tmp_path, *names)
    async with (
        served_home(tmp_path, Settings(), clock=clock) as address,
        AsyncExitStack() as stack,
    ):
        people = {}
        for name, *_ in names:
            person = people[name] = await stack.enter_async_context(Person(address.url))
            assert (await person.sign_in(name)).status_code == 200
        root = people["root"]

        async def token(days):
            body = {"name": f"for {days}", "days": days, "scopes": ["viewer"]}
            made = (await root.http.post("/tokens", json=body)).json()
            headers = {"Authorization": f"Bearer {made['token']}"}
            return made["id"], await stack.enter_async_context(Person(address.url, **headers))

        revoked_id, revoked = await token(30)
        _, short = await token(1)
        lines = {name: await followed(stack, person) for name, person in people.items()}
        lines |= {"revoked": await followed(stack, revoked), "short": await followed(stack, short)}

        assert await people["out"].status("DELETE", "/session") < 300
        sessions = (await root.get("/sessions", all="true")).json()["items"]
        session = next(one["id"] for one in sessions if one["account"] == "ended")
        assert await root.status("DELETE", f"/sessions/{session}") == 200
        assert await root.status("PATCH", "/accounts/off", enabled=False) == 200
        assert await root.status("PATCH", "/accounts/less", role="viewer") == 200
        assert await root.status("DELETE", f"/tokens/{revoked_id}") < 300
        for name in ("out", "ended", "off", "less", "revoked"):
            assert await ends(lines[name]), name

        run = (await root.http.post("/flows/orders/runs", json={})).json()["id"]
        async with asyncio.timeout(10):
            for name in ("ann", "short"):
                while run not in await anext(lines[name]):
                    pass
        # A stream that is open does not keep its session from becoming idle.
        clock.forward(DAY_S + 1)
        await asyncio.gather(*(ended(lines[name]) for name in ("ann", "root", "short")))
