"""Support staff send one order by its number: a flow's variables are all they need."""

import pytest

FLOW = """
flow: orders
variables:
  order_id: {type: string, required: true, description: The order to send}
  copies: {type: integer, default: 1}
steps:
  - id: pull
    shape: connector
    connection: warehouse
    endpoint: list
    with: {order_id: "{{ vars.order_id }}"}
  - {id: form, shape: map, automatic: true, fields: [{to: copies, value: "{{ vars.copies }}"}]}
  - {id: send, shape: connector, connection: warehouse, endpoint: take, key: id}
"""


@pytest.fixture
def loaded(redrive, warehouse, tmp_path):
    warehouse.give([{"id": number, "status": "paid"} for number in range(1000, 1100)])
    documents = tmp_path / "documents.yaml"
    documents.write_text(warehouse.documents + "---" + FLOW)
    redrive.ok("import", str(documents), "--deploy")


def test_one_order_by_its_number(redrive, warehouse, loaded):
    run = redrive.json("run", "orders", "--var", "order_id=1042", "--var", "copies=2")
    assert run["status"] == "success"
    assert run["variables"] == {"order_id": "1042", "copies": 2}
    assert warehouse.counts == {"1042": 1}
    assert b'"copies":2' in warehouse.taken[0].replace(b" ", b"")
    found = redrive.json("find", "1042")["items"]
    assert {one["run"] for one in found} == {run["id"]}
    assert "delivered" in {one["delivery"] for one in found}


def test_what_is_wrong_with_the_variables_is_said(redrive, warehouse, loaded):
    missing = redrive.refused("run", "orders")
    assert (missing["code"], missing["at"]) == ("variable.missing", "order_id")
    assert "--var order_id=" in missing["hint"]
    wrong = redrive.refused("run", "orders", "--var", "order_id=1", "--var", "copies=two")
    assert (wrong["code"], wrong["at"]) == ("variable.invalid", "copies")
    assert "whole number" in wrong["detail"]
    unknown = redrive.refused("run", "orders", "--var", "oder_id=1")
    assert (unknown["code"], unknown["at"]) == ("variable.unknown", "oder_id")
    assert "order_id" in unknown["hint"]
    assert redrive.refused("run", "orders", "--var", "order_id")["code"] == "usage"
    assert redrive.json("runs") == {"items": [], "next": None}
    assert warehouse.requests == []
