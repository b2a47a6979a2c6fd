"""A connection written as a document, without the secrets that are stored here."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from redrive.core.jsonvalue import encode
from redrive.store.connections import ConnectionRow

# Spelt as they are, YAML reads other names as texts too; these it would take for something else.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._-]*", re.ASCII)
_CONSTANTS = frozenset({"null", "true", "false"})
# What YAML refuses, or takes for the end of a line, where JSON lets it stand in a text.
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def sources_of(connection: ConnectionRow) -> dict[str, str]:
    """Where each secret comes from: `stored`, `env:NAME` or `file:PATH`."""
    return {name: _source(where) for name, where in connection.secrets.items()}


def _source(where: dict[str, str]) -> str:
    for kind in ("env", "file"):
        if kind in where:
            return f"{kind}:{where[kind]}"
    return "stored"


def connection_text(connection: ConnectionRow) -> str:
    """The document. A secret that is stored here is named by a comment, for whoever imports it."""
    lines = [f"connection: {_name(connection.name)}", f"connector: {_name(connection.connector)}"]
    if connection.settings:
        lines.append("settings:")
        lines.extend(f"  {name}: {_value(value)}" for name, value in connection.settings.items())
    lines.extend(f"{name}: {_value(value)}" for name, value in connection.limits.items())
    elsewhere = {name: where for name, where in connection.secrets.items() if "sealed" not in where}
    stored = [name for name in connection.secrets if name not in elsewhere]
    if elsewhere:
        lines.append("secrets:")
        for name, where in elsewhere.items():
            kind, text = next(iter(where.items()))
            lines.append(f"  {name}: {{{kind}: {_value(text)}}}")
    if stored:
        lines.append("# Stored secrets are not exported. Another home needs them under secrets:")
        lines.extend(f"#   {name}: {{env: NAME}}, {{file: PATH}} or the secret itself" for name in stored)
    return "\n".join(lines) + "\n"


def _name(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text.lower() not in _CONSTANTS else _value(text)


def _value(value: Any) -> str:
    """A value as JSON on one line, which YAML reads as the same."""
    text = msgspec.json.format(encode(value), indent=0).decode()
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
