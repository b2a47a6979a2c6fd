"""Notices of flows and notification groups that nobody knows here, and of what an endpoint does not take."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from redrive.core.flow import Flow, StepNode
from redrive.core.nearest import nearest
from redrive.documents.load import Document
from redrive.documents.names import CALLS, TELLS
from redrive.documents.problems import one_of, shown
from redrive.errors import Notice

_OF_SENDS = ("key", "ledger", "delivery")


def unknown_flows(document: Document, flow: Flow, known: Collection[str] | None) -> Iterator[Notice]:
    """Called flows that are neither here nor among the documents."""
    if known is None:
        return
    for step in flow.walk():
        name = step.settings.get("flow") if step.shape == CALLS else None
        if isinstance(name, str) and "{{" not in name and name not in known:
            yield Notice(
                "flow.unknown",
                f"there is no flow {shown(name)} here; a run needs it",
                document.file,
                document.line_in(step.id, "flow") or step.line,
                step.id,
                "flow",
                nearest=nearest(name, known),
            )


def unknown_groups(document: Document, flow: Flow, known: Collection[str] | None) -> Iterator[Notice]:
    """Notification groups that are not here: what is told to them reaches nobody."""
    if known is None:
        return
    for name in flow.settings.notify_on_failure:
        if name not in known:
            yield Notice(
                "group.unknown",
                f"there is no notification group {shown(name)} here; failures reach nobody by it",
                document.file,
                document.line_of("/settings/notify_on_failure"),
                setting="settings.notify_on_failure",
                nearest=nearest(name, known),
            )
    for step in flow.walk():
        told = step.settings.get("groups") if step.shape == TELLS else None
        for name in told if isinstance(told, list) else ():
            if isinstance(name, str) and name not in known:
                yield Notice(
                    "group.unknown",
                    f"there is no notification group {shown(name)} here; the message reaches nobody by it",
                    document.file,
                    document.line_in(step.id, "groups") or step.line,
                    step.id,
                    "groups",
                    nearest=nearest(name, known),
                )


Endpoints = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Of each connector: what its document says of each endpoint."""


def misfits(
    document: Document, flow: Flow, connections: Mapping[str, str], endpoints: Endpoints
) -> Iterator[Notice]:
    """Settings that the endpoint of a step does not take, and parameters that it lacks: it will fail."""
    for step in flow.walk():
        if step.shape != "connector":
            continue
        connector = connections.get(str(step.settings.get("connection")), "")
        endpoint = endpoints.get(connector, {}).get(str(step.settings.get("endpoint")))
        if endpoint is None:
            continue
        if endpoint.get("direction") == "receive":
            yield from _stray_keys(document, step)
        yield from _parameters(document, step, endpoint.get("parameters"))


def _stray_keys(document: Document, step: StepNode) -> Iterator[Notice]:
    """Settings of sends where the endpoint receives: `endpoint.direction` in a run."""
    for setting in _OF_SENDS:
        if step.settings.get(setting) is not None:
            yield Notice(
                "endpoint.direction",
                f"{setting} is for endpoints that send, and {shown(str(step.settings['endpoint']))} "
                "receives: the step will fail",
                document.file,
                document.line_in(step.id, setting) or step.line,
                step.id,
                setting,
            )


def _parameters(document: Document, step: StepNode, declared: object) -> Iterator[Notice]:
    """`parameter.unknown` and `parameter.missing` in a run. An endpoint that declares none takes any."""
    given = step.settings.get("with") or {}
    if not isinstance(declared, Mapping) or not declared or not isinstance(given, Mapping):
        return
    endpoint = shown(str(step.settings["endpoint"]))
    for name in given:
        if name not in declared:
            yield Notice(
                "parameter.unknown",
                f"the endpoint {endpoint} has no parameter {shown(str(name))}: the step will fail",
                document.file,
                document.line_in(step.id, f"with/{name}") or document.line_in(step.id, "with") or step.line,
                step.id,
                f"with.{name}",
                one_of(sorted(declared)),
                nearest(str(name), declared),
            )
    for name, about in declared.items():
        if isinstance(about, Mapping) and about.get("required") is True and given.get(name) in (None, ""):
            yield Notice(
                "parameter.missing",
                f"the endpoint {endpoint} needs the parameter {shown(name)}: the step will fail",
                document.file,
                document.line_in(step.id, "with") or step.line,
                step.id,
                f"with.{name}",
            )
