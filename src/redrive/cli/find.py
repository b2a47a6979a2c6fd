"""The verb find."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from redrive.cli.options import PageCursor, PageLimit, page_size
from redrive.cli.paging import gather
from redrive.cli.runs import more
from redrive.cli.session import Injected


async def find(
    value: Annotated[str, Parameter(allow_leading_hyphen=True, help="The value, exactly as it is spelt.")],
    /,
    *,
    field: Annotated[str | None, Parameter(help="Only in this tracked field.")] = None,
    limit: PageLimit = 50,
    cursor: PageCursor = None,
    session: Injected,
) -> None:
    """Find every run and step in which an item with this key or tracked value stood."""
    page_size(limit)
    async with session.connect() as client:
        items, after = await gather(
            lambda most, place: client.search.find(value, field=field, limit=most, cursor=place),
            limit,
            cursor,
        )
    if session.json:
        session.output.page(items, after)
        return
    session.output.table(
        ("run", "flow", "step", "payload", "item", "field", "value", "delivery", "at"),
        [
            (one.run, one.flow, one.step, one.payload, one.item, one.field, one.value, one.delivery, one.at)
            for one in items
        ],
        empty="Found in no tracked field and no delivery key.",
    )
    more(session, after)
