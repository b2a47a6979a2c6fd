from __future__ import annotations

import orjson
import pytest

from benchmarks.shop_server import KEPT_OF_TEN, Shop
from benchmarks.work import SMALL, Shape, batches, erp_form, paid
from redrive.engine.flows import build
from redrive.registry import Registry
from redrive.sdk.testing import run_shape


@pytest.fixture(scope="module")
def page() -> bytes:
    return b'{"orders":[%s]}' % Shop().orders(10)


@pytest.mark.parametrize("shape", [SMALL, Shape(orders=250, pages=4, batch=200)])
async def test_the_shapes_of_the_flow_and_the_plain_code_of_the_floor_give_the_same(
    page: bytes, shape: Shape
) -> None:
    documents = dict(shape.documents("http://127.0.0.1:1"))
    built = build(documents["reference.flow.yaml"].decode(), "reference.flow.yaml", Registry.discover())
    kept = paid(orjson.loads(page)["orders"])
    expected = {
        "paid-only": [kept],
        "erp-form": [[erp_form(order) for order in kept]],
        "batches": batches([erp_form(order) for order in kept], shape.batch),
    }
    given = [b"[%s]" % page.removeprefix(b'{"orders":[').removesuffix(b"]}")]
    for step, lists in expected.items():
        result = await run_shape(built.shapes[step], given)
        given = [payload.data for payload in result.payloads]
        assert [orjson.loads(data) for data in given] == lists


def test_orders_are_new_in_every_answer_and_as_large_as_the_budgets_say() -> None:
    shop = Shop()
    first, second = (orjson.loads(b"[%s]" % shop.orders(1000)) for _ in range(2))
    assert not {order["id"] for order in first} & {order["id"] for order in second}
    assert 2100 < len(orjson.dumps(first)) / 1000 < 2300


def test_the_filter_drops_some_of_each_small_page(page: bytes) -> None:
    assert len(paid(orjson.loads(page)["orders"])) == KEPT_OF_TEN < 10
