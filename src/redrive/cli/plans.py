"""Plans on a terminal: what each step would send, what is left out, what warns."""

from __future__ import annotations

from collections.abc import Sequence

from redrive.cli.output import Output, cell, visible
from redrive.client.records import PlanStep, PlanView

# Left-out items that a plan lists by key on a terminal; --json has up to 100 of each step.
DETAILS = 5


def print_plan(output: Output, plan: PlanView) -> None:
    start = " ".join(f"{name} {cell(value)}" for name, value in plan.start.items() if value is not None)
    output.facts(
        [
            ("source run", plan.source_run),
            ("start", start or None),
            ("version", plan.version),
            ("clock", plan.clock),
            ("skips", ", ".join(plan.skips) or None),
            ("delivery", plan.delivery),
        ]
    )
    output.text()
    print_steps(output, plan.steps)
    for step in plan.steps:
        for left in step.details[:DETAILS]:
            output.text(
                f"{step.step}: {cell(left['key'])} {cell(left['reason'])}, "
                f"sent {cell(left['at'])} by {cell(left['run'])}"
            )
        more = (step.delivered or 0) + (step.newer or 0) - len(step.details[:DETAILS])
        if more > 0:
            output.text(f"{step.step}: and {more} more")
    for warning in plan.warnings:
        output.text(f"warning: {visible(warning)}")
    if plan.confirm is not None:
        output.text(f"needs a confirmation: {visible(plan.confirm)}")


def print_steps(output: Output, steps: Sequence[PlanStep]) -> None:
    """What each step would send."""
    output.table(
        ("step", "to send", "delivered", "changed", "unknown", "newer"),
        [
            (
                step.step,
                *(_count(n) for n in (step.to_send, step.delivered, step.changed, step.unknown, step.newer)),
            )
            for step in steps
        ],
        empty="It reaches no step that sends.",
    )


def _count(number: int | None) -> str:
    return "?" if number is None else str(number)
