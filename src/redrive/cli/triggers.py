"""The verb triggers: when schedules come next, and where webhooks and callbacks are called."""

from __future__ import annotations

from typing import Annotated, Final

from cyclopts import Parameter

from redrive.cli.options import PageCursor, PageLimit, page_size
from redrive.cli.output import visible
from redrive.cli.runs import more
from redrive.cli.session import Injected

MOST: Final = 500
"""Flows of a page."""


async def triggers(
    flow: Annotated[
        str | None, Parameter(help="Only the triggers of this flow, with their next times and tokens.")
    ] = None,
    /,
    *,
    limit: PageLimit = 100,
    cursor: PageCursor = None,
    session: Injected,
) -> None:
    """List triggers: rules and next times of schedules, addresses of hooks and what their calls need."""
    page_size(limit)
    async with session.connect() as client:
        page = await client.triggers.list(flow, limit=min(limit, MOST), cursor=cursor)
    items, after = page.items, page.next
    if session.json:
        session.output.page(items, after)
        return
    session.output.table(
        ("flow", "kind", "when or where", "needs", "active", "next"),
        [
            (
                one.flow,
                one.kind,
                one.rule or one.address,
                ", ".join(one.wants),
                "yes" if one.active else f"not {' and not '.join(one.missing)}" if one.missing else "no",
                one.next[0] if one.next and one.active else None,
            )
            for one in items
        ],
        empty="No triggers. A flow document has them under `triggers`.",
    )
    for one in items if flow is not None else ():
        where = f"{one.kind} {visible(one.name)}" if one.name else one.kind
        if one.next:
            times = ", ".join(time.strftime("%Y-%m-%dT%H:%M:%SZ") for time in one.next)
            session.output.text(f"{where}: next {times}")
        if one.token is not None:
            session.output.text(f"{where}: token {one.token}")
    for one in items:
        for problem in one.problems:
            session.output.text(f"warning: {one.flow}: {visible(problem)}")
    more(session, after)
