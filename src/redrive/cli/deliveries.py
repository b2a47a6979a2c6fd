"""The verbs deliveries and resolve: the ledger."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from redrive.cli.options import PageCursor, PageLimit, page_size
from redrive.cli.output import visible
from redrive.cli.paging import gather
from redrive.cli.runs import more
from redrive.cli.session import Injected
from redrive.errors import UsageError


async def deliveries(
    delivery: Annotated[str | None, Parameter(help="Id of one delivery: shows its history.")] = None,
    /,
    *,
    status: Annotated[
        Literal["begun", "delivered", "rejected", "unknown"] | None, Parameter(help="Only in this state.")
    ] = None,
    key: Annotated[str | None, Parameter(allow_leading_hyphen=True, help="Only with this key.")] = None,
    limit: PageLimit = 50,
    cursor: PageCursor = None,
    session: Injected,
) -> None:
    """List what was sent under which key, and how that ended; or show one delivery with its history."""
    if delivery is not None:
        await _one(session, delivery)
        return
    page_size(limit)
    async with session.connect() as client:
        items, after = await gather(
            lambda most, place: client.ledger.list(status=status, key=key, limit=most, cursor=place),
            limit,
            cursor,
        )
    if session.json:
        session.output.page(items, after)
        return
    session.output.table(
        ("delivery", "ledger", "connection", "endpoint", "key", "status", "run", "step", "at"),
        [
            (one.id, one.ledger, one.connection, one.endpoint, one.key, one.status, one.run, one.step, one.at)
            for one in items
        ],
        empty="No deliveries.",
    )
    more(session, after)


async def _one(session: Injected, delivery: str) -> None:
    async with session.connect() as client:
        found = await client.ledger.get(delivery)
    if session.json:
        session.output.view(found)
        return
    session.output.facts(
        [
            ("delivery", found.id),
            ("key", found.key),
            ("status", found.status),
            ("ledger", found.ledger),
            ("to", f"{found.connection} {found.endpoint}"),
            ("payload", found.payload),
            ("item", found.item),
        ]
    )
    session.output.table(
        ("run", "status", "at"),
        [(one.run, one.status, one.at) for one in found.history],
        empty="It has no history.",
    )


async def resolve(
    delivery: Annotated[str, Parameter(help="Id of the delivery.")],
    /,
    *,
    sent: Annotated[bool, Parameter(help="It arrived: it becomes delivered.")] = False,
    not_sent: Annotated[bool, Parameter(help="It did not arrive: it becomes rejected.")] = False,
    reason: Annotated[str, Parameter(help="How you know; kept with the delivery.")],
    session: Injected,
) -> None:
    """Say of an unknown delivery whether it arrived, after a look into the other system."""
    if sent == not_sent:
        raise UsageError(
            "Both --sent and --not-sent are given" if sent else "Neither --sent nor --not-sent is given",
            hint="--sent: it arrived. --not-sent: it did not, and may be sent again.",
        )
    if not reason.strip():
        raise UsageError("--reason is empty", at="--reason", hint="Say how you know.")
    async with session.connect() as client:
        done = await client.ledger.resolve(delivery, sent=sent, reason=reason)
    if session.json:
        session.output.view(done)
        return
    session.output.text(f"{done.id}  {visible(done.key)}  {done.status}")
