"""Flow versions as the worker runs them: parsed once, their shapes built, kept while in use."""

from __future__ import annotations

from collections import OrderedDict

import msgspec
from sqlalchemy import bindparam, select

from redrive.core.flow import Flow
from redrive.documents.flow_document import build_steps, parse_flow
from redrive.documents.load import load_one
from redrive.errors import NotFound
from redrive.registry import Registry
from redrive.sdk.shape import ShapeBase
from redrive.store import tables
from redrive.store.database import Reader
from redrive.store.statements import Statement

KEPT = 64

_v = tables.flow_versions
_GET = Statement(
    select(_v.c.document, _v.c.file).where(
        _v.c.flow_id == bindparam("flow_id"), _v.c.number == bindparam("number")
    )
)


class BuiltFlow(msgspec.Struct, frozen=True):
    """A flow version with the shape of every step, by step id."""

    flow: Flow
    shapes: dict[str, ShapeBase]
    positions: dict[str, int]
    """Of each step in document order."""
    connections: dict[str, str] = {}
    """Of each connector step that is not skipped its connection."""

    def uses(self) -> frozenset[str]:
        """The connections of all its steps."""
        return frozenset(self.connections.values())


def build(text: str, file: str | None, registry: Registry) -> BuiltFlow:
    """Errors: `document.invalid` with all problems."""
    flow = parse_flow(load_one(text, file), registry)
    positions = {step.id: n for n, step in enumerate(flow.walk())}
    connections = {
        step.id: step.settings["connection"]
        for step in flow.walk()
        if step.shape == "connector" and not step.skip
    }
    return BuiltFlow(flow, build_steps(flow, registry), positions, connections)


class FlowCache:
    """Versions never change, so what was built once stays true."""

    def __init__(self, reader: Reader, registry: Registry) -> None:
        self._reader = reader
        self.registry = registry
        self._built: OrderedDict[tuple[int, int], BuiltFlow] = OrderedDict()

    def get(self, flow_id: int, number: int) -> BuiltFlow:
        """Errors: `version.unknown`."""
        found = self._built.get((flow_id, number))
        if found is not None:
            self._built.move_to_end((flow_id, number))
            return found
        row = self._reader.here(lambda rows: rows.one(_GET, flow_id=flow_id, number=number))
        if row is None:
            raise NotFound(f"there is no version {number} of this flow", code="version.unknown")
        built = build(bytes(row[0]).decode(), row[1] or None, self.registry)
        self._built[flow_id, number] = built
        if len(self._built) > KEPT:
            self._built.popitem(last=False)
        return built
