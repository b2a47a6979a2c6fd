"""The demo ERP: takes orders, refuses those without a postcode, and counts each that it books.

    python -m redrive.demo.erp --port 9002

`POST /orders` takes an array of orders (or `{"orders": [...]}`, or one order). An order needs an
`id` and a postcode, as `ship_to.postcode` or `postcode`. If one lacks it the whole request is refused
with 422, which names the order; with `?partial=true` each order is judged by itself (200, or 207 if
one was rejected). `GET /orders/ID` and `GET /orders?id=A,B` look orders up. A bearer token is needed.

For whoever checks: `GET /counts` gives how often each order was booked, `GET /received` every
request with its outcome.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import msgspec

from redrive.demo.listener import arguments, serve
from redrive.demo.system import Call, Reply, System, WrongRequest, orders_in

NO_POSTCODE = "ship_to.postcode is missing"


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """idempotency: honour the header Idempotency-Key.
    refuse: without `?partial=`, refuse the whole `batch`, or each `record` by itself.
    refusal_status: the status of a refused batch; 200 makes it an error inside a success.
    """

    idempotency: bool = False
    refuse: Literal["batch", "record"] = "batch"
    refusal_status: int = 422


class Received(msgspec.Struct):
    """One request: `outcome` is accepted, partial, refused, or repeated (same idempotency key)."""

    ids: list[str]
    outcome: str
    status: int
    idempotency_key: str | None


class Erp(System):
    name: ClassVar[str] = "demo-erp"
    token_variable: ClassVar[str] = "DEMO_ERP_TOKEN"  # noqa: S105 - the name of a variable

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__()
        self._at_start = settings or Settings()
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self._settings = self._at_start
            self._booked: dict[str, list[str]] = {}
            self._received: list[Received] = []
            self._answered: dict[str, tuple[bytes, Reply]] = {}
            self._last_number = 0

    def tell(self, settings: dict[str, Any]) -> None:
        with self._lock:
            now = msgspec.to_builtins(self._settings)
            self._settings = msgspec.convert({**now, **settings}, Settings)

    def look(self, call: Call) -> Reply | None:
        with self._lock:
            match call.method, call.path:
                case "GET", "/counts":
                    return Reply(200, {order_id: len(numbers) for order_id, numbers in self._booked.items()})
                case "GET", "/received":
                    return Reply(200, {"requests": msgspec.to_builtins(self._received)})
        return None

    def answer(self, call: Call) -> Reply | None:
        with self._lock:
            if call.method == "POST" and call.path == "/orders":
                return self._take(call)
            if call.method == "GET" and call.path == "/orders":
                ids = call.query.get("id", "").split(",")
                return Reply(200, {"orders": [self._booking(i) for i in ids if i in self._booked]})
            if call.method == "GET" and call.path.startswith("/orders/"):
                order_id = call.path.removeprefix("/orders/")
                if order_id in self._booked:
                    return Reply(200, self._booking(order_id))
                return Reply(404, {"error": f"order {order_id} was never booked"})
        return None

    def _booking(self, order_id: str) -> dict[str, Any]:
        return {
            "id": order_id,
            "erp_number": self._booked[order_id][-1],
            "times": len(self._booked[order_id]),
        }

    def _take(self, call: Call) -> Reply:
        try:
            orders = orders_in(call.document)
            ids = [_identity(order) for order in orders]
        except ValueError as error:
            raise WrongRequest(f"the body is not what this ERP takes: {error}") from None
        key = call.headers.get("idempotency-key") if self._settings.idempotency else None
        digest = hashlib.sha256(call.body).digest()
        if key in self._answered:
            before, reply = self._answered[key]
            if before != digest:
                reply = Reply(422, {"error": "this idempotency key came with another body before"})
            self._note(ids, "repeated", reply, call)
            return reply
        by_record = call.query.get("partial", str(self._settings.refuse == "record")).lower() == "true"
        outcome, reply = self._judge_each(orders) if by_record else self._judge_together(orders)
        self._note(ids, outcome, reply, call)
        if key is not None:
            self._answered[key] = (digest, reply)
        return reply

    def _judge_together(self, orders: list[dict[str, Any]]) -> tuple[str, Reply]:
        wrong = [order["id"] for order in orders if not _postcode(order)]
        if wrong:
            refused = [{"id": order_id, "error": NO_POSTCODE} for order_id in wrong]
            error = f"no order was booked: order {wrong[0]}: {NO_POSTCODE}"
            return "refused", Reply(self._settings.refusal_status, {"error": error, "orders": refused})
        return "accepted", Reply(201, {"orders": [self._book(order) for order in orders]})

    def _judge_each(self, orders: list[dict[str, Any]]) -> tuple[str, Reply]:
        results: list[dict[str, Any]] = [
            {**self._book(order), "status": "ok"}
            if _postcode(order)
            else {"id": order["id"], "status": "rejected", "error": NO_POSTCODE}
            for order in orders
        ]
        if all(result["status"] == "ok" for result in results):
            return "accepted", Reply(200, {"results": results})
        return "partial", Reply(207, {"results": results})

    def _book(self, order: dict[str, Any]) -> dict[str, Any]:
        self._last_number += 1
        number = f"SO-{self._last_number:06d}"
        self._booked.setdefault(str(order["id"]), []).append(number)
        return {"id": order["id"], "erp_number": number}

    def _note(self, ids: list[str], outcome: str, reply: Reply, call: Call) -> None:
        self._received.append(Received(ids, outcome, reply.status, call.headers.get("idempotency-key")))


def _identity(order: dict[str, Any]) -> str:
    if not isinstance(order.get("id"), (int, str)) or order["id"] == "":
        raise ValueError("an order has no id")
    return str(order["id"])


def _postcode(order: dict[str, Any]) -> bool:
    ship_to = order.get("ship_to")
    return bool(order.get("postcode") or (isinstance(ship_to, dict) and ship_to.get("postcode")))


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments("erp")
    parser.add_argument("--idempotency", action="store_true", help="honour the header Idempotency-Key")
    options = parser.parse_args(argv)
    erp = Erp(Settings(idempotency=options.idempotency))
    return serve(erp, options.port, until_stdin_ends=options.until_stdin_ends)


if __name__ == "__main__":
    sys.exit(main())
