"""The demo shop: thousands of orders behind an HTTP API that pages in five ways.

    python -m redrive.demo.shop --port 9001

`GET /orders` by page number (`page`, `per_page`), `/orders/by-offset` (`limit`, `offset`),
`/orders/by-cursor` (`limit`, `cursor`), `/orders/by-next-url` and `/orders/by-link` (`limit`);
`GET /orders/ID`. Filters of all: `order_id`, `day`, `financial_status`. A bearer token is needed.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

from redrive.demo.listener import arguments, serve
from redrive.demo.orders import Orders
from redrive.demo.system import Call, Reply, System, WrongRequest

MAX_PAGE = 1_000_000
CHUNK_ORDERS = 500
PAGES = ("end", "repeat", "endless")


class Shop(System):
    """Settings: `pages` is `end`, or `repeat` (the last page comes again and again), or `endless`
    (after the last order it begins anew).
    """

    name: ClassVar[str] = "demo-shop"
    token_variable: ClassVar[str] = "DEMO_SHOP_TOKEN"  # noqa: S105 - the name of a variable

    def __init__(self, count: int = 2000, seed: int = 7) -> None:
        super().__init__()
        self.orders = Orders(count, seed)
        self._pages = "end"

    def tell(self, settings: dict[str, Any]) -> None:
        if set(settings) != {"pages"} or settings["pages"] not in PAGES:
            raise ValueError(f"demo-shop has one setting, pages: {', '.join(PAGES)}")
        self._pages = settings["pages"]

    def reset(self) -> None:
        self._pages = "end"

    def answer(self, call: Call) -> Reply | None:
        if call.method != "GET":
            return None
        if call.path.startswith("/orders/") and "/by-" not in call.path:
            place = self.orders.place(call.path.removeprefix("/orders/"))
            return None if place is None else Reply(200, self.orders.encoded(place))
        try:
            places = self.orders.places(call.query)
        except ValueError:
            raise WrongRequest("day must look like 2026-11-02") from None
        match call.path:
            case "/orders":
                size = _number(call, "per_page", 50, 1)
                start = (_number(call, "page", 1, 1) - 1) * size
                return self._page(self._cut(places, start, size), {"count": len(places)})
            case "/orders/by-offset":
                size, start = _number(call, "limit", 50, 1), _number(call, "offset", 0, 0)
                return self._page(self._cut(places, start, size), {"total": len(places)})
            case "/orders/by-cursor" | "/orders/by-next-url" | "/orders/by-link":
                return self._continued(call, places)
        return None

    def _continued(self, call: Call, places: Sequence[int]) -> Reply:
        size, start = _number(call, "limit", 50, 1), _from_cursor(call.query.get("cursor"))
        page = self._cut(places, start, size)
        more = start + size < len(places) or self._pages != "end"
        following = _to_cursor(start + size) if more else None
        if call.path == "/orders/by-cursor":
            return self._page(page, {"next_cursor": following})
        address = (
            f"{call.base_url}{call.path}?{urlencode({**call.query, 'cursor': following})}"
            if following
            else None
        )
        if call.path == "/orders/by-next-url":
            return self._page(page, {"next": address})
        return self._page(page, None, {"Link": f'<{address}>; rel="next"'} if address else {})

    def _cut(self, places: Sequence[int], start: int, size: int) -> Sequence[int]:
        if places and self._pages == "endless":
            return [places[(start + n) % len(places)] for n in range(size)]
        if places and self._pages == "repeat":
            start = min(start, (len(places) - 1) // size * size)
        return places[start : start + size]

    def _page(
        self, places: Sequence[int], around: dict[str, Any] | None, headers: dict[str, str] | None = None
    ) -> Reply:
        """A page of orders: within an object with these other members, or (None) a bare array."""
        body = self._write(places, around)
        whole: Any = body if len(places) > CHUNK_ORDERS else b"".join(body)
        return Reply(200, whole, headers or {})

    def _write(self, places: Sequence[int], around: dict[str, Any] | None) -> Iterator[bytes]:
        head, tail = b"[", b"]"
        if around is not None:
            members = Reply(200, around).encoded()
            assert isinstance(members, bytes)
            head, tail = b'{"orders":[', b"]," + members[1:]
        for start in range(0, len(places), CHUNK_ORDERS):
            part = places[start : start + CHUNK_ORDERS]
            yield (b"," if start else head) + b",".join(map(self.orders.encoded, part))
        yield tail if places else head + tail


def _number(call: Call, name: str, default: int, least: int) -> int:
    text = call.query.get(name) or str(default)
    if not text.isdecimal() or not least <= int(text) <= MAX_PAGE:
        raise WrongRequest(f"{name} must be a whole number from {least} to {MAX_PAGE}")
    return int(text)


def _to_cursor(start: int) -> str:
    return base64.urlsafe_b64encode(f"from:{start}".encode()).decode().rstrip("=")


def _from_cursor(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        return int(text.removeprefix("from:"))
    except ValueError:
        raise WrongRequest("the cursor is not one of this shop") from None


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments("shop")
    parser.add_argument("--orders", type=int, default=2000, help="how many orders it has")
    parser.add_argument("--seed", type=int, default=7, help="other seeds give other orders")
    options = parser.parse_args(argv)
    return serve(Shop(options.orders, options.seed), options.port, until_stdin_ends=options.until_stdin_ends)


if __name__ == "__main__":
    sys.exit(main())
