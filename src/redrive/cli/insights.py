"""The verb insights: how many runs ended how, and how long they took, over time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from cyclopts import Parameter

from redrive.cli.options import since as since_when
from redrive.cli.output import seconds
from redrive.cli.session import Injected
from redrive.client.records import InsightCounts


async def insights(
    *,
    flow: Annotated[str | None, Parameter(help="Only runs of this flow.")] = None,
    since: Annotated[
        str | None, Parameter(help="Runs queued since then: 24h, 30d, or an instant. Default: 7d.")
    ] = None,
    bucket: Annotated[
        Literal["hour", "day"] | None, Parameter(help="By hours or days; default: by hours up to 3 days.")
    ] = None,
    session: Injected,
) -> None:
    """Show how many runs ended how, and how long half of them, and 95 of 100, took at most."""
    at = since_when(since, datetime.now(UTC))
    async with session.connect() as client:
        found = await client.insights.get(flow=flow, since=at, bucket=bucket)
    if session.json:
        session.output.view(found)
        return
    head = ("runs", "success", "partial", "failure", "stopped", "p50", "p95")
    form = "%Y-%m-%d %H:%M" if found.bucket == "hour" else "%Y-%m-%d"
    session.output.table(
        ("flow", *head), [(one.flow, *_cells(one)) for one in found.flows], empty="No run in this time."
    )
    session.output.table(
        (found.bucket, *head),
        [(one.at.strftime(form), *_cells(one)) for one in found.buckets if one.runs],
        empty="",
    )
    if not found.complete:
        session.output.note("Older runs are still being counted: these numbers grow.")


def _cells(one: InsightCounts) -> tuple[object, ...]:
    return (
        one.runs,
        one.success,
        one.partial_success,
        one.failure,
        one.stopped,
        seconds(one.p50_s),
        seconds(one.p95_s),
    )
