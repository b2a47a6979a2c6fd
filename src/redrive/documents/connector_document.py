"""A connector document: its envelope is checked here, the rest by the protocol that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from redrive.core.nearest import nearest
from redrive.documents.forms import read_form
from redrive.documents.grammar import ConnectorEnvelope
from redrive.documents.load import Document
from redrive.documents.problems import Findings, one_of, setting_name, shown
from redrive.errors import UsageError

if TYPE_CHECKING:
    from redrive.registry import Registry


class Connector(msgspec.Struct, frozen=True, kw_only=True):
    """One outside system. `document` is the whole document, as its protocol reads it."""

    name: str
    protocol: str
    endpoints: Mapping[str, Mapping[str, Any]]
    document: Mapping[str, Any]
    description: str = ""


def parse_connector(document: Document, registry: Registry) -> Connector:
    """The connector of a document.

    Errors: `document.invalid` with every problem, those that the protocol finds among them.
    """
    if document.kind != "connector":
        raise UsageError(f"{document.name or 'the document'} is a {document.kind}, not a connector")
    findings = Findings(document)
    names = ConnectorEnvelope.model_fields
    envelope = {name: value for name, value in document.data.items() if name in names}
    form = read_form(ConnectorEnvelope, envelope, "", findings, what="name")
    told = {problem.setting for problem in findings.problems}
    protocol = document.data.get("protocol", "http")
    if isinstance(protocol, str):
        known = registry.protocols.get(protocol)
        if known is None:
            findings.add(
                "protocol.unknown",
                f"unknown protocol {shown(protocol)}",
                "/protocol",
                setting="protocol",
                expected=one_of(registry.protocols),
                nearest=nearest(protocol, registry.protocols),
            )
        else:
            for pointer, title, expected, near in known.check(document.data):
                setting = setting_name(pointer) or None
                if setting is None or setting not in told:
                    findings.add(
                        "connector.invalid", title, pointer, setting=setting, expected=expected, nearest=near
                    )
    findings.raise_if_any()
    assert form is not None
    return Connector(
        name=form.connector,
        protocol=form.protocol,
        endpoints=form.endpoints,
        document=document.data,
        description=form.description,
    )
