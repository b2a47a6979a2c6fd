"""The verb flows: list them, switch them on and off, delete them."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from redrive.cli.options import PageCursor, PageLimit, page_size
from redrive.cli.output import visible
from redrive.cli.paging import gather
from redrive.cli.runs import more
from redrive.cli.session import Injected
from redrive.cli.versions import restore, versions
from redrive.errors import ConfirmationNeeded

app = App(name="flows", help="List, enable, disable and delete flows.")

Name = Annotated[str, Parameter(help="Name of the flow.")]


@app.default
@app.command(name="list")
async def list_(*, limit: PageLimit = 50, cursor: PageCursor = None, session: Injected) -> None:
    """List flows."""
    page_size(limit)
    async with session.connect() as client:
        items, after = await gather(
            lambda most, place: client.flows.list(limit=most, cursor=place), limit, cursor
        )
    if session.json:
        session.output.page(items, after)
        return
    session.output.table(
        ("flow", "enabled", "deployed", "draft", "versions", "warnings"),
        [
            (one.name, one.enabled, one.deployed, one.draft, one.versions, "; ".join(one.warnings))
            for one in items
        ],
        empty="No flows. `redrive import PATH` takes some in.",
    )
    more(session, after)


app.command(versions)
app.command(restore)


@app.command
async def enable(flow: Name, /, *, session: Injected) -> None:
    """Let schedules, webhooks, callbacks and events start a flow."""
    await _switch(session, flow, on=True)


@app.command
async def disable(flow: Name, /, *, session: Injected) -> None:
    """Keep schedules, webhooks, callbacks and events from starting a flow."""
    await _switch(session, flow, on=False)


async def _switch(session: Injected, flow: str, *, on: bool) -> None:
    async with session.connect() as client:
        done = await client.flows.enable(flow, on)
    if session.json:
        session.output.view(done)
        return
    session.output.text(f"{visible(done.name)} is {'enabled' if done.enabled else 'disabled'}.")


@app.command
async def form(
    flow: Name,
    /,
    *,
    version: Annotated[str | None, Parameter(help="deployed, draft or a number.")] = None,
    session: Injected,
) -> None:
    """Show what a start of a flow can be given: its variables, and the steps that may be skipped."""
    async with session.connect() as client:
        found = await client.flows.start_form(flow, version=version)
    if session.json:
        session.output.view(found)
        return
    session.output.table(
        ("variable", "type", "default", "needed", "description"),
        [
            (one.name, one.type, one.default, "yes" if one.required else "", one.description)
            for one in found.variables
        ],
        empty="It has no variables.",
    )
    session.output.table(
        ("step", "shape", "skipped"),
        [("  " * one.depth + one.step, one.shape, "yes" if one.skip else "") for one in found.steps],
        empty="It has no steps.",
    )


@app.command
async def delete(
    flow: Name,
    /,
    *,
    yes: Annotated[bool, Parameter(help="Confirm without being asked.")] = False,
    session: Injected,
) -> None:
    """Delete a flow and its versions. Its runs stay readable."""
    question = f"This deletes the flow {flow} with all its versions; its runs stay"
    if not yes and not (session.output.may_ask and session.output.ask(f"{question}. Delete it?")):
        raise ConfirmationNeeded(question, at=flow, hint="--yes deletes it without a question.")
    async with session.connect() as client:
        await client.flows.delete(flow)
    if session.json:
        session.output.value({"flow": flow, "deleted": True})
        return
    session.output.text(f"{visible(flow)} is deleted.")
