"""The verb mask: what is hidden from those who may not see it."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from redrive.cli.options import Yes
from redrive.cli.output import visible
from redrive.cli.session import Injected, Session
from redrive.cli.tables import confirm
from redrive.client.records import MaskRequest, MaskView

app = App(name="mask", help="List, set and delete masking rules.")

Name = Annotated[str, Parameter(help="Name of the rule.")]


@app.default
@app.command(name="list")
async def list_(*, session: Injected) -> None:
    """List masking rules."""
    async with session.connect() as client:
        page = await client.masks.list()
    if session.json:
        session.output.page(page.items, page.next)
        return
    session.output.table(
        ("rule", "flow", "fields", "pattern", "note"),
        [(one.name, one.flow or "all", ", ".join(one.fields), one.pattern, one.note) for one in page.items],
        empty="No masking rules. `redrive mask set NAME --field email` makes one.",
    )


@app.command(name="set")
async def set_(
    name: Name,
    /,
    *,
    field: Annotated[
        list[str] | None,
        Parameter(help="Field to hide, such as email or customer.phone or *card*; may be repeated."),
    ] = None,
    pattern: Annotated[str | None, Parameter(help="Regular expression of values to hide.")] = None,
    flow: Annotated[str | None, Parameter(help="Only in data of this flow; else of all.")] = None,
    note: Annotated[str | None, Parameter(help="Why.")] = None,
    session: Injected,
) -> None:
    """Hide fields and values from all who lack the right `reveal`. Replaces a rule of that name."""
    request = MaskRequest(fields=field or [], pattern=pattern, flow=flow, note=note)
    async with session.connect() as client:
        _print(session, await client.masks.set(name, request))


@app.command
async def delete(name: Name, /, *, yes: Yes = False, session: Injected) -> None:
    """Delete a rule: what it hid is seen again."""
    confirm(session, f"Delete the masking rule {visible(name)}", yes=yes)
    async with session.connect() as client:
        await client.masks.delete(name)
    if session.json:
        session.output.value({"mask": name, "deleted": True})
        return
    session.output.text(f"{visible(name)} is deleted.")


def _print(session: Session, mask: MaskView) -> None:
    if session.json:
        session.output.view(mask)
        return
    hidden = [*mask.fields, *([f"/{mask.pattern}/"] if mask.pattern else [])]
    session.output.text(
        f"{visible(mask.name)} hides {visible(', '.join(hidden))} in {visible(mask.flow or 'all flows')}"
    )
