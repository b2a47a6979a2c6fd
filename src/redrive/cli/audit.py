"""The verb audit: who did what."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter

from redrive.cli.options import PageCursor, PageLimit, page_size
from redrive.cli.options import since as since_when
from redrive.cli.paging import gather
from redrive.cli.runs import more
from redrive.cli.session import Injected


async def audit(
    *,
    who: Annotated[str | None, Parameter(help="Name of an account, token or process.")] = None,
    what: Annotated[
        str | None, Parameter(help="An action, such as run.stop, or all of a noun, such as run.")
    ] = None,
    subject: Annotated[str | None, Parameter(help="What it was done to, such as a run's id.")] = None,
    since: Annotated[str | None, Parameter(help="An instant, or a time ago such as 2d.")] = None,
    limit: PageLimit = 50,
    cursor: PageCursor = None,
    session: Injected,
) -> None:
    """List who did what, when, from where, and how it ended; the newest first."""
    page_size(limit)
    at = since_when(since, datetime.now(UTC))
    async with session.connect() as client:
        items, after = await gather(
            lambda most, place: client.audit.list(
                who=who, what=what, subject=subject, since=at, limit=most, cursor=place
            ),
            limit,
            cursor,
        )
    if session.json:
        session.output.page(items, after)
        return
    session.output.table(
        ("at", "who", "via", "from", "what", "to what", "result"),
        [(one.at, one.actor, one.via, one.address, one.action, one.subject, one.result) for one in items],
        empty="No lines.",
    )
    more(session, after)
