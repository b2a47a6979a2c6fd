# ruff: noqa: E501, ISC004 - messages stand in one piece, as they are shown
from __future__ import annotations

import pytest

from redrive.documents.connector_document import parse_connector
from redrive.documents.load import load_one
from redrive.errors import FlowInvalid, UsageError

SHOP = """\
connector: example-shop
base_url: https://shop.example
endpoints:
  list-orders: {direction: receive}
"""


def problems(text, registry):
    with pytest.raises(FlowInvalid) as caught:
        parse_connector(load_one(text, "shop.yaml"), registry)
    return [str(problem) for problem in caught.value.problems]


def test_a_connector_is_read(registry):
    connector = parse_connector(load_one(SHOP), registry)
    assert (connector.name, connector.protocol, list(connector.endpoints)) == (
        "example-shop",
        "http",
        ["list-orders"],
    )
    assert connector.document["base_url"] == "https://shop.example"


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (SHOP + "protocol: htp\n", ["shop.yaml:5: setting protocol: unknown protocol 'htp'; expected http; "
                                    "did you mean 'http'?"]),
        (SHOP.replace("base_url", "base"), ["shop.yaml:1: setting base_url: 'base_url' is missing; expected the "
                                            "system's address"]),
        ("connector: a\nbase_url: x", ["shop.yaml:1: setting endpoints: 'endpoints' is missing (its operations by "
                                       "name)"]),
        ("connector: a\nbase_url: x\nendpoints: {list orders: {}}", [
            "shop.yaml:3: setting endpoints['list orders']: 'list orders' cannot be a name here; expected letters, "
            "digits, dots, hyphens and underscores, a letter or digit first"]),
        ("connector: a\nbase_url: x\nendpoints: {x: get}", ["shop.yaml:3: setting endpoints.x: this is text; "
                                                            "expected a mapping"]),
        ("connector: 5\nendpoints: {}", [
            "shop.yaml:1: setting connector: this is a whole number; expected text",
            "shop.yaml:1: setting base_url: 'base_url' is missing; expected the system's address",
            "shop.yaml:2: setting endpoints: the list is too short; expected at least 1"]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_connector(text, messages, registry):
    assert problems(text, registry) == messages


def test_only_connectors_are_connectors(registry):
    with pytest.raises(UsageError, match="live is a connection, not a connector"):
        parse_connector(load_one("connection: live\nconnector: shop"), registry)
