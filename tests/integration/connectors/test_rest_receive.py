"""Receive endpoints against real servers on loopback."""

# ruff: noqa: SIM117 - first the server, then the connection to it
from __future__ import annotations

import tracemalloc

import pytest
from aiohttp import web

from redrive.core.jsonvalue import encode
from tests.integration.connectors.bench import SECRET, Seen, bench, reply, served, spoken


def listing(**more):
    return {
        "direction": "receive",
        "request": {"method": "GET", "path": "/orders"},
        "items": "orders",
        **more,
    }


def paged(pages):
    def answer(seen: Seen):
        number = int(seen.query.get("page", "1"))
        return reply({"orders": pages[number - 1] if number <= len(pages) else []})

    return answer


async def test_page_numbers_end_at_the_first_empty_page_and_a_short_page_ends_nothing():
    async with served(paged([[{"id": 1}, {"id": 2}], [{"id": 3}], [{"id": 4}, {"id": 5}]])) as site:
        endpoint = listing(paginate={"by": "page_number", "size": 2})
        async with bench(site, endpoint) as at:
            result = await at.run()
    assert result.error is None
    assert result.values == [[{"id": 1}, {"id": 2}], [{"id": 3}], [{"id": 4}, {"id": 5}]]
    assert [seen.query for seen in site.seen] == [{"per_page": "2", "page": str(n)} for n in (1, 2, 3, 4)]
    assert len(result.exchanges) == 4
    assert all(payload.items_path == "" for payload in result.payloads)


async def test_a_page_keeps_the_bytes_of_its_records():
    body = (
        b'{"total": 1, "orders": [ {"id":1.10, "id": 2, "n":123456789012345678901234567890} ], "next":null}'
    )
    async with served(lambda _: web.Response(body=body, content_type="application/json")) as site:
        async with bench(site, listing()) as at:
            result = await at.run()
    assert result.payloads[0].data == b'[ {"id":1.10, "id": 2, "n":123456789012345678901234567890} ]'
    assert result.exchanges[0][1].body is not None
    assert await result.exchanges[0][1].body.read() == body


async def test_without_items_the_whole_body_is_the_payload():
    async with served(lambda _: web.Response(body=b"id;name\n1;a\n", content_type="text/csv")) as site:
        async with bench(site, {"direction": "receive", "request": {"path": "/export"}}) as at:
            result = await at.run()
    assert (result.payloads[0].data, result.payloads[0].media_type) == (b"id;name\n1;a\n", "text/csv")


@pytest.mark.parametrize("body", [{"orders": []}, {"orders": None}])
async def test_an_empty_page_is_not_put_out(body):
    async with served(lambda _: reply(body)) as site, bench(site, listing()) as at:
        result = await at.run()
    assert (result.values, result.error) == ([], None)


async def test_offset_grows_by_what_came():
    orders = [{"id": n} for n in range(5)]

    def answer(seen: Seen):
        start = int(seen.query["offset"])
        return reply({"orders": orders[start : start + 2]})

    async with served(answer) as site, bench(site, listing(paginate={"by": "offset", "size": 100})) as at:
        result = await at.run()
    assert [item["id"] for page in result.values for item in page] == [0, 1, 2, 3, 4]
    assert [seen.query["offset"] for seen in site.seen] == ["0", "2", "4", "5"]


async def test_next_url_may_be_relative():
    def answer(seen: Seen):
        at = int(seen.query.get("at", "0"))
        return reply({"orders": [{"id": at}], "links": {"next": f"/orders?at={at + 1}" if at < 2 else None}})

    async with served(answer) as site:
        async with bench(site, listing(paginate={"by": "next_url", "at": "links.next"})) as at:
            result = await at.run()
    assert result.values == [[{"id": 0}], [{"id": 1}], [{"id": 2}]]


async def test_a_next_url_on_another_server_is_not_followed():
    async with (
        served(lambda _: reply({"orders": [{"id": 1}], "next": "http://elsewhere.example/orders"})) as site,
        bench(site, listing(paginate={"by": "next_url", "at": "next"})) as at,
    ):
        result = await at.run()
    assert result.error is not None
    assert result.error.code == "pagination.foreign"


async def test_link_header():
    def answer(seen: Seen):
        at = int(seen.query.get("at", "0"))
        link = f'</orders?at=9>; rel="last", <{seen.path.partition("?")[0]}?at={at + 1}>; rel="next"'
        return reply({"orders": [{"id": at}]}, **({"Link": link} if at < 2 else {}))

    async with served(answer) as site, bench(site, listing(paginate={"by": "link_header"})) as at:
        result = await at.run()
    assert result.values == [[{"id": 0}], [{"id": 1}], [{"id": 2}]]


async def test_cursor_goes_on_over_an_empty_page():
    pages = {"": ([{"id": 1}], "a"), "a": ([], "b"), "b": ([{"id": 2}], "")}

    def answer(seen: Seen):
        orders, token = pages[seen.query.get("after", "")]
        return reply({"orders": orders, "meta": {"next": token}})

    async with served(answer) as site:
        paginate = {"by": "cursor", "at": "meta.next", "parameter": "after"}
        async with bench(site, listing(paginate=paginate)) as at:
            result = await at.run()
    assert result.values == [[{"id": 1}], [{"id": 2}]]


async def test_a_pull_that_was_cut_goes_on_at_its_page():
    pages = [[{"id": 1}], [{"id": 2}], [{"id": 3}]]
    down = {"left": 1}

    def answer(seen: Seen):
        if seen.query["page"] == "3" and down["left"]:
            down["left"] -= 1
            return web.Response(status=500)
        return paged(pages)(seen)

    async with served(answer) as site, bench(site, listing(paginate={"by": "page_number"})) as at:
        result = await at.run(attempts=2)
    assert result.values == pages
    assert [seen.query["page"] for seen in site.seen] == ["1", "2", "3", "3", "4"]


async def test_a_server_that_repeats_its_page_fails():
    async with served(lambda _: reply({"orders": [{"id": 1}]})) as site:
        async with bench(site, listing(paginate={"by": "page_number"})) as at:
            result = await at.run()
    assert result.error is not None
    assert result.error.code == "pagination.repeated"
    assert result.values == [[{"id": 1}]]


async def test_a_cursor_that_stands_still_fails():
    async with served(lambda _: reply({"orders": [], "next": "a"})) as site:
        async with bench(site, listing(paginate={"by": "cursor", "at": "next"})) as at:
            result = await at.run()
    assert result.error is not None
    assert result.error.code == "pagination.repeated"


async def test_max_pages_stops_with_a_warning():
    def answer(seen: Seen):
        return reply({"orders": [{"page": seen.query["page"]}]})

    async with served(answer) as site:
        async with bench(site, listing(paginate={"by": "page_number", "max_pages": 3})) as at:
            result = await at.run()
    assert len(result.values) == 3
    assert [line.level for line in result.logs] == ["warning"]


async def test_pages_without_end_are_an_error(monkeypatch):
    monkeypatch.setattr("redrive.connectors.rest.receive.ENDLESS_PAGES", 5)
    async with served(lambda seen: reply({"orders": [{"page": seen.query["page"]}]})) as site:
        async with bench(site, listing(paginate={"by": "page_number"})) as at:
            result = await at.run()
    assert result.error is not None
    assert result.error.code == "pagination.endless"
    assert len(site.seen) == 5


@pytest.mark.parametrize(
    ("status", "code", "retry"),
    [
        (429, "remote.rate_limited", "backoff"),
        (503, "remote.unavailable", "backoff"),
        (408, "remote.unavailable", "backoff"),
        (500, "remote.unavailable", "backoff"),
        (502, "remote.unavailable", "backoff"),
        (403, "auth.failed", "never"),
        (404, "remote.rejected", "never"),
        (422, "remote.rejected", "never"),
        (304, "remote.rejected", "never"),
    ],
)
async def test_the_ordinary_meaning_of_a_status(status, code, retry):
    async with served(lambda _: web.Response(status=status)) as site, bench(site, listing()) as at:
        result = await at.run()
    assert result.error is not None
    assert (result.error.code, result.error.retry) == (code, retry)
    assert len(site.seen) == 1
    assert result.exchanges[0][1].status == status


@pytest.mark.parametrize(
    ("value", "after"), [("7", 7.0), ("Thu, 15 Jan 2026 12:00:30 GMT", 30.0), ("soon", None)]
)
async def test_retry_after_is_honoured(value, after):
    def answer(_):
        return web.Response(status=429, headers={"Retry-After": value})

    async with served(answer) as site, bench(site, listing()) as at:
        result = await at.run()
    assert result.error is not None
    assert result.error.after_s == after


async def test_a_refusal_is_tried_once_more_with_fresh_credentials():
    answers = [web.Response(status=401), reply({"orders": [{"id": 1}]})]
    auth = {"method": "bearer", "token": "{{ connection.token }}"}
    async with served(lambda _: answers.pop(0)) as site, bench(site, listing(), authentication=auth) as at:
        result = await at.run()
    assert result.values == [[{"id": 1}]]
    assert len(result.exchanges) == 2


async def test_a_second_refusal_stops_the_step():
    auth = {"method": "bearer", "token": "{{ connection.token }}"}
    async with served(lambda _: web.Response(status=401)) as site:
        async with bench(site, listing(), authentication=auth) as at:
            result = await at.run()
    assert result.error is not None
    assert (result.error.code, result.error.stops_step, len(site.seen)) == ("auth.failed", True, 2)


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        (
            {"method": "basic", "username": "ann", "password": "{{ connection.token }}"},
            "Authorization",
            "Basic YW5uOnBhc3M=",
        ),
        ({"method": "bearer", "token": "{{ connection.token }}"}, "Authorization", "Bearer pass"),
        ({"method": "api_key", "header": "X-Key", "value": "{{ connection.token }}"}, "X-Key", "pass"),
        ({"method": "none"}, "Authorization", None),
    ],
)
async def test_credentials_in_headers_are_sent_and_not_recorded(auth, header, value):
    async with served(lambda _: reply({"orders": [{"id": 1}]})) as site:
        async with bench(site, listing(), authentication=auth, secrets={"token": "pass"}) as at:
            result = await at.run()
    assert site.seen[0].headers.get(header) == value
    recorded = encode([list(pair) for pair in result.exchanges[0][0].headers])
    assert b"pass" not in recorded
    assert b"YW5u" not in recorded


async def test_secrets_are_masked_wherever_they_show():
    auth = {"method": "api_key", "query": "api_key", "value": "{{ connection.token }}"}

    def answer(seen: Seen):
        return reply({"orders": [{"id": 1, "echo": seen.query["api_key"]}]}, **{"X-Echo": "s3cret"})

    async with served(answer) as site, bench(site, listing(), authentication=auth) as at:
        result = await at.run()
    assert site.seen[0].query["api_key"] == SECRET
    request, got = result.exchanges[0]
    assert request.url.endswith("/orders?api_key=[secret token]")
    assert got.body is not None
    assert SECRET.encode() not in await got.body.read()
    assert b"[secret token]" in await got.body.read()
    # The records themselves are what the system sent.
    assert result.values[0][0]["echo"] == SECRET


async def test_parameters_that_give_nothing_are_left_out():
    endpoint = listing()
    endpoint["request"] = {
        "path": "/orders",
        "query": {"id": "{{ with.order_id }}", "state": "{{ with.state }}", "tag": ["a", "b"], "all": True},
        "headers": {"X-Trace": "{{ with.trace }}"},
    }
    async with served(lambda _: reply({"orders": [{"id": 1}]})) as site, bench(site, endpoint) as at:
        await at.run(**{"with": {"order_id": "", "state": "p & q"}})
    assert site.seen[0].path == "/orders?state=p%20%26%20q&tag=a&tag=b&all=true"
    assert "X-Trace" not in site.seen[0].headers


async def test_what_a_template_puts_into_the_path_stays_in_its_segment():
    endpoint = listing()
    endpoint["request"] = {"path": "/orders/{{ with.id }}/lines"}
    async with served(lambda _: reply({"orders": [{"id": 1}]})) as site, bench(site, endpoint) as at:
        await at.run(**{"with": {"id": "../a b?c"}})
        empty = await at.run(**{"with": {"id": ""}})
    assert site.seen[0].path == "/orders/..%2Fa%20b%3Fc/lines"
    assert empty.error is not None
    assert empty.error.code == "request.path_empty"


async def test_a_missing_secret_names_the_connection():
    auth = {"method": "bearer", "token": "{{ connection.tokn }}"}
    async with bench("http://127.0.0.1:1", listing(), authentication=auth) as at:
        result = await at.run()
    assert result.error is not None
    assert result.error.code == "connection.incomplete"
    assert "'site'" in result.error.detail
    assert "'tokn'" in result.error.detail


@pytest.mark.parametrize(
    "url", ["ftp://x", "http://169.254.169.254/", "http://[fe80::1]/", "http://a:b@c/", "nonsense"]
)
async def test_base_urls_that_may_not_be_used(url):
    async with bench(url, listing()) as at:
        result = await at.run()
    assert result.error is not None
    assert (result.error.code, result.error.stops_step) == ("connection.base_url", True)


async def test_a_system_that_cannot_be_reached_is_tried_again():
    async with served(lambda _: reply({})) as site:
        url = site.url
    async with bench(url, listing()) as at:
        result = await at.run(attempts=2)
    assert result.error is not None
    assert (result.error.code, result.error.retry, result.error.stops_step) == (
        "remote.unavailable",
        "backoff",
        True,
    )
    assert all(answer.error is not None for _, answer in result.exchanges)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"garbage\r\n\r\n", "answer.invalid"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"orders": [', "remote.unavailable"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n<html",
            "answer.invalid",
        ),
        (
            b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 6\r\n\r\n{"a":1',
            "answer.invalid",
        ),
        (
            b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a":1}',
            "answer.items_missing",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", "answer.invalid"),
        (b"", "remote.unavailable"),
    ],
)
async def test_answers_that_are_no_answers(answer, code):
    async with spoken(answer) as site, bench(site, listing()) as at:
        result = await at.run()
    assert result.error is not None
    assert result.error.code == code
    assert result.exchanges
    assert "garbage" not in str(result.error.as_dict())


async def test_what_had_arrived_of_a_cut_answer_is_kept():
    async with spoken(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"orders": [') as site:
        async with bench(site, listing()) as at:
            result = await at.run()
    got = result.exchanges[0][1]
    assert (got.status, got.error) == (200, "the connection was cut after 12 bytes of the answer")
    assert got.body is not None
    assert await got.body.read() == b'{"orders": ['


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"])
async def test_an_answer_that_never_ends_runs_out_of_time(sent):
    timeouts = {"connect_s": 1, "read_s": 0.2, "total_s": 1}
    async with spoken(sent, hang=True) as site, bench(site, listing(), timeouts=timeouts) as at:
        result = await at.run()
    assert result.error is not None
    assert (result.error.code, result.error.retry) == ("remote.unavailable", "backoff")
    assert "time" in result.error.detail


async def test_an_answer_beyond_the_bound_is_refused():
    async with served(lambda _: web.Response(body=b"[" + b"1," * 5000 + b"1]")) as site:
        async with bench(site, listing(), max_answer_bytes=1000) as at:
            result = await at.run()
    assert result.error is not None
    assert result.error.code == "answer.too_large"


async def test_a_large_page_never_sits_in_memory_as_a_whole():
    item = b'{"id": 1, "text": "' + b"x" * 1000 + b'"}'
    count = 20_000

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"orders": [' + item)
        for _ in range(count // 100):
            await response.write((b"," + item) * 100)
        await response.write(b'], "next": "abc"}')
        return response

    class Sink:
        """Content whose bytes are counted and not kept."""

        digest = b"\0" * 32

        def __init__(self, size: int) -> None:
            self.size_bytes = size

    app = web.Application()
    app.router.add_get("/orders", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with bench(url, listing(paginate={"by": "cursor", "at": "next"})) as at:
            ctx = at.context()

            async def store(data):
                if isinstance(data, bytes):
                    return Sink(len(data))
                size = 0
                async for part in data:
                    size += len(part)
                return Sink(size)

            ranges = []

            async def cut(content, start, stop):
                ranges.append((start, stop))
                return Sink(stop - start)

            ctx.store, ctx.slice = store, cut
            endpoint = at.connection.endpoint("it")
            from redrive.sdk import MemoryContent, Payload

            outs = endpoint.receive(Payload(MemoryContent(b"")), {}, ctx)
            tracemalloc.start()
            out = await anext(outs)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            await outs.aclose()
    finally:
        await runner.cleanup()
    size = (len(item) + 1) * (count + 1)
    assert ranges == [(11, 11 + size + 1)]
    assert out.content.size_bytes == size + 1
    assert out.checkpoint["place"] == "abc"
    assert peak < 12 << 20


async def test_redirects_of_a_get_are_followed_and_credentials_stay_at_home():
    async with served(lambda _: reply({"orders": [{"id": 7}]})) as other:

        def answer(seen: Seen):
            if seen.path == "/orders":
                return web.Response(status=302, headers={"Location": "/moved"})
            return web.Response(status=302, headers={"Location": f"{other.url}/file"})

        auth = {"method": "bearer", "token": "{{ connection.token }}"}
        async with (
            served(answer) as site,
            bench(site, listing(), authentication=auth, secrets={"token": "pass"}) as at,
        ):
            result = await at.run()
    assert result.values == [[{"id": 7}]]
    assert site.seen[1].headers["Authorization"] == "Bearer pass"
    assert "Authorization" not in other.seen[0].headers
    assert len(result.exchanges) == 3


async def test_rules_come_before_the_ordinary_meaning():
    rules = [
        {"status": 200, "when": {"field": "busy", "is": True}, "then": "retry"},
        {
            "status": "4xx",
            "when": {"field": "{{ response.headers.x-kind }}", "is": "empty"},
            "then": "success",
        },
        {"status": 500, "then": "fail_run"},
    ]
    answers = [
        reply({"busy": True, "orders": []}),
        web.Response(status=404, headers={"X-Kind": "empty"}),
        web.Response(status=500),
    ]
    endpoint = {"direction": "receive", "request": {"path": "/"}, "rules": rules}
    async with served(lambda _: answers.pop(0)) as site, bench(site, endpoint) as at:
        results = [await at.run() for _ in range(3)]
    assert [result.error and (result.error.code, result.error.stops_step) for result in results] == [
        ("remote.unavailable", True),
        None,
        ("remote.rejected", True),
    ]


async def test_an_error_inside_a_200_is_an_error():
    endpoint = listing(success={"unless": {"field": "error", "exists": True}})
    async with served(lambda _: reply({"error": "no", "orders": []})) as site, bench(site, endpoint) as at:
        result = await at.run()
    assert result.error is not None
    assert result.error.code == "remote.rejected"


async def test_requests_keep_to_the_rate_and_share_it():
    async with served(lambda seen: reply({"orders": [{"page": seen.query["page"]}]})) as site:
        endpoint = listing(paginate={"by": "page_number", "max_pages": 5})
        async with bench(site, endpoint, rate_limit={"requests": 2, "per_s": 60}) as at:
            ctx = at.context()
            await at.run(ctx=ctx)
    waits = [round(seconds) for seconds in ctx.slept]
    assert waits == [60, 60, 120]


async def test_an_unknown_endpoint_names_the_nearest():
    async with bench("http://127.0.0.1:1", listing()) as at:
        result = await at.run(endpoint="itt")
    assert result.error is not None
    assert (result.error.code, result.error.hint) == ("endpoint.unknown", "Did you mean 'it'?")


async def test_a_plan_pulls_nothing():
    async with served(lambda _: reply({"orders": [{"id": 1}]})) as site, bench(site, listing()) as at:
        result = await at.run(ctx=at.context(preview=True))
    assert (site.seen, result.values, result.error) == ([], [], None)
