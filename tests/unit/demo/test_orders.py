"""The demo shop's orders are realistic and the same every time."""

import json
import re
from decimal import Decimal

import pytest

from redrive.core import jsonvalue
from redrive.demo.orders import FIRST_ID, Orders

DAY = {"day": "2026-11-02"}


def paid_of_first_day() -> list[int]:
    return list(Orders().places({**DAY, "financial_status": "paid"}))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert Orders().encoded(41) == Orders().encoded(41)
    assert Orders(seed=8).encoded(41) != Orders().encoded(41)


def test_orders_are_about_two_kilobytes() -> None:
    sizes = [len(Orders().encoded(place)) for place in range(200)]
    assert 1_800 < sum(sizes) / len(sizes) < 2_200


def test_the_first_day_has_58_orders_of_which_50_are_paid() -> None:
    orders = Orders()
    assert list(orders.places(DAY)) == list(range(58))
    assert len(paid_of_first_day()) == 50
    assert all(
        json.loads(orders.encoded(place))["financial_status"] == "paid" for place in paid_of_first_day()
    )


def test_among_the_paid_of_the_first_day_only_order_1042_lacks_its_postcode() -> None:
    lacking = [
        p + FIRST_ID for p in paid_of_first_day() if not Orders().order(p)["shipping_address"]["postcode"]
    ]
    assert lacking == [1042]


def test_money_is_spelt_as_text_and_as_numbers_that_keep_their_last_zero() -> None:
    raw = b"".join(map(Orders().encoded, range(100)))
    assert re.search(rb'"price":"\d+\.\d0"', raw)
    assert re.search(rb'"total_price":\d+\.\d0,', raw)


def test_totals_add_up() -> None:
    order = jsonvalue.decode(Orders().encoded(3))
    goods = sum(line["total"] for line in order["line_items"])
    assert order["total_price"] == goods + Decimal(order["shipping_price"])


def test_customer_ids_are_too_big_for_a_float() -> None:
    number = Orders().order(0)["customer"]["id"]
    assert int(float(number)) != number


def test_an_order_id_names_one_order_whatever_the_other_filters_say() -> None:
    assert Orders().places({**DAY, "order_id": "2000"}) == [999]


@pytest.mark.parametrize("order_id", ["1000", "3001", "x", "-5"])
def test_an_unknown_order_id_finds_nothing(order_id: str) -> None:
    assert Orders().places({"order_id": order_id}) == []


@pytest.mark.parametrize("day", ["2026-11-01", "1999-01-01", "2030-01-01"])
def test_days_without_orders_are_empty(day: str) -> None:
    assert list(Orders().places({"day": day})) == []


def test_a_day_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="does not match"):
        Orders().places({"day": "yesterday"})


def test_days_do_not_overlap_and_leave_nothing_out() -> None:
    orders = Orders(count=120)
    days = [list(orders.places({"day": f"2026-11-0{day}"})) for day in (2, 3, 4)]
    assert [place for day in days for place in day] == list(range(120))
