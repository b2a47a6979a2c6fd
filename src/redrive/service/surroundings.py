"""What a flow refers to: connectors, connections and called flows, from documents or from the home."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from redrive.core.flow import Flow
from redrive.core.jsonvalue import encode
from redrive.documents.connection_document import parse_connection
from redrive.documents.flow_document import parse_flow
from redrive.documents.load import Document, load_one
from redrive.documents.names import CALLS, names_in
from redrive.errors import FlowInvalid
from redrive.registry import Registry
from redrive.service.versions import resolve_version, text_of
from redrive.store import connections as connection_store
from redrive.store import flows as flow_store
from redrive.store.connections import ConnectionRow, ConnectorRow
from redrive.store.flows import Source


class Surroundings(msgspec.Struct):
    """What was found of it, by name, and what is not there."""

    connectors: dict[str, ConnectorRow] = msgspec.field(default_factory=dict)
    connections: dict[str, ConnectionRow] = msgspec.field(default_factory=dict)
    flows: dict[str, tuple[bytes, str | None]] = msgspec.field(default_factory=dict)
    missing: list[str] = msgspec.field(default_factory=list)
    others: dict[str, list[str]] = msgspec.field(default_factory=dict)

    def documents(self) -> list[tuple[str, bytes]]:
        """Documents for a bench: secrets are their own masked form, so that what is sent there reads
        as what was recorded.
        """
        found = [(one.file or f"{one.name}.yaml", one.document) for one in self.connectors.values()]
        for connection in self.connections.values():
            data = {
                "connection": connection.name,
                "connector": connection.connector,
                "settings": connection.settings,
                "secrets": {name: {"value": f"[secret {name}]"} for name in connection.secrets},
            }
            found.append((f"{connection.name}.json", encode(data)))
        found += [(file or f"{name}.yaml", text) for name, (text, file) in self.flows.items()]
        return found


class Given:
    """Documents that go before what the home has."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.connectors: dict[str, ConnectorRow] = {}
        self.connections: dict[str, ConnectionRow] = {}
        self.flows: dict[str, Document] = {}
        for document in documents:
            file = document.file or ""
            if document.kind == "connector":
                row = ConnectorRow(name=document.name, digest=b"", document=document.text.encode(), file=file)
                self.connectors[document.name] = row
            elif document.kind == "connection":
                try:
                    spec = parse_connection(document)
                except FlowInvalid:
                    continue
                self.connections[document.name] = ConnectionRow(
                    name=spec.name,
                    connector=spec.connector,
                    settings=dict(spec.settings),
                    secrets={name: {one.kind: one.text} for name, one in spec.secrets.items()},
                    updated_at=0,
                )
            else:
                self.flows[document.name] = document


NOTHING = Given(())


def surroundings(source: Source, flow: Flow, registry: Registry, given: Given = NOTHING) -> Surroundings:
    """Everything that the flow, and the flows that it calls, refer to."""
    found = Surroundings()
    waiting, seen = [flow], {flow.name}
    while waiting:
        named = names_in(waiting.pop())
        for name in named.connections:
            _connection(source, name, given, found)
        for kind, names in named.others.items():
            there = found.others.setdefault(kind, [])
            there += [name for name in names if name not in there]
        for name in named.flows:
            if name not in seen:
                seen.add(name)
                called = _called(source, name, registry, given, found)
                if called is not None:
                    waiting.append(called)
    return found


def _connection(source: Source, name: str, given: Given, found: Surroundings) -> None:
    if name in found.connections:
        return
    connection = given.connections.get(name) or connection_store.get_connection(source, name)
    if connection is None:
        found.missing.append(f"connection {name}")
        return
    found.connections[name] = connection
    wanted = connection.connector
    connector = given.connectors.get(wanted) or connection_store.get_connector(source, wanted)
    if connector is None:
        found.missing.append(f"connector {wanted}")
    else:
        found.connectors[wanted] = connector


def _called(source: Source, name: str, registry: Registry, given: Given, found: Surroundings) -> Flow | None:
    if name in given.flows:
        document = given.flows[name]
        found.flows[name] = (document.text.encode(), document.file)
        return parse_flow(document, registry)
    there = flow_store.get_flow(source, name)
    if there is None or (there.draft is None and flow_store.deployed(source, there.id) is None):
        found.missing.append(f"flow {name}")
        return None
    text, file = text_of(source, there, resolve_version(source, there, None))
    found.flows[name] = (text, file)
    return parse_flow(load_one(text.decode(), file), registry)


def sends_of(flow: Flow, found: Surroundings) -> frozenset[str]:
    """The steps whose endpoint sends."""
    sends = set()
    for step in flow.walk():
        connection = found.connections.get(str(step.settings.get("connection")))
        if step.shape != "connector" or connection is None:
            continue
        connector = found.connectors.get(connection.connector)
        if connector is None:
            continue
        endpoints = load_one(connector.document.decode(), connector.file).data.get("endpoints")
        one = endpoints.get(step.settings.get("endpoint")) if isinstance(endpoints, Mapping) else None
        if isinstance(one, Mapping) and one.get("direction") == "send":
            sends.add(step.id)
    return frozenset(sends)


def quiet(flow: Flow, registry: Registry) -> list[str]:
    """Steps that would reach out by other ways than a connection: they are skipped on a bench."""
    return [
        step.id
        for step in flow.walk()
        if step.shape not in {"connector", CALLS, "callback"} and registry.shape(step.shape).effects
    ]
