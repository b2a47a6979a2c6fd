"""What systems and networks do on bad days: each ends in a clear error, with the exchange kept."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from aiohttp import web

from tests.integration.connectors.bench import Seen, bench, reply, served, spoken
from tests.integration.connectors.test_rest_network import pem, tls_served

LIST = {"direction": "receive", "request": {"path": "/orders"}, "items": "orders"}
NUMBERED = {**LIST, "paginate": {"by": "page_number", "parameter": "page"}}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


# ---- connections that end too early, or never


@pytest.mark.parametrize(
    ("answer", "had"),
    [
        (CHUNKED + b'20\r\n{"orders": [{"id"', b'{"orders": [{"id"'),
        (CHUNKED + b'11\r\n{"orders": [1, 2]\r\n', b'{"orders": [1, 2]'),
        # It would parse: but its end is missing, and more might have come.
        (CHUNKED + b'12\r\n{"orders": [1, 2]}\r\n', b'{"orders": [1, 2]}'),
        (HEAD + b'Content-Length: 40\r\n\r\n{"orders": [1, 2]}', b'{"orders": [1, 2]}'),
    ],
    ids=["in a chunk", "between chunks", "before the last chunk", "before its length"],
)
async def test_a_cut_answer_is_never_taken_for_a_whole_one(answer, had):
    async with spoken(answer) as site, bench(site, LIST) as at:
        result = await at.run()
    assert result.error is not None
    assert (result.error.code, result.error.retry, result.values) == ("remote.unavailable", "backoff", [])
    assert "cut" in result.error.detail
    (exchange,) = result.exchanges
    assert await exchange[1].body.read() == had


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nContent-Ty", b"HTTP/1.1 200 OK\r\n"])
async def test_a_connection_that_is_cut_in_the_headers(answer):
    async with spoken(answer) as site, bench(site, LIST) as at:
        result = await at.run()
    assert result.error is not None
    assert (result.error.code, result.error.retry) == ("remote.unavailable", "backoff")
    assert all(got.error for _, got in result.exchanges)


@contextlib.asynccontextmanager
async def dripping(piece: bytes, pause_s: float):
    """A server that never ends its answer, and never stops either."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"orders": [1')
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(piece)
                await asyncio.sleep(pause_s)  # how slow it is, not a wait of the test
        return response

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_slow_answer_without_end_runs_out_of_time():
    timeouts = {"connect_s": 1, "read_s": 0.5, "total_s": 0.6}
    async with dripping(b" ", 0.02) as url, bench(url, LIST, timeouts=timeouts) as at:
        result = await at.run()
    assert result.error is not None
    assert (result.error.code, result.error.retry) == ("remote.unavailable", "backoff")
    assert "its time ran out" in result.error.detail
    assert (await result.exchanges[0][1].body.read()).startswith(b'{"orders": [1 ')


async def test_a_fast_answer_without_end_is_cut_at_its_bound():
    async with dripping(b", 1" * 20_000, 0) as url, bench(url, LIST, max_answer_bytes=300_000) as at:
        result = await at.run()
    assert result.error is not None
    assert (result.error.code, result.error.retry) == ("answer.too_large", "never")
    assert "300000" in result.error.detail


# ---- answers of the wrong kind


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"<html><body>Please sign in</body></html>", "text/html"),
        (b"<html><body>Please sign in</body></html>", "application/json"),
        (b"\x89PNG\r\n\x1a\n\0\0", "image/png"),
        (b"id;name\n1;a\n", "text/csv"),
        (b"%PDF-1.7", "application/octet-stream"),
    ],
)
async def test_an_answer_of_another_kind_names_what_it_is_not(body, media_type):
    async with (
        served(lambda _: web.Response(body=body, content_type=media_type)) as site,
        bench(site, LIST) as at,
    ):
        result = await at.run()
    assert result.error is not None
    assert result.error.code == "answer.invalid"
    assert "is not JSON" in result.error.detail
    assert "sign in" not in result.error.detail
    assert await result.exchanges[0][1].body.read() == body


async def test_json_under_another_name_is_taken():
    async with (
        served(lambda _: web.Response(text='{"orders": [1]}', content_type="text/html")) as site,
        bench(site, LIST) as at,
    ):
        assert (await at.run()).values == [[1]]


# ---- TLS


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("expired", "expired"),
        ("wrong host", "127.0.0.1"),
        ("self-signed", "self"),
        ("unknown authority", "issuer"),
    ],
)
async def test_a_certificate_that_does_not_hold_is_refused(kind, reason, tmp_path):
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    past = datetime.now(UTC) - timedelta(days=2)
    match kind:
        case "expired":
            certificate = ca.issue_cert("127.0.0.1", not_before=past - timedelta(days=9), not_after=past)
        case "wrong host":
            certificate = ca.issue_cert("shop.example.com")
        case "unknown authority":
            certificate = trustme.CA().issue_cert("127.0.0.1")
        case _:
            certificate, own = None, trustme.CA()
            own.private_key_pem.write_to_path(tmp_path / "own.pem")
            own.cert_pem.write_to_path(tmp_path / "own.pem", append=True)
            context.load_cert_chain(tmp_path / "own.pem")
    if certificate is not None:
        certificate.configure_cert(context)
    asked = []

    def answer(request):
        asked.append(request)
        return reply({"orders": [1]})

    tls = {"ca": "{{ connection.ca }}"}
    async with (
        tls_served(answer, context) as url,
        bench(url, LIST, tls=tls, secrets={"ca": pem(ca.cert_pem)}) as at,
    ):
        result = await at.run()
    assert result.error is not None
    assert result.error.code == "remote.unavailable"
    assert "certificate" in result.error.detail
    assert reason in result.error.detail.lower()
    assert asked == []  # nothing was said to a stranger
    assert result.exchanges[0][1].error


# ---- redirects to elsewhere


@pytest.mark.parametrize(
    "place",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "//169.254.169.254/x",
    ],
)
async def test_a_redirect_to_where_nobody_may_go(place):
    def answer(seen: Seen):
        return web.Response(status=302, headers={"Location": place})

    async with served(answer) as site, bench(site, LIST) as at:
        result = await at.run()
    assert result.error is not None
    assert (result.error.code, len(site.seen), len(result.exchanges)) == ("answer.redirect", 1, 1)
    assert "Location" in dict(result.exchanges[0][1].headers)


async def test_a_redirect_to_an_address_in_disguise_reaches_nobody():
    def answer(seen: Seen):
        return web.Response(status=302, headers={"Location": "http://0xa9fea9fe/latest"})

    async with served(answer) as site, bench(site, LIST) as at:
        result = await at.run()
    assert result.error is not None
    assert (result.error.code, len(site.seen)) == ("remote.unavailable", 1)
    assert "name cannot be resolved" in result.error.detail


@pytest.mark.parametrize("chain", [["/a"], ["/a", "/b"], ["/orders"]])
async def test_redirects_in_a_circle_end(chain):
    def answer(seen: Seen):
        place = chain[(chain.index(seen.path) + 1) % len(chain)] if seen.path in chain else chain[0]
        return web.Response(status=307, headers={"Location": place})

    async with served(answer) as site, bench(site, LIST) as at:
        result = await at.run()
    assert result.error is not None
    assert (result.error.code, result.error.retry) == ("answer.redirect", "never")
    assert "redirects" in result.error.detail
    assert len(result.exchanges) == len(site.seen) <= 12


async def test_a_redirect_from_https_to_http_is_not_followed():
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    async with served(lambda _: reply({"orders": [1]})) as plain:

        def answer(_):
            return web.Response(status=302, headers={"Location": f"{plain.url}/orders"})

        tls = {"ca": "{{ connection.ca }}"}
        async with (
            tls_served(answer, context) as url,
            bench(url, LIST, tls=tls, secrets={"ca": pem(ca.cert_pem)}) as at,
        ):
            result = await at.run()
    assert result.error is not None
    assert result.error.code == "answer.redirect"
    assert plain.seen == []


@pytest.mark.parametrize("status", [301, 302, 307])
async def test_a_send_is_never_repeated_elsewhere(status):
    endpoint = {"direction": "send", "request": {"method": "POST", "path": "/o", "body": "{{ payload }}"}}
    async with (
        served(lambda _: web.Response(status=status, headers={"Location": "/new"})) as site,
        bench(site, endpoint) as at,
    ):
        result = await at.run([[{"id": 1}]])
    assert result.error is not None
    assert [seen.path for seen in site.seen] == ["/o"]
    assert str(status) in result.error.detail


# ---- credentials and limits in the middle of a pull


async def test_credentials_that_end_in_the_middle_keep_the_pages_that_came():
    def answer(seen: Seen):
        page = int(seen.query["page"])
        return reply({"orders": [page]}) if page < 3 else web.Response(status=401)

    auth = {"method": "bearer", "token": "{{ connection.token }}"}
    async with served(answer) as site, bench(site, NUMBERED, authentication=auth) as at:
        result = await at.run(attempts=3)
    assert result.error is not None
    assert (result.error.code, result.error.stops_step) == ("auth.failed", True)
    assert "secrets of the connection" in result.error.hint
    assert result.values == [[1], [2]]
    # Once more with fresh credentials, and not again with each attempt: the system would lock the account.
    assert [seen.query["page"] for seen in site.seen] == ["1", "2", "3", "3"]
    assert [got.status for _, got in result.exchanges] == [200, 200, 401, 401]


@pytest.mark.parametrize("header", ["Retry-After", "X-RateLimit-Reset"])
@pytest.mark.parametrize(
    "value",
    ["1e308", "inf", "nan", "-5", "99999999999999999999", "soon", "Fri, 31 Dec 9999 23:59:59 GMT", ""],
)
async def test_a_limit_that_says_nonsense_is_an_ordinary_limit(header, value):
    async with (
        served(lambda _: web.Response(status=429, headers={header: value})) as site,
        bench(site, LIST) as at,
    ):
        context = at.context()
        result = await at.run(ctx=context)
        await at.run(ctx=context)
    assert result.error is not None
    assert (result.error.code, result.error.retry) == ("remote.rate_limited", "backoff")
    assert result.error.after_s is None or 0 <= result.error.after_s < 1e8
    assert all(0 <= wait <= 60 for wait in context.slept)


async def test_a_limit_that_never_resets_ends_with_the_attempts():
    async with (
        served(lambda _: web.Response(status=429, headers={"Retry-After": "0"})) as site,
        bench(site, NUMBERED) as at,
    ):
        result = await at.run(attempts=4)
    assert result.error is not None
    assert result.error.code == "remote.rate_limited"
    assert len(site.seen) == len(result.exchanges) == 4


# ---- clocks


@pytest.mark.parametrize("years", [-30, 30], ids=["back", "ahead"])
async def test_a_clock_that_was_wrong_when_the_token_came(years):
    """Its end is then nonsense; the system says so, and a new one is got."""
    tokens = iter(["first", "second", "third"])
    valid = {"first"}

    def answer(seen: Seen):
        if seen.path == "/token":
            token = next(tokens)
            valid.add(token)
            return reply({"access_token": token, "token_type": "bearer", "expires_in": 3600})
        right = seen.headers["Authorization"].removeprefix("Bearer ") in valid
        return reply({"orders": [1]}) if right else web.Response(status=401)

    now = datetime(2026, 6, 1, tzinfo=UTC)
    async with served(answer) as site:
        auth = {
            "method": "oauth2_client_credentials",
            "token_url": f"{site.url}/token",
            "client_id": "me",
            "client_secret": "{{ connection.token }}",
        }
        async with bench(site, LIST, authentication=auth) as at:
            wrong = now.replace(year=now.year + years)
            assert (await at.run(ctx=at.context(now=wrong))).values == [[1]]
            valid.clear()
            result = await at.run(ctx=at.context(now=now))
    assert result.error is None
    assert result.values == [[1]]
