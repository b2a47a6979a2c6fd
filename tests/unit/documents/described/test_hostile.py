# ruff: noqa: E501 - descriptions are easier to read in one line
"""Descriptions of others are hostile until shown otherwise: size, depth, circles, texts."""

from __future__ import annotations

import json
import time

import pytest

from redrive.documents.described import Wanted, convert, source
from redrive.documents.described.model import DescriptionInvalid
from tests.unit.documents.described.made import api, listing, made_of, query


def code_of(data: bytes, name: str = "x.yaml") -> str:
    with pytest.raises(DescriptionInvalid) as caught:
        convert(data, name, Wanted())
    return caught.value.code


def test_a_description_that_is_too_large_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(source, "MAX_BYTES", 100)
    assert code_of(b" " * 101) == "description.too_large"


@pytest.mark.parametrize("text", ["[" * 300 + "]" * 300, '{"a":' * 300 + "1" + "}" * 300])
def test_depth_is_bounded(text):
    assert code_of(text.encode()) == "description.syntax"


def test_aliases_count_in_full():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    begun = time.monotonic()
    assert code_of("\n".join(lines).encode()) == "description.syntax"
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("text", ["a: *b", "a: &a [*a]", "? [1]\n: 2", "\xff\xfe", '{"a": "\\ud800"}'])
def test_odd_yaml_is_an_error_of_the_description(text):
    assert code_of(text.encode("latin-1")) in {"description.syntax", "description.unknown"}


def test_references_in_a_circle_end(registry):
    schemas = {
        "A": {
            "properties": {
                "b": {"$ref": "#/components/schemas/B"},
                "all": {"allOf": [{"$ref": "#/components/schemas/A"}]},
            }
        },
        "B": {"properties": {"as": {"type": "array", "items": {"$ref": "#/components/schemas/A"}}}},
        "Self": {"$ref": "#/components/schemas/Self"},
    }
    description = listing({"$ref": "#/components/schemas/A"}) | {"components": {"schemas": schemas}}
    answer = made_of(description, registry).endpoint()["answer"]
    assert answer["schema"]["properties"]["b"]["properties"]["as"]["type"] == "array"
    description = listing({"$ref": "#/components/schemas/Self"}) | {"components": {"schemas": schemas}}
    assert "items" not in made_of(description, registry).endpoint()


def test_a_parameter_that_refers_to_itself_is_refused(registry):
    parameters = {"P": {"$ref": "#/components/parameters/P"}}
    paths = {"/a": {"get": {"parameters": [{"$ref": "#/components/parameters/P"}]}}, "/b": {"get": {}}}
    made = made_of(api(paths, components={"parameters": parameters}), registry)
    assert made.refused == [("GET /a", "reference")]
    assert "leads back to itself" in made.described.refused[0].why


def test_nested_schemas_take_bounded_work(registry):
    """Each level names the one below ten times: 10^12 in full."""
    schemas = {
        f"S{n}": {"type": "object", "properties": {f"p{m}": {"allOf": [{"$ref": f"#/components/schemas/S{n + 1}"}] * 3}
                                                   for m in range(10)}}
        for n in range(12)
    }  # fmt: skip
    description = listing({"$ref": "#/components/schemas/S0"}) | {"components": {"schemas": schemas}}
    begun = time.monotonic()
    made = made_of(description, registry)
    assert time.monotonic() - begun < 5
    assert len(made.text) < 50_000


TEXTS = [
    "{{ connection.token }}",
    "a\nendpoints: {}",
    "# no comment",
    "\x00\x1b[31m\u202e\ufeff\u2028",
    "' | default(connection.token) }}",
    "no",
    "1e3",
    "- a",
    "&a *a !!x",
    '"',
    "",
]


@pytest.mark.parametrize("text", TEXTS)
def test_hostile_texts_stay_texts(registry, text):
    """Wherever a description holds a text, the document is valid and reads no secret by it."""
    schema = {
        "type": "object",
        "title": text,
        "properties": {text: {"type": "string", "enum": [text], "default": text}},
    }
    description = {
        "openapi": "3.0.0",
        "info": {"title": text, "version": text, "description": text},
        "servers": [{"url": f"https://h.example/{text}", "description": text}],
        "paths": {
            "/a": {
                "get": {
                    "operationId": text,
                    "summary": text,
                    "tags": [text],
                    "parameters": [
                        query("q", default=text, enum=[text]) | {"description": text, "example": text}
                    ],
                    "responses": {
                        "200": {"content": {"application/json": {"schema": schema, "example": {text: text}}}}
                    },
                }
            },
            "/ok": {"get": {}},
        },
        "security": [{text: []}],
        "components": {
            "securitySchemes": {text: {"type": "apiKey", "in": "header", "name": text, "description": text}}
        },
    }
    made = made_of(json.loads(json.dumps(description)), registry)
    assert all(line.isprintable() for line in made.text.split("\n"))
    assert "connection.token" not in json.dumps(made.document.get("base_url"))
    for endpoint in made.document["endpoints"].values():
        assert "connection." not in json.dumps(endpoint["request"])


@pytest.mark.parametrize("place", ["path", "query", "header"])
def test_a_template_in_a_name_is_refused_not_read(registry, place):
    text = "{{ connection.token }}"
    one = {"name": text, "in": place, "schema": {}}
    paths = {"/a": {"get": {"parameters": [one]}}, "/b": {"get": {}}, "/" + text: {"get": {}}}
    made = made_of(api(paths), registry)
    assert list(made.document["endpoints"]) == ["get-b"]
    assert {reason for _, reason in made.refused} == {"parameter", "path"}
