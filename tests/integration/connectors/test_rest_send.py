"""Send endpoints against real servers on loopback, with a ledger that keeps to the protocol."""

# ruff: noqa: SIM117 - first the server, then the connection to it
from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from blake3 import blake3

from redrive.core.jsonvalue import decode
from redrive.sdk import Request, UnknownRequest
from tests.integration.connectors.bench import (
    SECRET,
    Held,
    MemoryLedger,
    Seen,
    bench,
    reply,
    served,
    spoken,
)

ORDERS = b'[{"id": 1, "total": 1.10},{"id": 2, "total": 2.0},{"id": 3, "total": 3}]'


def sending(**more):
    request = more.pop("request", {"method": "POST", "path": "/orders", "body": "{{ payload }}"})
    return {"direction": "send", "request": request, **more}


def ok(seen: Seen) -> web.Response:
    return reply({"ok": True}, 201)


async def test_a_payload_is_sent_byte_for_byte_and_its_answer_put_out():
    ledger = MemoryLedger()
    async with served(ok) as site, bench(site, sending()) as at:
        result = await at.run([ORDERS], ctx=at.context(ledger), key="id")
    assert [seen.body for seen in site.seen] == [ORDERS]
    assert site.seen[0].headers["Content-Type"] == "application/json"
    assert result.values == [{"ok": True}]
    assert ledger.statuses() == {"1": "delivered", "2": "delivered", "3": "delivered"}
    assert [request.body.digest for request in (claim.request for claim in ledger.claims)] == [
        blake3(ORDERS).digest()
    ]
    assert result.payloads[0].lineage == [[(0, 0), (0, 1), (0, 2)]]


async def test_items_that_were_delivered_are_left_out_of_the_request():
    ledger = MemoryLedger()
    ledger.held["2"] = Held("delivered", b"", "", blake3(b'{"id": 2, "total": 2.0}').digest())
    async with served(ok) as site, bench(site, sending()) as at:
        result = await at.run([ORDERS], ctx=at.context(ledger), key="id")
    assert site.seen[0].body == b'[{"id": 1, "total": 1.10},{"id": 3, "total": 3}]'
    assert result.payloads[0].lineage == [[(0, 0), (0, 2)]]
    assert any("1 unchanged since delivered" in line.message for line in result.logs)


async def test_with_nothing_left_there_is_no_request():
    ledger = MemoryLedger()
    async with served(ok) as site, bench(site, sending()) as at:
        await at.run([ORDERS], ctx=at.context(ledger), key="id")
        again = await at.run([ORDERS], ctx=at.context(ledger), key="id")
    assert len(site.seen) == 1
    assert (again.values, again.error) == ([], None)


async def test_without_a_key_nothing_is_remembered():
    ledger = MemoryLedger(keyed=False)
    async with served(ok) as site, bench(site, sending()) as at:
        for _ in range(2):
            result = await at.run([ORDERS], ctx=at.context(ledger))
    assert len(site.seen) == 2
    assert ledger.held == {}
    assert result.payloads[0].lineage == [[(0, 0), (0, 1), (0, 2)]]


async def test_the_key_of_the_endpoint_is_the_default():
    ledger = MemoryLedger()
    async with served(ok) as site, bench(site, sending(key="total")) as at:
        await at.run([ORDERS], ctx=at.context(ledger))
    assert set(ledger.held) == {"1.10", "2.0", "3"}


@pytest.mark.parametrize(
    ("payload", "code", "at"),
    [
        (b'[{"id": 1},{"total": 5}]', "key.missing", "/1"),
        (b'[{"id": 1},{"id": "' + b"x" * 1001 + b'"}]', "key.too_long", "/1"),
        (b'[{"id": "' + "\u20ac".encode() * 700 + b'"}]', "key.too_long", "/0"),
        (b'[{"id": null}]', "key.missing", "/0"),
        (b'[{"id": ""}]', "key.missing", "/0"),
        (b'[{"id": {"a": 1}}]', "key.invalid", "/0"),
        (b'[{"id": 1}', "payload.invalid", None),
    ],
)
async def test_items_without_a_key_fail_their_payload(payload, code, at):
    async with served(ok) as site, bench(site, sending()) as bench_:
        result = await bench_.run([payload], ctx=bench_.context(MemoryLedger()), key="id")
    assert result.error is not None
    assert (result.error.code, result.error.at) == (code, at)
    assert site.seen == []


async def test_equal_items_go_once_and_different_ones_with_the_same_key_go_together():
    ledger = MemoryLedger()
    payload = b'[{"id": 1},{"id": 1},{"id": 1, "x": 2}]'
    async with served(ok) as site, bench(site, sending()) as at:
        await at.run([payload], ctx=at.context(ledger), key="id")
    assert [seen.body for seen in site.seen] == [b'[{"id": 1},{"id": 1, "x": 2}]']


async def test_per_item_sends_each_and_puts_out_each_answer():
    ledger = MemoryLedger()
    request = {"method": "POST", "path": "/orders/{{ item.id }}", "body": "{{ item }}"}
    async with served(lambda seen: reply(seen.json["id"])) as site:
        async with bench(site, sending(per="item", request=request)) as at:
            result = await at.run([ORDERS], ctx=at.context(ledger), key="id")
    assert [(seen.path, seen.body) for seen in site.seen] == [
        ("/orders/1", b'{"id": 1, "total": 1.10}'),
        ("/orders/2", b'{"id": 2, "total": 2.0}'),
        ("/orders/3", b'{"id": 3, "total": 3}'),
    ]
    assert result.values == [1, 2, 3]
    assert [payload.lineage for payload in result.payloads] == [[[(0, 0)]], [[(0, 1)]], [[(0, 2)]]]


async def test_a_rejected_item_does_not_stop_the_others():
    ledger = MemoryLedger()

    def answer(seen: Seen):
        return web.Response(status=422) if seen.json["id"] == 2 else reply({})

    async with served(answer) as site, bench(site, sending(per="item")) as at:
        result = await at.run([ORDERS], ctx=at.context(ledger), key="id")
    assert ledger.statuses() == {"1": "delivered", "2": "rejected", "3": "delivered"}
    assert result.error is not None
    assert (result.error.code, result.error.retry) == ("remote.rejected", "never")
    assert len(result.payloads) == 2
    assert len(site.seen) == 3


async def test_an_object_body_holds_the_bytes_of_the_payload():
    request = {
        "method": "POST",
        "path": "/bulk",
        "body": {
            "source": "redrive",
            "orders": "{{ payload }}",
            "run": "{{ run.id }}",
            "count": 3,
            "none": None,
        },
    }
    async with served(ok) as site, bench(site, sending(request=request)) as at:
        await at.run([ORDERS], ctx=at.context(MemoryLedger()), key="id")
    assert (
        site.seen[0].body
        == b'{"source":"redrive","orders":' + ORDERS + b',"run":"run-1","count":3,"none":null}'
    )


async def test_a_form_is_sent_as_a_form():
    request = {"method": "POST", "path": "/f", "form": {"id": "{{ item.id }}", "note": "a&b", "gone": ""}}
    async with served(ok) as site, bench(site, sending(request=request, per="item")) as at:
        await at.run([b'[{"id": 1}]'], ctx=at.context(MemoryLedger()), key="id")
    assert site.seen[0].body == b"id=1&note=a%26b"
    assert site.seen[0].headers["Content-Type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("status", "outcome", "code", "retry"),
    [
        (429, "rejected", "remote.rate_limited", "backoff"),
        (503, "rejected", "remote.unavailable", "backoff"),
        (401, "rejected", "auth.failed", "never"),
        (403, "rejected", "auth.failed", "never"),
        (400, "rejected", "remote.rejected", "never"),
        (408, "rejected", "remote.rejected", "never"),
        (422, "rejected", "remote.rejected", "never"),
        (308, "rejected", "remote.rejected", "never"),
        (500, "unknown", "delivery.unknown", "never"),
        (502, "unknown", "delivery.unknown", "never"),
        (504, "unknown", "delivery.unknown", "never"),
        (302, "unknown", "delivery.unknown", "never"),
    ],
)
async def test_the_ordinary_meaning_of_a_status(status, outcome, code, retry):
    ledger = MemoryLedger()
    async with served(lambda _: web.Response(status=status)) as site, bench(site, sending()) as at:
        result = await at.run([b'[{"id": 1}]'], ctx=at.context(ledger), key="id")
    assert ledger.statuses() == {"1": outcome}
    assert result.error is not None
    assert (result.error.code, result.error.retry) == (code, retry)
    assert len(site.seen) == 1
    assert ledger.claims[0].answer.status == status


async def test_a_system_that_is_busy_gets_it_later():
    answers = [web.Response(status=503), reply({})]
    ledger = MemoryLedger()
    async with served(lambda _: answers.pop(0)) as site, bench(site, sending()) as at:
        result = await at.run([ORDERS], ctx=at.context(ledger), key="id", attempts=2)
    assert result.error is None
    assert [claim.outcome for claim in ledger.claims] == ["rejected", "delivered"]
    assert len(site.seen) == 2


async def test_what_never_left_is_rejected_and_tried_again():
    async with served(ok) as site:
        url = site.url
    ledger = MemoryLedger()
    async with bench(url, sending()) as at:
        result = await at.run([ORDERS], ctx=at.context(ledger), key="id")
    assert set(ledger.statuses().values()) == {"rejected"}
    assert result.error is not None
    assert (result.error.code, result.error.retry, result.error.stops_step) == (
        "remote.unavailable",
        "backoff",
        True,
    )


@pytest.mark.parametrize(
    "answer", [b"", b"no http\r\n\r\n", b"HTTP/1.1 201 Created\r\nContent-Length: 50\r\n\r\n{"]
)
async def test_a_cut_after_the_request_left_is_unknown(answer):
    ledger = MemoryLedger()
    async with spoken(answer) as site, bench(site, sending()) as at:
        result = await at.run([b'[{"id": 1}]'], ctx=at.context(ledger), key="id", attempts=3)
    assert ledger.statuses() == {"1": "unknown"}
    assert result.error is not None
    assert (result.error.code, result.error.retry) == ("delivery.unknown", "never")
    assert "redrive resolve" in (result.error.hint or "")
    assert len(site.seen) == 1


async def test_a_time_out_is_unknown_and_is_not_sent_again():
    ledger = MemoryLedger()
    timeouts = {"connect_s": 1, "read_s": 0.2, "total_s": 1}
    async with spoken(b"", hang=True) as site, bench(site, sending(), timeouts=timeouts) as at:
        first = await at.run([b'[{"id": 1}]'], ctx=at.context(ledger), key="id", attempts=3)
        later = await at.run([b'[{"id": 1},{"id": 2}]'], ctx=at.context(ledger), key="id")
    assert first.error is not None
    assert later.error is not None
    assert (first.error.code, later.error.code) == ("delivery.unknown", "delivery.unknown")
    assert [seen.body for seen in site.seen] == [b'[{"id": 1}]', b'[{"id": 2}]']


async def test_others_are_sent_before_an_unknown_item_fails_the_payload():
    ledger = MemoryLedger()
    ledger.held["2"] = Held("unknown", b"", "x-old")
    ledger.claims.append(_Old("x-old", {"2": b""}, Request(method="POST", url="http://x/")))
    async with served(ok) as site, bench(site, sending()) as at:
        result = await at.run([ORDERS], ctx=at.context(ledger), key="id")
    assert site.seen[0].body == b'[{"id": 1, "total": 1.10},{"id": 3, "total": 3}]'
    assert ledger.statuses() == {"1": "delivered", "2": "unknown", "3": "delivered"}
    assert result.error is not None
    assert result.error.code == "delivery.unknown"


class _Old:
    """A claim of an earlier run, as `MemoryLedger` keeps it."""

    def __init__(self, exchange: str, keys: dict[str, bytes], request: Request) -> None:
        self.exchange, self.keys, self.request = exchange, keys, request


async def test_an_idempotency_key_lets_the_same_bytes_go_again_alone():
    ledger = MemoryLedger()
    answers = [web.Response(status=502), reply({"done": True}), reply({"more": True})]
    async with served(lambda _: answers.pop(0)) as site, bench(site, sending(idempotency={})) as at:
        first = await at.run([ORDERS], ctx=at.context(ledger), key="id", attempts=2)
    assert first.error is None
    assert first.values == [{"done": True}]
    assert [seen.body for seen in site.seen] == [ORDERS, ORDERS]
    keys = [seen.headers["Idempotency-Key"] for seen in site.seen]
    assert keys[0] == keys[1]
    assert set(ledger.statuses().values()) == {"delivered"}


async def test_the_same_bytes_go_again_though_the_payload_has_changed():
    ledger = MemoryLedger()
    answers = [web.Response(status=500), reply({"a": 1}), reply({"b": 1})]
    async with served(lambda _: answers.pop(0)) as site, bench(site, sending(idempotency={})) as at:
        await at.run([b'[{"id": 1},{"id": 2}]'], ctx=at.context(ledger), key="id")
        result = await at.run([b'[{"id": 2},{"id": 9}]'], ctx=at.context(ledger), key="id")
    assert [seen.body for seen in site.seen] == [
        b'[{"id": 1},{"id": 2}]',
        b'[{"id": 1},{"id": 2}]',
        b'[{"id": 9}]',
    ]
    assert result.values == [{"a": 1}, {"b": 1}]
    assert [payload.lineage for payload in result.payloads] == [[[(0, 0)]], [[(0, 1)]]]
    assert set(ledger.statuses().values()) == {"delivered"}


async def test_a_resend_that_fails_again_is_tried_once_per_attempt():
    ledger = MemoryLedger()
    async with (
        served(lambda _: web.Response(status=500)) as site,
        bench(site, sending(request={"method": "PUT", "path": "/all", "body": "{{ payload }}"})) as at,
    ):
        result = await at.run([ORDERS], ctx=at.context(ledger), key="id", attempts=3)
    assert len(site.seen) == 3
    assert set(ledger.statuses().values()) == {"unknown"}
    assert result.error is not None
    assert (result.error.code, result.error.retry) == ("delivery.unknown", "backoff")


async def test_a_resend_puts_secrets_back_in():
    ledger = MemoryLedger()
    request = {
        "method": "POST",
        "path": "/orders",
        "query": {"t": "{{ connection.token }}"},
        "headers": {"X-Token": "{{ connection.token }}", "X-Plain": "v {{ connection.token }}"},
        "body": {"secret": "{{ connection.token }}", "orders": "{{ payload }}"},
    }
    secrets = {"token": 's3cret/+"token'}
    auth = {"method": "basic", "username": "ann", "password": "{{ connection.token }}"}
    answers = [web.Response(status=500), reply({})]
    async with served(lambda _: answers.pop(0)) as site:
        endpoint = sending(request=request, repeat="safe")
        async with bench(site, endpoint, secrets=secrets, authentication=auth) as at:
            result = await at.run([ORDERS], ctx=at.context(ledger), key="id", attempts=2)
    assert result.error is None
    first, second = site.seen
    assert (first.path, first.body) == (second.path, second.body)
    assert decode(first.body)["secret"] == secrets["token"]
    for name in ("X-Token", "X-Plain", "Authorization"):
        assert first.headers[name] == second.headers[name]
    for claim in ledger.claims:
        recorded = repr((claim.request.url, claim.request.headers)).encode() + await claim.request.body.read()
        assert b"s3cret" not in recorded


def looked_up(answer):
    lookup = {"request": {"path": "/orders/{{ with.key }}"}, **answer}
    return sending(per="item", lookup=lookup)


@pytest.mark.parametrize(("there", "sent"), [(True, 1), (False, 2)])
async def test_a_look_up_settles_what_is_unknown(there, sent):
    ledger = MemoryLedger()
    lost = {"left": 1}

    def answer(seen: Seen):
        if seen.method == "GET":
            return reply({"id": 1}) if there else web.Response(status=404)
        if lost["left"]:
            lost["left"] -= 1
            return web.Response(status=504)
        return reply({})

    async with served(answer) as site, bench(site, looked_up({})) as at:
        result = await at.run([b'[{"id": 1}]'], ctx=at.context(ledger), key="id", attempts=2)
    assert result.error is None
    assert ledger.statuses() == {"1": "delivered"}
    assert sum(seen.method == "POST" for seen in site.seen) == sent
    assert [seen.path for seen in site.seen if seen.method == "GET"] == ["/orders/1"]


async def test_a_look_up_may_use_an_endpoint_and_a_condition():
    ledger = MemoryLedger()
    lost = {"left": 1}

    def answer(seen: Seen):
        if seen.method == "GET":
            return reply({"orders": [{"ref": "other"}, {"ref": seen.query["ref"]}]})
        if lost["left"]:
            lost["left"] -= 1
            return web.Response(status=500)
        return reply({})

    find = {
        "direction": "receive",
        "request": {"path": "/find", "query": {"ref": "{{ with.ref }}"}},
        "items": "orders",
    }
    lookup = {
        "endpoint": "find",
        "with": {"ref": "R{{ with.key }}-{{ item.total }}"},
        "found": {"field": "orders.*.ref", "is": "R{{ with.key }}-{{ item.total }}"},
    }
    async with served(answer) as site, bench(site, sending(lookup=lookup), endpoints={"find": find}) as at:
        result = await at.run([ORDERS], ctx=at.context(ledger), key="id", attempts=2)
    assert result.error is None
    assert set(ledger.statuses().values()) == {"delivered"}
    assert sum(seen.method == "POST" for seen in site.seen) == 1
    assert [seen.query["ref"] for seen in site.seen if seen.method == "GET"] == ["R1-1.10", "R2-2.0", "R3-3"]


async def test_a_look_up_that_fails_leaves_it_unknown():
    ledger = MemoryLedger()

    async with served(lambda _: web.Response(status=500)) as site, bench(site, looked_up({})) as at:
        result = await at.run([b'[{"id": 1}]'], ctx=at.context(ledger), key="id", attempts=2)
    assert ledger.statuses() == {"1": "unknown"}
    assert result.error is not None
    assert [seen.method for seen in site.seen] == ["POST", "GET"]


RESULTS = {"results": {"at": "results", "key": "id", "ok": {"field": "status", "is": "ok"}}}


async def test_results_are_judged_one_by_one():
    ledger = MemoryLedger()
    answer = {"results": [{"id": 1, "status": "ok"}, {"id": "2", "status": "no"}, {"id": 3, "status": "ok"}]}
    async with served(lambda _: reply(answer, 207)) as site, bench(site, sending(**RESULTS)) as at:
        result = await at.run([ORDERS], ctx=at.context(ledger), key="id")
    assert len(site.seen) == 1
    assert ledger.statuses() == {"1": "delivered", "2": "rejected", "3": "delivered"}
    assert result.error is not None
    assert (result.error.code, result.error.retry) == ("remote.rejected", "never")
    assert result.values == [answer]
    assert result.payloads[0].lineage == [[(0, 0), (0, 2)]]


@pytest.mark.parametrize("answer", [{"results": [{"id": 1, "status": "ok"}]}, {"other": 1}])
async def test_items_without_a_result_are_unknown(answer):
    ledger = MemoryLedger()
    async with served(lambda _: reply(answer)) as site, bench(site, sending(**RESULTS)) as at:
        result = await at.run([ORDERS], ctx=at.context(ledger), key="id")
    assert len(site.seen) == 1
    assert ledger.statuses()["3"] == "unknown"
    assert result.error is not None
    assert result.error.code == "delivery.unknown"


async def test_an_error_inside_a_200_rejects_its_items():
    ledger = MemoryLedger()
    success = {"status": [200, 201], "unless": {"field": "error", "exists": True}}
    async with served(lambda _: reply({"error": "no"})) as site, bench(site, sending(success=success)) as at:
        result = await at.run([ORDERS], ctx=at.context(ledger), key="id")
    assert site.seen
    assert set(ledger.statuses().values()) == {"rejected"}
    assert result.error is not None
    assert result.error.code == "remote.rejected"


async def test_a_rule_may_say_that_a_500_was_not_carried_out():
    ledger = MemoryLedger()
    async with served(lambda _: web.Response(status=500)) as site:
        async with bench(site, sending(rules=[{"status": 500, "then": "retry"}])) as at:
            result = await at.run([ORDERS], ctx=at.context(ledger), key="id", attempts=2)
    assert len(site.seen) == 2
    assert set(ledger.statuses().values()) == {"rejected"}
    assert result.error is not None
    assert result.error.code == "remote.unavailable"


async def test_fresh_credentials_are_tried_once():
    ledger = MemoryLedger()
    answers = [web.Response(status=401), reply({})]
    auth = {"method": "bearer", "token": "{{ connection.token }}"}
    async with served(lambda _: answers.pop(0)) as site, bench(site, sending(), authentication=auth) as at:
        result = await at.run([ORDERS], ctx=at.context(ledger), key="id")
    assert result.error is None
    assert len(site.seen) == 2
    assert [claim.outcome for claim in ledger.claims] == ["rejected", "delivered"]


async def test_a_ledger_that_has_changed_is_asked_again():
    ledger = MemoryLedger()
    ledger.refuse_claims = 2
    async with served(ok) as site, bench(site, sending()) as at:
        result = await at.run([ORDERS], ctx=at.context(ledger), key="id")
    assert (len(site.seen), result.error) == (1, None)


async def test_a_plan_sends_nothing():
    ledger = MemoryLedger()
    async with served(ok) as site, bench(site, sending()) as at:
        result = await at.run([ORDERS], ctx=at.context(ledger, preview=True), key="id")
    assert (site.seen, ledger.claims, result.values, result.error) == ([], [], [], None)


async def test_a_cancelled_send_is_unknown():
    ledger = MemoryLedger()
    arrived = asyncio.Event()

    async def answer(_):
        arrived.set()
        await asyncio.Event().wait()

    async with served(answer) as site, bench(site, sending()) as at:
        task = asyncio.create_task(at.run([b'[{"id": 1}]'], ctx=at.context(ledger), key="id"))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert site.seen
    assert ledger.statuses() == {"1": "unknown"}


async def test_an_interrupted_request_without_a_key_is_not_sent_again():
    async with served(ok) as site:
        ledger = MemoryLedger(keyed=False)
        ledger.interrupted = [UnknownRequest("x0", (), (), Request(method="POST", url=f"{site.url}/orders"))]
        async with bench(site, sending()) as at:
            result = await at.run([ORDERS], ctx=at.context(ledger))
    assert site.seen == []
    assert result.error is not None
    assert result.error.code == "delivery.unknown"


async def test_an_interrupted_request_without_a_key_goes_again_where_that_is_safe():
    async with served(ok) as site, bench(site, sending(repeat="safe")) as at:
        ledger = MemoryLedger(keyed=False)
        body = await at.context().store(b'["as it was"]')
        ledger.interrupted = [
            UnknownRequest("x0", (), (), Request(method="POST", url=f"{site.url}/orders", body=body))
        ]
        result = await at.run([ORDERS], ctx=at.context(ledger))
    assert [seen.body for seen in site.seen] == [b'["as it was"]']
    assert result.values == [{"ok": True}]


async def test_per_item_without_a_key_only_the_interrupted_item_is_held_back():
    async with served(ok) as site, bench(site, sending(per="item")) as at:
        ledger = MemoryLedger(keyed=False)
        body = await at.context().store(b'{"id": 2, "total": 2.0}')
        ledger.interrupted = [
            UnknownRequest("x0", (), (), Request(method="POST", url=f"{site.url}/orders", body=body))
        ]
        result = await at.run([ORDERS], ctx=at.context(ledger))
    assert [seen.json["id"] for seen in site.seen] == [1, 3]
    assert result.error is not None
    assert result.error.code == "delivery.unknown"


async def test_an_attempt_goes_on_after_the_items_that_were_answered():
    ledger = MemoryLedger(keyed=False)
    busy = {"left": 1}

    def answer(seen: Seen):
        if seen.json["id"] == 2 and busy["left"]:
            busy["left"] -= 1
            return web.Response(status=503)
        return web.Response(status=204)

    async with served(answer) as site, bench(site, sending(per="item")) as at:
        result = await at.run([ORDERS], ctx=at.context(ledger), attempts=2)
    assert result.error is None
    assert [seen.json["id"] for seen in site.seen] == [1, 2, 2, 3]


async def test_a_large_payload_is_streamed():
    order = b'{"id": %d, "text": "' + b"x" * 1000 + b'"}'
    payload = b"[" + b",".join(order % n for n in range(5000)) + b"]"
    ledger = MemoryLedger()
    ledger.held["7"] = Held("delivered", b"", "", blake3(order % 7).digest())
    async with served(ok) as site, bench(site, sending()) as at:
        result = await at.run([payload], ctx=at.context(ledger), key="id")
    assert result.error is None
    assert site.seen[0].body == b"[" + b",".join(order % n for n in range(5000) if n != 7) + b"]"
    assert site.seen[0].headers["Content-Length"] == str(len(site.seen[0].body))


async def test_the_secret_never_shows_in_errors_or_logs():
    auth = {"method": "bearer", "token": "{{ connection.token }}"}
    async with served(lambda seen: web.Response(status=422, text=seen.headers["Authorization"])) as site:
        async with bench(site, sending(), authentication=auth, secrets={"token": "plain-s3cret"}) as at:
            ledger = MemoryLedger()
            result = await at.run([ORDERS], ctx=at.context(ledger), key="id")
    assert result.error is not None
    answer = ledger.claims[0].answer
    assert await answer.body.read() == b"Bearer [secret token]"
    assert "s3cret" not in repr((result.error.as_dict(), result.logs, ledger.claims[0].request.headers))
    assert SECRET not in repr(result.logs)
