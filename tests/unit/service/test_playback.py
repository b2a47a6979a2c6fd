"""Which recorded exchange answers a request."""

from __future__ import annotations

import pytest

from redrive.documents.flow_tests import ExchangeForm
from redrive.errors import StepError
from redrive.sdk.content import MemoryContent
from redrive.sdk.exchange import Request
from redrive.service.playback import Answers, of_test, url_fits


@pytest.mark.parametrize(
    ("wanted", "url", "fits"),
    [
        ("/orders", "https://a.test/orders?page=2", True),
        ("/orders?page=2&a=1", "https://a.test/orders?a=1&page=2", True),
        ("/orders?page=2", "https://a.test/orders?page=2&a=1", False),
        ("/orders?", "https://a.test/orders?page=2", False),
        ("/orders?a=1&a=2", "https://a.test/orders?a=2&a=1", True),
        ("/orders?a=1&a=1", "https://a.test/orders?a=1", False),
        ("/orders?key=[masked]", "https://a.test/orders?key=x", True),
        ("/orders?key=[masked]", "https://a.test/orders?other=x", False),
        ("https://b.test/orders", "https://a.test/orders", False),
        ("/a%20b", "https://a.test/a b", True),
        ("/order", "https://a.test/orders", False),
    ],
)
def test_urls(wanted, url, fits):
    assert url_fits(wanted, url) is fits


def request(url="/orders", method="GET", body=None):
    content = MemoryContent(body) if body is not None else None
    return Request(method=method, url=f"https://a.test{url}", body=content)


def answers(*exchanges, sends=frozenset(), lenient=False):
    forms = [ExchangeForm.model_validate(one) for one in exchanges]
    return Answers({"pull": [of_test(one, lambda _: b"") for one in forms]}, sends, lenient=lenient)


async def test_each_answers_once_in_order_unless_it_repeats():
    given = [{"request": {"url": "/orders"}, "response": {"status": n}} for n in (201, 202)]
    once = answers(*given)
    assert [(await once.answer("pull", request())).status for _ in range(2)] == [201, 202]
    with pytest.raises(StepError) as error:
        await once.answer("pull", request("/orders?page=3"))
    assert (error.value.code, error.value.stops_step) == ("exchange.unmatched", True)
    assert "GET /orders?page=3" in error.value.detail
    assert len(once.unmatched) == 1
    again = answers({**given[0], "repeat": True})
    assert [(await again.answer("pull", request())).status for _ in range(3)] == [201] * 3
    assert again.unused == []


async def test_the_body_chooses_too():
    given = answers(
        {"request": {"json": {"id": 1}}, "response": {"status": 201}},
        {"request": {"contains": {"id": 2}}, "response": {"status": 202}},
    )
    two = await given.answer("pull", request(method="POST", body=b'{"id": 2, "x": 0}'))
    one = await given.answer("pull", request(method="POST", body=b'{"id": 1.0}'))
    assert (two.status, one.status) == (202, 201)


async def test_a_send_without_records_is_taken_and_a_pull_is_not():
    given = Answers({}, frozenset({"send"}))
    assert (await given.answer("send", request(method="POST"))).status == 200
    assert given.stubbed == {"send": 1}
    for step, method in (("pull", "POST"), ("send", "GET")):
        with pytest.raises(StepError):
            await given.answer(step, request(method=method))


async def test_a_send_with_records_must_find_one_unless_a_replay_asks():
    strict = answers({"request": {"url": "/other"}, "response": {}}, sends=frozenset({"pull"}))
    with pytest.raises(StepError):
        await strict.answer("pull", request(method="POST"))
    lenient = answers(
        {"request": {"json": {"id": 1}}, "response": {"status": 201}},
        sends=frozenset({"pull"}),
        lenient=True,
    )
    assert (await lenient.answer("pull", request(method="POST", body=b'{"id": 9}'))).status == 201
    assert (await lenient.answer("pull", request(method="POST"))).status == 200
