"""The verb token: API tokens, and one-time links for browsers."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from redrive.cli.output import visible
from redrive.cli.session import Injected

app = App(name="token", help="Create, list and revoke API tokens.")


@app.command
async def create(
    name: Annotated[str, Parameter(help="What the token is for.")],
    /,
    *,
    days: Annotated[int | None, Parameter(help="Days until it expires; else it does not.")] = None,
    scope: Annotated[
        list[str] | None,
        Parameter(help="A role or right that it has; may be given again. Default: the role of who makes it."),
    ] = None,
    session: Injected,
) -> None:
    """Make an API token and print it, this once."""
    async with session.connect() as client:
        made = await client.tokens.create(name, days=days, scopes=scope)
    if session.json:
        session.output.view(made)
        return
    session.output.text(made.token)
    session.output.note(f"Token {made.id} for {visible(made.name)}. It is not shown again.")


@app.default
@app.command(name="list")
async def list_(*, session: Injected) -> None:
    """List tokens, without their text."""
    async with session.connect() as client:
        page = await client.tokens.list()
    if session.json:
        session.output.page(page.items, page.next)
        return
    session.output.table(
        ("token", "name", "account", "scopes", "created", "expires", "last used"),
        [
            (
                one.id,
                one.name,
                one.account,
                " ".join(one.scopes),
                one.created_at,
                one.expires_at,
                one.last_used_at,
            )
            for one in page.items
        ],
        empty="No tokens.",
    )


@app.command
async def revoke(
    id: Annotated[str, Parameter(help="Id of the token, as `redrive token list` shows it.")],
    /,
    *,
    session: Injected,
) -> None:
    """Make a token worthless at once."""
    async with session.connect() as client:
        await client.tokens.revoke(id)
    if session.json:
        session.output.value({"token": id, "revoked": True})
        return
    session.output.text(f"{visible(id)} is revoked.")


@app.command
async def link(*, session: Injected) -> None:
    """Print a one-time link that signs a browser in to the running server."""
    async with session.connect() as client:
        address = await client.login_link()
    if session.json:
        session.output.value({"link": address})
        return
    session.output.text(address)
