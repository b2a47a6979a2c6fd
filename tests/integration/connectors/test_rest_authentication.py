"""Every method of authentication against a real server that checks it."""

# ruff: noqa: SIM117 - first the server, then the connection to it
from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web

from redrive.connectors.rest import Rest
from redrive.sdk import ConnectionInfo, MemoryTokens
from redrive.sdk.testing import NOW
from tests.integration.connectors.bench import MemoryLedger, Seen, bench, reply, served
from tests.integration.connectors.oauth_servers import CLIENT, SECRET, OAuth1Site, OAuth2Site

LIST = {
    "direction": "receive",
    "request": {"path": "/orders"},
    "items": "orders",
    "paginate": {"by": "page_number"},
}
SEND = {"direction": "send", "request": {"method": "POST", "path": "/orders", "body": "{{ payload }}"}}
CREDENTIALS = {"client_id": CLIENT, "client_secret": SECRET}


def oauth2(**more):
    return {
        "method": "oauth2_client_credentials",
        "token_url": "{{ connection.base_url }}/token",
        "client_id": "{{ connection.client_id }}",
        "client_secret": "{{ connection.client_secret }}",
        "scope": "orders",
        **more,
    }


async def recorded(result) -> str:
    """All that the exchanges hold, as one text."""
    parts: list[str] = []
    for request, answer in result.exchanges:
        parts += [request.url, str(request.headers), str(answer.headers), str(answer.error)]
        for body in (request.body, answer.body):
            if body is not None:
                parts.append((await body.read()).decode(errors="replace"))
    return "\n".join(parts)


@pytest.mark.parametrize("client_auth", ["basic", "body"])
async def test_client_credentials_give_a_token_that_serves_all_pages(client_auth):
    server = OAuth2Site()
    async with served(server) as site:
        async with bench(
            site, LIST, authentication=oauth2(client_auth=client_auth), secrets=CREDENTIALS
        ) as at:
            result = await at.run()
            again = await at.run()
    assert result.values == [[{"id": 1}], [{"id": 2}], [{"id": 3}]]
    assert (again.error, len(server.asked)) == (None, 1)
    text = await recorded(result)
    for secret in (SECRET, *server.validator.access):
        assert secret not in text
    assert "Bearer [secret access_token]" in text or "Bearer [masked]" in text
    assert "grant_type=client_credentials" in text


async def test_a_token_that_ends_in_the_middle_of_a_pull_is_renewed_once_and_no_page_is_asked_twice():
    server = OAuth2Site(pages=3)

    def answer(seen: Seen):
        if seen.query.get("page") == "2" and len(server.asked) == 1:
            server.validator.access.clear()
        return server(seen)

    async with served(answer) as site:
        async with bench(site, LIST, authentication=oauth2(), secrets=CREDENTIALS) as at:
            result = await at.run()
    assert (result.error, len(result.values), len(server.asked)) == (None, 3, 2)
    assert [seen.query["page"] for seen in site.seen if seen.path.startswith("/orders")] == list("12234")


async def test_many_tasks_ask_for_one_token():
    server = OAuth2Site()
    async with served(server) as site:
        async with bench(site, LIST, authentication=oauth2(), secrets=CREDENTIALS) as at:
            results = await asyncio.gather(*(at.run() for _ in range(20)))
    assert {result.error for result in results} == {None}
    assert len(server.asked) == 1


async def test_many_tasks_whose_token_was_refused_ask_for_one_new_token():
    server = OAuth2Site()
    async with served(server) as site:
        async with bench(site, LIST, authentication=oauth2(), secrets=CREDENTIALS) as at:
            await at.run()
            server.validator.access.clear()
            results = await asyncio.gather(*(at.run() for _ in range(10)))
    assert {result.error for result in results} == {None}
    assert len(server.asked) == 2


async def test_a_refusal_that_a_new_token_does_not_mend_fails_the_run():
    asked = []

    def answer(seen: Seen):
        if seen.path == "/token":
            asked.append(seen)
            return reply({"access_token": f"token-{len(asked)}", "expires_in": 3600})
        return reply({}, 401)

    async with served(answer) as site:
        async with bench(site, LIST, authentication=oauth2(), secrets=CREDENTIALS) as at:
            result = await at.run(attempts=3)
    assert result.error is not None
    assert (result.error.code, len(asked), len(site.seen)) == ("auth.failed", 2, 4)


@pytest.mark.parametrize(
    ("answer", "code", "retry"),
    [
        (reply({"error": "invalid_client"}, 401), "auth.failed", "never"),
        (reply({"error": "invalid_scope"}, 400), "auth.failed", "never"),
        (reply({"error": "slow"}, 429), "remote.rate_limited", "backoff"),
        (reply({}, 503), "remote.unavailable", "backoff"),
        (web.Response(text="<html>welcome</html>", content_type="text/html"), "answer.invalid", "backoff"),
        (reply({"token_type": "Bearer"}), "answer.invalid", "backoff"),
        (web.Response(status=302, headers={"Location": "https://elsewhere.example"}), "auth.failed", "never"),
    ],
)
async def test_what_a_token_request_may_be_answered(answer, code, retry):
    def answers(seen: Seen):
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    async with served(answers) as site:
        async with bench(site, LIST, authentication=oauth2(), secrets=CREDENTIALS) as at:
            result = await at.run()
    assert result.error is not None
    assert (result.error.code, result.error.retry) == (code, retry)
    assert [seen.path for seen in site.seen] == ["/token"]
    assert len(result.exchanges) == 1
    if retry == "never":
        assert str(answer.status) in result.error.detail


async def test_a_send_whose_token_cannot_be_got_claims_nothing():
    ledger = MemoryLedger()
    async with served(lambda _: reply({"error": "invalid_client"}, 401)) as site:
        async with bench(site, SEND, authentication=oauth2(), secrets=CREDENTIALS) as at:
            result = await at.run([[{"id": 1}]], ctx=at.context(ledger), key="id")
    assert result.error is not None
    assert result.error.code == "auth.failed"
    assert ledger.claims == []


async def test_a_send_whose_token_has_ended_is_sent_again_with_a_new_one():
    server = OAuth2Site()
    ledger = MemoryLedger()

    def answer(seen: Seen):
        if seen.path == "/orders":
            token = seen.headers["Authorization"].removeprefix("Bearer ")
            return reply({}, 201 if token in server.validator.access and len(server.asked) == 2 else 401)
        return server(seen)

    async with served(answer) as site:
        async with bench(site, SEND, authentication=oauth2(), secrets=CREDENTIALS) as at:
            result = await at.run([[{"id": 1}]], ctx=at.context(ledger), key="id")
    assert result.error is None
    assert ledger.statuses() == {"1": "delivered"}
    assert [claim.outcome for claim in ledger.claims] == ["rejected", "delivered"]


def code_grant(site, **more):
    return oauth2(
        method="oauth2_authorization_code", authorize_url=f"{site.url}/authorize", client_auth="basic", **more
    )


async def test_a_person_agrees_once_and_tokens_are_refreshed_from_then_on():
    server = OAuth2Site(lasts_s=3600)
    async with served(server) as site:
        async with bench(site, LIST, authentication=code_grant(site), secrets=CREDENTIALS) as at:
            before = await at.run()
            url = await at.connection.authorization_url("http://127.0.0.1:1/back")
            async with aiohttp.ClientSession() as browser:
                async with browser.get(url, allow_redirects=False) as page:
                    back = page.headers["Location"]
            given = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
            with pytest.raises(Exception, match="no agreement"):
                await at.connection.authorized({**given, "state": "forged"})
            await at.connection.authorized(given)
            with pytest.raises(Exception, match="no agreement"):
                await at.connection.authorized(given)
            first = await at.run()
            server.validator.access.clear()
            second = await at.run()
            server.validator.access.clear()
            third = await at.run()
    assert before.error is not None
    assert (before.error.code, "redrive connections authorize site" in (before.error.hint or "")) == (
        "auth.not_authorized",
        True,
    )
    assert [one.error for one in (first, second, third)] == [None, None, None]
    assert server.validator.granted == ["authorization_code", "refresh_token", "refresh_token"]
    text = await recorded(second)
    asked = b"".join(seen.body for seen in server.asked).decode()
    for name in ("code", "code_verifier", "refresh_token"):
        for value in parse_qs(asked)[name]:
            assert value not in text


async def test_a_refresh_token_that_was_got_elsewhere_begins_and_one_that_has_ended_says_what_to_do():
    server = OAuth2Site()
    server.validator.refresh.add("from elsewhere")
    secrets = {**CREDENTIALS, "refresh_token": "from elsewhere"}
    async with served(server) as site:
        grant = code_grant(site, refresh_token="{{ connection.refresh_token }}")
        async with bench(site, LIST, authentication=grant, secrets=secrets) as at:
            result = await at.run()
            server.validator.access.clear()
            server.validator.refresh.clear()
            ended = await at.run()
    assert result.error is None
    assert ended.error is not None
    assert ended.error.code == "auth.failed"
    assert "invalid_grant" in ended.error.detail
    assert ended.error.hint == "Agree again: `redrive connections authorize site`."


async def test_two_processes_share_tokens_and_one_of_them_refreshes():
    """Two connections with one store stand for two processes: a rotated refresh token is good once."""
    server = OAuth2Site()
    server.validator.refresh.add("first")
    tokens = MemoryTokens()
    async with served(server) as site:
        grant = code_grant(site, refresh_token="{{ connection.refresh_token }}")
        async with bench(
            site, LIST, authentication=grant, secrets={**CREDENTIALS, "refresh_token": "first"}, tokens=tokens
        ) as one:
            other = Rest().open(one.connection.info)
            results = []
            for _ in range(2):
                contexts = [one.context(), one.context()]
                contexts[1]._connections["site"] = other
                for context in contexts:
                    context.sleep = lambda _: asyncio.sleep(0.005)
                results += await asyncio.gather(*(one.run(ctx=context) for context in contexts))
                server.validator.access.clear()
            await other.close()
    assert [result.error for result in results] == [None] * 4
    assert server.validator.granted == ["refresh_token", "refresh_token"]


async def test_a_token_of_other_credentials_is_not_used():
    server = OAuth2Site()
    tokens = MemoryTokens()
    async with served(server) as site:
        for secret, error in ((SECRET, None), ("another secret", "auth.failed")):
            async with bench(
                site,
                LIST,
                authentication=oauth2(),
                secrets={**CREDENTIALS, "client_secret": secret},
                tokens=tokens,
            ) as at:
                result = await at.run()
            assert (result.error.code if result.error else None) == error


@pytest.mark.parametrize("signature", ["HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT"])
@pytest.mark.parametrize("form", [False, True])
async def test_oauth1_signs_each_request(signature, form):
    server = OAuth1Site()
    request = {"method": "POST", "path": "/orders/a%20b", "query": {"q": "ä &=", "empty": "x"}}
    body = {"form": {"name": "Ä & co", "more": "1"}} if form else {"body": "{{ payload }}"}
    settings = {
        "method": "oauth1",
        "consumer_key": "consumer",
        "consumer_secret": "{{ connection.consumer_secret }}",
        "token": "thetoken",
        "token_secret": "{{ connection.token_secret }}",
        "signature": signature,
    }
    secrets = {"consumer_secret": "consumer s3cret&", "token_secret": "token s3cret%"}
    async with served(server) as site:
        server.url = site.url
        endpoint = {**SEND, "request": {**request, **body}}
        async with bench(site, endpoint, authentication=settings, secrets=secrets) as at:
            results = [await at.run([[{"id": 1}]]) for _ in range(2)]
            wrong = {**secrets, "token_secret": "another one"}
            async with bench(site, endpoint, authentication=settings, secrets=wrong) as other:
                refused = await other.run([[{"id": 1}]])
    assert [result.error for result in results] == [None, None]
    assert refused.error is not None
    assert refused.error.code == "auth.failed"


async def test_hmac_signs_what_the_template_says():
    key = base64.b64encode(b"the very key").decode()

    def answer(seen: Seen):
        stamp, body = seen.headers["X-Time"], seen.body.decode()
        text = f"{stamp}\n{seen.method}\n{seen.path.partition('?')[0]}\n{body}"
        wanted = base64.b64encode(hmac.new(b"the very key", text.encode(), hashlib.sha512).digest()).decode()
        return reply({}, 200 if seen.headers["X-Signature"] == f"v1={wanted}" else 401)

    settings = {
        "method": "hmac",
        "secret": "{{ connection.key }}",
        "secret_encoding": "base64",
        "algorithm": "sha512",
        "encoding": "base64",
        "sign": "{{ request.timestamp }}\n{{ request.method }}\n{{ request.path }}\n{{ request.body }}",
        "header": "X-Signature",
        "value": "v1={{ signature }}",
        "headers": {"X-Time": "{{ request.timestamp }}"},
    }
    async with served(answer) as site:
        async with bench(site, SEND, authentication=settings, secrets={"key": key}) as at:
            result = await at.run([[{"id": 1, "name": "Zoë"}]])
    assert result.error is None
    assert "v1=" not in str(dict(result.exchanges[0][0].headers) if result.exchanges else "")


async def test_hmac_in_the_query_signs_the_other_parameters_and_the_hash_of_the_body():
    def answer(seen: Seen):
        query, _, given = seen.path.partition("?")[2].rpartition("&sig=")
        text = f"{query}|{hashlib.sha256(seen.body).hexdigest()}"
        return reply({}, 200 if given == hmac.new(b"the key", text.encode(), "sha256").hexdigest() else 401)

    settings = {
        "method": "hmac",
        "secret": "{{ connection.key }}",
        "sign": "{{ request.query }}|{{ request.body_sha256 }}",
        "query_parameter": "sig",
        "query": {"ts": "{{ request.timestamp }}"},
    }
    endpoint = {**SEND, "request": {**SEND["request"], "query": {"a": "1"}}}
    async with served(answer) as site:
        async with bench(site, endpoint, authentication=settings, secrets={"key": "the key"}) as at:
            result = await at.run([[{"id": 1}]])
    assert result.error is None


def login(**more):
    body = {"user": "{{ connection.user }}", "password": "{{ connection.password }}"}
    return {
        "method": "login",
        "request": {"method": "POST", "path": "/login", "body": body},
        **more,
    }


class LoginSite:
    """Gives tokens for a password, by body, header and cookie; each lasts for `most` requests."""

    def __init__(self, most: int = 100) -> None:
        self.logins = 0
        self.used = 0
        self.most = most

    def __call__(self, seen: Seen) -> web.StreamResponse:
        if seen.path == "/login":
            if seen.json != {"user": "ann", "password": "pass word"}:
                return reply({"error": "no"}, 401)
            self.logins, self.used = self.logins + 1, 0
            token = f"secret-token-{self.logins}"
            made = reply({"data": {"key": token, "ttl": 60}}, 200, **{"X-Token": token})
            made.set_cookie("SID", token)
            return made
        token = f"secret-token-{self.logins}"
        given = {
            seen.headers.get("X-Key"),
            seen.query.get("key"),
            seen.headers.get("Cookie", "").removeprefix("SID="),
        }
        self.used += 1
        if token not in given or self.used > self.most:
            return reply({}, 401)
        return reply({"orders": [{"id": seen.query["page"]}] if int(seen.query["page"]) < 5 else []})


@pytest.mark.parametrize(
    "settings",
    [
        login(token="data.key", expires_in="data.ttl", header="X-Key", prefix=""),
        login(token_header="X-Token", lasts_s=60, query="key"),
        login(token_cookie="SID"),
    ],
    ids=["body", "header", "cookie"],
)
async def test_a_login_gives_a_token_and_is_made_again_when_that_is_refused(settings):
    server = LoginSite(most=2)
    secrets = {"user": "ann!", "password": "pass word"}
    async with served(server) as site:
        async with bench(
            site, LIST, authentication=settings, secrets={"password": "pass word"}, settings={"user": "ann"}
        ) as at:
            result = await at.run()
        async with bench(site, LIST, authentication=settings, secrets=secrets) as at:
            refused = await at.run()
    assert (result.error, len(result.values)) == (None, 4)
    text = await recorded(result)
    assert "secret-token" not in text
    assert "pass word" not in text
    assert refused.error is not None
    assert refused.error.code == "auth.failed"


async def test_a_token_is_renewed_before_it_ends():
    server = LoginSite()
    settings = login(token="data.key", expires_in="data.ttl", header="X-Key", prefix="")
    async with served(server) as site:
        async with bench(
            site, LIST, authentication=settings, secrets={"password": "pass word"}, settings={"user": "ann"}
        ) as at:
            await at.run()
            later = at.context(now=NOW + timedelta(seconds=55))
            await at.run(ctx=later)
    assert server.logins == 2


async def test_a_connection_that_needs_nobodys_agreement_says_so():
    async with bench("http://127.0.0.1:9", LIST) as at:
        with pytest.raises(Exception, match="needs nobody's agreement"):
            await at.connection.authorization_url("http://127.0.0.1:1/back")


@pytest.mark.parametrize(
    ("allowed", "reached"), [((), True), (("127.0.0.1",), True), (("*.example.com",), False)]
)
async def test_only_allowed_hosts_are_reached(allowed, reached):
    async with served(lambda _: reply({"orders": []})) as site:
        info = ConnectionInfo(
            "site",
            "test",
            {"connector": "test", "base_url": site.url, "endpoints": {"it": LIST}},
            {},
            {},
            allowed_hosts=allowed,
        )
        async with bench(site, LIST) as at:
            at.connection = Rest().open(info)
            result = await at.run()
            await at.connection.close()
    assert bool(site.seen) is reached
    assert (result.error.code if result.error else None) == (None if reached else "connection.host")
