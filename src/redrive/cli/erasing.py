"""The verb erase."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from redrive.cli.options import PlanOnly, Yes
from redrive.cli.output import Output, visible
from redrive.cli.session import Injected
from redrive.client.records import ErasePlan, EraseRequest
from redrive.errors import ConfirmationNeeded, UsageError


async def erase(
    *,
    key: Annotated[
        str | None,
        Parameter(allow_leading_hyphen=True, help="The value to erase, as it stands in the items."),
    ] = None,
    field: Annotated[str | None, Parameter(help="Only items that have it in this field.")] = None,
    reason: Annotated[str, Parameter(help="Why; kept with the erasing. The value itself is not.")] = "",
    plan: PlanOnly = False,
    list: Annotated[bool, Parameter(help="Only list what was erased before.")] = False,
    yes: Yes = False,
    session: Injected,
) -> None:
    """Erase every item that holds a value: from payloads, exchanges, logs, edits and tracked values.

    A tombstone with the same item number stands in its place. The ledger keeps a keyed hash of delivery
    keys, so that nothing is sent again.
    """
    output = session.output
    if list:
        async with session.connect() as client:
            page = await client.erasures.list(limit=500)
        if session.json:
            output.page(page.items, page.next)
            return
        output.table(
            ("erasing", "at", "finished at", "by", "reason", "items", "backups"),
            [
                (
                    one.id,
                    one.at,
                    one.finished_at,
                    one.actor,
                    one.reason,
                    one.found.items if one.found else None,
                    len(one.found.backups) if one.found else None,
                )
                for one in page.items
            ],
            empty="Nothing was erased.",
        )
        return
    if key is None:
        raise UsageError("--key is missing", at="--key", hint="Give the value to erase with --key VALUE.")
    request = EraseRequest(value=key, field=field, reason=reason, confirm=yes)
    async with session.connect() as client:
        if plan:
            shown = await client.erasures.plan(request)
            if session.json:
                output.view(shown)
            else:
                _show(output, shown)
            return
        try:
            done = await client.erasures.erase(request)
        except ConfirmationNeeded as error:
            if not output.may_ask or not output.ask(f"{error.detail}. Go on?"):
                raise
            done = await client.erasures.erase(request.model_copy(update={"confirm": True}))
    if session.json:
        output.view(done)
        return
    output.text(f"{done.id}  erased")
    if done.found is not None:
        _show(output, done.found)


def _show(output: Output, found: ErasePlan) -> None:
    output.facts(
        [
            ("items", found.items),
            ("payloads", found.payloads),
            ("exchanges", found.exchanges),
            ("records", found.records),
            ("deliveries", found.deliveries),
        ]
    )
    for backup in found.backups:
        output.text(
            f"still in the backup {backup.id} of {backup.started_at:%Y-%m-%d}: {visible(backup.name)}"
        )
