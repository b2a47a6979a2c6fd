"""The JSON Schema (2020-12) of documents, for editors: made from the forms and the shapes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from redrive.documents.grammar import ConnectionForm, ConnectorEnvelope, FlowForm, StepForm

if TYPE_CHECKING:
    from pydantic_core import core_schema

    from redrive.registry import Registry
    from redrive.sdk.shape import ShapeBase

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


class _Lenient(GenerateJsonSchema):
    """A setting of a type that has no schema of its own accepts anything in the editor."""

    def handle_invalid_for_json_schema(
        self, schema: core_schema.CoreSchema, error_info: str
    ) -> JsonSchemaValue:
        try:
            return super().handle_invalid_for_json_schema(schema, error_info)
        except PydanticInvalidForJsonSchema:
            return {}

    def encode_default(self, dft: Any) -> Any:
        return super().encode_default(dft) if isinstance(dft, (str, int, float, bool, list, dict)) else None


def document_schema(registry: Registry) -> Schema:
    """One schema for every kind of document, by its names."""
    definitions: Schema = {}
    branches = []
    for name, schema in (
        ("flow", flow_schema(registry)),
        ("connection", connection_schema()),
        ("connector", connector_schema(registry)),
    ):
        definitions.update(schema.pop("$defs", {}))
        schema.pop("$schema")
        definitions[f"document.{name}"] = schema
        branches.append(name)
    reference = {name: {"$ref": f"#/$defs/document.{name}"} for name in branches}
    return {
        "$schema": DIALECT,
        "title": "A Redrive document",
        "type": "object",
        "if": {"required": ["flow"]},
        "then": reference["flow"],
        "else": {
            "if": {"required": ["connection"]},
            "then": reference["connection"],
            "else": reference["connector"],
        },
        "$defs": definitions,
    }


def flow_schema(registry: Registry) -> Schema:
    """The schema of flow documents: one definition for each shape, told apart by `shape`."""
    definitions: Schema = {}
    flow = _schema_of(FlowForm, definitions, "")
    flow["properties"]["steps"]["items"] = {"$ref": "#/$defs/step"}
    common = _schema_of(StepForm, definitions, "")
    kinds = []
    for kind, shape in registry.shapes.items():
        definitions[f"step.{kind}"] = _step_schema(shape, common, definitions)
        kinds.append(kind)
    definitions["step"] = {
        "type": "object",
        "required": ["id", "shape"],
        "properties": {"shape": {"enum": kinds}},
        "allOf": [
            {
                "if": {"properties": {"shape": {"const": kind}}, "required": ["shape"]},
                "then": {"$ref": f"#/$defs/step.{kind}"},
            }
            for kind in kinds
        ],
    }
    return {"$schema": DIALECT, **flow, "$defs": definitions}


def shape_schema(shape: type[ShapeBase]) -> Schema:
    """The schema of the settings of one shape, for a form; lists of steps that it owns are left out."""
    definitions: Schema = {}
    schema = _schema_of(shape, definitions, "")
    schema.pop("description", None)
    return {"$schema": DIALECT, **schema, **({"$defs": definitions} if definitions else {})}


def connector_schema(registry: Registry) -> Schema:
    """The schema of connector documents: the part of each protocol comes from its own model."""
    definitions: Schema = {}
    envelope = _schema_of(ConnectorEnvelope, definitions, "")
    del envelope["additionalProperties"]  # the protocol's model knows the other names
    envelope["properties"]["protocol"]["enum"] = list(registry.protocols)
    envelope["allOf"] = []
    for name, protocol in registry.protocols.items():
        definitions[f"protocol.{name}"] = _schema_of(protocol.model, definitions, f"{name}.")
        chosen: Schema = {"properties": {"protocol": {"const": name}}}
        if name != ConnectorEnvelope.model_fields["protocol"].default:
            chosen["required"] = ["protocol"]
        envelope["allOf"].append({"if": chosen, "then": {"$ref": f"#/$defs/protocol.{name}"}})
    return {"$schema": DIALECT, **envelope, "$defs": definitions}


def connection_schema() -> Schema:
    """The schema of connection documents."""
    definitions: Schema = {}
    connection = _schema_of(ConnectionForm, definitions, "")
    return {"$schema": DIALECT, **connection, "$defs": definitions}


def _schema_of(model: type[BaseModel], definitions: Schema, prefix: str) -> Schema:
    """A model's schema; what it refers to goes into `definitions`, under names with the prefix."""
    schema = model.model_json_schema(by_alias=True, schema_generator=_Lenient)
    return _moved(schema, definitions, prefix)


def _moved(schema: Schema, definitions: Schema, prefix: str) -> Schema:
    inner = schema.pop("$defs", {})
    schema.pop("$schema", None)
    for name, definition in inner.items():
        definitions[prefix + name] = _tidied(definition, prefix)
    return cast("Schema", _tidied(schema, prefix))


_DATA: Final = frozenset({"default", "examples", "const", "enum"})


def _tidied(schema: Any, prefix: str) -> Any:
    """The same schema with its references under the prefix, and without titles made from class names."""
    if isinstance(schema, list):
        return [_tidied(one, prefix) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    result: Schema = {}
    for key, value in schema.items():
        if key in _DATA:
            result[key] = value
        elif key == "$ref" and isinstance(value, str):
            result[key] = value.replace("#/$defs/", f"#/$defs/{prefix}")
        elif not (key == "title" and isinstance(value, str)):
            result[key] = _tidied(value, prefix)
    if "patternProperties" in result:
        result.setdefault("additionalProperties", False)
    return result


def _step_schema(shape: type[ShapeBase], common: Schema, definitions: Schema) -> Schema:
    own = _schema_of(shape, definitions, f"{shape.kind}.")
    for location in shape.owns_steps:
        _put_steps(own, location.split("."), definitions)
    properties = {**copy.deepcopy(common["properties"]), **own.get("properties", {})}
    properties["shape"] = {"const": shape.kind, "description": shape.help().split("\n", 1)[0]}
    return {
        "title": shape.kind,
        "description": shape.help(),
        "type": "object",
        "properties": properties,
        "required": ["id", "shape", *own.get("required", [])],
        "additionalProperties": False,
    }


def _put_steps(schema: Schema, parts: list[str], definitions: Schema) -> None:
    """Adds the lists of steps that a shape owns, which its class does not have, to its schema."""
    part, rest = parts[0], parts[1:]
    name = part.removesuffix("[]")
    for model in _objects(schema, definitions):
        properties = model.setdefault("properties", {})
        if not rest:
            properties[name] = {"type": "array", "items": {"$ref": "#/$defs/step"}, "title": "Steps"}
            continue
        inner = properties.setdefault(name, {"type": "object"})
        for branch in _alternatives(inner, definitions):
            is_list = part.endswith("[]")
            owner = branch.setdefault("items", {"type": "object"}) if is_list else branch
            _put_steps(owner, rest, definitions)


def _objects(schema: Schema, definitions: Schema) -> list[Schema]:
    return [one for one in _alternatives(schema, definitions) if one.get("type", "object") == "object"]


def _alternatives(schema: Schema, definitions: Schema) -> list[Schema]:
    """The schemas that a schema stands for: through references and alternatives."""
    if isinstance(reference := schema.get("$ref"), str):
        return _alternatives(definitions[reference.removeprefix("#/$defs/")], definitions)
    found = [one for key in ("anyOf", "oneOf") for one in schema.get(key, ())]
    return [deep for one in found for deep in _alternatives(one, definitions)] if found else [schema]
