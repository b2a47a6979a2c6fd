"""The verb overview."""

from __future__ import annotations

from redrive.cli.session import Injected


async def overview(*, session: Injected) -> None:
    """Tell what failed, runs and waits, and what became of the runs of the last day, hour by hour."""
    async with session.connect() as client:
        found = await client.runs.overview()
    if session.json:
        session.output.value(found.model_dump())
        return
    more = " or more" if found.more_failures else ""
    session.output.table(
        ("open failures", "running", "queued"),
        [(f"{found.open_failures}{more}", found.running, found.queued)],
        empty="",
    )
    names = sorted(found.counts)
    session.output.table(
        ("hour", *names),
        [(hour.at, *(hour.counts.get(name, "") for name in names)) for hour in found.hours if hour.counts],
        empty=f"No runs since {found.since:%Y-%m-%d %H:%M} UTC.",
    )
