"""A flow with all that it refers to, as one stream of documents for another home; and what is installed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

from redrive.core.nearest import nearest
from redrive.documents.flow_document import parse_flow
from redrive.documents.load import load_one
from redrive.documents.schema import shape_schema
from redrive.errors import NotFound
from redrive.sdk.shape import GatherShape, ShapeBase
from redrive.service.connection_text import connection_text, sources_of
from redrive.service.flow_views import Bundle, ShapeView
from redrive.service.kernel import Kernel
from redrive.service.surroundings import surroundings
from redrive.service.versions import flow_named, resolve_version, text_of
from redrive.service.views import Page
from redrive.store.connections import ConnectionRow, ConnectorRow
from redrive.store.database import Rows

_READ = re.compile(r"(?<![\w.\]-])connection\.([A-Za-z_]\w*)")
_TEMPLATE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_MARK = re.compile(r"\A(?:\ufeff?---[ \t]*\r?\n)+")


class Bundles:
    """The part of the noun `flows` about whole exports and shapes."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    async def export_all(self, name: str, *, version: str | None = None) -> Bundle:
        """The flow, the flows that it calls, their connectors and connections, without secrets.

        Errors: `flow.unknown`, `version.unknown`, `document.invalid`.
        """
        registry = self._kernel.registry

        def work(rows: Rows) -> Bundle:
            row = flow_named(rows, name)
            text, file = text_of(rows, row, resolve_version(rows, row, version))
            flow = parse_flow(load_one(text.decode(), file), registry)
            found = surroundings(rows, flow, registry)
            parts = [(f"flow {name}", text.decode())]
            parts += [(f"flow {one}", called.decode()) for one, (called, _) in found.flows.items()]
            parts += [(f"connector {one.name}", one.document.decode()) for one in found.connectors.values()]
            parts += [(f"connection {one.name}", connection_text(one)) for one in found.connections.values()]
            needs = [*_secrets(found.connections), *found.missing]
            needs += [
                f"{kind.removesuffix('s')} {one}" for kind, names in found.others.items() for one in names
            ]
            stream = "---\n".join(_whole(part) for _, part in parts)
            if needs and found.connections:
                # Behind a connection, whose text is not kept, so that nothing comes back changed.
                stream += "# Needed where this is imported:\n" + "".join(f"#   {one}\n" for one in needs)
            return Bundle(flow=name, text=stream, documents=[label for label, _ in parts], needs=needs)

        return await self._kernel.deps.reader.run(work)

    async def shapes(self) -> Page[ShapeView]:
        """Every shape that steps may have, built-in and of other packages, by name."""
        registry = self._kernel.registry

        def work(_rows: Rows) -> Page[ShapeView]:
            return Page[ShapeView](items=[shape_view(shape) for shape in registry.shapes.values()])

        return await self._kernel.deps.reader.run(work)

    async def shape(self, kind: str) -> ShapeView:
        """Errors: `shape.unknown`."""
        shapes = self._kernel.registry.shapes
        if kind not in shapes:
            near = nearest(kind, shapes)
            raise NotFound(
                f"there is no shape {kind!r}",
                code="shape.unknown",
                at=kind,
                hint=f"Did you mean {near!r}?" if near else "`redrive shapes` lists them.",
            )
        return await self._kernel.deps.reader.run(lambda _rows: shape_view(shapes[kind]))


def _whole(text: str) -> str:
    text = _MARK.sub("", text)
    return text if text.endswith("\n") else f"{text}\n"


def _secrets(connections: Mapping[str, ConnectionRow]) -> Iterator[str]:
    for connection in connections.values():
        for secret, source in sources_of(connection).items():
            kind, _, where = source.partition(":")
            told = {"env": f" (environment variable {where})", "file": f" (file {where})"}.get(kind, "")
            yield f"secret {secret} of connection {connection.name}{told}"


def settings_read(connector: Mapping[str, Any]) -> list[str]:
    """What the templates of a connector document read of a connection, each once."""
    return [*dict.fromkeys(_all_read_in(connector))]


def _all_read_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        for template in _TEMPLATE.findall(value):
            yield from _READ.findall(template)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _all_read_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _all_read_in(inner)


def lacking(connection: ConnectionRow, connector: ConnectorRow) -> list[str]:
    """What the templates of a connector read of a connection that it does not give."""
    data = load_one(connector.document.decode(), connector.file).data
    names = dict.fromkeys(_read_in(data))
    return [name for name in names if name not in connection.settings and name not in connection.secrets]


def _read_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        for template in _TEMPLATE.findall(value):
            if "default(" not in template:
                yield from _READ.findall(template)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _read_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _read_in(inner)


def shape_view(shape: type[ShapeBase]) -> ShapeView:
    """A shape as lists, palettes and forms show it."""
    return ShapeView(
        shape=shape.kind,
        version=shape.version,
        group=shape.group,
        summary=shape.help().split("\n", 1)[0],
        help=shape.help(),
        package=_package(shape),
        effects=shape.effects,
        gathers=issubclass(shape, GatherShape),
        owns_steps=list(shape.owns_steps),
        settings_schema=shape_schema(shape),
        examples=[
            {
                "title": example.title,
                "settings": dict(example.settings),
                **({"fails": example.fails} if example.fails else {}),
            }
            for example in shape.examples
        ],
    )


def _package(shape: type[ShapeBase]) -> str:
    top = shape.__module__.partition(".")[0]
    if top == "redrive":
        return "redrive"
    return next(iter(metadata.packages_distributions().get(top, [])), top)
