"""How the story shows runs, steps, payloads and plans in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from redrive.core.counting import counted
from redrive.service.views import FindItem, PayloadDetail, PlanView, RunRow, RunView, StepRunView

COLOURS = {
    "success": "green", "failure": "red", "partial_success": "yellow", "running": "cyan",
    "queued": "cyan", "stopped": "yellow", "skipped": "yellow", "kept": "blue", "pending": "dim",
}  # fmt: skip
HEAD_LINES = 4
FRAME_WIDTH = 4
SENTENCES = {"summary", "deliveries"}
"""Columns of several words: they give way where the terminal is narrow, the others stay on one line."""


def status(text: str) -> Text:
    return Text(text, style=COLOURS.get(text, ""))


def runs(rows: Sequence[RunRow]) -> RenderableType:
    """The run log: one line for each run."""
    table = _table("run", "flow", "status", "trigger", "took", "summary")
    for row in rows:
        took = "" if row.duration_s is None else f"{row.duration_s:.2f} s"
        table.add_row(
            row.id, f"{row.flow} v{row.version}", status(row.status), row.trigger, took, row.summary
        )
    return table


def steps(run: RunView) -> RenderableType:
    """The steps of a run, with what went in and came out, and what became of what was sent."""
    table = _table("step", "shape", "status", "attempts", "in", "out", "failed", "deliveries")
    for step in run.steps:
        table.add_row(
            step.step,
            step.shape,
            status(step.status),
            str(step.attempts),
            str(len(step.payloads_in)),
            str(len(step.payloads_out)),
            str(len(step.failed_payloads) or ""),
            deliveries(step),
        )
    return table


def deliveries(step: StepRunView) -> str:
    counts = step.deliveries.model_dump()
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def payload(detail: PayloadDetail, *, width: int = 100) -> RenderableType:
    """The first lines of a payload and its last, as the run log shows it, in a frame of `width`."""
    text = detail.text or ""
    inside = max(width - FRAME_WIDTH, 1)
    lines = [text[start : start + inside] for start in range(0, len(text), inside)]
    shown = [*lines[:HEAD_LINES]]
    if len(lines) > HEAD_LINES:
        shown += ["⋮", text[-inside:]]
    items = "" if detail.items is None else f", {counted(detail.items, 'item')}"
    return Panel(
        # Cut here, character by character: a payload has no words to wrap at.
        Text("\n".join(shown), no_wrap=True, overflow="crop"),
        title=Text(f"payload {detail.id}: {detail.size_bytes:,} bytes{items}"),
        title_align="left",
    )


def plan(view: PlanView) -> RenderableType:
    """What a redrive would do."""
    table = _table("send step", "to send", "already delivered", "changed", "unknown")
    for step in view.steps:
        numbers = (step.to_send, step.delivered, step.changed, step.unknown)
        table.add_row(step.step, *("?" if number is None else str(number) for number in numbers))
    warnings = [Text(f"! {warning}", style="yellow") for warning in view.warnings]
    return Group(table, *warnings)


def edit(before: str, after: str) -> RenderableType:
    """The change of one item, with as much around it as a person needs to see where it is."""
    start, stop = changed_part(before, after)
    around = 34
    lead = before[max(start - around, 0) : start]
    tail = before[len(before) - stop :][:around]
    line = {"-": before[start : len(before) - stop], "+": after[start : len(after) - stop]}
    colours = {"-": "red", "+": "green"}
    return Group(
        *(
            Text.assemble(
                f"  {sign} …",
                lead,
                (part, f"bold {colours[sign]}"),
                tail,
                "…",
                no_wrap=True,
                overflow="ellipsis",
            )
            for sign, part in line.items()
        )
    )


def changed_part(before: str, after: str) -> tuple[int, int]:
    """How many characters are the same at the start and at the end of both."""
    least = min(len(before), len(after))
    start = next((n for n in range(least) if before[n] != after[n]), least)
    stop = next((n for n in range(least - start) if before[-1 - n] != after[-1 - n]), least - start)
    return start, stop


def found(rows: Sequence[FindItem]) -> RenderableType:
    table = _table("run", "step", "payload", "item", "field", "value", "delivery")
    for row in rows:
        table.add_row(
            row.run, row.step, row.payload, str(row.item), row.field, row.value, status(row.delivery or "")
        )
    return table


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column not in SENTENCES)
    return table
