from __future__ import annotations

import json

import jsonschema_rs
import pytest

from redrive.core.jsonvalue import encode
from redrive.documents.load import load_one
from redrive.documents.schema import connection_schema, connector_schema, document_schema, flow_schema
from redrive.registry import Registry
from tests.unit.documents import test_connector_document, test_export, test_flow_document
from tests.unit.documents.document_shapes import Filter
from tests.unit.documents.test_flow_document import FLOW_PROBLEMS, STEP_PROBLEMS, one_step

CONNECTION = "connection: a\nconnector: b\nsettings: {x: 1}\nsecrets: {y: {env: A}, z: text}\n"


def refusals(schema, text):
    jsonschema_rs.meta.validate(schema)
    data = json.loads(encode(load_one(text).data))
    return [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(data)]


@pytest.mark.parametrize("text", [test_flow_document.ORDERS, test_export.FLOW])
def test_flows_are_accepted(text, registry):
    assert refusals(flow_schema(registry), text) == []
    assert refusals(document_schema(registry), text) == []


def test_connectors_and_connections_are_accepted(registry):
    assert refusals(connector_schema(registry), test_connector_document.SHOP) == []
    assert refusals(connection_schema(), CONNECTION) == []
    assert refusals(document_schema(registry), test_connector_document.SHOP) == []
    assert refusals(document_schema(registry), CONNECTION) == []


def is_of_shape(message: str) -> bool:
    """What the schema can know too: not the names of variables, ids, or cron texts."""
    return not any(words in message for words in ("variable '", "is taken already", "cannot be the id", "{{"))


@pytest.mark.parametrize("step", [step for step, message in STEP_PROBLEMS.items() if is_of_shape(message)])
def test_what_the_parser_refuses_in_a_step_the_schema_refuses_too(step, registry):
    assert refusals(flow_schema(registry), one_step(step))


@pytest.mark.parametrize(
    "part", [part for part, message in FLOW_PROBLEMS.items() if "unknown name" in message]
)
def test_unknown_names_are_refused_too(part, registry):
    assert refusals(flow_schema(registry), f"flow: f\n{part}\nsteps: [{{id: a, shape: filter}}]")


def test_unknown_names_of_the_other_kinds_are_refused_too(registry):
    assert refusals(connection_schema(), CONNECTION + "setings: {}")
    assert refusals(connection_schema(), "connection: a\nconnector: b\nsecrets: {x: {fiel: a}}")
    assert len(refusals(connector_schema(registry), "connector: a\nendpoints: {x: {}}\nbase: y")) == 2
    assert refusals(connector_schema(registry), "connector: a\nendpoints: {x: {}}\nprotocol: htp")
    assert refusals(document_schema(registry), "connection: a\nconnecter: b")


def test_every_shape_has_one_definition_by_its_kind(registry):
    definitions = flow_schema(registry)["$defs"]
    for kind in registry.shapes:
        assert definitions[f"step.{kind}"]["properties"]["shape"]["const"] == kind
    size = definitions["step.flow_control"]["properties"]["size"]
    assert size == {
        "type": "integer",
        "default": 100,
        "minimum": 1,
        "maximum": 1000,
        "unit": "items",
        "description": "Most items in a payload.",
    }


def test_steps_inside_steps_are_described(registry):
    text = one_step("id: a\nshape: try\ncatch:\n  - id: b\n    shape: filter\n    keeep: 1")
    (message,) = refusals(flow_schema(registry), text)
    assert "keeep" in message


def test_a_registry_with_one_shape():
    assert refusals(flow_schema(Registry([Filter])), one_step("id: a\nshape: map"))
