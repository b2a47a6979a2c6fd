"""Notices of called flows and notification groups that nobody knows here, and of stray keys."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from redrive.core.flow import Flow
from redrive.core.nearest import nearest
from redrive.documents.load import Document
from redrive.documents.names import CALLS, TELLS
from redrive.documents.problems import shown
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


def stray_keys(
    document: Document,
    flow: Flow,
    connections: Mapping[str, str],
    directions: Mapping[str, Mapping[str, str]],
) -> Iterator[Notice]:
    """Settings of sends on a step whose endpoint receives: its run ends in `endpoint.direction`."""
    for step in flow.walk():
        if step.shape != "connector":
            continue
        connector = connections.get(str(step.settings.get("connection")), "")
        if directions.get(connector, {}).get(str(step.settings.get("endpoint"))) != "receive":
            continue
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
