"""Pages that need no scripts: the API reference, made from the OpenAPI document, and what stands in for the
web page where it was not built.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import Any, Final

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1b1f24;
background:#fff}
code,pre{font-family:ui-monospace,monospace;font-size:.9em}
section{border-top:1px solid #d0d7de;padding:.75rem 0}
h3{margin:.25rem 0}table{border-collapse:collapse;width:100%}
td,th{border:1px solid #d0d7de;padding:.25rem .5rem;text-align:left;vertical-align:top}
.method{display:inline-block;min-width:4.5rem;font-weight:700}
@media (prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}a{color:#58a6ff}
section,td,th{border-color:#30363d}}
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CSP: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def plain_page(title: str, body: str) -> str:
    """A page of one title; `body` is markup."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        # An empty icon of its own: a browser asks for none, so nothing answers 401.
        '<link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{body}</body></html>"
    )


def reference_page(document: dict[str, Any]) -> str:
    """All routes with their parameters, bodies and answers, then all schemas."""
    routes = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    schemas = document["components"]["schemas"]
    parts = [
        f"<main><h1>{escape(document['info']['title'])} API</h1>",
        *(f"<p>{escape(text)}</p>" for text in document["info"]["description"].split("\n\n")),
        '<p>The same as <a href="openapi.json">OpenAPI document</a>.</p><h2>Routes</h2>',
        *(_route(path, method, operation) for path, method, operation in routes),
        "<h2>Schemas</h2>",
        *(_schema(name, schema) for name, schema in sorted(schemas.items())),
        "</main>",
    ]
    return plain_page("Redrive API", "".join(parts))


def _route(path: str, method: str, operation: dict[str, Any]) -> str:
    rows = [
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(one['in'])}</td>"
        f"<td>{'required' if one.get('required') else ''}</td><td>{_type(one.get('schema', {}))}</td>"
        f"<td>{escape(one.get('description') or one.get('schema', {}).get('description') or '')}</td></tr>"
        for one in operation.get("parameters", [])
    ]
    parameters = (
        "<table><tr><th>Parameter</th><th>In</th><th></th><th>Type</th><th>Meaning</th></tr>"
        f"{''.join(rows)}</table>"
        if rows
        else ""
    )
    body = "".join(
        f"<p>Body: <code>{escape(kind)}</code> {_type(content.get('schema', {}))}</p>"
        for kind, content in operation.get("requestBody", {}).get("content", {}).items()
    )
    answers = "".join(
        f"<tr><td>{escape(status)}</td><td>{escape(answer['description'])}</td><td>{_contents(answer)}</td></tr>"
        for status, answer in sorted(operation.get("responses", {}).items())
    )
    return (
        f"<section><h3><code><span class=method>{escape(method.upper())}</span> {escape(path)}</code></h3>"
        f"<p>{escape(operation.get('summary', ''))}. {escape(operation.get('description', ''))}</p>"
        f"{parameters}{body}<table><tr><th>Status</th><th>Meaning</th><th>Body</th></tr>{answers}</table>"
        "</section>"
    )


def _contents(answer: dict[str, Any]) -> str:
    return "".join(
        f"<code>{escape(kind)}</code> {_type(content.get('schema', {}))} "
        for kind, content in answer.get("content", {}).items()
    )


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return f'<a href="#{name}"><code>{name}</code></a>'
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " ".join(f"<code>{escape(str(one))}</code>" for one in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(str(schema.get("type", "any")))


def _schema(name: str, schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{escape(key)}</code></td><td>{'required' if key in required else ''}</td>"
        f"<td>{_type(one)}</td><td>{escape(one.get('description', ''))}</td></tr>"
        for key, one in schema.get("properties", {}).items()
    )
    return (
        f'<section><h3 id="{escape(name)}"><code>{escape(name)}</code></h3>'
        f"<p>{escape(schema.get('description', ''))}</p>"
        f"<table><tr><th>Field</th><th></th><th>Type</th><th>Meaning</th></tr>{rows}</table></section>"
    )
