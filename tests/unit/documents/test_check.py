# ruff: noqa: E501, ISC004 - messages stand in one piece, as they are shown
from __future__ import annotations

import pytest

from redrive.documents.check import check
from redrive.documents.load import read_text
from redrive.errors import FlowInvalid
from redrive.registry import Registry

SHOP = """\
connector: shop
base_url: x
endpoints: {list-orders: {}}
---
connection: live
connector: shop
---
"""


def flow(connection="live", endpoint="list-orders"):
    return f"flow: f\nsteps:\n  - id: a\n    shape: connector\n    connection: {connection}\n    endpoint: {endpoint}\n"


def test_documents_that_fit_together(registry):
    checked = check(read_text(SHOP + flow(), "all.yaml"), registry)
    assert (checked.problems, checked.notices) == ([], [])
    assert (list(checked.flows), list(checked.connectors), list(checked.connections)) == (
        ["f"],
        ["shop"],
        ["live"],
    )


def test_an_endpoint_that_its_connector_does_not_have(registry):
    checked = check(read_text(SHOP + flow(endpoint="list-order"), "all.yaml"), registry)
    assert [str(problem) for problem in checked.problems] == [
        "all.yaml:13: step a setting endpoint: the connector shop has no endpoint 'list-order'; expected list-orders; "
        "did you mean 'list-orders'?"
    ]


def test_what_a_home_has_counts(registry):
    loaded = read_text(flow(endpoint="gone"), "f.yaml")
    checked = check(loaded, registry, connections={"live": "shop"}, endpoints={"shop": {"pull": {}}})
    assert [problem.code for problem in checked.problems] == ["endpoint.unknown"]
    assert check(loaded, registry, connections={"live": "shop"}).problems == []


def test_a_connection_that_is_nowhere_is_a_notice(registry):
    checked = check(read_text(SHOP + flow(connection="life"), "all.yaml"), registry)
    assert checked.problems == []
    assert [str(notice) for notice in checked.notices] == [
        "all.yaml:12: step a setting connection: the connection 'life' is not known here; did you mean 'live'?"
    ]


def test_a_connector_that_is_nowhere_is_a_notice(registry):
    checked = check(
        read_text(SHOP.replace("connector: shop\n---", "connector: shp\n---"), "all.yaml"), registry
    )
    assert [str(notice) for notice in checked.notices] == [
        "all.yaml:6: setting connector: the connector 'shp' is not known here; expected shop; did you mean 'shop'?"
    ]


def test_problems_of_all_documents_come_together(registry):
    text = SHOP.replace("base_url", "base") + flow() + "x: 1\n---\nconnection: c\n---\n- 1\n"
    checked = check(read_text(text, "all.yaml"), registry)
    with pytest.raises(FlowInvalid) as caught:
        checked.raise_if_any()
    assert [(problem.line, problem.setting) for problem in caught.value.problems] == [
        (1, "base_url"),
        (14, "x"),
        (16, "connector"),
        (18, None),
    ]


CALLS = """\
flow: calls
settings: {notify_on_failure: [opps]}
steps:
  - id: tell
    shape: notify
    message: hello
    groups: [ops, nobody]
  - id: other
    shape: run_flow
    flow: othr
  - id: made
    shape: run_flow
    flow: calls-too
"""


def test_called_flows_and_groups_that_are_nowhere_are_notices():
    registry = Registry.discover()
    loaded = read_text(
        CALLS + "---\nflow: calls-too\nsteps: [{id: a, shape: notify, message: x}]\n", "f.yaml"
    )
    assert check(loaded, registry).notices == []  # nobody knows what there is
    checked = check(loaded, registry, flows=["other"], groups=["ops"])
    assert checked.problems == []
    assert [str(notice) for notice in checked.notices] == [
        "f.yaml:10: step other setting flow: there is no flow 'othr' here; a run needs it; did you mean 'other'?",
        "f.yaml:2: setting settings.notify_on_failure: there is no notification group 'opps' here; failures reach nobody by it; did you mean 'ops'?",
        "f.yaml:7: step tell setting groups: there is no notification group 'nobody' here; the message reaches nobody by it",
    ]


@pytest.mark.parametrize("home", [True, False], ids=["of the home", "of the documents"])
def test_a_delivery_key_on_a_step_that_receives_is_a_notice(home):
    registry = Registry.discover()
    text = flow() + "    key: id\n    ledger: l\n"
    shop = SHOP.replace("list-orders: {}", "list-orders: {direction: receive, request: {path: /}}")
    loaded = read_text(text if home else shop + text, "f.yaml")
    checked = check(
        loaded,
        registry,
        connections={"live": "shop"},
        endpoints={"shop": {"list-orders": {"direction": "receive"}}} if home else None,
    )
    assert checked.problems == []
    assert [notice.title for notice in checked.notices] == [
        f"{setting} is for endpoints that send, and 'list-orders' receives: the step will fail"
        for setting in ("key", "ledger")
    ]
    assert [notice.line for notice in checked.notices] == ([7, 8] if home else [14, 15])


@pytest.mark.parametrize("home", [True, False], ids=["of the home", "of the documents"])
def test_parameters_that_an_endpoint_does_not_take_or_lacks_are_notices(home):
    declared = "{day: {required: true}, size: {type: integer}, page: {required: true, default: 1}}"
    shop = SHOP.replace(
        "list-orders: {}",
        f"list-orders: {{direction: receive, parameters: {declared}, request: {{path: /}}}}",
    )
    text = flow() + "    with:\n      page: 2\n      sise: 50\n"
    checked = check(
        read_text(text if home else shop + text, "f.yaml"),
        Registry.discover(),
        connections={"live": "shop"},
        endpoints={
            "shop": {"list-orders": {"parameters": {"day": {"required": True}, "size": {}, "page": {}}}}
        },
    )
    line = 0 if home else 7
    assert checked.problems == []
    assert [(notice.line, notice.setting, notice.nearest) for notice in checked.notices] == [
        (9 + line, "with.sise", "size"),
        (7 + line, "with.day", None),
    ]
    assert [notice.title for notice in checked.notices] == [
        "the endpoint 'list-orders' has no parameter 'sise': the step will fail",
        "the endpoint 'list-orders' needs the parameter 'day': the step will fail",
    ]


def test_an_endpoint_that_declares_no_parameter_takes_any():
    text = flow() + "    with: {size: 50}\n"
    endpoints = {"shop": {"list-orders": {"direction": "receive"}}}
    checked = check(
        read_text(text, "f.yaml"), Registry.discover(), connections={"live": "shop"}, endpoints=endpoints
    )
    assert checked.notices == []
