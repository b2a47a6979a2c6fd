"""A connection document: settings, and secrets or where they are to be read from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from redrive.documents.forms import read_form
from redrive.documents.grammar import CircuitForm, ConnectionForm, SecretForm
from redrive.documents.load import Document
from redrive.documents.nodes import pointer_to
from redrive.documents.problems import Findings, shown
from redrive.errors import UsageError


class SecretSource(msgspec.Struct, frozen=True):
    """Where a secret comes from. `text` is the variable's name, the file's path, or the secret itself."""

    kind: Literal["env", "file", "value"]
    text: str

    def __repr__(self) -> str:
        return f"SecretSource({self.kind!r}, {'…' if self.kind == 'value' else self.text!r})"


class ConnectionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A connection as its document has it. Its text may hold secrets: it is never stored as it is."""

    name: str
    connector: str
    settings: Mapping[str, Any] = {}
    secrets: Mapping[str, SecretSource] = {}
    description: str = ""
    limits: Mapping[str, Any] = {}
    """`max_running`, and `circuit`: false, or its rules in seconds. What is not said is not in it."""


def parse_connection(document: Document) -> ConnectionSpec:
    """The connection of a document. Errors: `document.invalid` with every problem."""
    if document.kind != "connection":
        raise UsageError(f"{document.name or 'the document'} is a {document.kind}, not a connection")
    findings = Findings(document)
    form = read_form(ConnectionForm, document.data, "", findings, what="name")
    settings, secrets = document.data.get("settings"), document.data.get("secrets")
    if isinstance(settings, Mapping) and isinstance(secrets, Mapping):
        for name in secrets:
            if name in settings:
                findings.add(
                    "secret.name_taken",
                    f"{shown(name)} is both a setting and a secret; templates could not tell them apart",
                    pointer_to("/secrets", name),
                    setting=f"secrets.{name}",
                    expected="a name of its own",
                )
    findings.raise_if_any()
    assert form is not None
    return ConnectionSpec(
        name=form.connection,
        connector=form.connector,
        settings=form.settings,
        secrets={name: _source(secret) for name, secret in form.secrets.items()},
        description=form.description,
        limits=_limits(form),
    )


def _limits(form: ConnectionForm) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if form.max_running is not None:
        limits["max_running"] = form.max_running
    if form.circuit is False:
        limits["circuit"] = False
    elif isinstance(form.circuit, CircuitForm) and (rules := form.circuit.model_dump(exclude_none=True)):
        limits["circuit"] = rules
    return limits


def _source(secret: SecretForm | str) -> SecretSource:
    if isinstance(secret, str):
        return SecretSource("value", secret)
    if secret.env is not None:
        return SecretSource("env", secret.env)
    if secret.file is not None:
        return SecretSource("file", secret.file)
    return SecretSource("value", secret.value or "")
