"""The verb caches: what flows keep for later steps, runs and flows."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import App, Parameter

from redrive.cli.options import PageCursor, PageLimit, Yes, page_size
from redrive.cli.output import size
from redrive.cli.paging import gather
from redrive.cli.runs import more
from redrive.cli.session import Injected
from redrive.cli.tables import OutFile, confirm, write_out

app = App(name="caches", help="List, show and clear caches.")

Cache = Annotated[str, Parameter(help="Id of the cache, or a name that only one has.")]
Entry = Annotated[str, Parameter(allow_leading_hyphen=True, help="Name of the entry.")]


@app.default
@app.command(name="list")
async def list_(
    *,
    scope: Annotated[
        Literal["run", "flow", "company"] | None, Parameter(help="Only caches of this scope.")
    ] = None,
    name: Annotated[str | None, Parameter(help="Only caches of this name.")] = None,
    limit: PageLimit = 50,
    cursor: PageCursor = None,
    session: Injected,
) -> None:
    """List caches, the newest first."""
    page_size(limit)
    async with session.connect() as client:
        items, after = await gather(
            lambda most, place: client.caches.list(scope=scope, name=name, limit=most, cursor=place),
            limit,
            cursor,
        )
    if session.json:
        session.output.page(items, after)
        return
    session.output.table(
        ("cache", "name", "scope", "flow", "run", "created"),
        [(one.id, one.name, one.scope, one.flow, one.run, one.created_at) for one in items],
        empty="No caches. An add_to_cache step makes one.",
    )
    more(session, after)


@app.command
async def show(
    cache: Cache,
    /,
    *,
    text: Annotated[str | None, Parameter(help="Only entries whose names hold this text.")] = None,
    limit: PageLimit = 50,
    cursor: PageCursor = None,
    session: Injected,
) -> None:
    """List the entries of a cache."""
    page_size(limit)
    async with session.connect() as client:
        items, after = await gather(
            lambda most, place: client.caches.entries(cache, text=text, limit=most, cursor=place),
            limit,
            cursor,
        )
    if session.json:
        session.output.page(items, after)
        return
    session.output.table(
        ("entry", "pages", "size", "at", "expires"),
        [(one.entry, one.pages, size(one.size_bytes), one.at, one.expires_at) for one in items],
        empty="No entries.",
    )
    more(session, after)


@app.command
async def pages(cache: Cache, entry: Entry, /, *, session: Injected) -> None:
    """List the pages of a cache entry, oldest first."""
    async with session.connect() as client:
        found = await client.caches.pages(cache, entry)
    if session.json:
        session.output.page(found.items, found.next)
        return
    session.output.table(
        ("page", "run", "step", "items", "size", "media type", "at", "expires"),
        [
            (
                one.page,
                one.run,
                one.step,
                one.items,
                size(one.size_bytes),
                one.media_type,
                one.at,
                one.expires_at,
            )
            for one in found.items
        ],
        empty="No pages.",
    )


@app.command
async def content(
    cache: Cache,
    entry: Entry,
    /,
    *,
    page: Annotated[
        int, Parameter(allow_leading_hyphen=True, help="Number of the page; -1 is the last.")
    ] = -1,
    out: OutFile = None,
    session: Injected,
) -> None:
    """Print the exact bytes of a page of a cache entry."""
    async with session.connect() as client:
        await write_out(session, out, client.caches.content(cache, entry, page))


@app.command
async def delete(
    cache: Cache,
    entry: Annotated[str | None, Parameter(help="Only the entry of this name.")] = None,
    /,
    *,
    yes: Yes = False,
    session: Injected,
) -> None:
    """Delete an entry of a cache, or the whole cache."""
    if entry is None:
        confirm(session, f"Delete the cache {cache} with all its entries?", yes=yes)
    async with session.connect() as client:
        if entry is not None:
            done = await client.caches.remove(cache, entry)
        else:
            done = await client.caches.delete(cache)
    if session.json:
        session.output.view(done)
        return
    session.output.text(f"{done.removed} pages deleted.")


@app.command
async def clear(
    cache: Cache,
    /,
    *,
    expired: Annotated[bool, Parameter(help="Only pages whose time is over.")] = False,
    yes: Yes = False,
    session: Injected,
) -> None:
    """Delete all pages of a cache, or those whose time is over."""
    if not expired:
        confirm(session, f"Delete all pages of the cache {cache}?", yes=yes)
    async with session.connect() as client:
        done = await client.caches.clear(cache, expired=expired)
    if session.json:
        session.output.view(done)
        return
    session.output.text(f"{done.removed} pages deleted.")
