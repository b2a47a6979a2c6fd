"""People with different roles on a real server over real sockets: sign-in, sessions, masking, audit."""

from __future__ import annotations

import asyncio
import json
import socket

import httpx
import pytest

from redrive.client.local import open_home
from redrive.errors import UsageError
from redrive.server.serve import Reach
from redrive.service.people_views import AccountRequest, MaskRequest
from redrive.settings import Settings
from tests.integration.server.serving import served_home

PASSWORD = "correct horse battery"
ORDERS = (
    '[{"id": 1042, "email": "ann@example.com", "total": 19.90}, '
    '{"id": 1043, "email": "bob@example.com", "total": 1.10}]'
)
FLOW = f"""
flow: orders
variables:
  email: {{type: string, default: ""}}
steps:
  - {{id: pull, shape: manual_payload, media_type: application/json, payload: '{ORDERS}'}}
  - {{id: know, shape: track, fields: {{order: id, email: email}}}}
  - {{id: tell, shape: notify, message: "email: ann@example.com was seen", level: info}}
""".encode()


@pytest.fixture(autouse=True)
def every_store(store):
    """Each test here on both kinds of record store."""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Person:
    """A browser with a session, or a program with a token."""

    def __init__(self, url: str, **headers: str) -> None:
        self.http = httpx.AsyncClient(
            base_url=f"{url}/api/v1", timeout=30, headers={"Origin": url, **headers}
        )

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.http.aclose()

    async def sign_in(self, name, password=PASSWORD):
        return await self.http.post("/sign-in", json={"name": name, "password": password})

    async def me(self):
        return (await self.http.get("/me")).json()

    async def get(self, path, **query):
        return await self.http.get(path, params=query)

    async def status(self, method, path, **body):
        sent = body if method in {"POST", "PUT", "PATCH"} else None
        return (await self.http.request(method, path, json=sent)).status_code


async def prepared(home, *accounts, mask=None):
    """A home with a run of the flow, accounts, and perhaps a masking rule."""
    async with open_home(home, Settings()) as service:
        await service.flows.import_documents([("orders.yaml", FLOW)], deploy=True)
        from redrive.service.views import StartRequest

        run = await service.runs.start("orders", StartRequest(variables={"email": "eve@example.com"}))
        await service.execute_until(run.id)
        for name, role, reveal in accounts:
            await service.accounts.create(
                AccountRequest(name=name, role=role, reveal=reveal, password=PASSWORD)
            )
        if mask is not None:
            await service.masks.set("private", mask)
        return run.id


async def test_the_first_person_makes_the_administrator_by_the_link(tmp_path):
    async with served_home(tmp_path, Settings()) as address, Person(address.url) as root:
        before = await root.me()
        assert (before["signed_in"], before["first_start"]) == (False, True)
        assert (await root.get("/runs")).status_code == 401
        assert (await root.http.get(address.link)).status_code == 303
        me = await root.me()
        assert (me["name"], me["account"], me["role"], me["first_start"]) == ("local", None, "admin", True)
        body = {"name": "Root", "role": "admin", "password": PASSWORD}
        assert (await root.http.post("/accounts", json=body)).status_code == 201
        assert not (await root.me())["first_start"]

        async with Person(address.url) as again:
            answer = await again.sign_in("root")
            assert answer.status_code == 200
            cookie = answer.headers["set-cookie"].lower()
            assert all(part in cookie for part in ("httponly", "samesite=lax", "path=/"))
            assert "secure" not in cookie
            assert (await again.me())["account"] == "Root"
            sessions = (await again.get("/sessions", all="true")).json()["items"]
            assert {one["way"] for one in sessions} == {"password", "link"}
            (other,) = [one for one in sessions if not one["current"]]
            assert await again.status("DELETE", f"/sessions/{other['id']}") == 200
        assert (await root.get("/runs")).status_code == 401
        assert not (await root.me())["signed_in"]


async def test_a_session_outlives_a_restart_and_ends_with_signing_out(tmp_path):
    await prepared(tmp_path, ("Ann", "operator", False))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with Person(url) as ann:
        async with served_home(tmp_path, Settings(), port):
            await ann.sign_in("Ann")
        async with served_home(tmp_path, Settings(), port):
            assert (await ann.me())["session"]["current"]
            assert (await ann.get("/runs")).status_code == 200
            # A call of somebody else's page brings the cookie along, and another origin.
            forged = await ann.http.post("/sign-in", json={}, headers={"Origin": "http://evil.example"})
            assert forged.json()["code"] == "origin.not_allowed"
            del ann.http.headers["Origin"]
            assert (await ann.http.delete("/session")).json()["code"] == "origin.required"
            assert (await ann.http.delete("/session", headers={"Origin": url})).status_code == 204
            assert not (await ann.me())["signed_in"]


async def test_each_role_does_what_it_may_and_is_told_what_it_may_not(tmp_path):
    run = await prepared(
        tmp_path, ("Vic", "viewer", False), ("Ann", "operator", False), ("Bea", "builder", False)
    )
    async with served_home(tmp_path, Settings()) as address:
        async with Person(address.url) as vic:
            await vic.sign_in("Vic")
            assert (await vic.get(f"/runs/{run}")).status_code == 200
            assert await vic.status("POST", f"/runs/{run}/retry", **{"from": "start"}) == 403
            refused = (await vic.get("/audit")).json()
            assert refused["code"] == "auth.forbidden"
            assert "`audit`" in refused["detail"]
            assert "role admin" in refused["hint"]
        async with Person(address.url) as ann:
            await ann.sign_in("Ann")
            assert await ann.status("POST", "/flows/orders/runs") == 201
            assert await ann.status("POST", "/flows/orders/deploy") == 403
            made = await ann.http.post("/tokens", json={"name": "ci", "scopes": ["read", "stop"], "days": 1})
            async with Person(address.url, Authorization=f"Bearer {made.json()['token']}") as ci:
                assert (await ci.get("/runs")).status_code == 200
                assert await ci.status("POST", "/flows/orders/runs") == 403
                assert (await ci.me())["via"] == "token ci"
        async with Person(address.url) as bea:
            await bea.sign_in("Bea")
            assert await bea.status("POST", "/flows/orders/deploy", version=1) == 200
            assert await bea.status("POST", "/accounts", name="Me", role="admin") == 403


async def test_masked_fields_are_nowhere_seen_without_the_right(tmp_path):
    run = await prepared(
        tmp_path,
        ("Vic", "operator", False),
        ("Ann", "operator", True),
        ("Root", "admin", False),
        mask=MaskRequest(fields=["email"]),
    )
    async with (
        served_home(tmp_path, Settings()) as address,
        Person(address.url) as vic,
        Person(address.url) as ann,
        Person(address.url) as root,
    ):
        for person, name in ((vic, "Vic"), (ann, "Ann"), (root, "Root")):
            await person.sign_in(name)
        payload = (await ann.get(f"/runs/{run}/steps/pull/payloads/out")).json()["items"][0]["id"]

        hidden = ORDERS.replace("ann@example.com", "********").replace("bob@example.com", "********")
        content = await vic.get(f"/payloads/{payload}/content")
        assert content.text == hidden
        assert "etag" not in content.headers
        items = (await vic.get(f"/payloads/{payload}/items")).json()["items"]
        assert items[1] == '{"id": 1043, "email": "********", "total": 1.10}'
        part = await vic.get(f"/payloads/{payload}/content", items="1:2")
        assert part.text == f"[{items[1]}]"
        ranged = await vic.http.get(f"/payloads/{payload}/content", headers={"Range": "bytes=10-60"})
        assert (ranged.status_code, ranged.text) == (200, hidden)
        seen = [
            await vic.get(f"/payloads/{payload}"),
            await vic.get(f"/runs/{run}"),
            await vic.get("/runs"),
            await vic.get(f"/runs/{run}/logs"),
            await vic.get(f"/runs/{run}/exchanges"),
            await vic.get("/find", value="1042"),
            await vic.get("/find", value="1042", everywhere="true"),
        ]
        for answer in seen:
            assert answer.status_code == 200, answer.url
            assert "example.com" not in answer.text, answer.url
        assert seen[5].json()["items"]
        assert (await vic.get("/find", value="ann@example.com")).json()["items"] == []
        assert (await ann.get("/find", value="ann@example.com")).json()["items"] != []
        digest = seen[0].json()["digest"]

        # With the right all is seen, to the byte.
        whole = await ann.get(f"/payloads/{payload}/content")
        assert whole.text == ORDERS
        assert whole.headers["etag"] != f'"{digest}"'
        assert (await ann.get(f"/runs/{run}")).json()["variables"]["email"] == "eve@example.com"

        # Server-side nothing is hidden: a redrive goes on with what is stored.
        start = {"after": "pull", "confirm": True, "delivery": "send_all", "reason": "again"}
        new = await vic.http.post(f"/runs/{run}/redrive", json=start)
        assert new.status_code == 201, new.text
        row = (await vic.get(f"/runs/{new.json()['id']}/wait", timeout_s=30)).json()
        assert row["status"] == "success"
        # The same bytes, known by the same key.
        page = (await ann.get("/find", value="ann@example.com")).json()["items"]
        assert row["id"] in {one["run"] for one in page}

        # Whoever sees a part cannot put another whole in its place.
        upload = (await vic.http.post("/uploads", content=b"[]", params={"like": payload})).json()["id"]
        edit = {"after": "pull", "edits": {payload: upload}, "reason": "x", "confirm": True}
        refused = await vic.http.post(f"/runs/{run}/redrive/plan", json=edit)
        assert (refused.status_code, refused.json()["code"]) == (403, "payload.masked")
        assert (await ann.http.post(f"/runs/{run}/redrive/plan", json=edit)).status_code == 200

        # Who looked, and who was shown what is hidden from others; durable within a second.
        await asyncio.sleep(0)
        await root.status("PUT", "/masks/second", fields=["x"])
        lines = (await root.get("/audit", what="payload", limit=100)).json()["items"]
        views = {(one["actor"], one["action"], bool(one["data"].get("revealed"))) for one in lines}
        assert {("Vic", "payload.download", False), ("Ann", "payload.download", True)} <= views
        failed = (await root.get("/audit", who="Vic", what="failed")).json()["items"]
        assert [(one["action"], one["result"]) for one in failed] == [("failed.plan", "payload.masked")]
        # Taken away, everybody sees again.
        await root.status("DELETE", "/masks/private")
        assert (await vic.get(f"/payloads/{payload}/content")).text == ORDERS


async def test_other_machines_are_listened_to_only_with_an_administrator(tmp_path):
    with pytest.raises(UsageError) as caught:
        async with served_home(tmp_path, Settings(), host="0.0.0.0"):
            pass
    assert caught.value.code == "host.no_account"
    assert caught.value.exit_code == 2
    assert "redrive user add" in caught.value.hint
    await prepared(tmp_path, ("Vic", "viewer", False))
    with pytest.raises(UsageError):
        async with served_home(tmp_path, Settings(), host="0.0.0.0"):
            pass

    async with open_home(tmp_path, Settings()) as service:
        await service.accounts.create(AccountRequest(name="Root", role="admin", password=PASSWORD))
    reach = Reach("https://redrive.example.com", ("other.example",), ("127.0.0.1",))
    async with served_home(tmp_path, Settings(), host="0.0.0.0", reach=reach) as address:
        assert (address.url, address.link) == ("https://redrive.example.com", None)
        told = json.loads((tmp_path / "server.json").read_text())
        assert told["url"].startswith("http://127.0.0.1:")
        async with httpx.AsyncClient(base_url=f"{told['url']}/api/v1") as http:
            for host, status in (
                ("redrive.example.com", 200), ("OTHER.example:81", 200), ("192.0.2.7:8765", 200),
                ("[2001:db8::7]", 200), ("localhost", 200), ("evil.example", 403), ("example.com", 403),
            ):  # fmt: skip
                assert (await http.get("/me", headers={"Host": host})).status_code == status, host
            headers = {
                "Host": "redrive.example.com",
                "Origin": "https://redrive.example.com",
                "X-Forwarded-For": "198.51.100.9, 203.0.113.5",
            }
            answer = await http.post("/sign-in", json={"name": "Root", "password": PASSWORD}, headers=headers)
            assert answer.status_code == 200
            assert "secure" in answer.headers["set-cookie"].lower()
            assert answer.json()["session"]["address"] == "203.0.113.5"
