"""The demo ERP books what is whole, refuses what is not, and counts exactly."""

import json
from typing import Any

import pytest

from redrive.demo.erp import Erp, Settings
from redrive.demo.system import Call, Reply, WrongRequest

GOOD = [{"id": 1, "postcode": "N1"}, {"id": 2, "ship_to": {"postcode": "N2"}}]
BAD = {"id": 3, "ship_to": {"postcode": ""}}


def post(erp: Erp, body: Any, *, key: str | None = None, **query: str) -> Reply:
    headers = {"idempotency-key": key} if key else {}
    reply = erp.answer(Call("POST", "/orders", query, headers, json.dumps(body).encode(), ""))
    assert reply is not None
    return reply


def get(erp: Erp, path: str, **query: str) -> Reply:
    call = Call("GET", path, query, {}, b"", "")
    reply = erp.look(call) or erp.answer(call)
    assert reply is not None
    return reply


@pytest.mark.parametrize("body", [GOOD, {"orders": GOOD}])
def test_orders_with_a_postcode_are_booked_under_numbers_of_its_own(body: Any) -> None:
    reply = post(Erp(), body)
    assert reply.status == 201
    assert reply.body["orders"] == [
        {"id": 1, "erp_number": "SO-000001"},
        {"id": 2, "erp_number": "SO-000002"},
    ]


def test_one_order_without_a_postcode_refuses_the_batch_and_books_nothing() -> None:
    erp = Erp()
    reply = post(erp, [*GOOD, BAD])
    assert reply.status == 422
    assert reply.body["error"] == "no order was booked: order 3: ship_to.postcode is missing"
    assert get(erp, "/counts").body == {}


def test_partial_judges_each_order_by_itself() -> None:
    erp = Erp()
    reply = post(erp, [*GOOD, BAD], partial="true")
    assert reply.status == 207
    assert [result["status"] for result in reply.body["results"]] == ["ok", "ok", "rejected"]
    assert get(erp, "/counts").body == {"1": 1, "2": 1}
    assert post(erp, GOOD[:1], partial="true").status == 200


def test_a_refusal_can_hide_in_a_success() -> None:
    erp = Erp()
    erp.tell({"refusal_status": 200})
    assert post(erp, [BAD]).status == 200
    assert get(erp, "/counts").body == {}


def test_without_idempotency_every_booking_counts() -> None:
    erp = Erp()
    post(erp, GOOD, key="a")
    post(erp, GOOD, key="a")
    assert get(erp, "/counts").body == {"1": 2, "2": 2}


def test_with_idempotency_the_same_key_gives_the_same_answer_and_books_once() -> None:
    erp = Erp(Settings(idempotency=True))
    assert post(erp, GOOD, key="a").body == post(erp, GOOD, key="a").body
    assert get(erp, "/counts").body == {"1": 1, "2": 1}
    assert [r["outcome"] for r in get(erp, "/received").body["requests"]] == ["accepted", "repeated"]


def test_the_same_key_with_another_body_is_refused() -> None:
    erp = Erp(Settings(idempotency=True))
    post(erp, GOOD[:1], key="a")
    assert post(erp, GOOD, key="a").status == 422
    assert get(erp, "/counts").body == {"1": 1}


def test_received_names_every_request_refused_ones_too() -> None:
    erp = Erp()
    post(erp, [BAD])
    post(erp, GOOD, key="k")
    assert get(erp, "/received").body["requests"] == [
        {"ids": ["3"], "outcome": "refused", "status": 422, "idempotency_key": None},
        {"ids": ["1", "2"], "outcome": "accepted", "status": 201, "idempotency_key": "k"},
    ]


def test_orders_can_be_looked_up() -> None:
    erp = Erp()
    post(erp, GOOD)
    assert get(erp, "/orders/2").body == {"id": "2", "erp_number": "SO-000002", "times": 1}
    assert get(erp, "/orders/9").status == 404
    assert [order["id"] for order in get(erp, "/orders", id="2,9").body["orders"]] == ["2"]


@pytest.mark.parametrize("body", ["text", [1], [{"postcode": "N1"}], {"orders": 3}])
def test_a_body_that_is_no_order_is_refused(body: Any) -> None:
    with pytest.raises(WrongRequest, match="not what this ERP takes"):
        post(Erp(), body)


def test_reset_forgets_bookings_and_settings() -> None:
    erp = Erp()
    erp.tell({"refuse": "record"})
    post(erp, GOOD)
    erp.reset()
    assert get(erp, "/counts").body == {}
    assert post(erp, [BAD]).status == 422


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(ValueError, match="refuze"):
        Erp().tell({"refuze": "record"})
