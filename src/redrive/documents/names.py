"""What a flow names outside of itself: connections, called flows, lookups, data pools, caches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from redrive.core.flow import Flow

CALLS = "run_flow"
TELLS = "notify"
NEEDED: Mapping[str, tuple[str, str]] = {
    "lookup": ("lookups", "lookup"),
    "pool": ("pools", "data pool"),
    "cache": ("caches", "cache"),
}
"""Names that a setting of a step may hold, and what it names."""


class Named(msgspec.Struct):
    """The names in a flow, in the order in which they stand."""

    connections: list[str] = msgspec.field(default_factory=list)
    flows: list[str] = msgspec.field(default_factory=list)
    others: dict[str, list[str]] = msgspec.field(default_factory=dict)
    """By kind: `lookups`, `pools`, `caches`, `notification groups`."""


def names_in(flow: Flow) -> Named:
    """Everything outside of the flow that its steps and triggers name."""
    named = Named()
    for step in flow.walk():
        if step.shape == "connector":
            _add(named.connections, step.settings.get("connection"))
        elif step.shape == CALLS:
            _add(named.flows, step.settings.get("flow"))
        for key, value in _settings(step.settings):
            if key in NEEDED and isinstance(value, str | Mapping):
                kind, _ = NEEDED[key]
                name = value if isinstance(value, str) else value.get("name", value.get("table"))
                _add(named.others.setdefault(kind, []), name)
    for trigger in flow.triggers:
        _add(named.connections, trigger.settings.get("connection"))
    groups = named.others.setdefault("notification groups", [])
    told = [step.settings.get("groups") for step in flow.walk() if step.shape == TELLS]
    for names in (flow.settings.notify_on_failure, *told):
        for name in names if isinstance(names, list | tuple) else ():
            _add(groups, name)
    named.others = {kind: names for kind, names in named.others.items() if names}
    return named


def _add(names: list[str], name: Any) -> None:
    # A name that a template makes is known at run time only.
    if isinstance(name, str) and name and "{{" not in name and name not in names:
        names.append(name)


def _settings(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key), inner
            yield from _settings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _settings(inner)
