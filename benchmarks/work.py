"""The reference work, told once for both sides: the documents of a flow, and the same in plain code.

Pull a page of orders, keep the paid ones, map them into the form of an ERP, put them into batches,
post each batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FLOW = "reference"


@dataclass(frozen=True)
class Shape:
    """How much of it: orders in a page, pages (None: one request that names no page), orders in a post."""

    orders: int = 10
    pages: int | None = None
    batch: int = 5

    def documents(self, url: str) -> list[tuple[str, bytes]]:
        """Connector, connection and flow, as files."""
        paging = "" if self.pages is None else f"\n      query: {{count: {self.orders}, pages: {self.pages}}}"
        query = f"\n      query: {{count: {self.orders}}}" if self.pages is None else paging
        paginate = "" if self.pages is None else "\n    paginate: {by: page_number, parameter: page}"
        connector = CONNECTOR.format(query=query, paginate=paginate)
        return [
            ("system.connector.yaml", connector.encode()),
            ("system.connection.yaml", CONNECTION.format(url=url).encode()),
            ("reference.flow.yaml", FLOW_DOCUMENT.format(batch=self.batch).encode()),
        ]


SMALL = Shape()

CONNECTOR = """\
connector: bench-system
base_url: "{{{{ connection.base_url }}}}"
endpoints:
  list-orders:
    direction: receive
    request:
      method: GET
      path: /orders{query}
    items: orders{paginate}
  create-orders:
    direction: send
    request: {{method: POST, path: /orders, body: "{{{{ payload }}}}"}}
"""

CONNECTION = """\
connection: system
connector: bench-system
settings: {{base_url: "{url}"}}
"""

FLOW_DOCUMENT = """\
flow: reference
description: Pulls orders, keeps the paid ones, and books them in batches.
steps:
  - id: pull
    shape: connector
    connection: system
    endpoint: list-orders
  - id: paid-only
    shape: filter
    keep: {{field: financial_status, is: paid}}
  - id: erp-form
    shape: map
    automatic: false
    fields:
      - {{to: id, from: id}}
      - {{to: reference, from: name}}
      - {{to: ordered_at, from: created_at}}
      - {{to: source, value: web}}
      - {{to: currency, from: currency}}
      - {{to: total, from: total_price}}
      - {{to: customer.number, from: customer.id}}
      - {{to: customer.email, from: customer.email}}
      - {{to: ship_to.name, from: shipping_address.name, do: [{{case: upper}}]}}
      - {{to: ship_to.street, from: shipping_address.address1}}
      - {{to: ship_to.city, from: shipping_address.city}}
      - {{to: ship_to.postcode, from: shipping_address.postcode}}
      - {{to: ship_to.country, from: shipping_address.country_code}}
      - {{to: "lines[].sku", from: "line_items[].sku"}}
      - {{to: "lines[].quantity", from: "line_items[].quantity"}}
      - {{to: "lines[].price", from: "line_items[].price"}}
  - id: batches
    shape: flow_control
    size: {batch}
  - id: send
    shape: connector
    connection: system
    endpoint: create-orders
    key: id
"""


def paid(orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [order for order in orders if order["financial_status"] == "paid"]


def erp_form(order: dict[str, Any]) -> dict[str, Any]:
    address, customer = order["shipping_address"], order["customer"]
    return {
        "id": order["id"],
        "reference": order["name"],
        "ordered_at": order["created_at"],
        "source": "web",
        "currency": order["currency"],
        "total": order["total_price"],
        "customer": {"number": customer["id"], "email": customer["email"]},
        "ship_to": {
            "name": address["name"].upper(),
            "street": address["address1"],
            "city": address["city"],
            "postcode": address["postcode"],
            "country": address["country_code"],
        },
        "lines": [
            {"sku": line["sku"], "quantity": line["quantity"], "price": line["price"]}
            for line in order["line_items"]
        ],
    }


def batches(orders: list[dict[str, Any]], size: int) -> list[list[dict[str, Any]]]:
    return [orders[start : start + size] for start in range(0, len(orders), size)]
