"""Where a connection stands in flows; and connections and connectors that go, unless something needs them."""

from __future__ import annotations

from collections.abc import Iterator

from redrive.documents.flow_document import parse_flow
from redrive.documents.load import load_one
from redrive.errors import NotFound, RedriveError, StateConflict
from redrive.registry import Registry
from redrive.service.connector_views import ConnectionUse
from redrive.service.kernel import Kernel
from redrive.service.reference_views import Removed
from redrive.service.versions import text_of
from redrive.service.views import Page
from redrive.store import connections as connection_store
from redrive.store import flows as flow_store
from redrive.store.committer import Transaction
from redrive.store.database import Rows
from redrive.store.flows import FlowRow, Source

MOST_NAMED = 3


async def uses(kernel: Kernel, name: str) -> Page[ConnectionUse]:
    """The steps of drafts and deployed versions that name it. Errors: `connection.unknown`."""

    def work(rows: Rows) -> Page[ConnectionUse]:
        _known(rows, name)
        return Page[ConnectionUse](items=list(_uses(rows, name, kernel.registry)))

    return await kernel.deps.reader.run(work)


async def delete_connection(kernel: Kernel, name: str) -> Removed:
    """Errors: `connection.unknown`, `connection.used` while a draft or a deployed version names it."""

    def work(transaction: Transaction) -> Removed:
        _known(transaction, name)
        found = list(_uses(transaction, name, kernel.registry))
        if found:
            raise StateConflict(
                f"the connection {name!r} is used by {_named([_place(one) for one in found])}",
                code="connection.used",
                at=name,
                hint="Give these steps another connection, or delete the flows, first.",
            )
        connection_store.delete_connection(transaction, name)
        kernel.audit(transaction, "connection.deleted", name)
        return Removed(removed=1)

    return await kernel.write(work)


async def delete_connector(kernel: Kernel, name: str) -> Removed:
    """Its versions stay for the runs that used them.

    Errors: `connector.unknown`, `connector.used` while a connection is of it.
    """

    def work(transaction: Transaction) -> Removed:
        if connection_store.get_connector(transaction, name) is None:
            raise NotFound(
                f"there is no connector {name!r}",
                code="connector.unknown",
                at=name,
                hint="`redrive connectors` lists them.",
            )
        of_it = [one.name for one in connection_store.connections(transaction) if one.connector == name]
        if of_it:
            raise StateConflict(
                f"the connector {name!r} is used by {_named([f'the connection {one}' for one in of_it])}",
                code="connector.used",
                at=name,
                hint="Delete its connections first.",
            )
        connection_store.delete_connector(transaction, name)
        kernel.audit(transaction, "connector.deleted", name)
        return Removed(removed=1)

    return await kernel.write(work)


def _known(source: Source, name: str) -> None:
    if connection_store.get_connection(source, name) is None:
        raise NotFound(
            f"there is no connection {name!r}",
            code="connection.unknown",
            at=name,
            hint="`redrive connectors connections` lists them.",
        )


def _uses(source: Source, name: str, registry: Registry) -> Iterator[ConnectionUse]:
    for flow_name in flow_store.names(source):
        flow = flow_store.get_flow(source, flow_name)
        if flow is None:
            continue
        deployed = flow_store.deployed(source, flow.id)
        numbers: list[int | None] = [None] if flow.draft is not None else []
        numbers += [deployed.number] if deployed is not None else []
        for number in numbers:
            steps = _steps(source, flow, number, name, registry)
            if steps:
                yield ConnectionUse(flow=flow_name, version=number, steps=steps)


def _steps(source: Source, flow: FlowRow, number: int | None, name: str, registry: Registry) -> list[str]:
    try:
        text, file = text_of(source, flow, ("draft",) if number is None else ("version", number))
        parsed = parse_flow(load_one(text.decode(), file), registry)
    except RedriveError:  # a draft that is not finished says nothing that holds
        return []
    return [node.id for node in parsed.walk() if node.settings.get("connection") == name]


def _place(use: ConnectionUse) -> str:
    return f"the flow {use.flow}"


def _named(places: list[str]) -> str:
    shown = list(dict.fromkeys(places))
    rest = len(shown) - MOST_NAMED
    return ", ".join(shown[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
