"""The verb lookups: cross-reference tables."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import App, Parameter

from redrive.cli.options import PageCursor, PageLimit, Yes, page_size
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

app = App(name="lookups", help="List, import, export and change cross-reference tables.")

Name = Annotated[str, Parameter(help="Name of the lookup.")]
From = Annotated[str, Parameter(allow_leading_hyphen=True, help="Value of the first column.")]


@app.default
@app.command(name="list")
async def list_(*, limit: PageLimit = 50, cursor: PageCursor = None, session: Injected) -> None:
    """List lookups."""
    page_size(limit)
    async with session.connect() as client:
        items, after = await gather(
            lambda most, place: client.lookups.list(limit=most, cursor=place), limit, cursor
        )
    if session.json:
        session.output.page(items, after)
        return
    session.output.table(
        ("lookup", "from", "to", "entries", "updated"),
        [(one.name, *one.columns, one.entries, one.updated_at) for one in items],
        empty="No lookups. `redrive lookups import NAME FILE` makes one.",
    )
    more(session, after)


@app.command
async def show(
    lookup: Name, /, *, limit: PageLimit = 50, cursor: PageCursor = None, session: Injected
) -> None:
    """List the entries of a lookup, in its order."""
    await _entries(session, lookup, None, limit, cursor)


@app.command
async def search(
    lookup: Name,
    text: Annotated[str, Parameter(allow_leading_hyphen=True, help="Part of either column.")],
    /,
    *,
    limit: PageLimit = 50,
    cursor: PageCursor = None,
    session: Injected,
) -> None:
    """List the entries that hold a text, whatever its case."""
    await _entries(session, lookup, text, limit, cursor)


async def _entries(session: Injected, name: str, text: str | None, limit: int, cursor: str | None) -> None:
    page_size(limit)
    async with session.connect() as client:
        items, after = await gather(
            lambda most, place: client.lookups.entries(name, text=text, limit=most, cursor=place),
            limit,
            cursor,
        )
    if session.json:
        session.output.page(items, after)
        return
    session.output.table(("from", "to"), [(one.from_, one.to) for one in items], empty="No entries.")
    more(session, after)


@app.command
async def find(
    lookup: Name,
    value: Annotated[str, Parameter(allow_leading_hyphen=True, help="Value to look up.")],
    /,
    *,
    direction: Annotated[
        Literal["forward", "backward"], Parameter(help="From the first column, or back.")
    ] = "forward",
    match: Annotated[
        Literal["exact", "trimmed", "case_insensitive", "loose", "prefix"],
        Parameter(help="How value and row are compared."),
    ] = "exact",
    session: Injected,
) -> None:
    """Print what a step would find for a value."""
    async with session.connect() as client:
        found = await client.lookups.find(lookup, value, direction=direction, match=match)
    if session.json:
        session.output.view(found)
    elif found.to is None:
        session.output.note("It is in no row.")
    else:
        session.output.text(visible(found.to))


@app.command(name="import")
async def import_(
    lookup: Name,
    file: Source,
    /,
    *,
    header: Header = "auto",
    column: Column = None,
    delimiter: Delimiter = None,
    encoding: Encoding = "utf-8",
    duplicates: Annotated[
        Literal["refuse", "first", "last"],
        Parameter(help="What to do where a value of the first column stands twice."),
    ] = "refuse",
    session: Injected,
) -> None:
    """Replace a lookup by the two columns of a CSV, or make it; all or nothing."""
    form = form_of(file, header, column, delimiter, encoding)
    with csv_chunks(file) as chunks:
        async with session.connect() as client:
            done = await client.lookups.import_(lookup, chunks, form=form, duplicates=duplicates)
    tell_imported(session, done)


@app.command
async def export(lookup: Name, /, *, out: OutFile = None, session: Injected) -> None:
    """Print a lookup as CSV."""
    async with session.connect() as client:
        await write_out(session, out, client.lookups.export(lookup))


@app.command(name="set")
async def set_(
    lookup: Name,
    source: From,
    to: Annotated[str, Parameter(allow_leading_hyphen=True, help="Value of the second column.")],
    /,
    *,
    session: Injected,
) -> None:
    """Add an entry or change it; the lookup is made where there is none."""
    async with session.connect() as client:
        done = await client.lookups.set(lookup, source, to)
    if session.json:
        session.output.view(done)
        return
    session.output.text(f"{visible(done.name)} has {counted(done.entries, 'entry')}.")


@app.command
async def delete(
    lookup: Name,
    source: Annotated[str | None, Parameter(help="Only the entry with this first column.")] = None,
    /,
    *,
    yes: Yes = False,
    session: Injected,
) -> None:
    """Delete an entry, or the whole lookup."""
    if source is None:
        confirm(session, f"Delete the lookup {lookup} with all its entries?", yes=yes)
    async with session.connect() as client:
        if source is not None:
            done = await client.lookups.remove(lookup, source)
        else:
            done = await client.lookups.delete(lookup)
    if session.json:
        session.output.view(done)
        return
    session.output.text(f"{counted(done.removed, 'entry')} deleted.")


@app.command
async def clear(lookup: Name, /, *, yes: Yes = False, session: Injected) -> None:
    """Delete all entries of a lookup; it stays."""
    confirm(session, f"Delete all entries of the lookup {lookup}?", yes=yes)
    async with session.connect() as client:
        done = await client.lookups.clear(lookup)
    if session.json:
        session.output.view(done)
        return
    session.output.text(f"{counted(done.removed, 'entry')} deleted.")
