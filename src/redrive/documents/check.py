"""Checks documents together: each by itself, and that what they name in one another is there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from redrive.core.flow import Flow
from redrive.core.nearest import nearest
from redrive.documents.connection_document import ConnectionSpec, parse_connection
from redrive.documents.connector_document import Connector, parse_connector
from redrive.documents.flow_document import build_steps, parse_flow, warnings
from redrive.documents.load import Document, Loaded
from redrive.documents.names import names_in
from redrive.documents.outside import Endpoints, misfits, unknown_flows, unknown_groups
from redrive.documents.problems import one_of, shown
from redrive.errors import FlowInvalid, Notice, Problem

if TYPE_CHECKING:
    from redrive.registry import Registry


@dataclass(slots=True)
class Checked:
    """What documents hold, by name, with every problem and notice."""

    flows: dict[str, tuple[Document, Flow]] = field(default_factory=dict)
    connectors: dict[str, tuple[Document, Connector]] = field(default_factory=dict)
    connections: dict[str, tuple[Document, ConnectionSpec]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def raise_if_any(self) -> None:
        """Errors: `document.invalid` with every problem, by file and line."""
        if self.problems:
            raise FlowInvalid(
                sorted(self.problems, key=lambda problem: (problem.file or "", problem.line or 0))
            )


def check(
    loaded: Loaded,
    registry: Registry,
    *,
    connections: Mapping[str, str] | None = None,
    endpoints: Endpoints | None = None,
    lookups: Callable[[str], bool] | None = None,
    flows: Collection[str] | None = None,
    groups: Collection[str] | None = None,
) -> Checked:
    """Parses all documents and looks at what they name in one another.

    `connections` (name to connector) and `endpoints` (of connectors) are those that a home has already;
    those of the documents go before them. An endpoint that its connector does not have is a problem, a
    connection that is nowhere a notice: it may be imported later. `lookups` tells whether there is a lookup
    of that name; one that is not there is a notice too, as are called flows and notification groups beside
    `flows` and `groups`, and what an endpoint does not take.
    """
    checked = Checked(problems=list(loaded.problems))
    for document in loaded.documents:
        try:
            match document.kind:
                case "flow":
                    checked.flows[document.name] = (document, parse_flow(document, registry))
                case "connector":
                    checked.connectors[document.name] = (document, parse_connector(document, registry))
                case "connection":
                    checked.connections[document.name] = (document, parse_connection(document))
        except FlowInvalid as error:
            checked.problems.extend(error.problems)
    names = dict(connections or {})
    names.update({name: spec.connector for name, (_, spec) in checked.connections.items()})
    known = dict(endpoints or {})
    known.update({name: connector.endpoints for name, (_, connector) in checked.connectors.items()})
    callable_ = None if flows is None else {*flows, *checked.flows}
    for document, flow in checked.flows.values():
        checked.notices.extend(unknown_flows(document, flow, callable_))
        checked.notices.extend(unknown_groups(document, flow, groups))
        checked.notices.extend(misfits(document, flow, names, known))
        checked.notices.extend(warnings(flow, file=document.file))
        checked.notices.extend(_unknown_lookups(document, flow, registry, lookups))
        for found in _unknown_names(document, flow, names, known):
            (checked.notices if isinstance(found, Notice) else checked.problems).append(found)  # type: ignore[arg-type]
    checked.notices.extend(_circles(checked.flows))
    for document, spec in checked.connections.values():
        if known and spec.connector not in known:
            checked.notices.append(
                Notice(
                    "connector.unknown",
                    f"the connector {shown(spec.connector)} is not known here",
                    document.file,
                    document.line_of("/connector"),
                    setting="connector",
                    expected=one_of(sorted(known)),
                    nearest=nearest(spec.connector, known),
                )
            )
    return checked


def _circles(flows: Mapping[str, tuple[Document, Flow]]) -> Iterator[Notice]:
    """Flows that call each other in a circle: unless something breaks it, a run ends in `flow.too_deep`."""
    calls = {name: names_in(flow).flows for name, (_, flow) in flows.items()}
    for name, (document, flow) in flows.items():
        circle = _way(calls, name, name)
        if circle is None:
            continue
        step = next(one for one in flow.walk() if one.settings.get("flow") == circle[1])
        yield Notice(
            "flow.circle",
            f"flows call each other in a circle: {' > '.join(circle)}",
            document.file,
            document.line_in(step.id, "flow") or step.line,
            step.id,
            "flow",
        )


def _way(calls: Mapping[str, list[str]], start: str, end: str) -> list[str] | None:
    """The shortest way by calls from one flow to another, with both ends."""
    ways, seen = [[start]], set()
    while ways:
        way = ways.pop(0)
        for name in calls.get(way[-1], ()):
            if name == end:
                return [*way, name]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return None


def _unknown_lookups(
    document: Document, flow: Flow, registry: Registry, there: Callable[[str], bool] | None
) -> Iterator[Notice]:
    if there is None:
        return
    shapes = build_steps(flow, registry)
    for step in flow.walk():
        for name in sorted(shapes[step.id].lookups):
            if not there(name):
                yield Notice(
                    "lookup.unknown",
                    f"there is no lookup {shown(name)} here; a run needs it",
                    document.file,
                    step.line,
                    step.id,
                    "lookup",
                )


def _unknown_names(
    document: Document, flow: Flow, connections: Mapping[str, str], endpoints: Endpoints
) -> Iterator[Problem]:
    for step in flow.walk():
        if step.shape != "connector":
            continue
        connection, endpoint = step.settings.get("connection"), step.settings.get("endpoint")
        if not isinstance(connection, str) or not isinstance(endpoint, str):
            continue
        if connection not in connections:
            yield Notice(
                "connection.unknown",
                f"the connection {shown(connection)} is not known here",
                document.file,
                document.line_in(step.id, "connection") or step.line,
                step.id,
                "connection",
                nearest=nearest(connection, connections),
            )
        elif (known := endpoints.get(connections[connection])) is not None and endpoint not in known:
            yield Problem(
                "endpoint.unknown",
                f"the connector {connections[connection]} has no endpoint {shown(endpoint)}",
                document.file,
                document.line_in(step.id, "endpoint") or step.line,
                step.id,
                "endpoint",
                one_of(sorted(known)),
                nearest(endpoint, known),
            )
