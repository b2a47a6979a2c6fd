"""The pages of the HTTP API, from the OpenAPI document that the server serves."""

from __future__ import annotations

import json
from typing import Any

from redrive.server.app import API, openapi_document
from tools.pages.markdown import Pages, definitions, page, table


def pages() -> Pages:
    document = openapi_document()
    return {
        "api.md": _page(document),
        "openapi.json": json.dumps(document, indent=1, ensure_ascii=False) + "\n",
    }


def _page(document: dict[str, Any]) -> str:
    by_tag: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            by_tag.setdefault(operation["tags"][0], []).append((path, method, operation))
    parts = []
    for tag, routes in by_tag.items():
        parts.append(f"## {tag.capitalize()}")
        parts.append(
            table(
                ("route", "does", "takes", "gives"),
                [
                    (f"`{method.upper()} {path}`", _does(operation), _takes(operation), _gives(operation))
                    for path, method, operation in routes
                ],
            )
        )
    objects = {"$defs": _objects(document)}
    return page(
        "# HTTP API",
        document["info"]["description"],
        f"The whole of it is the [OpenAPI document](openapi.json); a running server has it at "
        f"`{API}/openapi.json`, and as a page at `{API}/docs`.",
        *parts,
        "## Objects",
        definitions(objects),
    )


def _objects(document: dict[str, Any]) -> dict[str, Any]:
    """The schemas of the document, named as in the code; lists of them are told by the routes."""
    text = json.dumps(document["components"]["schemas"]).replace("#/components/schemas/", "#/$defs/")
    schemas: dict[str, Any] = json.loads(text)
    return {name: schema for name, schema in schemas.items() if not name.startswith("Page_")}


def _does(operation: dict[str, Any]) -> str:
    return " ".join(f"{operation['summary']}. {operation.get('description', '')}".split())


def _takes(operation: dict[str, Any]) -> str:
    names = [f"`{one['name']}`" for one in operation.get("parameters", []) if one["in"] != "path"]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        names.insert(0, _schema(content["schema"]) or "bytes")
    return ", ".join(names)


def _gives(operation: dict[str, Any]) -> str:
    answers: dict[str, dict[str, Any]] = operation["responses"]
    for status, answer in answers.items():
        if status.startswith("2"):
            for kind, content in answer.get("content", {}).items():
                return _schema(content.get("schema", {})) or f"`{kind}`"
            return status
    return ""


def _schema(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        inside = name.removeprefix("Page_").removesuffix("_") if name.startswith("Page_") else name
        linked = f"[{inside}](#{inside.lower()})"
        return f"list of {linked}" if inside != name else linked
    return ""
