"""The verbs settings and doctor."""

from __future__ import annotations

from redrive.cli.output import visible
from redrive.cli.session import Injected


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


async def doctor(*, session: Injected) -> int:
    """Look the home and its machine over. Exit code 1 if something is not in order."""
    async with session.connect() as client:
        findings = await client.doctor()
    if session.json:
        session.output.page(findings, None)
    else:
        session.output.table(
            ("check", "result", "detail"),
            [(one.name, "ok" if one.ok else "failure", one.detail) for one in findings],
            empty="Nothing was checked.",
        )
        for one in findings:
            if not one.ok and one.hint:
                session.output.text(f"{visible(one.name)}: {visible(one.hint)}")
    return 0 if all(one.ok for one in findings) else 1
