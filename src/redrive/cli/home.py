"""The verbs settings and doctor."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import Parameter

from redrive.cli.output import size, visible
from redrive.cli.session import Injected, Session
from redrive.client import Client
from redrive.client.records import Finding
from redrive.core.counting import counted


async def settings(*, session: Injected) -> None:
    """List the settings in force, and where each came from. Secrets are masked."""
    async with session.connect() as client:
        page = await client.settings()
    if session.json:
        session.output.page(page.items, page.next)
        return
    session.output.table(
        ("setting", "value", "unit", "from", "meaning"),
        [(one.name, one.value, one.unit or "", one.source, one.help) for one in page.items],
        empty="No settings.",
    )


async def doctor(
    *,
    quick: Annotated[bool, Parameter(help="Of the contents, read only the newest.")] = False,
    repair: Annotated[bool, Parameter(help="Mend damaged contents where that is possible.")] = False,
    from_: Annotated[
        str | None, Parameter(name="--from", help="Go on with the contents where a broken off check ended.")
    ] = None,
    session: Injected,
) -> int:
    """Look the home over, and read all that is stored. Exit code 1 if something is not in order."""
    async with session.connect() as client:
        findings = list(await client.doctor())
        if not quick:
            whole = await _contents(session, client, from_, repair=repair)
            findings = [one for one in findings if one.name != "contents"] + whole
    if session.json:
        session.output.page(findings, None)
    else:
        session.output.table(
            ("check", "result", "detail"),
            [(one.name, "ok" if one.ok else "failure", one.detail) for one in findings],
            empty="Nothing was checked.",
        )
        hints = dict.fromkeys((one.name, one.hint) for one in findings if not one.ok and one.hint)
        for name, hint in hints:
            session.output.text(f"{visible(name)}: {visible(hint)}")
    return 0 if all(one.ok for one in findings) else 1


async def _contents(session: Session, client: Client, after: str | None, *, repair: bool) -> list[Finding]:
    """All contents, part after part; what was found, and before it how many were read."""
    found: list[Finding] = []
    count = read = 0
    output = session.output
    try:
        while True:
            part = await client.check_contents(after, repair=repair)
            found += part.findings
            count, read = count + part.checked, read + part.read_bytes
            if part.next is None:
                break
            after = part.next
            if output.shows_progress:
                output.note(f"{count} of {part.total} contents read ({size(read)})")
    except asyncio.CancelledError:
        if after is not None:
            output.note(f"Go on with: redrive doctor --from {after}{' --repair' if repair else ''}")
        raise
    bad = sum(not one.ok for one in found)
    said = (
        f"{counted(count, 'content')} ({size(read)}) read; "
        f"{counted(bad, 'finding') if bad else 'each matches its hash'}"
    )
    return [Finding(ok=not bad, name="contents", detail=said), *found]
