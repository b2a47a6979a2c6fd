"""The verb connectors: listed, shown, made from descriptions, tried; and connections, listed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from redrive.cli.describing import describe, print_endpoint
from redrive.cli.options import Yes
from redrive.cli.session import Injected
from redrive.cli.tables import confirm
from redrive.cli.trying import try_
from redrive.core.nearest import nearest
from redrive.errors import NotFound

app = App(name="connectors", help="Import, list and show connectors; try their endpoints.")


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
        empty="No connectors. `redrive connectors import FILE` makes one of a description.",
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
    endpoint: Annotated[
        str | None,
        Parameter(help="Of a connector: one endpoint with its parameters, fields and samples."),
    ] = None,
    session: Injected,
) -> None:
    """Print the document of a connector or connection, without stored secrets; or one endpoint of it."""
    async with session.connect() as client:
        if endpoint is not None:
            detail = await client.connectors.show(name)
            found = next((one for one in detail.endpoints if one.name == endpoint), None)
            if found is None:
                near = nearest(endpoint, [one.name for one in detail.endpoints])
                raise NotFound(
                    f"connector {name!r} has no endpoint {endpoint!r}",
                    code="endpoint.unknown",
                    at=endpoint,
                    hint=f"Did you mean {near!r}?" if near else "`redrive connectors` lists them.",
                )
            print_endpoint(session, found)
            return
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


@app.command
async def uses(
    connection: Annotated[str, Parameter(help="Name of the connection.")], /, *, session: Injected
) -> None:
    """List the steps of flows that use a connection, in drafts and deployed versions."""
    async with session.connect() as client:
        page = await client.connectors.uses(connection)
    if session.json:
        session.output.page(page.items, page.next)
        return
    session.output.table(
        ("flow", "version", "steps"),
        [
            (one.flow, "draft" if one.version is None else one.version, ", ".join(one.steps))
            for one in page.items
        ],
        empty=f"No flow uses the connection {connection}.",
    )


@app.command
async def delete(
    name: Annotated[str, Parameter(help="Name of a connector, or of a connection with --connection.")],
    /,
    *,
    connection: Annotated[bool, Parameter(help="Delete the connection of this name.")] = False,
    yes: Yes = False,
    session: Injected,
) -> None:
    """Delete a connector or connection that nothing uses."""
    noun = "connection" if connection else "connector"
    confirm(session, f"Delete the {noun} {name}?", yes=yes)
    async with session.connect() as client:
        if connection:
            done = await client.connectors.delete_connection(name)
        else:
            done = await client.connectors.delete(name)
    if session.json:
        session.output.view(done)
        return
    session.output.text(f"The {noun} {name} is deleted.")


@app.command(name="import")
async def import_(
    source: Annotated[str, Parameter(help="File or URL: OpenAPI 3 (JSON, YAML) or a Postman collection.")],
    /,
    *,
    name: Annotated[str | None, Parameter(help="Name of the connector. Default: by the title.")] = None,
    only: Annotated[
        list[str] | None,
        Parameter(
            help="A tag or folder, a path and all below it (/orders), an operation id or a name; may be "
            "repeated. Other endpoints that are there stay."
        ),
    ] = None,
    server: Annotated[str | None, Parameter(help="Another base URL than the first that it names.")] = None,
    authentication: Annotated[
        str | None, Parameter(help="Another security scheme than the one that most operations take.")
    ] = None,
    replace: Annotated[
        list[str] | None,
        Parameter(help="An endpoint that is taken anew even if it was edited; * for all; may be repeated."),
    ] = None,
    out: Annotated[
        Path | None,
        Parameter(help="Write the document to this file (over the one there), not into the home."),
    ] = None,
    plan: Annotated[bool, Parameter(help="Only show what would be imported and changed.")] = False,
    session: Injected,
) -> None:
    """Make a connector of an OpenAPI 3 description or a Postman collection.

    Again with a newer description: endpoints are added, changed and removed; what was edited by hand stays.
    """
    await describe(
        session,
        source,
        name=name,
        only=only or [],
        server=server,
        authentication=authentication,
        replace=replace or [],
        out=out,
        plan=plan,
    )


app.command(try_, name="try")
