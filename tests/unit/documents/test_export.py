from __future__ import annotations

import pytest

from redrive.documents.export import (
    check_renames,
    connections_named,
    normalise,
    rename_connections,
)
from redrive.documents.load import load_one, load_text
from redrive.errors import UsageError

FLOW = """\
# A flow with a comment about shop
flow: f   # shop
triggers:
  - event: {connection: broker, source: shop}
steps:
  - {id: a, shape: connector, connection: shop, endpoint: shop}   # the shop
  - id: b
    shape: connector
    connection: &s 'shop'
    endpoint: x
  - id: c
    shape: route
    paths:
      - id: shop
        steps:
          - {"id": d, "shape": "connector", "connection": "shop", endpoint: x, with: {connection: shop}}
          - {id: e, shape: connector, connection: *s, endpoint: x}
          - {id: g, shape: connector, connection: erp, endpoint: x}
    otherwise: {steps: [{id: h, shape: connector, connection: shop, endpoint: x}]}
"""


def test_connections_are_renamed_and_nothing_else_changes(registry):
    text = rename_connections(load_one(FLOW), {"shop": "shop-test", "broker": "b2", "other": "x"}, registry)
    expected = (
        FLOW.replace("connection: shop,", "connection: shop-test,")
        .replace("&s 'shop'", "&s 'shop-test'")
        .replace('"connection": "shop"', '"connection": "shop-test"')
        .replace("connection: broker", "connection: b2")
    )
    assert text == expected
    assert "with: {connection: shop}" in text
    renamed = load_one(text)
    assert connections_named(renamed, registry) == {"shop-test", "b2", "erp"}


def test_names_may_change_places(registry):
    text = "flow: f\nsteps: [{shape: connector, connection: a}, {shape: connector, connection: b}]"
    assert rename_connections(load_one(text), {"a": "b", "b": "a"}, registry) == (
        "flow: f\nsteps: [{shape: connector, connection: b}, {shape: connector, connection: a}]"
    )


@pytest.mark.parametrize("name", ["123", "true", "no", "1e5", "null"])
def test_a_name_that_would_not_be_text_is_quoted(name, registry):
    text = rename_connections(
        load_one("flow: f\nsteps: [{shape: connector, connection: a}]"), {"a": name}, registry
    )
    assert load_one(text).data["steps"][0]["connection"] == name


def test_json_stays_json(registry):
    text = '{"flow": "f", "steps": [{"shape": "connector", "connection": "a"}]}'
    assert rename_connections(load_one(text), {"a": "b"}, registry) == text.replace('"a"', '"b"')


def test_places_are_right_in_later_documents_of_a_file(registry):
    text = "\ufeffflow: f\nsteps: [{shape: connector, connection: a}]\n---\nconnection: a # a\nconnector: a\n"
    flow, connection = load_text(text)
    assert rename_connections(flow, {"a": "bb"}, registry) == (
        "\ufeffflow: f\nsteps: [{shape: connector, connection: bb}]\n"
    )
    assert rename_connections(connection, {"a": "bb"}, registry) == "---\nconnection: bb # a\nconnector: a\n"


def test_a_connector_names_no_connection(registry):
    document = load_one("connector: a")
    assert rename_connections(document, {"a": "b"}, registry) == "connector: a"


def test_a_rename_of_nothing_is_an_error(registry):
    check_renames({"shop": "x"}, [load_one(FLOW)], registry)
    with pytest.raises(UsageError) as caught:
        check_renames({"shpo": "x"}, [load_one(FLOW)], registry)
    assert caught.value.detail == "--map shpo=x: no document names a connection 'shpo'"
    assert caught.value.hint == "Did you mean 'shop'?"


def equal(one: str, other: str) -> bool:
    return normalise(load_one(one).data) == normalise(load_one(other).data)


def test_spelling_comments_and_the_order_of_names_make_no_difference():
    one = (
        "flow: f # x\nsettings: {priority: low, labels: [a]}\n"
        "steps:\n  - id: a\n    shape: filter\n    keep: {a: 1}\n"
    )
    other = (
        "steps: [{shape: 'filter', keep: {a: 1}, id: a}]\nsettings: {labels: ['a'], priority: low}\nflow: f\n"
    )
    assert equal(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("steps: [1, 2]", "steps: [2, 1]"),
        ("steps: [{value: {a: 1, b: 2}}]", "steps: [{value: {b: 2, a: 1}}]"),
        ("steps: [{value: 1.10}]", "steps: [{value: 1.1}]"),
        ("steps: [{value: '1'}]", "steps: [{value: 1}]"),
        ("steps: [{value: no}]", "steps: [{value: false}]"),
    ],
)
def test_what_a_run_could_show_makes_a_difference(one, other):
    assert not equal(f"flow: f\n{one}", f"flow: f\n{other}")
