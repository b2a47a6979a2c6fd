"""Documents out again: connections renamed with the fewest edits, and when two documents are equal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from redrive.core import jsonvalue
from redrive.core.nearest import nearest
from redrive.documents.load import Document
from redrive.documents.nodes import Node, pointer_to
from redrive.documents.owned import owned_steps
from redrive.documents.problems import one_of
from redrive.documents.yaml_source import parse_yaml
from redrive.errors import UsageError

if TYPE_CHECKING:
    from redrive.registry import Registry


def rename_connections(document: Document, renames: Mapping[str, str], registry: Registry) -> str:
    """The document's text with connections renamed; every other character of it stays.

    A flow's connector steps and event triggers name connections, a connection document itself.
    """
    nodes = {id(node): node for node in _connection_names(document, registry) if node.value in renames}
    text = document.text
    for node in sorted(nodes.values(), key=lambda node: node.start, reverse=True):
        start, end = node.start - document.start, node.end - document.start
        text = text[:start] + _spelt(text[start:end], renames[node.value]) + text[end:]
    return text


def connections_named(document: Document, registry: Registry) -> set[str]:
    """The names of all connections that a document names."""
    return {node.value for node in _connection_names(document, registry) if isinstance(node.value, str)}


def check_renames(renames: Mapping[str, str], documents: list[Document], registry: Registry) -> None:
    """Errors: `usage` for a rename of a connection that none of the documents names."""
    known = set[str]().union(*(connections_named(document, registry) for document in documents))
    for name in renames:
        if name not in known:
            near = nearest(name, known)
            raise UsageError(
                f"--map {name}={renames[name]}: no document names a connection {name!r}",
                hint=f"Did you mean {near!r}?" if near else f"Named are: {one_of(sorted(known))}.",
            )


def normalise(data: Mapping[str, Any]) -> bytes:
    """The same bytes for equal documents, however they are spelt and whatever their comments.

    The order of names does not matter at the top, in the settings, and in a step; inside a step's
    settings it may (a fixed payload), so it counts there.
    """
    return jsonvalue.encode(_ordered(data))


def _ordered(data: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(sorted(data.items()))
    for name in ("settings", "secrets", "endpoints", "variables"):
        if isinstance(inner := result.get(name), Mapping):
            result[name] = dict(sorted(inner.items()))
    if "flow" in data and isinstance(steps := result.get("steps"), list):
        result["steps"] = [
            dict(sorted(step.items())) if isinstance(step, Mapping) else step for step in steps
        ]
    return result


def _connection_names(document: Document, registry: Registry) -> Iterator[Node]:
    """The nodes of texts that name a connection."""
    if document.kind == "connection":
        pointers = iter(("/connection",))
    elif document.kind == "flow":
        pointers = _in_flow(document.data, registry)
    else:
        return
    for pointer in pointers:
        node = document.node.at(pointer)
        if node is not None and isinstance(node.value, str):
            yield node


def _in_flow(data: Mapping[str, Any], registry: Registry) -> Iterator[str]:
    triggers = data.get("triggers")
    for index in range(len(triggers) if isinstance(triggers, list) else 0):
        yield f"/triggers/{index}/event/connection"
        for kind in ("webhook", "callback"):
            for part in ("token", "hmac"):
                yield f"/triggers/{index}/{kind}/{part}/secret/connection"
    yield from _in_steps(data.get("steps"), "/steps", registry)


def _in_steps(steps: Any, pointer: str, registry: Registry) -> Iterator[str]:
    for index, step in enumerate(steps if isinstance(steps, list) else ()):
        if not isinstance(step, Mapping):
            continue
        at = pointer_to(pointer, index)
        kind = step.get("shape")
        if kind == "connector":
            yield pointer_to(at, "connection")
        if isinstance(kind, str) and (shape := registry.shapes.get(kind)):
            for owned in owned_steps(shape, step, at):
                yield from _in_steps(owned.steps, owned.pointer, registry)


def _spelt(old: str, new: str) -> str:
    """The new text in the manner of the old: quoted as it was, plain where it was and that is safe."""
    prefix = ""
    if old.startswith("&"):  # the anchor stays
        prefix, _, old = old.partition(" ")
        prefix += " "
        old = old.lstrip()
    if old.startswith("'"):
        return prefix + "'" + new.replace("'", "''") + "'"
    if old.startswith('"'):
        return prefix + json.dumps(new)
    parsed = parse_yaml(f"[{new}]")
    plain = not parsed.problems and len(parsed.parts) == 1 and parsed.parts[0].node.value == [new]
    return prefix + (new if plain else json.dumps(new))
