"""Waits for the end of a run and shows its steps meanwhile; says what an interruption leaves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from redrive.cli.output import Output, cell, seconds, visible
from redrive.cli.session import Session
from redrive.client import Client
from redrive.client.records import RunRow, RunView

if TYPE_CHECKING:
    from rich.text import Text

LOOK_EVERY_S: Final = 0.4
_MARKS: Final = {
    "pending": ("·", "dim"),
    "running": ("▶", "cyan"),
    "success": ("✓", "green"),
    "partial_success": ("◐", "yellow"),
    "failure": ("✗", "bold red"),
    "skipped": ("↷", "yellow"),
    "stopped": ("■", "yellow"),
    "kept": ("=", "dim green"),
}


async def started(session: Session, client: Client, row: RunRow, *, no_wait: bool) -> int:
    """Wait for a run that was just started, print it, and give the exit code that its end means."""
    from redrive.cli.show import print_run

    if no_wait:
        print_run(session.output, await client.runs.get(row.id))
        if not (await client.health()).runner:
            session.output.note(
                f"Queued. Nothing executes {client.where} now: `redrive up` does, and so does the next "
                "`redrive run`, `retry` or `redrive` that waits."
            )
        return 0
    await _say_paused(session.output, client, row)
    run = await finished(session.output, client, row)
    print_run(session.output, run)
    return 0 if run.status == "success" else 1


async def finished(output: Output, client: Client, row: RunRow) -> RunView:
    try:
        if output.shows_progress:
            await _watched(output, client, row)
        else:
            await client.finish(row.id)
    except asyncio.CancelledError:
        _say_interrupted(output, client, row.id)
        raise
    return await client.runs.get(row.id)


async def _say_paused(output: Output, client: Client, row: RunRow) -> None:
    """A run that waits for somebody to resume its flow does so without end: its person shall know."""
    if row.status != "queued":
        return
    for pause in (await client.queue.pauses()).items:
        if pause.kind == "all":
            output.note("Everything is paused: the run waits until `redrive resume --all`.")
        elif (pause.kind, pause.name) == ("flow", row.flow):
            flow = visible(row.flow)
            output.note(f"The flow {flow} is paused: the run waits until `redrive resume --flow {flow}`.")


def _say_interrupted(output: Output, client: Client, run_id: str) -> None:
    if client.in_process:
        text = (
            f"Interrupted. Run {run_id} is kept and goes on after its last finished step with the next "
            f"`redrive up`, `run`, `retry` or `redrive`; `redrive stop {run_id}` stops it."
        )
    else:
        text = f"Run {run_id} goes on at {client.where}; `redrive stop {run_id}` stops it."
    output.note(text)


async def _watched(output: Output, client: Client, row: RunRow) -> None:
    from rich.live import Live

    ending = asyncio.ensure_future(client.finish(row.id))
    try:
        with Live(console=output.rich(err=True), transient=True, auto_refresh=False) as live:
            while not ending.done():
                live.update(_picture(await client.runs.get(row.id)), refresh=True)
                await asyncio.wait({ending}, timeout=LOOK_EVERY_S)
        await ending
    finally:
        if not ending.done():
            ending.cancel()
            await asyncio.gather(ending, return_exceptions=True)


def _picture(run: RunView) -> Text:
    from rich.text import Text

    picture = Text(f"{run.id}  {visible(run.flow)}  {run.status}\n")
    for step in run.steps:
        mark, style = _MARKS.get(step.status, ("?", ""))
        facts = [f"{step.counts.get('payloads_out', len(step.payloads_out))} out"]
        if step.failed_payloads:
            facts.append(f"{step.counts.get('failed_payloads', len(step.failed_payloads))} failed")
        if step.duration_s is not None:
            facts.append(seconds(step.duration_s))
        if step.next_attempt_at is not None:
            facts.append(f"next attempt {cell(step.next_attempt_at)}")
        told = "" if step.status == "pending" else "  " + ", ".join(facts)
        picture.append(f"{mark} {visible(step.step)}{told}\n", style=style)
    return picture
