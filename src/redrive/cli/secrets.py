"""The verb secrets: which key seals what is stored, its rotation, and new keys."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from redrive.cli.options import Yes
from redrive.cli.output import visible
from redrive.cli.session import Injected
from redrive.cli.tables import confirm
from redrive.client.records import RotateRequest

app = App(name="secrets", help="Show which key seals stored secrets, and rotate it.")


@app.default
@app.command
async def status(*, session: Injected) -> int:
    """Show which key opens how many secrets; never a value. Exit code 1 where no key opens one."""
    async with session.connect() as client:
        found = await client.secrets.status()
    failed = 1 if found.unreadable else 0
    if session.json:
        session.output.view(found)
        return failed
    output = session.output
    output.text(f"{found.sealed} stored secrets; keys come from {visible(found.source)}")
    output.table(
        ("key", "place", "opens", "seals"),
        [(key.id, key.place, key.sealed, "yes" if key.seals else "") for key in found.keys],
        empty="No key yet: one is made for the first secret.",
    )
    for what in found.unreadable:
        output.note(f"No key at hand opens {visible(what)}.")
    if found.unreadable:
        output.note(
            "Bring back the key that sealed it, or `redrive secrets rotate --lost` and give it again."
        )
    return failed


@app.command
async def rotate(
    *,
    lost: Annotated[
        bool, Parameter(help="Go on though some secrets open with no key: these have to be given again.")
    ] = False,
    hook_tokens: Annotated[
        bool, Parameter(help="New tokens for hooks too, where Redrive makes them; the old ones end.")
    ] = False,
    yes: Yes = False,
    session: Injected,
) -> None:
    """Seal all that is stored with a new key; the old one goes when that is done."""
    if lost or hook_tokens:
        confirm(session, "Rotate the key; what it sealed or made may have to be given again", yes=yes)
    async with session.connect() as client:
        done = await client.secrets.rotate(RotateRequest(lost=lost, hook_tokens=hook_tokens))
    if session.json:
        session.output.view(done)
        return
    session.output.text(f"{done.sealed} stored secrets are sealed with the key {done.key}.")
    if done.dropped:
        session.output.text(f"Gone: {', '.join(done.dropped)}")
    for what in done.unreadable:
        session.output.note(f"Give it again: {visible(what)}.")


@app.command
def key(*, session: Injected) -> None:
    """Print a new key, for REDRIVE_SECRET_KEY or a file. Nothing is changed."""
    from redrive.client.keys import new_key

    if session.json:
        session.output.value({"key": new_key()})
        return
    session.output.text(new_key())
