"""Descriptions as tests write them, and what is made of them, read back as the platform reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import yaml

from redrive.documents.connector_document import parse_connector
from redrive.documents.described import Described, Wanted, convert
from redrive.documents.described.merging import merge
from redrive.documents.load import load_one


@dataclass
class Made:
    described: Described
    text: str
    document: dict[str, Any]

    def endpoint(self, name: str | None = None) -> dict[str, Any]:
        endpoints = self.document["endpoints"]
        one = endpoints[name] if name else next(iter(endpoints.values()))
        return {key: value for key, value in one.items() if key != "imported"}

    @property
    def refused(self) -> list[tuple[str, str]]:
        return [(one.operation, one.reason) for one in self.described.refused]

    @property
    def notes(self) -> list[str]:
        return [one.text for one in self.described.notes]


def made_of(description: Any, registry: Any, *, there: str | None = None, **wanted: Any) -> Made:
    """`description`: a value, or YAML text. The document made of it is valid, or this fails."""
    data = description.encode() if isinstance(description, str) else json.dumps(description).encode()
    if isinstance(description, str):
        yaml.safe_load(description)  # the tests' own text is right
    url = wanted.pop("url", None)
    replace = wanted.pop("replace", ())
    described = convert(data, "shop.yaml", Wanted(**wanted), url=url)
    old = load_one(there) if there is not None else None
    text = merge(described, old, partial=bool(wanted.get("only")), replace=replace).text
    loaded = load_one(text, "made.yaml")
    parse_connector(loaded, registry)
    return Made(described, text, dict(loaded.data))


def api(paths: Any, **more: Any) -> dict[str, Any]:
    """An OpenAPI description with these paths."""
    return {
        "openapi": "3.0.3",
        "info": {"title": "Shop", "version": "1"},
        "servers": [{"url": "https://shop.example/v1"}],
        "paths": paths,
        **more,
    }


def listing(
    schema: Any, *parameters: dict[str, Any], path: str = "/orders", **response: Any
) -> dict[str, Any]:
    """A description with one GET that answers this schema."""
    answer = {"description": "", "content": {"application/json": {"schema": schema}}, **response}
    return api({path: {"get": {"parameters": list(parameters), "responses": {"200": answer}}}})


def query(name: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": {"type": "string", **schema}}
