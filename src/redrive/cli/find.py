"""The verbs find and search."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from redrive.cli.options import PageCursor, PageLimit, page_size
from redrive.cli.output import size
from redrive.cli.runs import more
from redrive.cli.session import Injected
from redrive.client.records import FindItem, SearchStatus

app = App(name="search", help="Show the search index, or build it anew.")

_SPELT = {
    "off": "off",
    "missing": "not built yet",
    "building": "being built",
    "behind": "catching up",
    "complete": "complete",
}
_COUNTED = 5_000  # what waits is counted no further


async def find(
    value: Annotated[str, Parameter(allow_leading_hyphen=True, help="The value, as it is spelt.")],
    /,
    *,
    field: Annotated[str | None, Parameter(help="Only in this field.")] = None,
    everywhere: Annotated[
        bool,
        Parameter(negative="", help="In all payloads too where it is a delivery key or tracked value."),
    ] = False,
    limit: PageLimit = 50,
    cursor: PageCursor = None,
    session: Injected,
) -> None:
    """Find the runs, steps, payloads and items that hold a value.

    First as delivery key or tracked value, exactly. Where it is neither, in any payload that is kept: as a
    whole value or within one, upper or lower case.
    """
    page_size(limit)
    items: list[FindItem] = []
    note = None
    after = cursor
    async with session.connect() as client:
        while True:
            page = await client.search.find(
                value, field=field, everywhere=everywhere, limit=limit - len(items), cursor=after
            )
            items += page.items
            after, note = page.next, note or page.note
            if after is None or len(items) >= limit:
                break
    if session.json:
        rows = [item.model_dump(by_alias=True) for item in items]
        said = {"note": note} if note is not None else {}
        session.output.value({"items": rows, "next": after, **said})
        return
    session.output.table(
        ("run", "flow", "step", "payload", "item", "field", "value", "delivery", "at"),
        [
            (one.run, one.flow, one.step, one.payload, one.item, one.field, one.value, one.delivery, one.at)
            for one in items
        ],
        empty="Found nowhere.",
    )
    if note is not None:
        session.output.note(note)
    more(session, after)


@app.default
@app.command
async def status(*, session: Injected) -> None:
    """Show what the search index holds, and what it has not taken up yet."""
    async with session.connect() as client:
        found = await client.search.status()
    _show(session, found)


@app.command
async def rebuild(*, session: Injected) -> None:
    """Throw the search index away and build it anew, the newest runs first.

    Under `redrive up` it is built in the background; else for a moment now, and then at each `redrive find`.
    """
    async with session.connect() as client:
        found = await client.search.rebuild()
    _show(session, found)


def _counted(runs: int) -> str:
    return f"{runs} or more" if runs >= _COUNTED else str(runs)


def _show(session: Injected, found: SearchStatus) -> None:
    if session.json:
        session.output.view(found)
        return
    session.output.facts(
        [
            ("state", _SPELT[found.state]),
            ("waiting runs", _counted(found.waiting_runs)),
            ("waiting payloads", found.waiting_payloads),
            ("waiting since", found.waiting_since),
            ("older runs to take up", _counted(found.older_runs)),
            ("documents", found.documents),
            ("size", size(found.size_bytes)),
        ]
    )
