"""The types of the web page's API client, written from the OpenAPI document."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from redrive.server.app import openapi_document

PATH = Path(__file__).resolve().parent.parent / "web" / "src" / "api" / "types.ts"

_HEAD = """// Written from the OpenAPI document by `make docs`; not edited by hand.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
"""


def text() -> str:
    """The whole file."""
    document = openapi_document()
    schemas = document["components"]["schemas"]
    parts = [_HEAD, *(_declared(name, schemas[name]) for name in sorted(schemas))]
    routes = [
        _route(f"{method.upper()} {path}", operation)
        for path, methods in sorted(document["paths"].items())
        for method, operation in sorted(methods.items())
    ]
    parts.append("export interface Routes {\n" + "\n".join(routes) + "\n}\n")
    return "\n".join(parts)


def stale() -> bool:
    return not PATH.exists() or PATH.read_text(encoding="utf-8") != text()


def write() -> bool:
    """Bring the file up to date; whether it changed."""
    if not stale():
        return False
    PATH.parent.mkdir(parents=True, exist_ok=True)
    PATH.write_text(text(), encoding="utf-8")
    return True


def _name(name: str) -> str:
    """`Page_RunRow_` is `PageRunRow`."""
    return re.sub(r"[^0-9A-Za-z]", "", name)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_$][\w$]*", name) else "'" + name.replace("'", "\\'") + "'"


def _comment(schema: dict[str, Any], indent: str) -> str:
    about = " ".join(str(schema.get("description", "")).split()).replace("*/", "* /")
    return f"{indent}/** {about} */\n" if about else ""


def _declared(name: str, schema: dict[str, Any]) -> str:
    head = _comment(schema, "")
    if schema.get("type") == "object" and "properties" in schema:
        return f"{head}export interface {_name(name)} {_object(schema, '')}\n"
    return f"{head}export type {_name(name)} = {_type(schema, '')}\n"


def _object(schema: dict[str, Any], indent: str) -> str:
    inner = indent + "  "
    required = set(schema.get("required", ()))
    lines = [
        f"{_comment(one, inner)}{inner}{_key(key)}{'' if key in required else '?'}: {_type(one, inner)}\n"
        for key, one in schema["properties"].items()
    ]
    return "{\n" + "".join(lines) + indent + "}"


def _type(schema: Any, indent: str) -> str:
    if not isinstance(schema, dict) or not schema:
        return "Json"
    if "$ref" in schema:
        return _name(schema["$ref"].rsplit("/", 1)[-1])
    if "const" in schema:
        return _literal(schema["const"])
    if "enum" in schema:
        return " | ".join(_literal(one) for one in schema["enum"])
    for joined in ("anyOf", "oneOf"):
        if joined in schema:
            return " | ".join(dict.fromkeys(_type(one, indent) for one in schema[joined]))
    if "allOf" in schema:
        return " & ".join(_type(one, indent) for one in schema["allOf"])
    return _plain(schema, indent)


def _plain(schema: dict[str, Any], indent: str) -> str:
    kind = schema.get("type")
    if kind == "array":
        if "prefixItems" in schema:
            return "[" + ", ".join(_type(one, indent) for one in schema["prefixItems"]) + "]"
        inner = _type(schema.get("items", {}), indent)
        return f"({inner})[]" if " " in inner and not inner.startswith("{") else f"{inner}[]"
    if kind == "object":
        if schema.get("properties"):
            return _object(schema, indent)
        return f"Record<string, {_type(schema.get('additionalProperties'), indent)}>"
    return {
        "string": "string",
        "integer": "number",
        "number": "number",
        "boolean": "boolean",
        "null": "null",
    }.get(str(kind), "Json")


def _literal(value: Any) -> str:
    return "'" + value.replace("'", "\\'") + "'" if isinstance(value, str) else str(value).lower()


def _route(key: str, operation: dict[str, Any]) -> str:
    query = [one for one in operation.get("parameters", ()) if one["in"] == "query"]
    asked = "".join(
        f"{_key(one['name'])}{'' if one.get('required') else '?'}: {_type(one.get('schema'), '    ')}; "
        for one in query
    )
    fields = [f"query: {{ {asked.rstrip('; ')} }}" if asked else "query: Record<string, never>"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    fields.append(f"body: {_type(body['schema'], '    ') if body else 'undefined'}")
    answers = [
        content["application/json"]["schema"]
        for status, one in sorted(operation["responses"].items())
        if status.startswith("2") and "application/json" in (content := one.get("content", {}))
    ]
    kinds = dict.fromkeys(_type(one, "    ") for one in answers)
    fields.append(f"answer: {' | '.join(kinds) or 'undefined'}")
    return f"  '{key}': {{ {'; '.join(fields)} }}"
