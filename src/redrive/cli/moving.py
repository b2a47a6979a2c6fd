"""The verb move."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from redrive.cli.session import Injected
from redrive.core.counting import counted
from redrive.errors import HomeUnusable, UsageError


async def move(
    *,
    store: Annotated[
        str | None, Parameter(help="Address of an empty PostgreSQL database, or `file`.")
    ] = None,
    objects: Annotated[
        str | None, Parameter(help="Address of an object store, as the setting `objects`.")
    ] = None,
    session: Injected,
) -> None:
    """Copy all records of the home to another store, its objects too, and compare everything.

    Nobody may execute the home's runs meanwhile. What was there before stays as it is.
    """
    from redrive.client.connecting import home_of, live_server, settings_of
    from redrive.client.local import move_home
    from redrive.settings import load

    if session.url is not None:
        raise UsageError("`move` works on a home folder, not an address", at="--url", hint="Give --home DIR.")
    given = load(options={"home": str(session.home) if session.home else None})
    home = home_of(given)
    if (live := await live_server(home)) is not None:
        raise HomeUnusable(
            f"the home {home} is served at {live.url}",
            code="home.locked",
            hint=f"End process {live.pid} first; start it again on the new store.",
        )
    output = session.output
    before: list[str] = []

    def told(name: str, _count: int) -> None:
        if output.shows_progress and before[-1:] != [name]:
            before.append(name)
            output.note(f"{name.replace('_', ' ')} …")

    moved = await move_home(home, settings_of(home), store=store, objects=objects, told=told)
    if session.json:
        output.view(moved)
        return
    if objects is not None:
        count = next(one.count for one in moved.moved if one.name == "objects")
        output.text(f"{counted(count, 'object')} copied, each read whole and compared with its hash.")
        output.text("Set REDRIVE_OBJECTS to the new address to use it.")
    if moved.target is not None:
        count = sum(one.count for one in moved.moved if one.name != "objects")
        output.text(
            f"{counted(count, 'record')} copied from {moved.source} to {moved.target}; all alike in both."
        )
        if store == "file":
            output.text("Unset REDRIVE_STORE and remove the file records-store from the home to use it.")
        else:
            output.text("Set REDRIVE_STORE to the new address to use it.")
    output.text("What was there before was left as it is.")
