"""The verbs queue, pause, resume and circuits: what waits and why, and what people do about it."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from redrive.cli.options import PageCursor, PageLimit, page_size
from redrive.cli.output import cell, visible
from redrive.cli.paging import gather
from redrive.cli.runs import more
from redrive.cli.session import Injected, Session
from redrive.client import Client
from redrive.client.records import MoveRequest, PauseKind, PauseRequest
from redrive.core.flow import Priority
from redrive.errors import UsageError

app = App(name="queue", help="List what waits and why; move a run in the queue.")
circuits = App(name="circuits", help="List connections whose target is down, and close a circuit.")

Flow = Annotated[str | None, Parameter(help="Name of a flow.")]
Connection = Annotated[str | None, Parameter(help="Name of a connection.")]


@app.default
@app.command(name="list")
async def list_(*, limit: PageLimit = 100, cursor: PageCursor = None, session: Injected) -> None:
    """List what waits and why, in the order in which it would start."""
    page_size(limit)
    async with session.connect() as client:
        items, after = await gather(
            lambda most, place: client.queue.list(limit=most, cursor=place), limit, cursor
        )
        if session.json:
            session.output.page(items, after)
            return
        session.output.table(
            ("#", "run", "flow", "priority", "queued", "reason"),
            [
                (
                    item.position,
                    item.run,
                    item.flow,
                    item.priority,
                    item.queued_at,
                    _why(item.reason, item.until),
                )
                for item in items
            ],
            empty="Nothing waits.",
        )
        await _tell_held(session, client)
    more(session, after)


def _why(reason: str, until: object) -> str:
    return f"{reason}, until {cell(until)}" if until is not None else reason


async def _tell_held(session: Session, client: Client) -> None:
    for pause in (await client.queue.pauses()).items:
        what = "Everything" if pause.kind == "all" else f"The {pause.kind} {visible(pause.name)}"
        told = f": {visible(pause.reason)}" if pause.reason else ""
        session.output.note(f"{what} is paused since {cell(pause.at)} by {visible(pause.actor)}{told}")
    for one in (await client.queue.circuits()).items:
        session.output.note(
            f"The target of connection {visible(one.connection)} is down since {cell(one.opened_at)}, next "
            f"try at {cell(one.until)}: {visible(one.error)}"
        )


@app.command
async def move(
    run: Annotated[str, Parameter(help="Id of a queued run.")],
    /,
    *,
    front: Annotated[bool, Parameter(help="Before all that waits.")] = False,
    priority: Annotated[Priority | None, Parameter(help="Its new priority.")] = None,
    session: Injected,
) -> None:
    """Give a queued run another place."""
    async with session.connect() as client:
        item = await client.queue.move(run, MoveRequest(priority=priority, front=front))
    if session.json:
        session.output.view(item)
        return
    if not item.position:
        session.output.text(f"{item.run}  {item.reason}")
        return
    session.output.text(f"{item.run}  place {item.position}, {item.priority}: {visible(item.reason)}")


async def pause(
    *,
    flow: Flow = None,
    connection: Connection = None,
    all_: Annotated[bool, Parameter(name="--all", help="Everything.")] = False,
    reason: Annotated[str, Parameter(help="Why; the queue shows it.")] = "",
    session: Injected,
) -> None:
    """Let no run start of a flow, of those that use a connection, or at all.

    Runs under way go on, and wait before they use a paused connection. Starts are still queued.
    """
    kind, name = _what(flow, connection, all_)
    async with session.connect() as client:
        done = await client.queue.pause(PauseRequest(kind=kind, name=name, reason=reason))
    if session.json:
        session.output.view(done)
        return
    session.output.text(f"{_named(kind, name)} is paused.")


async def resume(
    *,
    flow: Flow = None,
    connection: Connection = None,
    all_: Annotated[
        bool, Parameter(name="--all", help="Everything, as it was paused by `pause --all`.")
    ] = False,
    session: Injected,
) -> None:
    """Let runs start again of what was paused."""
    kind, name = _what(flow, connection, all_)
    async with session.connect() as client:
        done = await client.queue.resume(kind, name)
    if session.json:
        session.output.view(done)
        return
    session.output.text(f"{_named(kind, name)} {'goes on' if done.removed else 'was not paused'}.")


def _what(flow: str | None, connection: str | None, all_: bool) -> tuple[PauseKind, str]:
    given: list[tuple[PauseKind, str]] = []
    if flow is not None:
        given.append(("flow", flow))
    if connection is not None:
        given.append(("connection", connection))
    if all_:
        given.append(("all", ""))
    if len(given) != 1:
        raise UsageError("expected one of --flow NAME, --connection NAME or --all", at="--flow")
    return given[0]


def _named(kind: str, name: str) -> str:
    return "Everything" if kind == "all" else f"The {kind} {visible(name)}"


@circuits.default
@circuits.command(name="list")
async def circuits_list(*, session: Injected) -> None:
    """List connections whose target is down: runs wait for them instead of failing."""
    async with session.connect() as client:
        found = await client.queue.circuits()
    if session.json:
        session.output.page(found.items, found.next)
        return
    session.output.table(
        ("connection", "since", "next try", "failures", "error"),
        [
            (one.connection, one.opened_at, "now" if one.trying else one.until, one.failures, one.error)
            for one in found.items
        ],
        empty="No circuit is open.",
    )


@circuits.command
async def reset(
    connection: Annotated[str, Parameter(help="Name of the connection.")], /, *, session: Injected
) -> None:
    """Close a circuit: what waits for the target goes on at once."""
    async with session.connect() as client:
        done = await client.queue.reset(connection)
    if session.json:
        session.output.view(done)
        return
    session.output.text(
        f"The circuit of connection {visible(connection)} {'is closed' if done.removed else 'was not open'}."
    )
