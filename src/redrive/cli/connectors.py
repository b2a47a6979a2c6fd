"""The verb connectors: connectors and connections, listed and shown."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from redrive.cli.session import Injected
from redrive.errors import NotFound

app = App(name="connectors", help="List and show connectors and connections.")


@app.default
@app.command(name="list")
async def list_(*, session: Injected) -> None:
    """List connectors with their endpoints."""
    async with session.connect() as client:
        page = await client.flows.connectors()
    if session.json:
        session.output.page(page.items, page.next)
        return
    session.output.table(
        ("connector", "endpoint", "direction", "digest"),
        [
            (one.name, endpoint, direction, one.digest)
            for one in page.items
            for endpoint, direction in (one.endpoints or {"-": "-"}).items()
        ],
        empty="No connectors. `redrive import PATH` takes some in.",
    )


@app.command
async def connections(*, session: Injected) -> None:
    """List connections with their settings; of secrets only the names and where they come from."""
    async with session.connect() as client:
        page = await client.flows.connections()
    if session.json:
        session.output.page(page.items, page.next)
        return
    session.output.table(
        ("connection", "connector", "settings", "secrets"),
        [(one.name, one.connector, one.settings, one.secrets) for one in page.items],
        empty="No connections. `redrive import PATH` takes some in.",
    )


@app.command
async def show(
    name: Annotated[str, Parameter(help="Name of a connector, else of a connection.")],
    /,
    *,
    session: Injected,
) -> None:
    """Print the document of a connector or connection, without stored secrets."""
    async with session.connect() as client:
        try:
            text = await client.flows.export_connector(name)
        except NotFound as unknown:
            try:
                text = await client.flows.export_connection(name)
            except NotFound:
                raise unknown from None
    if session.json:
        session.output.value({"name": name, "document": text.decode("utf-8", "replace")})
    else:
        session.output.bytes(text)
