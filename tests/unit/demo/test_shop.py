"""The demo shop pages through the same orders in five ways."""

import json
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest

from redrive.demo.shop import Shop
from redrive.demo.system import Call, Reply, WrongRequest


def call(path: str, **query: object) -> Call:
    return Call("GET", path, {key: str(value) for key, value in query.items()}, {}, b"", "http://shop")


def answer(shop: Shop, path: str, **query: object) -> Reply:
    reply = shop.answer(call(path, **query))
    assert reply is not None
    return reply


def document(reply: Reply) -> dict[str, object]:
    body = reply.encoded()
    return json.loads(body if isinstance(body, bytes) else b"".join(body))


def ids(page: object) -> list[int]:
    return [order["id"] for order in page["orders"]]  # type: ignore[index]


EXPECTED = list(range(1001, 1026))


def by_page(shop: Shop) -> Iterator[list[int]]:
    for page in range(1, 5):
        yield ids(document(answer(shop, "/orders", page=page, per_page=10)))


def by_offset(shop: Shop) -> Iterator[list[int]]:
    for start in range(0, 40, 10):
        yield ids(document(answer(shop, "/orders/by-offset", limit=10, offset=start)))


def by_cursor(shop: Shop) -> Iterator[list[int]]:
    page = document(answer(shop, "/orders/by-cursor", limit=10))
    yield ids(page)
    while page["next_cursor"]:
        page = document(answer(shop, "/orders/by-cursor", limit=10, cursor=page["next_cursor"]))
        yield ids(page)


def by_next_url(shop: Shop) -> Iterator[list[int]]:
    page = document(answer(shop, "/orders/by-next-url", limit=10))
    yield ids(page)
    while page["next"]:
        address = urlsplit(str(page["next"]))
        assert address.netloc == "shop"
        page = document(answer(shop, address.path, **dict(parse_qsl(address.query))))
        yield ids(page)


def by_link(shop: Shop) -> Iterator[list[int]]:
    reply = answer(shop, "/orders/by-link", limit=10)
    yield ids({"orders": document(reply)})
    while link := reply.headers.get("Link"):
        address = urlsplit(link.removeprefix("<").partition(">")[0])
        reply = answer(shop, address.path, **dict(parse_qsl(address.query)))
        yield ids({"orders": document(reply)})


@pytest.mark.parametrize("pages", [by_page, by_offset, by_cursor, by_next_url, by_link])
def test_every_way_of_paging_gives_every_order_once(pages: object) -> None:
    assert [order for page in pages(Shop(25)) for order in page] == EXPECTED  # type: ignore[operator]


def test_an_order_by_its_id() -> None:
    assert document(answer(Shop(), "/orders/1042"))["name"] == "#1042"
    assert Shop().answer(call("/orders/99")) is None


def test_filters_hold_for_pages() -> None:
    page = document(answer(Shop(), "/orders", day="2026-11-02", financial_status="paid", per_page=40, page=2))
    assert len(ids(page)) == 10
    assert page["count"] == 50


def test_a_large_page_comes_in_chunks_with_all_orders() -> None:
    reply = answer(Shop(1201), "/orders", per_page=2000)
    assert isinstance(reply.encoded(), Iterator)
    assert len(ids(document(answer(Shop(1201), "/orders", per_page=2000)))) == 1201


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/orders", {"page": "0"}),
        ("/orders", {"per_page": "many"}),
        ("/orders", {"day": "monday"}),
        ("/orders/by-cursor", {"cursor": "%%%"}),
        ("/orders/by-offset", {"limit": "0"}),
    ],
)
def test_what_makes_no_sense_is_refused(path: str, query: dict[str, str]) -> None:
    with pytest.raises(WrongRequest):
        Shop().answer(call(path, **query))


def test_told_to_repeat_it_gives_its_last_page_again_and_again() -> None:
    shop = Shop(25)
    shop.tell({"pages": "repeat"})
    pages = [ids(document(answer(shop, "/orders", page=page, per_page=10))) for page in (3, 4, 9)]
    assert pages == [EXPECTED[20:]] * 3


def test_told_to_be_endless_it_has_a_full_page_for_ever() -> None:
    shop = Shop(25)
    shop.tell({"pages": "endless"})
    assert ids(document(answer(shop, "/orders", page=3, per_page=10))) == EXPECTED[20:] + EXPECTED[:5]
    assert document(answer(shop, "/orders/by-cursor", limit=10, cursor=""))["next_cursor"]


def test_reset_ends_its_pages_again() -> None:
    shop = Shop(25)
    shop.tell({"pages": "endless"})
    shop.reset()
    assert ids(document(answer(shop, "/orders", page=4, per_page=10))) == []


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(ValueError, match="one setting, pages"):
        Shop().tell({"page": "endless"})
