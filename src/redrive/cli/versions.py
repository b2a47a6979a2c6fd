"""The verbs versions and diff, and `flows restore`: what a flow was, and what has changed since."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from redrive.cli.options import Note, PageCursor, PageLimit, page_size
from redrive.cli.output import Output, visible
from redrive.cli.paging import gather
from redrive.cli.runs import more
from redrive.cli.session import Injected
from redrive.client.records import FlowDiff, SettingChange
from redrive.core.jsonvalue import encode

Name = Annotated[str, Parameter(help="Name of the flow.")]

_SIGNS = {"added": "+", "removed": "-", "changed": "~", "moved": ">"}
_SHOWN = 120


async def versions(
    flow: Name, /, *, limit: PageLimit = 50, cursor: PageCursor = None, session: Injected
) -> None:
    """List the versions of a flow: when and by whom each was made and deployed, and why."""
    page_size(limit)
    async with session.connect() as client:
        items, after = await gather(
            lambda most, place: client.flows.versions(flow, limit=most, cursor=place), limit, cursor
        )
    if session.json:
        session.output.page(items, after)
        return
    session.output.table(
        ("version", "state", "created", "by", "deployed", "by", "note", "digest"),
        [
            (
                one.number,
                one.state,
                one.created_at,
                one.created_by,
                one.deployed_at,
                one.deployed_by,
                one.note,
                one.digest[:12],
            )
            for one in items
        ],
        empty="No versions.",
    )
    more(session, after)


async def restore(
    flow: Name,
    version: Annotated[int, Parameter(help="Number of the version.")],
    /,
    *,
    deploy: Annotated[bool, Parameter(help="Deploy it, too.")] = False,
    note: Note = None,
    session: Injected,
) -> None:
    """Make an older version the draft again. A draft that no version holds is kept as one first."""
    async with session.connect() as client:
        done = await client.flows.restore(flow, version, note=note)
        if deploy:
            await client.flows.deploy(flow, version=version, note=note)
    if session.json:
        session.output.view(done)
        return
    session.output.text(
        f"The draft of {visible(flow)} is version {version}{', which is deployed' if deploy else ''}."
    )
    if done.kept is not None:
        session.output.text(f"The draft before it is kept as version {done.kept}.")


async def diff(
    flow: Name,
    before: Annotated[
        str | None, Parameter(help="deployed, draft or a number; else the deployed version.")
    ] = None,
    after: Annotated[str | None, Parameter(help="The same; else the draft.")] = None,
    /,
    *,
    session: Injected,
) -> None:
    """Show what differs between two versions of a flow, step by step."""
    async with session.connect() as client:
        found = await client.flows.diff(flow, before=before, after=after)
    if session.json:
        session.output.view(found)
        return
    _print(session.output, found)


def _print(output: Output, found: FlowDiff) -> None:
    output.text(f"{visible(found.flow)}: {found.before} -> {found.after}")
    if found.same:
        output.text("No difference.")
    for step in found.steps:
        sign = _SIGNS[step.result]
        place = {"added": f"  {step.place_after}", "removed": f"  was {step.place_before}"}.get(
            step.result, ""
        )
        output.text(f"{sign} {visible(step.step)} ({visible(step.shape)}){visible(place)}")
        if step.moved:
            output.text(f"    moved: {visible(step.place_before or '')} -> {visible(step.place_after or '')}")
        for change in step.changes:
            output.text(f"    {_line(change)}")
    if found.flow_changes:
        output.text("the flow itself")
        for change in found.flow_changes:
            output.text(f"    {_line(change)}")


def _line(change: SettingChange) -> str:
    setting = visible(change.setting)
    if change.kind == "added":
        return f"+ {setting}: {_shown(change.new)}"
    if change.kind == "removed":
        return f"- {setting}: {_shown(change.old)}"
    return f"{setting}: {_shown(change.old)} -> {_shown(change.new)}"


def _shown(value: Any) -> str:
    text = encode(value).decode()
    return visible(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")
