"""Systems that answer garbage, cut off, never end, or refuse: the run says so, and the store is whole."""

import pytest

from tests.acceptance.bad_input.store import held
from tests.acceptance.product import step


@pytest.fixture
async def pulling(product, servers):
    await product.load(servers.documents("demo-shop", "demo-erp", "connections", "orders-to-erp"))
    return servers


async def pulled(product, home):
    run = await product.run("orders-to-erp")
    held(home)
    return run, step(run, "pull")


async def test_garbage(product, pulling, home):
    pulling.shop.control(faults=[{"kind": "garbage"}])
    run, pull = await pulled(product, home)
    assert (run.status, pull.error.code) == ("failure", "answer.invalid")
    assert pull.attempts == 4
    assert "It works" not in pull.error.detail
    call = (await product.client.runs.exchanges(run.id, "pull")).items[0]
    body = b"".join([chunk async for chunk in product.client.runs.exchange_body(call.id, "response")])
    assert body.startswith(b"<html>")
    # It gets well, and so does the run.
    pulling.shop.control(faults=[])
    again = await product.retry(run.id)
    assert step(again, "pull").status == "success"


async def test_an_answer_that_is_cut_half_way(product, pulling, home):
    pulling.shop.control(faults=[{"kind": "cut", "skip": 1}])
    run, pull = await pulled(product, home)
    assert (run.status, pull.error.code) == ("failure", "remote.unavailable")
    # The first page stays; a retry goes on at the second.
    assert len(pull.payloads_out) == 1
    pulling.shop.control(faults=[])
    before = pulling.shop.get("/control")["requests"]
    again = await product.retry(run.id)
    assert len(step(again, "pull").payloads_out) == 2
    assert pulling.shop.get("/control")["requests"] == before + 2


async def test_a_cut_that_heals_is_tried_again(product, pulling, home):
    pulling.shop.control(faults=[{"kind": "cut", "times": 2}])
    _, pull = await pulled(product, home)
    assert (pull.status, pull.attempts) == ("success", 3)


async def test_pages_that_repeat(product, pulling, home):
    pulling.shop.control(settings={"pages": "repeat"})
    run, pull = await pulled(product, home)
    assert (run.status, pull.error.code) == ("failure", "pagination.repeated")
    assert pull.attempts == 1
    assert pull.error.hint


async def test_pages_without_an_end(product, pulling, home, monkeypatch):
    monkeypatch.setattr("redrive.connectors.rest.receive.ENDLESS_PAGES", 12)
    pulling.shop.control(settings={"pages": "endless"})
    run, pull = await pulled(product, home)
    assert (run.status, pull.error.code) == ("failure", "pagination.endless")
    assert len(pull.payloads_out) == 11
    assert "max_pages" in pull.error.hint


async def test_an_answer_that_never_ends(product, servers, home):
    document = servers.documents("demo-shop").replace("endpoints:", "timeouts: {total_s: 0.3}\nendpoints:")
    await product.load(document, servers.documents("demo-erp", "connections", "orders-to-erp"))
    servers.shop.control(faults=[{"kind": "trickle", "delay_s": 0.02}])
    run, pull = await pulled(product, home)
    assert (run.status, pull.error.code) == ("failure", "remote.unavailable")
    assert "time ran out" in pull.error.detail


async def test_wrong_credentials(product, pulling, home, monkeypatch):
    monkeypatch.setenv("DEMO_SHOP_TOKEN", "wrong-token")
    run, pull = await pulled(product, home)
    assert (run.status, pull.error.code, pull.attempts) == ("failure", "auth.failed", 1)
    assert "shop" in pull.error.detail
    assert "wrong-token" not in run.to_json().decode()


async def test_credentials_that_are_not_there(product, pulling, home, monkeypatch):
    monkeypatch.delenv("DEMO_SHOP_TOKEN")
    run, pull = await pulled(product, home)
    assert run.status == "failure"
    assert "DEMO_SHOP_TOKEN" in f"{pull.error.detail} {pull.error.hint}"


async def test_no_connection(product, pulling, home):
    pulling.erp.control(down=True)
    run, pull = await pulled(product, home)
    assert pull.status == "success"
    send = step(run, "send")
    assert (run.status, send.status, send.error.code) == ("failure", "failure", "remote.unavailable")
    # It never left: rejected, not unknown; so a retry needs nobody.
    assert (send.deliveries.unknown, send.deliveries.delivered) == (0, 0)
    pulling.erp.control(down=False, settings={"refuse": "record"})
    again = await product.retry(run.id)
    assert step(again, "send").deliveries.delivered == 50
    counts = pulling.erp.counts()
    assert set(counts.values()) == {1}


async def test_a_send_that_is_cut_is_unknown_and_not_repeated(product, pulling, home):
    pulling.erp.control(faults=[{"kind": "cut", "at": "after", "times": 1, "bytes": 0}])
    run, _ = await pulled(product, home)
    send = step(run, "send")
    assert (run.status, send.deliveries.unknown) == ("failure", 10)
    unknown = await product.client.ledger.list(status="unknown")
    assert len(unknown.items) == 10
    retried = await product.retry(run.id)
    assert step(retried, "send").error.code in {"delivery.unknown", "remote.rejected"}
    assert set(pulling.erp.counts().values()) == {1}


async def test_garbage_from_a_send_is_a_success_by_its_status(product, pulling, home):
    """Without a rule the status decides; what came back is kept as it is."""
    pulling.erp.control(faults=[{"kind": "garbage", "times": 1}])
    run, _ = await pulled(product, home)
    send = step(run, "send")
    assert send.deliveries.delivered == 40
    first = await product.bytes(send.payloads_out[0].id)
    assert first.startswith(b"<html>")
