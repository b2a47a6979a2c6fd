"""Sign-in by a real OpenID Connect server, over real sockets from end to end."""

from __future__ import annotations

import socket
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from redrive.settings import Settings
from tests.integration.server.identity_server import CLIENT_ID, CLIENT_SECRET, agree, identity_server
from tests.integration.server.serving import served_home

pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(autouse=True)
def every_store():
    """Signing in through a provider is the same on every store; accounts are tested on each."""


@pytest.fixture
async def world(tmp_path):
    port, other = free_port(), free_port()
    redirect_uri = f"http://127.0.0.1:{port}/api/v1/oidc/callback"
    async with identity_server(other, redirect_uri) as issuer:
        settings = Settings(
            oidc_issuer=issuer,
            oidc_client_id=CLIENT_ID,
            oidc_client_secret=CLIENT_SECRET,
            oidc_name="The tests' provider",
            oidc_roles="support=operator, admins=admin",
        )
        async with served_home(tmp_path, settings, port) as address:
            yield World(address.url, redirect_uri)


class World:
    def __init__(self, url, redirect_uri):
        self.url = url
        self.api = f"{url}/api/v1"
        self.redirect_uri = redirect_uri

    async def begin(self, browser, to="/runs"):
        answer = await browser.get(f"{self.api}/oidc/start", params={"to": to})
        assert answer.status_code == 303
        return answer.headers["location"]

    async def sign_in(self, browser, login, to="/runs"):
        back = await agree(browser, await self.begin(browser, to), login, self.redirect_uri)
        return await browser.get(back)

    async def me(self, browser):
        return (await browser.get(f"{self.api}/me")).json()


@pytest.fixture
async def browser():
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


async def test_a_person_signs_in_and_gets_the_role_of_the_group(world, browser):
    assert (await world.me(browser))["ways_in"] == {"password": True, "oidc": "The tests' provider"}
    asked = parse_qs(urlsplit(await world.begin(browser)).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= asked.keys()

    done = await world.sign_in(browser, "ann+support")
    assert (done.status_code, done.headers["location"]) == (303, "/runs")
    me = await world.me(browser)
    assert (me["name"], me["account"], me["role"], me["session"]["way"]) == ("ann", "ann", "operator", "oidc")
    assert (await browser.get(f"{world.api}/runs")).status_code == 200
    assert (await browser.get(f"{world.api}/accounts")).status_code == 403

    # The highest of several groups counts.
    async with httpx.AsyncClient(timeout=30) as other:
        await world.sign_in(other, "root+support+admins")
        assert (await world.me(other))["role"] == "admin"
        accounts = (await other.get(f"{world.api}/accounts")).json()["items"]
        assert {one["name"]: one["issuer"] is not None for one in accounts} == {"ann": True, "root": True}
        # A second time it is the same account.
        await other.delete(f"{world.api}/session", headers={"Origin": world.url})
        assert not (await world.me(other))["signed_in"]
        await world.sign_in(other, "root+support+admins")
        assert len((await other.get(f"{world.api}/accounts")).json()["items"]) == 2
        lines = (await other.get(f"{world.api}/audit", params={"what": "sign_in"})).json()["items"]
        assert [(one["actor"], one["result"], one["data"]["way"]) for one in lines] == [
            ("root", "ok", "oidc"),
            ("root", "ok", "oidc"),
            ("ann", "ok", "oidc"),
        ]


async def test_who_has_no_role_or_another_s_name_is_not_let_in(world, browser):
    done = await world.sign_in(browser, "stranger")
    assert done.headers["location"] == "/?sign_in=oidc.no_role"
    assert not (await world.me(browser))["signed_in"]

    async with httpx.AsyncClient(timeout=30) as root:
        await world.sign_in(root, "root+admins")
        body = {"name": "Boss", "role": "admin", "password": "correct horse battery"}
        made = await root.post(f"{world.api}/accounts", json=body, headers={"Origin": world.url})
        assert made.status_code == 201
    async with httpx.AsyncClient(timeout=30) as thief:
        done = await world.sign_in(thief, "boss+support")
        assert done.headers["location"] == "/?sign_in=oidc.name_taken"
        assert not (await world.me(thief))["signed_in"]


async def test_an_answer_counts_once_and_only_in_the_browser_that_began(world, browser):
    back = await agree(browser, await world.begin(browser), "ann+support", world.redirect_uri)
    async with httpx.AsyncClient(timeout=30) as victim:
        answer = await victim.get(back)
        assert answer.headers["location"] == "/?sign_in=oidc.state"
        await world.begin(victim)
        answer = await victim.get(back)
        assert answer.headers["location"] == "/?sign_in=oidc.state"
        assert not (await world.me(victim))["signed_in"]
    changed = f"{back.split('?')[0]}?{urlencode({**flat(back), 'state': 'x'})}"
    assert (await browser.get(changed)).headers["location"] == "/?sign_in=oidc.state"
    # The cookie went with the failure: the same answer is worth nothing any more.
    assert (await browser.get(back)).headers["location"] == "/?sign_in=oidc.state"


async def test_a_code_of_another_sign_in_is_refused_by_pkce(world, browser):
    """Somebody puts a code that was meant for another browser into this one's answer."""
    async with httpx.AsyncClient(timeout=30) as other:
        stolen = flat(await agree(other, await world.begin(other), "root+admins", world.redirect_uri))["code"]
    back = await agree(browser, await world.begin(browser), "ann+support", world.redirect_uri)
    mixed = f"{back.split('?')[0]}?{urlencode({**flat(back), 'code': stolen})}"
    answer = await browser.get(mixed)
    assert answer.headers["location"] == "/?sign_in=oidc.provider"
    assert not (await world.me(browser))["signed_in"]


async def test_a_refusal_of_the_provider_leads_back_with_its_code(world, browser):
    asked = parse_qs(urlsplit(await world.begin(browser)).query)
    back = f"{world.redirect_uri}?{urlencode({'error': 'access_denied', 'state': asked['state'][0]})}"
    assert (await browser.get(back)).headers["location"] == "/?sign_in=oidc.refused"


def flat(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
