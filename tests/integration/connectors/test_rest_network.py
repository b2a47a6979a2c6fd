"""Compression, proxies, certificates, redirects and limits, over real sockets."""

# ruff: noqa: SIM117 - first the server, then the connection to it
from __future__ import annotations

import contextlib
import gzip
import ssl
import zlib

import brotli
import pytest
import trustme
import zstandard
from aiohttp import web

from redrive.core.jsonvalue import encode
from tests.integration.connectors.bench import Seen, bench, reply, served, spoken

LIST = {"direction": "receive", "request": {"path": "/orders"}, "items": "orders"}
BODY = encode({"orders": [{"id": n, "name": "x" * 50} for n in range(2000)]})
RAW_DEFLATE = zlib.compressobj(6, zlib.DEFLATED, -15)
PACKED = {
    "gzip": gzip.compress(BODY),
    "deflate": zlib.compress(BODY),
    "deflate, ": RAW_DEFLATE.compress(BODY) + RAW_DEFLATE.flush(),
    "br": brotli.compress(BODY),
    "zstd": zstandard.compress(BODY),
    "gzip, gzip": gzip.compress(gzip.compress(BODY)),
    "x-gzip": gzip.compress(BODY[:5000]) + gzip.compress(BODY[5000:]) + b"\0" * 10,
    "identity": BODY,
}
UNPACK = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "br": brotli.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


def packed(data: bytes, coding: str) -> web.Response:
    return web.Response(
        body=data, headers={"Content-Type": "application/json", "Content-Encoding": coding.strip(", ")}
    )


@pytest.mark.parametrize("coding", PACKED)
async def test_packed_answers_are_kept_plain(coding):
    async with served(lambda _: packed(PACKED[coding], coding)) as site, bench(site, LIST) as at:
        result = await at.run()
    assert result.error is None
    assert (await result.exchanges[0][1].body.read(), len(result.values[0])) == (BODY, 2000)
    assert "zstd" in site.seen[0].headers["Accept-Encoding"]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("wrong", ["cut", "other"])
async def test_an_answer_that_is_not_packed_as_it_says_is_no_answer(coding, wrong):
    data = PACKED[coding][:-20] if wrong == "cut" else b"this is plain text, and no more than that"
    async with served(lambda _: packed(data, coding)) as site, bench(site, LIST) as at:
        result = await at.run()
    assert result.error is not None
    assert (result.error.code, result.error.retry) == ("answer.invalid", "backoff")
    assert result.values == []


async def test_a_coding_that_nobody_knows_is_told_by_name():
    async with served(lambda _: packed(b"x", "rot13")) as site, bench(site, LIST) as at:
        result = await at.run()
    assert result.error is not None
    assert "'rot13'" in result.error.detail


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
async def test_a_small_answer_that_unpacks_to_more_than_is_allowed_is_cut_off(coding):
    bomb = {"gzip": gzip.compress, "br": brotli.compress, "zstd": zstandard.compress}[coding](
        b" " * (64 << 20)
    )
    assert len(bomb) < 100_000
    async with served(lambda _: packed(bomb, coding)) as site:
        async with bench(site, LIST, max_answer_bytes=1 << 20) as at:
            result = await at.run()
    assert result.error is not None
    assert result.error.code == "answer.too_large"
    assert result.exchanges[0][1].body.size_bytes <= 1 << 20


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
async def test_a_send_is_packed_on_its_way_and_recorded_plain(coding):
    endpoint = {
        "direction": "send",
        "request": {"method": "POST", "path": "/", "body": "{{ payload }}", "compress": coding},
    }
    async with (
        spoken(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n") as site,
        bench(site, endpoint) as at,
    ):
        result = await at.run([BODY])
    assert result.error is None
    assert UNPACK[coding](site.seen[0].body) == BODY


@contextlib.asynccontextmanager
async def tls_served(answer, context):
    async def handle(request):
        return answer(request)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def pem(*blobs: trustme.Blob) -> str:
    return "".join(blob.bytes().decode() for blob in blobs)


async def test_an_own_authority_and_a_client_certificate():
    ca, clients = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    clients.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    client = clients.issue_cert("redrive@example.com")
    secrets = {
        "ca": pem(ca.cert_pem),
        "certificate": pem(*client.cert_chain_pems),
        "key": pem(client.private_key_pem),
    }
    tls = {name: f"{{{{ connection.{name} }}}}" for name in secrets}
    cases = [
        (tls, secrets, None),
        ({"ca": tls["ca"]}, secrets, "remote.unavailable"),
        ({}, secrets, "remote.unavailable"),
        (tls, {**secrets, "key": "not a key"}, "connection.tls"),
    ]
    async with tls_served(lambda _: reply({"orders": [1]}), context) as url:
        for given, kept, code in cases:
            async with bench(url, LIST, tls=given, secrets=kept) as at:
                result = await at.run()
            assert (result.error.code if result.error else None) == code, given
            if code == "remote.unavailable" and not given:
                assert "certificate" in result.error.detail


async def test_requests_go_by_a_proxy_with_its_password():
    async with served(lambda _: reply({"orders": [1]})) as site:
        proxy = site.url.replace("http://", "http://ann:{{ connection.proxy_password }}@")
        async with bench("http://shop.invalid", LIST, proxy=proxy, secrets={"proxy_password": "pr0xy"}) as at:
            result = await at.run()
    assert result.error is None
    assert site.seen[0].path == "http://shop.invalid/orders"
    assert site.seen[0].headers["Proxy-Authorization"] == "Basic YW5uOnByMHh5"
    assert "pr0xy" not in str(result.exchanges)


async def test_a_proxy_that_refuses_means_that_nothing_left():
    async with spoken(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as site:
        async with bench("https://shop.invalid", LIST, proxy=site.url) as at:
            result = await at.run()
    assert result.error is not None
    assert result.error.detail.endswith("its proxy answered 407")


async def test_a_redirect_to_a_host_that_is_not_allowed_is_not_followed():
    async with served(
        lambda _: web.Response(status=302, headers={"Location": "http://localhost:1/x"})
    ) as site:
        async with bench(site, LIST, allowed_hosts=("127.0.0.1",)) as at:
            result = await at.run()
    assert result.error is not None
    assert result.error.code == "answer.redirect"


async def test_the_last_of_a_limit_holds_everybody_back():
    def answer(seen: Seen):
        return reply({"orders": [1]}, **{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "20"})

    async with served(answer) as site, bench(site, LIST) as at:
        await at.run()
        context = at.context()
        await at.run(ctx=context)
    assert [round(wait) for wait in context.slept] == [20]
