"""The verb pools: data pools, which say what was seen before."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from cyclopts import App, Parameter

from redrive.cli.options import PageCursor, PageLimit, Yes, page_size, since
from redrive.cli.output import visible
from redrive.cli.paging import gather
from redrive.cli.runs import more
from redrive.cli.session import Injected
from redrive.cli.tables import (
    Column,
    Delimiter,
    Encoding,
    Header,
    OutFile,
    Source,
    confirm,
    csv_chunks,
    form_of,
    tell_imported,
    write_out,
)
from redrive.core.counting import counted

app = App(name="pools", help="List, import, export and clear data pools.")

Name = Annotated[str, Parameter(help="Name of the data pool.")]
Flow = Annotated[str | None, Parameter(help="The flow that the pool belongs to; without, flows share it.")]
OlderThan = Annotated[
    str | None, Parameter(help="Only entries older than this: 12h, 30d, or before an instant.")
]

Key = Annotated[str, Parameter(help="Keys of items.")]


def _before(text: str | None) -> datetime | None:
    return since(text, datetime.now(UTC))


@app.default
@app.command(name="list")
async def list_(*, limit: PageLimit = 50, cursor: PageCursor = None, session: Injected) -> None:
    """List data pools."""
    page_size(limit)
    async with session.connect() as client:
        items, after = await gather(
            lambda most, place: client.pools.list(limit=most, cursor=place), limit, cursor
        )
    if session.json:
        session.output.page(items, after)
        return
    session.output.table(
        ("pool", "flow", "entries", "provisional", "created"),
        [(one.name, one.flow, one.entries, one.provisional, one.created_at) for one in items],
        empty="No data pools. A dedupe step makes one, or `redrive pools add NAME KEY`.",
    )
    more(session, after)


@app.command
async def show(
    pool: Name,
    /,
    *,
    flow: Flow = None,
    older_than: OlderThan = None,
    limit: PageLimit = 50,
    cursor: PageCursor = None,
    session: Injected,
) -> None:
    """List the keys in a data pool; first the provisional ones of runs under way."""
    await _entries(session, pool, flow, None, _before(older_than), limit, cursor)


@app.command
async def search(
    pool: Name,
    text: Annotated[str, Parameter(allow_leading_hyphen=True, help="Part of a key.")],
    /,
    *,
    flow: Flow = None,
    limit: PageLimit = 50,
    cursor: PageCursor = None,
    session: Injected,
) -> None:
    """List the keys that hold a text."""
    await _entries(session, pool, flow, text, None, limit, cursor)


async def _entries(
    session: Injected,
    name: str,
    flow: str | None,
    text: str | None,
    before: datetime | None,
    limit: int,
    cursor: str | None,
) -> None:
    page_size(limit)
    async with session.connect() as client:
        items, after = await gather(
            lambda most, place: client.pools.entries(
                name, flow=flow, text=text, before=before, limit=most, cursor=place
            ),
            limit,
            cursor,
        )
    if session.json:
        session.output.page(items, after)
        return
    session.output.table(
        ("key", "since", "run", "provisional"),
        [(one.key, one.at, one.run, one.provisional) for one in items],
        empty="No entries.",
    )
    more(session, after)


@app.command
async def add(
    pool: Name,
    /,
    *keys: Annotated[str, Parameter(allow_leading_hyphen=True, help="Keys of items.")],
    flow: Flow = None,
    session: Injected,
) -> None:
    """Put keys into a data pool: their items are left out from now on."""
    async with session.connect() as client:
        done = await client.pools.add(pool, keys, flow=flow)
    if session.json:
        session.output.view(done)
        return
    session.output.text(f"{visible(done.name)} has {counted(done.entries, 'entry')}.")


@app.command(name="import")
async def import_(
    pool: Name,
    file: Source,
    /,
    *,
    flow: Flow = None,
    header: Header = "auto",
    column: Column = None,
    delimiter: Delimiter = None,
    encoding: Encoding = "utf-8",
    session: Injected,
) -> None:
    """Put the keys of a CSV into a data pool, beside what is there; all or nothing."""
    form = form_of(file, header, column, delimiter, encoding)
    with csv_chunks(file) as chunks:
        async with session.connect() as client:
            done = await client.pools.import_(pool, chunks, flow=flow, form=form)
    tell_imported(session, done)


@app.command
async def export(pool: Name, /, *, flow: Flow = None, out: OutFile = None, session: Injected) -> None:
    """Print the keys of a data pool as CSV."""
    async with session.connect() as client:
        await write_out(session, out, client.pools.export(pool, flow=flow))


@app.command
async def delete(
    pool: Name,
    /,
    *keys: Key,
    flow: Flow = None,
    yes: Yes = False,
    session: Injected,
) -> None:
    """Delete keys, whose items then go on when they come again; or the whole data pool."""
    if not keys:
        confirm(session, f"Delete the data pool {pool} with all its entries?", yes=yes)
    async with session.connect() as client:
        if keys:
            done = await client.pools.remove(pool, keys, flow=flow)
        else:
            done = await client.pools.delete(pool, flow=flow)
    if session.json:
        session.output.view(done)
        return
    session.output.text(f"{counted(done.removed, 'entry')} deleted.")


@app.command
async def clear(
    pool: Name, /, *, flow: Flow = None, older_than: OlderThan = None, yes: Yes = False, session: Injected
) -> None:
    """Delete all entries of a data pool, or the old ones; not those of runs under way."""
    which = f"entries older than {older_than}" if older_than else "all entries"
    confirm(session, f"Delete {which} of the data pool {pool}?", yes=yes)
    async with session.connect() as client:
        done = await client.pools.clear(pool, flow=flow, before=_before(older_than))
    if session.json:
        session.output.view(done)
        return
    session.output.text(f"{counted(done.removed, 'entry')} deleted.")
