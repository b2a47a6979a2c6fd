"""The noun connectors: shown by endpoint, made from descriptions, tried."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from redrive.core.nearest import nearest
from redrive.documents.connector_document import parse_connector
from redrive.documents.described import Described, Wanted, convert
from redrive.documents.described.merging import Merged, merge
from redrive.documents.described.source import MAX_BYTES
from redrive.documents.load import Document, load_one
from redrive.errors import FlowInvalid, NotFound, StateConflict, UsageError
from redrive.registry import Registry
from redrive.service import connection_uses, trying
from redrive.service.bundles import settings_read
from redrive.service.connector_views import (
    BodyView,
    ConnectionUse,
    ConnectorDetail,
    DescriptionImported,
    DescriptionNote,
    DescriptionRequest,
    EndpointChange,
    EndpointParameterView,
    EndpointView,
    FieldView,
    RefusedOperation,
    SettingWanted,
    TryRequest,
    TryView,
)
from redrive.service.flows import Flows
from redrive.service.kernel import Kernel
from redrive.service.payloads import Payloads
from redrive.service.reference_views import Removed
from redrive.service.views import Page
from redrive.store import connections as connection_store
from redrive.store.connections import ConnectorRow
from redrive.store.database import Rows

MOST_FIELDS = 300


class Connectors:
    """Implements `interface.Connectors`."""

    def __init__(self, kernel: Kernel, flows: Flows, payloads: Payloads) -> None:
        self._kernel = kernel
        self._flows = flows
        self._payloads = payloads

    async def show(self, name: str) -> ConnectorDetail:
        """A connector with all that is known of its endpoints. Errors: `connector.unknown`."""

        def work(rows: Rows) -> ConnectorDetail:
            found = connection_store.get_connector(rows, name)
            if found is None:
                known = [one.name for one in connection_store.connectors(rows)]
                raise _unknown(name, known)
            used = [one.name for one in connection_store.connections(rows) if one.connector == name]
            return _detail(found, used)

        return await self._kernel.deps.reader.run(work)

    async def import_description(self, request: DescriptionRequest) -> DescriptionImported:
        """Make a connector document of a description; what was edited in the one that is there stays.

        Errors: `description.*`, `document.invalid` (`current`), `payload.unknown`.
        """
        data = await self._data(request)
        wanted = Wanted(
            name=request.name,
            only=tuple(request.only),
            server=request.server,
            authentication=request.authentication,
        )
        current = load_one(request.current, request.filename) if request.current is not None else None
        if current is not None and request.name is None and current.kind == "connector":
            wanted = Wanted(current.name, wanted.only, wanted.server, wanted.authentication)
        made = await asyncio.to_thread(convert, data, request.filename, wanted, url=request.url)
        if current is None:
            current = await self._stored(made.name)
        if current is not None and current.kind != "connector":
            raise UsageError(f"{request.filename} is a {current.kind}, not a connector", at="current")
        merged = await asyncio.to_thread(_checked, made, current, request, self._kernel.registry)
        result = None
        if request.store:
            file = f"{made.name}.yaml"
            (done,) = await self._flows.import_documents([(file, merged.text.encode())])
            result = done.result
        return _imported(made, merged, result)

    async def try_endpoint(self, connection: str, request: TryRequest) -> TryView:
        """Call one endpoint. No run, no delivery and no payload is kept.

        Errors: `connection.unknown`, `endpoint.unknown`, `try.confirm`, `sample.none`.
        """
        return await trying.try_endpoint(self._kernel, self._payloads, connection, request)

    async def uses(self, connection: str) -> Page[ConnectionUse]:
        """The steps of drafts and deployed versions that use it. Errors: `connection.unknown`."""
        return await connection_uses.uses(self._kernel, connection)

    async def delete(self, name: str) -> Removed:
        """Errors: `connector.unknown`, `connector.used`."""
        return await connection_uses.delete_connector(self._kernel, name)

    async def delete_connection(self, name: str) -> Removed:
        """Errors: `connection.unknown`, `connection.used`."""
        return await connection_uses.delete_connection(self._kernel, name)

    async def _data(self, request: DescriptionRequest) -> bytes:
        if request.text is not None:
            return request.text.encode("utf-8", "replace")
        assert request.payload is not None
        return await whole_payload(self._payloads, request.payload, MAX_BYTES)

    async def _stored(self, name: str) -> Document | None:
        def work(rows: Rows) -> ConnectorRow | None:
            return connection_store.get_connector(rows, name)

        row = await self._kernel.deps.reader.run(work)
        if row is None:
            return None
        try:
            return load_one(row.document.decode(), row.file)
        except FlowInvalid as error:
            raise StateConflict(
                f"the connector {name!r} of the home cannot be read any more: {error.detail}",
                code="connector.invalid",
                hint="Import it under another --name, or mend it first.",
            ) from None


def _checked(
    made: Described, current: Document | None, request: DescriptionRequest, registry: Registry
) -> Merged:
    """The merged text, valid. Errors: `document.invalid`."""
    merged = merge(made, current, partial=bool(request.only), replace=request.replace)
    parse_connector(load_one(merged.text, f"{made.name}.yaml"), registry)
    return merged


async def whole_payload(payloads: Payloads, payload_id: str, most: int) -> bytes:
    """The bytes of a payload. Errors: `payload.unknown`, `payload.expired`, `payload.too_large`."""
    parts: list[bytes] = []
    size = 0
    async for part in payloads.stream(payload_id):
        size += len(part)
        if size > most:
            raise UsageError(
                f"payload {payload_id} has more than {most:,} bytes, which is too large for this",
                code="payload.too_large",
                at="payload",
            )
        parts.append(part)
    return b"".join(parts)


def _unknown(name: str, known: Sequence[str]) -> NotFound:
    near = nearest(name, known)
    return NotFound(
        f"there is no connector {name!r}",
        code="connector.unknown",
        at=name,
        hint=f"Did you mean {near!r}?" if near else "`redrive connectors` lists them.",
    )


def _imported(made: Described, merged: Merged, result: Any) -> DescriptionImported:
    return DescriptionImported(
        connector=made.name,
        kind=made.kind,
        title=made.title,
        result=result,
        operations=made.chosen,
        imported=len(made.endpoints),
        refused=[
            RefusedOperation(operation=one.operation, reason=one.reason, why=one.why, way_out=one.way_out)
            for one in made.refused
        ],
        notes=[DescriptionNote(operation=one.operation or None, text=one.text) for one in made.notes],
        changes=[
            EndpointChange.model_validate(
                {"endpoint": one.endpoint or None, "change": one.change, "settings": list(one.settings)}
            )
            for one in merged.changes
        ],
        settings=[
            SettingWanted(
                name=one.name,
                description=one.help,
                secret=one.secret,
                default=one.default,
                one_of=list(one.one_of),
            )
            for one in made.settings
        ],
        document=merged.text,
    )


def _detail(found: ConnectorRow, used: list[str]) -> ConnectorDetail:
    data = load_one(found.document.decode(), found.file).data
    endpoints = data.get("endpoints")
    return ConnectorDetail(
        name=found.name,
        digest=found.digest.hex(),
        protocol=str(data.get("protocol", "http")),
        description=str(data.get("description", "")),
        settings=settings_read(data),
        connections=used,
        endpoints=[
            endpoint_view(name, one)
            for name, one in (endpoints.items() if isinstance(endpoints, Mapping) else ())
            if isinstance(one, Mapping)
        ],
    )


def endpoint_view(name: str, about: Mapping[str, Any]) -> EndpointView:
    """An endpoint as its document says, for lists, forms and completion."""
    request = about.get("request")
    request = request if isinstance(request, Mapping) else {}
    paginate = about.get("paginate")
    declared = about.get("with")
    declared = declared if isinstance(declared, Mapping) else {}
    return EndpointView(
        name=name,
        direction=str(about.get("direction", "")),
        description=str(about.get("description", "")),
        method=str(request.get("method", "")),
        path=str(request.get("path", "")),
        items=about.get("items") if isinstance(about.get("items"), str) else None,
        paginate=str(paginate.get("by")) if isinstance(paginate, Mapping) else None,
        declares=bool(declared),
        parameters=[
            EndpointParameterView.model_validate({**one, "name": parameter})
            for parameter, one in declared.items()
            if isinstance(one, Mapping)
        ],
        payload=_body(about.get("payload"), ""),
        answer=_body(about.get("answer"), about.get("items") or ""),
    )


def _body(about: Any, items: str) -> BodyView | None:
    """`items`: where the records of an answer are; fields count from there, as in a payload."""
    if not isinstance(about, Mapping):
        return None
    schema = about.get("schema")
    schema = dict(schema) if isinstance(schema, Mapping) else None
    inner: Any = schema
    for part in items.split(".") if items else ():
        inner = (inner or {}).get("properties", {}).get(part) if isinstance(inner, Mapping) else None
    if isinstance(inner, Mapping) and "items" in inner:
        inner = inner["items"]
    found = []
    for path, kind in _fields(inner, "", 0):
        found.append(FieldView(path=path, type=kind))
        if len(found) == MOST_FIELDS:
            break
    return BodyView(schema=schema, sample=about.get("sample"), fields=found)


def _fields(schema: Any, prefix: str, depth: int) -> Iterator[tuple[str, str]]:
    """Fields in the order of the schema, as dotted paths; `*` stands for each element of an array."""
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    if not isinstance(properties, Mapping) or depth > 6:
        return
    for name, inner in properties.items():
        if not isinstance(inner, Mapping) or not name.replace("_", "a").replace("-", "a").isalnum():
            continue
        kind = inner.get("type")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), "")
        path = f"{prefix}{name}"
        yield path, str(kind or "")
        yield from _fields(inner, f"{path}.", depth + 1)
        if kind == "array":
            yield from _fields(inner.get("items"), f"{path}.*.", depth + 1)
